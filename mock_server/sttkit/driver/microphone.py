"""The audio of one stream, cut into frames and paced."""

from __future__ import annotations

import array
import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from livekit import rtc

FRAME_S = 0.02
COARSE_FRAME_S = 0.1
"""For hours of it: a fifth of the work."""
_ROOM_FRAME_S = 0.05
"""As LiveKit's rooms deliver them, unless they are told otherwise."""
_FRAMES_S = (FRAME_S, _ROOM_FRAME_S, COARSE_FRAME_S, _ROOM_FRAME_S)


def frame_s_of(seed: int) -> float:
    """Seconds of audio in a frame; a plugin must not depend on it, so the seed decides."""
    return _FRAMES_S[seed % len(_FRAMES_S)]


class Microphone:
    """Hands out audio frames and says when the next one is due.

    Audio position and time are tied: a burst runs ahead and is followed by a gap, and after a pause
    or a blocked loop the clock, not the position, moves on.

    Args:
        pcm: s16le mono; with several ``channels`` each of them carries it.
        sample_rate: of the audio, Hz.
        pace: seconds of audio per second; 0 for as fast as the loop turns.

    Attributes:
        position: seconds of audio handed out.
        channels: that each frame has.
        frame_s: length of a frame, seconds.
    """

    def __init__(self, pcm: bytes, sample_rate: int, pace: float) -> None:
        from livekit import rtc

        self.position = 0.0
        self.channels = 1
        self.frame_s = FRAME_S
        self._frame_of = rtc.AudioFrame
        self._pcm = pcm
        self._rate = sample_rate
        self._total = len(pcm) // 2
        self._sample = 0
        self._pace = pace
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time()

    def change_rate(self, pcm: bytes, sample_rate: int) -> None:
        """Hand out other audio from the beginning; before any was handed out."""
        self._pcm, self._rate, self._total = pcm, sample_rate, len(pcm) // 2

    @property
    def exhausted(self) -> bool:
        """Whether there is no audio left."""
        return self._sample >= self._total

    def slow_down(self) -> None:
        """Go on at real pace if the pace was free: now time matters, not the amount of audio."""
        if not self._pace:
            self._pace = 1.0
            self._due = self._loop.time()

    def hold(self, seconds: float) -> None:
        """Be silent for so long."""
        self._due = max(self._due, self._loop.time()) + seconds

    async def until_due(self) -> None:
        """Wait until the next frame is due; always lets the loop turn."""
        loop = self._loop
        if not self._pace and self._due <= loop.time():
            await asyncio.sleep(0)
            return
        while True:
            woken = loop.create_future()
            timer = loop.call_at(self._due, _wake, woken)
            try:
                await woken
            finally:
                timer.cancel()
            if self._due - loop.time() <= self.frame_s / 4:  # else it was held meanwhile
                return

    def take(self, seconds: float, *, until: float | None = None) -> list[rtc.AudioFrame]:
        """The frames of the next ``seconds``, not beyond the position ``until``."""
        begin, rate = self._sample, self._rate
        last = min(begin + round(seconds * rate), self._total)
        if until is not None:
            last = min(last, max(round(until * rate), begin))
        size = round(self.frame_s * rate)
        if begin < last <= begin + size:  # one, nearly always
            frames = [self._frame(begin, last)]
        else:
            frames = [
                self._frame(start, min(start + size, last)) for start in range(begin, last, size)
            ]
        self._sample = last
        self.position = last / rate
        if self._pace:
            self._due += (last - begin) / (rate * self._pace)
        return frames

    def spare(self) -> rtc.AudioFrame:
        """A frame that is not part of what is said: for calls that must be refused."""
        return self._frame(0, 1)

    def _frame(self, start: int, end: int) -> rtc.AudioFrame:
        data = self._pcm[2 * start : 2 * end]
        if self.channels > 1:
            data = _interleaved(data, self.channels)
        return self._frame_of(data, self._rate, self.channels, end - start)


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)


def _interleaved(pcm: bytes, channels: int) -> bytes:
    """The same 16-bit samples in each of so many channels."""
    samples = array.array("h", pcm)
    return array.array("h", (sample for sample in samples for _ in range(channels))).tobytes()
