"""Finding received PCM in what was pushed.

The server knows the pushed audio (both sides render it from the same speech), so a session can be
told exactly which stretch of it arrived: nothing is assumed about chunking, pacing or retries.
Three things can be on a wire: audio of one of the pushed *tracks*, digital silence that the client
added, and anything else. A client that sends no audio of ours at all (another program, a resampled
stream) is *unmarked*: its audio is counted instead of found, which the result says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_PROBE_BYTES = 64
"""32 samples: at 24 LSB of noise the chance of a false match is nil."""
_STEP_BYTES = 320
_GIVE_UP_BYTES = 9600
"""Unfound audio before a session without any match counts as unmarked (0.3 s at 16 kHz)."""


@dataclass(frozen=True)
class Span:
    """A stretch of received audio.

    Attributes:
        track: name of the pushed track it belongs to; None where it was not found.
        start, end: seconds on the pushed timeline (for ``track=None`` only ``end - start`` counts).
        exact: found sample by sample, not counted.
        silent: digital silence, added by the client.
    """

    track: str | None
    start: float
    end: float
    exact: bool = True
    silent: bool = False

    @property
    def duration(self) -> float:
        return self.end - self.start


class Locator:
    """Follows one session's audio through the tracks.

    Args:
        tracks: pushed PCM by track name, s16le mono at ``sample_rate``.
        sample_rate: of the tracks and the session alike.
        resume_at: where an unmarked session continues, seconds.
    """

    def __init__(
        self, tracks: Mapping[str, bytes], sample_rate: int, *, resume_at: float = 0.0
    ) -> None:
        self._tracks = tracks
        self._bytes_per_s = sample_rate * 2
        self._pending = b""
        self._track: str | None = None
        self._at = 0  # byte position in the current track
        self._counted_at = resume_at
        self._unfound = 0
        self.marked: bool | None = None if tracks else False
        """None while undecided; False when audio is counted instead of found."""

    def feed(self, pcm: bytes) -> list[Span]:
        """The spans that ``pcm`` consists of, in order; a few samples may be held back."""
        if self.marked is False:
            return [self._count(len(pcm))] if pcm else []
        if self._track is not None and not self._pending and self._continues(pcm):
            return [self._advance(len(pcm))]
        return self._search(self._pending + pcm)

    def finish(self) -> list[Span]:
        """What was still held back when the session ended."""
        rest, self._pending = self._pending, b""
        if not rest:
            return []
        if self._track is not None and self._continues(rest):
            return [self._advance(len(rest))]
        return [self._count(len(rest))] if self.marked is False else [self._foreign(rest)]

    def _continues(self, pcm: bytes) -> bool:
        assert self._track is not None
        return self._tracks[self._track][self._at : self._at + len(pcm)] == pcm

    def _search(self, pcm: bytes) -> list[Span]:
        spans: list[Span] = []
        at = 0
        self._pending = b""
        while at < len(pcm):
            if self._track is not None:
                common = self._common(pcm, at)
                if common:
                    spans.append(self._advance(common))
                    at += common
                    continue
            zeros = _leading_zeros(pcm, at)
            if zeros >= 16 or (zeros and at + zeros == len(pcm)):
                spans.append(self._silence(zeros))
                at += zeros
                continue
            if len(pcm) - at < _PROBE_BYTES:
                self._pending = pcm[at:]
                break
            if self._find(pcm[at : at + _PROBE_BYTES]):
                continue
            step = min(_STEP_BYTES, len(pcm) - at)
            self._unfound += step
            if self.marked is None and self._unfound >= _GIVE_UP_BYTES:
                self.marked = False
                spans.append(self._count(self._unfound - step + len(pcm) - at))
                return spans
            if self.marked:
                spans.append(self._foreign(pcm[at : at + step]))
            at += step
        return spans

    def _find(self, probe: bytes) -> bool:
        order = sorted(self._tracks, key=lambda name: name != self._track)
        for name in order:
            track = self._tracks[name]
            # Ahead of the cursor first: loss is likelier than repetition, and cheaper to find.
            for start in (self._at, 0) if name == self._track else (0,):
                at = track.find(probe, start)
                while at % 2 == 1:
                    at = track.find(probe, at + 1)
                if at >= 0:
                    self._track, self._at, self.marked = name, at, True
                    return True
        return False

    def _common(self, pcm: bytes, at: int) -> int:
        """How many bytes of ``pcm[at:]`` the track continues with (whole samples)."""
        assert self._track is not None
        track = memoryview(self._tracks[self._track])[self._at :]
        rest = memoryview(pcm)[at:]
        low, high = 0, min(len(rest), len(track)) // 2
        while low < high:
            middle = (low + high + 1) // 2
            if rest[: 2 * middle] == track[: 2 * middle]:
                low = middle
            else:
                high = middle - 1
        return 2 * low

    def _advance(self, count: int) -> Span:
        start = self._at / self._bytes_per_s
        self._at += count
        self._counted_at = self._at / self._bytes_per_s
        return Span(self._track, start, self._counted_at)

    def _count(self, count: int) -> Span:
        start = self._counted_at
        self._counted_at += count / self._bytes_per_s
        first = next(iter(self._tracks), None)
        return Span(first, start, self._counted_at, exact=False)

    def _silence(self, count: int) -> Span:
        return Span(None, 0.0, count / self._bytes_per_s, silent=True)

    def _foreign(self, pcm: bytes) -> Span:
        return Span(None, 0.0, len(pcm) / self._bytes_per_s, exact=False)


def _leading_zeros(pcm: bytes, at: int) -> int:
    rest = pcm[at:]
    zeros = len(rest) - len(rest.lstrip(b"\0"))
    return zeros - zeros % 2
