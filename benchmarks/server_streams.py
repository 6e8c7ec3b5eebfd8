"""How many streams of 50 messages a second a core holds, found by trying.

A load is held if every ping was answered within `LAG_S`, during the load and at its end: then the
server has dealt with all that was sent before. In the seconds of a load, one that is a few percent
too much falls behind by more than that. A load that was not held is tried once more, since other
programs run on this machine as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.report import Row
from benchmarks.serving import Measured, measure

TITLE = "How many streams of 50 msg/s one core holds"
LAG_S = 0.1
FIRST, STEP, MOST = 500, 100, 3000
SECONDS = 4.0


@dataclass(frozen=True)
class Found:
    """The largest load that was held, and why the next one was not."""

    streams: int
    at: Measured | None
    then: str


def rows() -> Iterator[Row]:
    """The fake server, then the echo server."""
    for subject, named, goal in (
        ("fake", "fake server, journal on and bounded", ">= 500"),
        ("echo", "bare websockets echo server", ""),
    ):
        found = search(subject)
        detail = ""
        if found.at is not None:
            detail = f" ({found.at.core_share:.0%} of a core, lag {found.at.seen.lag * 1e3:.0f} ms)"
        yield Row(f"{named}: held", f"{found.streams} streams{detail}", goal)
        yield Row(f"{named}: then", found.then)


def search(subject: str) -> Found:
    """Up in steps while loads are held; down first, if the first one is not."""
    streams = FIRST
    best: tuple[int, Measured | None] = (0, None)
    why = f"no more than {MOST} were tried"
    while 0 < streams <= MOST:
        measured = measure(subject, streams=streams, seconds=SECONDS)
        if why_not(measured):
            measured = measure(subject, streams=streams, seconds=SECONDS)
        failed = why_not(measured)
        if failed:
            why = f"{streams} streams: {failed}"
            if best[0] or measured.generator_gave_out:
                break
            streams -= STEP
        else:
            came_down = streams < FIRST
            best = (streams, measured)
            if came_down:
                break
            streams += STEP
    return Found(*best, why)


def why_not(measured: Measured) -> str:
    """Why this load was not held; empty if it was."""
    seen = measured.seen
    if measured.generator_gave_out:
        return f"the generator gave out ({seen.late:.2f} s late), not the server"
    if seen.lost:
        return f"{seen.lost} connections lost"
    if seen.lag > LAG_S:
        return f"lag {seen.lag:.2f} s"
    return ""
