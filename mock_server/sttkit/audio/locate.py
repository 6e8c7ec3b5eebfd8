"""Finding received PCM in what was pushed.

The server knows the pushed audio (both sides render it from the same speech), so a session can be
told exactly which stretch of it arrived: nothing is assumed about chunking, pacing or retries.
Three things can be on a wire: audio of one of the pushed *tracks*, digital silence that the client
added, and anything else. A client that sends no audio of ours at all (another program, a resampled
stream) is *unmarked*: its audio is counted instead of found, which the result says.

However the audio is cut into chunks, the spans say the same: what cannot be judged yet is held
back (12 ms at 16 kHz), and only where the audio does not go on as expected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import islice
from typing import NamedTuple, cast

_PROBE_BYTES = 64
"""32 samples: at 24 LSB of noise the chance of a false match is nil."""
_STEP_BYTES = 320
_ZEROS_BYTES = 16
_NEAR_BYTES = 65_536
"""Two seconds at 16 kHz."""
_GIVE_UP_BYTES = 9600
"""Unfound audio before a session without any match counts as unmarked (0.3 s at 16 kHz)."""


class Span(NamedTuple):
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


_span = cast("Callable[[tuple[object, ...]], Span]", partial(tuple.__new__, Span))
"""Makes one without the call of Python that a named tuple takes: there is one for each message."""


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
        self._pending_missed = False
        self._track: str | None = None
        self._audio = b""  # of the current track
        self._at = 0  # byte position in it
        self._counted_at = resume_at
        self._unfound = 0
        self._in_silence = False
        self.marked: bool | None = None if tracks else False
        """None while undecided; False when audio is counted instead of found."""

    def feed(self, pcm: bytes) -> list[Span]:
        """The spans that ``pcm`` consists of, in order; a few samples may be held back."""
        size = len(pcm)
        if self.marked is False:
            return [self._count(size)] if size else []
        # Nearly all audio goes on where the last ended.
        undisturbed = self._track is not None and not self._pending and not size % 2
        if undisturbed and self._audio.startswith(pcm, self._at):
            return [self._advance(size)] if size else []
        return self._search(self._pending + pcm, last=False)

    def finish(self) -> list[Span]:
        """What was still held back when the session ended."""
        spans = self._search(self._pending, last=True)
        if self.marked is None and self._unfound:
            spans.append(self._count(self._unfound))
            self._unfound = 0
        return spans

    def _search(self, pcm: bytes, *, last: bool) -> list[Span]:
        spans: list[Span] = []
        end = len(pcm) if last else len(pcm) // 2 * 2
        at = 0
        missed = 0 if self._pending_missed else -1  # a place that is known to be found nowhere
        self._pending_missed = False
        while at < end:
            common = self._common(pcm, at) if self._track is not None else 0
            if common:
                spans.append(self._advance(common))
                at += common
                continue
            zeros = _leading_zeros(pcm, at)
            # No track holds a zero; other audio does, but seldom many in a row.
            if zeros and (self.marked or self._in_silence or zeros >= _ZEROS_BYTES):
                spans.append(self._silence(zeros))
                at += zeros
                continue
            found = self._find(pcm, at) if at != missed else None
            if found is None:
                if end - at < _STEP_BYTES + _PROBE_BYTES and not last:
                    self._pending_missed = end - at >= _PROBE_BYTES
                    break
                missed = min(at + _STEP_BYTES, end)
                found = self._find(pcm, missed)
                back = self._agreement_before(pcm, missed, found, missed - at) if found else 0
                self._pass_by(missed - back - at, spans)
                at = missed - back
                found = (found[0], found[1] - back) if found else None
            if found is not None:
                self._go_to(found, spans)
            elif self.marked is None and self._unfound >= _GIVE_UP_BYTES:
                self.marked = False
                spans.append(self._count(self._unfound + len(pcm) - at))
                at = len(pcm)
        self._pending = pcm[at:]
        return spans

    def _find(self, pcm: bytes, at: int) -> tuple[str, int] | None:
        """The track and the byte in it where the audio from ``at`` on comes from."""
        probe = pcm[at : at + _PROBE_BYTES]
        if len(probe) < _PROBE_BYTES:
            return None
        for name in sorted(self._tracks, key=lambda name: name != self._track):
            track = self._tracks[name]
            # Ahead of the cursor first: loss is likelier than repetition, and cheaper to find.
            cursor = self._at if name == self._track else 0
            for start, end in ((cursor, len(track)), (0, cursor)):
                place = _place_of(track, probe, start, end)
                if place >= 0:
                    return name, place
        return None

    def _agreement_before(self, pcm: bytes, at: int, found: tuple[str, int], most: int) -> int:
        """How many of at most ``most`` bytes before ``at`` are the track's as well."""
        track, place = self._tracks[found[0]], found[1]
        count = 0
        while count + 2 <= min(most, place) and (
            pcm[at - count - 2 : at - count] == track[place - count - 2 : place - count]
        ):
            count += 2
        return count

    def _go_to(self, found: tuple[str, int], spans: list[Span]) -> None:
        if self._unfound:
            spans.append(self._foreign(self._unfound))
            self._unfound = 0
        self._track, self._at = found
        self._audio = self._tracks[found[0]]
        self.marked = True

    def _pass_by(self, count: int, spans: list[Span]) -> None:
        """Audio that was not found: foreign, or perhaps the beginning of an unmarked session."""
        self._in_silence = False
        if self.marked:
            spans.append(self._foreign(count))
        else:
            self._unfound += count

    def _common(self, pcm: bytes, at: int) -> int:
        """How many bytes of ``pcm[at:]`` the track continues with (whole samples)."""
        track = memoryview(self._audio)[self._at :]
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
        at, per_s = self._at, self._bytes_per_s
        self._at = end = at + count
        self._counted_at = until = end / per_s
        self._in_silence = False
        return _span((self._track, at / per_s, until, True, False))

    def _count(self, count: int) -> Span:
        start = self._counted_at
        self._counted_at += count / self._bytes_per_s
        first = next(iter(self._tracks), None)
        return Span(first, start, self._counted_at, exact=False)

    def _silence(self, count: int) -> Span:
        self._in_silence = True
        return Span(None, 0.0, count / self._bytes_per_s, silent=True)

    def _foreign(self, count: int) -> Span:
        return Span(None, 0.0, count / self._bytes_per_s, exact=False)


def _place_of(track: bytes, probe: bytes, start: int, end: int) -> int:
    """The first sample from ``start`` to ``end`` where ``probe`` begins; -1 if it is none.

    Near the start is likeliest. For the rest, whole words are compared: in quiet audio every second
    byte is the same, which makes a search by bytes a hundred times slower.
    """
    near = min(start + _NEAR_BYTES, end + len(probe) - 1)
    place = track.find(probe, start, near)
    while place > 0 and place % 2 == 1:
        place = track.find(probe, place + 1, near)
    # The beginning that was near is in what is left: no word is looked for twice.
    start = max(start, (near - len(probe) + 2) // 2 * 2)
    if place >= 0 or start >= end:
        return place
    import numpy as np  # not for those who only import the kit

    first = int.from_bytes(probe[:8], "little")
    found: list[int] = []
    for phase in range(start, min(start + 8, len(track) - 7), 2):
        count = min((len(track) - phase) // 8, (end - phase + 7) // 8)
        if count <= 0:
            break
        words = np.frombuffer(track, "<u8", count, phase)
        places = (phase + 8 * int(index) for index in (words == first).nonzero()[0])
        found.extend(islice((one for one in places if track.startswith(probe, one)), 1))
    return min(found, default=-1)


def _leading_zeros(pcm: bytes, at: int) -> int:
    rest = pcm[at:]
    zeros = len(rest) - len(rest.lstrip(b"\0"))
    return zeros - zeros % 2
