"""The healthy recogniser: what a good provider would say about the audio that reached a session.

It answers from what it heard, never from what was meant to arrive: a word is transcribed if and
only if at least half of its audio reached *this* session. So the right outcome of any script
follows from the audio, and need not be written down by hand.

Interims grow by a word; an utterance ends `ENDPOINTING_S` of heard pause after its last word, with
a final and the end of speech; a flush makes a final of what is pending. Nothing is said while no
audio arrives, as with real providers. Times are seconds of the audio that this session received.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sttkit.audio.locate import Span
from sttkit.audio.speech import Speech, Utterance
from sttkit.events import (
    Final,
    Interim,
    ServerEvent,
    SessionEnded,
    SpeechEnded,
    SpeechStarted,
    Word,
)
from sttkit.faults import Point

ENDPOINTING_S = 0.3
"""Pause that ends an utterance."""
IDLE_AFTER_S = 0.2
"""Audio without speech before the session counts as idle."""

_BEGINNING = (0, 0)
_TINY_S = 1e-9
"""Far less than a sample, far more than the error of sums of seconds."""
_EARLY_S = 1e-6
"""So much earlier than need be is looked whether there is anything to say."""


@dataclass(frozen=True)
class Said:
    """An event, and the utterance of a track that it speaks of (None where of none)."""

    event: ServerEvent
    track: str | None = None
    utterance: int | None = None


@dataclass(frozen=True)
class Reached:
    """A point that only the audio can tell."""

    point: Point


@dataclass
class _Active:
    """The utterance being heard."""

    track: str
    index: int
    utterance: Utterance
    segment: list[Word]
    """Words since the last final, in session time."""
    ended: float = 0.0
    """Where its last word so far ends, in session time."""
    over: bool = False
    """Its last word lies behind what was heard last."""


class Recogniser:
    """One session's ear and mouth.

    Args:
        tracks: what is said, by track name.
        signals_end: whether the provider has a message for the end of speech; if not, the end must
            ride on a final, which is then sent even when it has no text.
        answers_empty_flush: whether a flush with nothing pending is answered by an empty final.
        late_transcripts: whether the end of an utterance is told before its final.
        endpointing: whether a pause ends an utterance; if not, it goes on until a flush, over what
            follows the pause.
    """

    def __init__(
        self,
        tracks: Mapping[str, Speech],
        *,
        signals_end: bool = True,
        answers_empty_flush: bool = False,
        late_transcripts: bool = False,
        endpointing: bool = True,
    ) -> None:
        self._tracks = tracks
        self._signals_end = signals_end
        self._answers_empty_flush = answers_empty_flush
        self._late_transcripts = late_transcripts
        self._endpointing = endpointing
        self._heard: dict[tuple[str, int, int], list[tuple[float, float]]] = {}
        self._transcribed: set[tuple[str, int, int]] = set()
        self._next: dict[str, tuple[int, int]] = {}
        """By track: the utterance that is next, and the word in it that is not transcribed yet."""
        self._active: _Active | None = None
        self._pause_point: tuple[str, float] | None = None
        self._idle: bool | None = False
        self._run: str | None = None
        """The track that is heard without a gap."""
        self._run_to = self._looked_to = 0.0
        """Up to where in it is heard, and up to where that was looked at."""
        self._run_shift = 0.0
        """What a place in it is later in the session."""
        self._quiet_until = 0.0
        """Before that place in it nothing is to be said, and nothing need be looked at."""
        self.heard_s = 0.0
        """Seconds of audio this session received, of any kind."""

    def hear(self, span: Span) -> Sequence[Said | Reached]:
        """What is said on hearing ``span``."""
        track, start, end, _, _ = span
        goes_on = track == self._run and start == self._run_to
        if goes_on and end < self._quiet_until:
            self._run_to = end
            self.heard_s += end - start
            return ()
        said: list[Said | Reached] = []
        if not goes_on:
            self._catch_up(said)
            self._run, self._looked_to, self._run_shift = track, start, self.heard_s - start
            self._quiet_until = 0.0
        self._run_to = end
        self._catch_up(said)
        self.heard_s += end - start
        if self._idle is False and self._active is None and self.heard_s >= IDLE_AFTER_S - _TINY_S:
            self._idle = True
            said.append(Reached(Point.IDLE))
        return said

    def flush(self) -> list[Said]:
        """What is said when the client asks for pending finals."""
        self._interrupt()
        active = self._active
        if active is not None and active.over:
            following, _ = self._next.get(active.track, _BEGINNING)
            if not self._endpointing and following <= active.index:
                self._expect_pause(active.track, self._tracks[active.track], active.index)
            return self._end_utterance(from_flush=True)
        if active is not None and active.segment:
            return [self._final(active, from_flush=True)]
        return [Said(Final("", from_flush=True))] if self._answers_empty_flush else []

    def retract(self) -> list[Said]:
        """What is said when nothing was said after all: the end, but no text.

        What is heard from here on is another utterance.
        """
        self._interrupt()
        active = self._active
        if active is None:
            return []
        active.segment = []
        return self._end_utterance(from_flush=False, empty=self._late_transcripts)

    def end(self) -> list[Said]:
        """What is still said when the audio is over, the session's own end excepted."""
        self._interrupt()
        return self._end_utterance(from_flush=False) if self._active is not None else []

    def session_end(self) -> Said:
        """The session's own end."""
        return Said(SessionEnded(round(self.heard_s, 3)))

    # --- hearing --------------------------------------------------------------------------

    def _catch_up(self, said: list[Said | Reached]) -> None:
        """Look at what was heard in one go and not looked at yet."""
        track, start, end = self._run, self._looked_to, self._run_to
        speech = self._tracks.get(track) if track is not None else None
        if track is None or speech is None or start == end:
            return
        self._hear_track(track, speech, start, end, self._run_shift, said)
        self._looked_to = end
        self._quiet_until = self._next_event(track, speech, end)

    def _interrupt(self) -> None:
        """The client asks for something: look at what was heard, and closely at what follows."""
        self._catch_up([])
        self._quiet_until = 0.0

    def _next_event(self, track: str, speech: Speech, end: float) -> float:
        """Up to where there is nothing to be said, if the track goes on from ``end``; or earlier.

        Most audio is a small piece of a word or of a pause.
        """
        index, first = self._next.get(track, _BEGINNING)
        active, pause = self._active, self._pause_point
        elsewhere = active is not None and (active.index != index or active.track != track)
        if self._idle is False or elsewhere or (pause is not None and pause[0] != track):
            return 0.0
        quiet = math.inf if pause is None else pause[1]
        if index < len(speech.utterances):
            words = speech.utterances[index].words
            last = words[-1].end
            quiet = min(quiet, last if end < last else _endpoint(speech, index))
            for number in range(first, len(words)):
                word = words[number]
                if word.start >= quiet:
                    break
                key = (track, index, number)
                if key in self._heard:
                    return 0.0
                if key not in self._transcribed:
                    quiet = min(quiet, max(word.start, end) + (word.end - word.start) / 2)
        return quiet - _EARLY_S

    def _hear_track(
        self,
        track: str,
        speech: Speech,
        start: float,
        end: float,
        shift: float,
        said: list[Said | Reached],
    ) -> None:
        index, first = self._next.get(track, _BEGINNING)
        utterances = speech.utterances
        while index < len(utterances):
            utterance = utterances[index]
            words = utterance.words
            if words[0].start >= end:
                break
            if self._pause_point is not None:
                self._pass_pause(track, words[0].start, said)
            for number in range(first, len(words)):
                word = words[number]
                if word.start >= end:
                    break
                if word.end > start:
                    heard = (max(word.start, start), min(word.end, end))
                    self._hear_word(track, index, utterance, number, word, heard, shift, said)
            active = self._active
            if active is not None and (active.index != index or active.track != track):
                active = None
            over = end >= words[-1].end
            if active is not None:
                active.over = over
            if not over or end < _endpoint(speech, index):
                break
            if active is not None:
                if self._endpointing:
                    said.extend(self._end_utterance(from_flush=False))
                self._expect_pause(track, speech, index)
            index, first = index + 1, 0
            self._next[track] = (index, first)
        if self._pause_point is not None:
            self._pass_pause(track, end, said)

    def _hear_word(
        self,
        track: str,
        index: int,
        utterance: Utterance,
        number: int,
        word: Word,
        heard: tuple[float, float],
        shift: float,
        said: list[Said | Reached],
    ) -> None:
        key = (track, index, number)
        if key in self._transcribed:
            return
        begin, end = heard
        half = (word.end - word.start) / 2 - _TINY_S
        parts = self._heard.get(key)
        if parts is None and end - begin < half:
            self._heard[key] = [(begin, end)]
            return
        known = () if parts is None else tuple(parts)
        if parts is not None:
            _add(parts, begin, end)
            if _length(parts) < half:
                return
            del self._heard[key]
        self._transcribed.add(key)
        if self._next.get(track, _BEGINNING) == (index, number):
            self._next[track] = (index, number + 1)
        if self._idle is False and _heard_by(known, begin, half) + shift >= IDLE_AFTER_S - _TINY_S:
            self._idle = True  # before this word, if in the same piece of audio
            said.append(Reached(Point.IDLE))
        start = max(0.0, round(word.start + shift, 3))
        active = self._active
        if active is None or (active.track, active.index) != (track, index):
            if active is not None and self._endpointing:
                # the audio jumped into another utterance: the old one is over
                said.extend(self._end_utterance(from_flush=False))
            unflushed = self._active
            begun = unflushed.segment if unflushed is not None else []
            active = self._active = _Active(track, index, utterance, begun)
            self._idle = None
            if unflushed is None:
                said.append(Said(SpeechStarted(start), track, index))
        active.ended = max(start, round(word.end + shift, 3))
        active.segment.append(Word(word.text, start, active.ended))
        said.append(Said(Interim(*_text_of(active.segment)), track, index))

    def _expect_pause(self, track: str, speech: Speech, index: int) -> None:
        ended = speech.utterances[index].end
        following = (
            speech.utterances[index + 1].start
            if index + 1 < len(speech.utterances)
            else speech.duration
        )
        self._pause_point = (track, (ended + following) / 2)

    def _pass_pause(self, track: str, position: float, said: list[Said | Reached]) -> None:
        awaited = self._pause_point
        if awaited is not None and awaited[0] == track and position >= awaited[1]:
            self._pause_point = None
            said.append(Reached(Point.BETWEEN_UTTERANCES))

    # --- saying ---------------------------------------------------------------------------

    def _final(self, active: _Active, *, from_flush: bool, endpoint: bool = False) -> Said:
        final = Final(*_text_of(active.segment), from_flush=from_flush, endpoint=endpoint)
        active.segment = []
        return Said(final, active.track, active.index)

    def _end_utterance(self, *, from_flush: bool, empty: bool = False) -> list[Said]:
        """Say that the utterance is over; ``empty`` is whether that takes a final in any case."""
        active = self._active
        assert active is not None
        said: list[Said] = []
        tells_end = self._endpointing and not self._signals_end
        empty = empty or tells_end or (from_flush and self._answers_empty_flush)
        if active.segment or empty:
            said.append(self._final(active, from_flush=from_flush, endpoint=True))
        said.append(Said(SpeechEnded(active.ended), active.track, active.index))
        self._active = None
        return said[::-1] if self._late_transcripts else said


def _text_of(words: list[Word]) -> tuple[str, float, float, tuple[Word, ...]]:
    if not words:
        return "", 0.0, 0.0, ()
    text = " ".join(word.text for word in words)
    return text, words[0].start, words[-1].end, tuple(words)


def _endpoint(speech: Speech, index: int) -> float:
    """Where the end of an utterance is known: after a pause, or when the next one begins."""
    known = speech.utterances[index].end + ENDPOINTING_S
    if index + 1 < len(speech.utterances):
        return min(known, speech.utterances[index + 1].start)
    return known


def _add(parts: list[tuple[float, float]], start: float, end: float) -> None:
    """Add a stretch to ``parts``, which are sorted and do not overlap."""
    if parts and parts[-1][0] <= start <= parts[-1][1] + _TINY_S:
        parts[-1] = (parts[-1][0], max(parts[-1][1], end))
        return
    rest = sorted([*parts, (start, end)])
    parts.clear()
    for begin, until in rest:
        if parts and begin <= parts[-1][1] + _TINY_S:
            parts[-1] = (parts[-1][0], max(parts[-1][1], until))
        else:
            parts.append((begin, until))


def _length(parts: Iterable[tuple[float, float]]) -> float:
    length = 0.0
    for start, end in parts:
        length += end - start
    return length


def _heard_by(known: tuple[tuple[float, float], ...], begin: float, length: float) -> float:
    """By where on the way on from ``begin`` so much is heard, if ``known`` was heard before."""
    missing = length - _length(known)
    at = begin
    for start, end in known:
        if start - at >= missing:
            break
        if end > at:
            missing -= max(0.0, start - at)
            at = end
    return at + missing
