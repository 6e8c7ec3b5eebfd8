"""Rendering speech as PCM that is unique everywhere.

Speech is seeded band-limited noise under an envelope per word, loud enough for a voice activity
detector; pauses are faint line noise. No stretch of audio occurs twice, so what a server received
can be found in what was pushed, exactly, without carrying marks that a codec or resampler would
destroy. Digital silence never occurs: zeros on the wire were added by the client.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from sttkit.audio.speech import Clip, Speech, Utterance, read_wav

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LINE_NOISE = 24
_SPEECH_LEVEL = 10_000
_LOUDEST = 32_767 - _LINE_NOISE
_NOTHING = Utterance(())
_VOICES = 4
"""So many seeds sound different: searched scripts have thousands, and one voice is as good as
another to say what another script has said already. All of them must find room in the caches
below, or none of them is ever found there again."""


@lru_cache(maxsize=4)  # an hour of it is 115 MB
def render(speech: Speech, sample_rate: int) -> bytes:
    """The whole speech as s16le mono PCM at ``sample_rate``; equal arguments give equal bytes.

    It is rendered utterance by utterance, and each is remembered: speech with a longer encore, of
    which every run has another, begins with the same audio.
    """
    return b"".join(_pieces(speech, sample_rate))


def _pieces(speech: Speech, rate: int) -> Iterator[bytes]:
    seed = speech.seed % _VOICES
    utterances, at = speech.utterances, 0
    if speech.recording is not None:
        pcm = _recorded(speech.recording, rate, seed)
        utterances, at = utterances[speech.core :], len(pcm) // 2
        yield pcm
    total = max(at, round(speech.duration * rate))
    starts = (min(max(at, round(utterance.start * rate)), total) for utterance in utterances)
    stretches = pairwise([at, *starts, total])
    for utterance, (first, end) in zip((_NOTHING, *utterances), stretches, strict=True):
        yield _spoken(utterance, first, end, rate, seed)


@lru_cache(maxsize=512)
def _spoken(utterance: Utterance, first: int, end: int, rate: int, seed: int) -> bytes:
    """The audio from one sample to another, in which only ``utterance`` is said."""
    import numpy as np

    rng = _dice(seed, rate, first)
    samples = _noise(_LINE_NOISE, end - first, rng)
    width = max(2, rate // 6000)
    mean = np.full(width, 1 / width, np.float32)
    for word in utterance.words:
        start, stop = round(word.start * rate), min(round(word.end * rate), end)
        count = stop - start
        if count <= 0 or start < first:
            continue
        # A moving mean over a few samples keeps the energy below about 4 kHz, like speech.
        hiss = _noise(_SPEECH_LEVEL, count + width - 1, rng).astype(np.float32)
        loud = np.convolve(hiss, mean, "valid") * _envelope(count)
        samples[start - first : stop - first] += loud.astype(np.int16)
    return _without_zeros(samples)


@lru_cache(maxsize=32)
def _envelope(count: int) -> NDArray[np.float32]:
    """How loud a word of so many samples is at each of them: few words have other lengths."""
    import numpy as np

    return np.sqrt(np.sin(np.pi * (np.arange(count) + 0.5) / count)).astype(np.float32)


@lru_cache(maxsize=8)
def _recorded(clip: Path | Clip, rate: int, seed: int) -> bytes:
    import numpy as np

    pcm, recorded_rate = (clip.pcm, clip.rate) if isinstance(clip, Clip) else read_wav(clip)
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    if recorded_rate != rate:
        count = round(len(samples) * rate / recorded_rate)
        positions = np.arange(count) * (recorded_rate / rate)
        samples = np.interp(positions, np.arange(len(samples)), samples)
    spoken = np.rint(samples).clip(-_LOUDEST, _LOUDEST).astype("<i2")
    return _without_zeros(spoken + _noise(_LINE_NOISE, len(spoken), _dice(seed, rate)))


def _dice(*seeds: int) -> np.random.Generator:
    import numpy as np

    return np.random.Generator(np.random.PCG64(seeds))


def _noise(level: int, count: int, rng: np.random.Generator) -> NDArray[np.int16]:
    """So many samples of white noise; small integers are what a generator makes fastest."""
    import numpy as np

    return rng.integers(-level, level, count, dtype=np.int16, endpoint=True)


def _without_zeros(samples: NDArray[np.int16]) -> bytes:
    samples[samples == 0] = 1
    return samples.astype("<i2", copy=False).tobytes()
