"""The ledger of audio: what was pushed, what arrived where, and what lies between.

Positions are seconds of pushed audio. Where a session's audio was found sample by sample the ledger
is exact; where it was only counted (a resampled stream, another codec) amounts are all there is.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sttkit.laws.connections import Connection, Heard
from sttkit.laws.streams import Stream

EXACT_SLACK_S = 0.0015
COUNTED_SLACK_S = 0.5
FOREIGN_SLACK_S = 0.1


Stretch = tuple[float, float, int]
"""Start and end of audio in what was pushed, and how often it arrived."""


@dataclass(frozen=True)
class Flaw:
    """Audio that did not arrive as it was pushed.

    Attributes:
        what: lost or doubled; of audio in a false order, what was skipped is lost first.
        start, end: of it, seconds of pushed audio.
        at: when it shows.
    """

    what: str
    start: float
    end: float
    at: float

    def __str__(self) -> str:
        return f"{(self.end - self.start) * 1000:.0f} ms {self.what} at {self.start:.3f} s"


def heard_of(stream: Stream, *connections: Connection) -> list[Heard]:
    """The stream's own audio that arrived on ``connections`` (default: all), in order."""
    return [
        span
        for connection in connections or stream.connections
        for span in connection.heard
        if span.track == stream.name
    ]


def is_exact(stream: Stream, *connections: Connection) -> bool:
    """Whether all of it was found, not counted."""
    return all(span.exact for span in heard_of(stream, *connections))


def heard_seconds(spans: list[Heard]) -> float:
    """How much audio these are."""
    return sum(span.duration for span in spans)


def first_flaw(spans: list[Heard], begin: float) -> Flaw | None:
    """The first place from ``begin`` on where the audio is not continuous."""
    position = begin
    for span in spans:
        if span.end <= begin + EXACT_SLACK_S:
            continue
        if span.start > position + EXACT_SLACK_S:
            return Flaw("lost", position, span.start, span.at)
        if span.start < position - EXACT_SLACK_S and span.start >= begin - EXACT_SLACK_S:
            # Everything before was heard in one piece, so this is heard again.
            return Flaw("doubled", span.start, min(span.end, position), span.at)
        position = max(position, span.end)
    return None


@dataclass(frozen=True)
class Ledger:
    """Where every millisecond of a stream went: pushed = once + doubled + lost.

    Attributes:
        pushed: audio that the application pushed, ms.
        once, doubled: of it, what arrived exactly once, and more often.
        lost: of it, what arrived nowhere.
    """

    pushed: int
    once: int
    doubled: int
    lost: int

    def __str__(self) -> str:
        parts = f"{self.once} once + {self.doubled} doubled + {self.lost} lost"
        return f"{self.pushed} ms pushed = {parts}"


def ledger_of(stream: Stream) -> Ledger:
    """The stream's account; only true where all its audio was found, not counted."""
    pushed = round(stream.pushed_end * 1000)
    covered = [stretch for stretch in coverage(stream) if stretch[2]]
    doubled = round(1000 * sum(end - start for start, end, times in covered if times > 1))
    arrived = round(1000 * sum(end - start for start, end, _ in covered))
    arrived = min(arrived, pushed)
    return Ledger(pushed, arrived - doubled, doubled, pushed - arrived)


def lost_between(covered: list[Stretch], begin: float, end: float) -> float:
    """Seconds of the audio between two positions that arrived nowhere; see `coverage`."""
    if end <= begin:
        return 0.0
    arrived = (
        max(0.0, min(stop, end) - max(start, begin)) for start, stop, times in covered if times
    )
    return max(0.0, end - begin - sum(arrived))


def coverage(stream: Stream) -> list[Stretch]:
    """Stretches of the pushed audio that arrived, and how often each did."""
    edges: Counter[float] = Counter()
    for span in heard_of(stream):
        edges[span.start] += 1
        edges[span.end] -= 1
    stretches: list[Stretch] = []
    times, since = 0, 0.0
    for position in sorted(edges):
        if position > since:
            stretches.append((since, position, times))
        times, since = times + edges[position], position
    return stretches


def altered(stream: Stream) -> float:
    """Seconds of audio that arrived and is neither of a track nor added silence."""
    return sum(
        span.duration
        for connection in stream.connections
        for span in connection.heard
        if span.track is None and not span.silent
    )
