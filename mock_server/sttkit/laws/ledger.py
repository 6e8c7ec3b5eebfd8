"""The ledger of audio: what was pushed, what arrived where, and what lies between.

Positions are seconds of pushed audio. Where a session's audio was found sample by sample the ledger
is exact; where it was only counted (a resampled stream, another codec) amounts are all there is.
"""

from __future__ import annotations

from dataclasses import dataclass

from sttkit.laws.connections import Connection, Heard
from sttkit.laws.streams import Stream

EXACT_SLACK_S = 0.0015
COUNTED_SLACK_S = 0.5
FOREIGN_SLACK_S = 0.1


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


def altered(stream: Stream) -> float:
    """Seconds of audio that arrived and is neither of a track nor added silence."""
    return sum(
        span.duration
        for connection in stream.connections
        for span in connection.heard
        if span.track is None and not span.silent
    )
