"""A made-up recogniser: it hears words in plain tones, each word at a loudness of its own.

    pcm = said("one two", pause=0.8) + said("three")

Everything but the decoding is the engine's own: endpointing, interims, processes.
"""

from __future__ import annotations

import os
from array import array

from sttkit.engine.endpointing import FRAME_S
from sttkit.engine.hearing import FRAME_BYTES, Heard, Hearing
from sttkit.engine.resampling import resampler
from sttkit.events import Word

RATE = 16000
WORDS = ("one", "two", "three", "four", "five", "crash", "raise")
_STEP = 2000


def said(text: str, *, word_s: float = 0.3, gap_s: float = 0.06, pause: float = 0.9) -> bytes:
    """Audio of these words, and a pause behind them; all in whole frames."""
    pcm = b"".join(
        _tone(_STEP * (1 + WORDS.index(word)), word_s) + _tone(0, gap_s) for word in text.split()
    )
    return pcm + _tone(0, pause)


def silence(seconds: float) -> bytes:
    return _tone(0, seconds)


def _tone(loudness: int, seconds: float) -> bytes:
    return array("h", [loudness] * (round(seconds / FRAME_S) * FRAME_BYTES // 2)).tobytes()


def _loudness(frame: bytes) -> int:
    samples = array("h", frame)
    return round(sum(samples) / len(samples))


def is_speech(frame: bytes) -> bool:
    return _loudness(frame) > _STEP // 2


class Loudness:
    """A decoder: a run of frames at one loudness is a word."""

    def __init__(self) -> None:
        self.frames: list[int] = []
        self.fed = 0

    def begin(self) -> None:
        self.frames = []

    def feed(self, frame: bytes) -> None:
        self.fed += 1
        level = round(_loudness(frame) / _STEP)
        if 0 < level <= len(WORDS) and WORDS[level - 1] == "crash":
            os._exit(3)
        if 0 < level <= len(WORDS) and WORDS[level - 1] == "raise":
            raise ArithmeticError("a model that fails")
        self.frames.append(level)

    def guess(self) -> Heard:
        words: list[Word] = []
        start = 0
        for at in range(1, len(self.frames) + 1):
            if at == len(self.frames) or self.frames[at] != self.frames[start]:
                level = self.frames[start]
                if 0 < level <= len(WORDS):
                    words.append(Word(WORDS[level - 1], start * FRAME_S, at * FRAME_S))
                start = at
        return Heard(tuple(words))

    def finish(self) -> Heard:
        heard = self.guess()
        return Heard(heard.words, 0.8 if heard.words else 0.0)


class Model:
    """What a process of the engine loads."""

    def open(self, sample_rate: int) -> Hearing:
        return Hearing(Loudness(), is_speech, resampler(sample_rate))


def broken_model() -> Model:
    raise OSError("no model here")
