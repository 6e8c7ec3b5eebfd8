"""A voice activity detector that goes by loudness: no model, no thread, the same each time.

Some plugins leave it to the application to say when speech ends, and take a detector for it. The
speech of a script is far louder than its pauses, so this one is right where a model trained on
voices need not be; it counts as LiveKit's own detectors do (``livekit/agents/inference/vad.py``
1.8.9): windows of 32 ms, a start after 50 ms of speech, an end after 250 ms without.
"""

from __future__ import annotations

from livekit import rtc
from livekit.agents import vad

WINDOW_S = 0.032
START_S = 0.05
END_S = 0.25
PREFIX_S = 0.5
"""Audio before a start that is handed on with it."""
LOUD = 200.0
"""Root mean square of a window from which on it is speech, of 32768."""


class LoudnessVAD(vad.VAD):
    """Speech is what is loud."""

    def __init__(self) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=WINDOW_S))

    def stream(self) -> vad.VADStream:
        return _Stream(self)


class _Stream(vad.VADStream):
    async def _main_task(self) -> None:
        held = bytearray()
        hearing: _Hearing | None = None
        async for frame in self._input_ch:
            if isinstance(frame, self._FlushSentinel):
                held.clear()
                hearing = None
                continue
            if hearing is None:
                hearing = _Hearing(frame.sample_rate)
            held += frame.data.cast("b")
            while len(held) >= hearing.window_bytes:
                window = bytes(held[: hearing.window_bytes])
                del held[: hearing.window_bytes]
                for event in hearing.hear(window):
                    self._event_ch.send_nowait(event)


class _Hearing:
    """What was heard so far, at a rate in Hz."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self.window_bytes = 2 * round(WINDOW_S * rate)
        self._prefix_bytes = 2 * round(PREFIX_S * rate)
        self._samples = 0
        self._speaking = False
        self._speech_s = 0.0
        self._silence_s = 0.0
        self._audio = b""
        """Since the start of speech, with the prefix; while none is spoken, the prefix."""

    def hear(self, window: bytes) -> list[vad.VADEvent]:
        """The events of the next window."""
        self._samples += len(window) // 2
        self._audio += window
        loud = _level(window) >= LOUD
        self._speech_s = self._speech_s + WINDOW_S if loud or self._speaking else 0.0
        self._silence_s = 0.0 if loud else self._silence_s + WINDOW_S
        events = [self._event(vad.VADEventType.INFERENCE_DONE, window)]
        if not self._speaking and self._speech_s >= START_S:
            self._speaking = True
            events.append(self._event(vad.VADEventType.START_OF_SPEECH, self._audio))
        elif self._speaking and self._silence_s >= END_S:
            self._speaking, self._speech_s = False, 0.0
            events.append(self._event(vad.VADEventType.END_OF_SPEECH, self._audio))
        if not self._speaking:
            self._audio = self._audio[-self._prefix_bytes :]
        return events

    def _event(self, kind: vad.VADEventType, pcm: bytes) -> vad.VADEvent:
        return vad.VADEvent(
            type=kind,
            samples_index=self._samples,
            timestamp=self._samples / self._rate,
            speech_duration=self._speech_s,
            silence_duration=self._silence_s,
            frames=[rtc.AudioFrame(pcm, self._rate, 1, len(pcm) // 2)],
            speaking=self._speaking,
        )


def _level(window: bytes) -> float:
    import numpy as np

    samples = np.frombuffer(window, dtype="<i2").astype(np.float64)
    return float(np.sqrt(np.mean(samples**2)))
