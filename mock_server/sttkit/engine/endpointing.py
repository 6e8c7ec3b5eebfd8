"""Deciding where an utterance begins and ends, from frames of which some are speech."""

from __future__ import annotations

from collections import deque
from enum import Enum

FRAME_S = 0.03
BEGIN_FRAMES, BEGIN_SPEECH = 10, 7
"""An utterance begins when so many of the latest frames are speech: a click is none."""
END_FRAMES, END_SILENCE = 17, 15
"""It ends when so many of the latest (half a second) are none: a pause between words is shorter."""


class Turn(Enum):
    """What a frame did."""

    NOTHING = "nothing changed"
    BEGAN = "an utterance has begun"
    ENDED = "the utterance is over"


class Endpointer:
    """Told of frames one by one, says when an utterance begins and ends.

    Attributes:
        in_speech: whether an utterance is being said.
        speech_start: number of the first frame of speech in the latest utterance.
        speech_end: number of the frame behind its last one so far.
    """

    def __init__(self) -> None:
        self.in_speech = False
        self.speech_start = 0
        self.speech_end = 0
        self._count = 0
        self._latest: deque[bool] = deque(maxlen=BEGIN_FRAMES)

    def feed(self, is_speech: bool) -> Turn:
        """The next frame."""
        self._latest.append(is_speech)
        self._count += 1
        if is_speech:
            self.speech_end = self._count
        speech = sum(self._latest)
        if not self.in_speech and speech >= BEGIN_SPEECH:
            self.in_speech = True
            first = next(index for index, spoken in enumerate(self._latest) if spoken)
            self.speech_start = self._count - len(self._latest) + first
            self._latest = deque(self._latest, maxlen=END_FRAMES)
            return Turn.BEGAN
        if self.in_speech and len(self._latest) - speech >= END_SILENCE:
            self.end()
            return Turn.ENDED
        return Turn.NOTHING

    def end(self) -> None:
        """The utterance is over, whatever comes next."""
        self.in_speech = False
        self._latest = deque(maxlen=BEGIN_FRAMES)
