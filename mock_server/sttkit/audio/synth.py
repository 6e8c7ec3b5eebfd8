"""Rendering speech as PCM that is unique everywhere.

Speech is seeded band-limited noise under an envelope per word, loud enough for a voice activity
detector; pauses are faint line noise. No stretch of audio occurs twice, so what a server received
can be found in what was pushed, exactly, without carrying marks that a codec or resampler would
destroy. Digital silence never occurs: zeros on the wire were added by the client.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from sttkit.audio.speech import Clip, Speech, read_wav

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LINE_NOISE = 24.0
_SPEECH_LEVEL = 6000.0


@lru_cache(maxsize=32)
def render(speech: Speech, sample_rate: int) -> bytes:
    """The whole speech as s16le mono PCM at ``sample_rate``; equal arguments give equal bytes."""
    import numpy as np

    rng = np.random.Generator(np.random.PCG64([_entropy(speech), sample_rate]))
    if speech.recording is not None:
        signal = _recorded(speech, sample_rate)
    else:
        signal = _spoken(speech, sample_rate, rng)
    samples = signal + rng.uniform(-_LINE_NOISE, _LINE_NOISE, len(signal))
    quantised = np.clip(np.rint(samples), -32768, 32767).astype("<i2")
    quantised[quantised == 0] = 1
    return quantised.tobytes()


def _entropy(speech: Speech) -> int:
    return speech.seed % 2**64  # any whole number will do as a seed


def _spoken(speech: Speech, rate: int, rng: np.random.Generator) -> NDArray[np.float64]:
    import numpy as np

    total = round(speech.duration * rate)
    signal = np.zeros(total)
    for word in speech.words():
        first, last = round(word.start * rate), min(round(word.end * rate), total)
        count = last - first
        if count <= 0:
            continue
        # A moving sum over a few samples keeps the energy below about 4 kHz, like speech.
        width = max(2, rate // 6000)
        noise = np.convolve(rng.standard_normal(count + width), np.ones(width), "full")
        envelope = np.sin(np.pi * (np.arange(count) + 0.5) / count) ** 0.5
        signal[first:last] = _SPEECH_LEVEL / width * noise[width : width + count] * envelope
    return signal


def _recorded(speech: Speech, rate: int) -> NDArray[np.float64]:
    import numpy as np

    clip = speech.recording
    assert clip is not None
    pcm, recorded_rate = (clip.pcm, clip.rate) if isinstance(clip, Clip) else read_wav(clip)
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    if recorded_rate != rate:
        count = round(len(samples) * rate / recorded_rate)
        positions = np.arange(count) * (recorded_rate / rate)
        samples = np.interp(positions, np.arange(len(samples)), samples)
    missing = round(speech.duration * rate) - len(samples)
    if missing > 0:  # an encore behind the recording
        rng = np.random.Generator(np.random.PCG64([_entropy(speech), rate, 1]))
        tail = _spoken(speech, rate, rng)
        samples = np.concatenate([samples, tail[len(samples) :]])
    return samples
