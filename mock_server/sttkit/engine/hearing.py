"""One session's audio to events: endpointing, interims, finals, whatever decodes.

What is said depends on the audio alone, not on how it was cut into messages or how fast it came:
everything happens at whole frames of `FRAME_S`. Times are seconds of the session's audio.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sttkit.engine.endpointing import BEGIN_FRAMES, FRAME_S, Endpointer, Turn
from sttkit.events import (
    Final,
    Interim,
    ServerEvent,
    SpeechEnded,
    SpeechStarted,
    Usage,
    Word,
)

RATE = 16_000
"""Samples per second that decoders are given."""
FRAME_BYTES = round(2 * RATE * FRAME_S)
INTERIM_FRAMES = 10
"""Frames of speech between two interims."""
SEGMENT_FRAMES = 1000
"""An utterance that is longer (half a minute) becomes several finals."""
_LEAD_IN_FRAMES = BEGIN_FRAMES + 5
"""A decoder is given a little of what was before the speech, to know the silence by."""


@dataclass(frozen=True)
class Heard:
    """What a decoder makes of a segment; times are seconds from the segment's first sample."""

    words: tuple[Word, ...] = ()
    confidence: float = 0.0


class Decoder(Protocol):
    """Recognises one segment after the other."""

    def begin(self) -> None:
        """A segment begins."""
        ...

    def feed(self, frame: bytes) -> None:
        """More of it: s16le mono at `RATE`."""
        ...

    def guess(self) -> Heard:
        """What it seems to say so far."""
        ...

    def finish(self) -> Heard:
        """The segment is over: what it says."""
        ...


class Resample(Protocol):
    """Brings a stream of samples to `RATE`."""

    def feed(self, pcm: bytes) -> bytes: ...

    def finish(self) -> bytes:
        """What was held back."""
        ...


class Hearing:
    """Hears one session.

    Args:
        decoder: recognises what is said; nobody else uses it meanwhile.
        is_speech: whether a frame of `FRAME_BYTES` is speech.
        resample: brings what is heard to `RATE`.
    """

    def __init__(
        self, decoder: Decoder, is_speech: Callable[[bytes], bool], resample: Resample
    ) -> None:
        self._decoder = decoder
        self._is_speech = is_speech
        self._resample = resample
        self._endpointer = Endpointer()
        self._rest = b""
        self._frames = 0
        self._lead_in: deque[bytes] = deque(maxlen=_LEAD_IN_FRAMES)
        self._segment_start = 0
        self._interim = ""

    def hear(self, pcm: bytes) -> list[ServerEvent]:
        """What is said on hearing more audio, at the session's own rate."""
        return self._hear(self._resample.feed(pcm))

    def finalize(self) -> list[ServerEvent]:
        """What is said when the client asks for what is pending."""
        if not self._endpointer.in_speech:
            return []
        said = self._finish_segment(from_flush=True)
        self._begin_segment()
        return said

    def end(self) -> list[ServerEvent]:
        """What is still said when the audio is over."""
        said = self._hear(self._resample.finish())
        if self._rest:
            said += self._hear(bytes(FRAME_BYTES - len(self._rest)))
        if self._endpointer.in_speech:
            self._endpointer.end()
            said += self._end_utterance()
        elif self._frames:
            said.append(Usage(_seconds(self._frames)))
        return said

    def _hear(self, pcm: bytes) -> list[ServerEvent]:
        pcm = self._rest + pcm
        said: list[ServerEvent] = []
        whole = len(pcm) - len(pcm) % FRAME_BYTES
        for at in range(0, whole, FRAME_BYTES):
            said += self._hear_frame(pcm[at : at + FRAME_BYTES])
        self._rest = pcm[whole:]
        return said

    def _hear_frame(self, frame: bytes) -> list[ServerEvent]:
        was_in_speech = self._endpointer.in_speech
        turn = self._endpointer.feed(self._is_speech(frame))
        self._frames += 1
        if turn is Turn.BEGAN:
            return self._begin_utterance(frame)
        if not was_in_speech:
            self._lead_in.append(frame)
            return []
        self._decoder.feed(frame)
        if turn is Turn.ENDED:
            return self._end_utterance()
        length = self._frames - self._segment_start
        if length >= SEGMENT_FRAMES:
            said = self._finish_segment()
            self._begin_segment()
            return said
        return self._guess() if length % INTERIM_FRAMES == 0 else []

    def _begin_utterance(self, frame: bytes) -> list[ServerEvent]:
        self._begin_segment()
        self._segment_start -= len(self._lead_in) + 1
        for earlier in (*self._lead_in, frame):
            self._decoder.feed(earlier)
        self._lead_in.clear()
        return [SpeechStarted(_seconds(self._endpointer.speech_start))]

    def _end_utterance(self) -> list[ServerEvent]:
        said = self._finish_segment(endpoint=True)
        said.append(SpeechEnded(_seconds(self._endpointer.speech_end)))
        said.append(Usage(_seconds(self._frames)))
        return said

    def _begin_segment(self) -> None:
        self._decoder.begin()
        self._segment_start = self._frames
        self._interim = ""

    def _guess(self) -> list[ServerEvent]:
        heard = self._decoder.guess()
        text = _text_of(heard)
        if not text or text == self._interim:
            return []
        self._interim = text
        words = self._placed(heard)
        return [Interim(text, words[0].start, words[-1].end, words, heard.confidence)]

    def _finish_segment(
        self, *, from_flush: bool = False, endpoint: bool = False
    ) -> list[ServerEvent]:
        heard = self._decoder.finish()
        words = self._placed(heard)
        if not words:
            return []
        return [
            Final(
                _text_of(heard),
                words[0].start,
                words[-1].end,
                words,
                heard.confidence,
                from_flush=from_flush,
                endpoint=endpoint,
            )
        ]

    def _placed(self, heard: Heard) -> tuple[Word, ...]:
        origin = self._segment_start * FRAME_S
        return tuple(
            Word(word.text, round(origin + word.start, 3), round(origin + word.end, 3))
            for word in heard.words
        )


def _text_of(heard: Heard) -> str:
    return " ".join(word.text for word in heard.words)


def _seconds(frames: int) -> float:
    return round(frames * FRAME_S, 3)
