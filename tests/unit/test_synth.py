"""Rendered speech: the same every time, unique everywhere, never silent."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from sttkit import silence, speech
from sttkit.audio.speech import from_items
from sttkit.audio.synth import render


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
def test_the_length_is_that_of_the_speech(rate: int) -> None:
    said = speech("hello there")
    assert len(render(said, rate)) == 2 * round(said.duration * rate)


def test_equal_speech_sounds_equal_and_another_seed_sounds_different() -> None:
    render.cache_clear()
    first = render(speech("hello"), 16000)
    render.cache_clear()
    assert render(speech("hello"), 16000) == first
    assert render(speech("hello", seed=1), 16000) != first


@pytest.mark.parametrize("seed", [-1, 2**64, 2**200, -(2**70)])
def test_any_whole_number_is_a_seed(seed: int) -> None:
    assert render(speech("hello", seed=seed), 8000)


def test_no_sample_is_zero() -> None:
    assert np.all(np.frombuffer(render(speech("hello there").with_encore(5), 16000), "<i2"))


def test_no_stretch_of_audio_occurs_twice() -> None:
    pcm = render(speech("hello", "hello", "hello").with_encore(20), 16000)
    probes = [pcm[at : at + 64] for at in range(0, len(pcm) - 64, 64)]
    assert len(set(probes)) == len(probes)


def test_words_are_loud_and_pauses_faint() -> None:
    said = speech("hello", "there")
    samples = np.frombuffer(render(said, 16000), "<i2").astype(float)
    first, second = said.utterances
    word = samples[round(first.start * 16000) : round(first.end * 16000)]
    pause = samples[round(first.end * 16000) + 1 : round(second.start * 16000)]
    assert np.abs(word).max() > 3000
    assert np.abs(pause).max() <= 25


def test_a_muted_caller_is_heard_as_line_noise() -> None:
    samples = np.frombuffer(render(silence(1.0), 16000), "<i2")
    assert 0 < np.abs(samples).max() <= 25


@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_recording_is_played_at_the_rate_asked_for(tmp_path: Path, rate: int) -> None:
    tone = (8000 * np.sin(np.arange(8000) * 2 * np.pi * 440 / 8000)).astype("<i2")
    with wave.open(str(tmp_path / "tone.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(tone.tobytes())
    said = from_items(
        [{"wav": "tone.wav", "words": [{"text": "a", "start": 0.1, "end": 0.9}]}], base=tmp_path
    )
    samples = np.frombuffer(render(said, rate), "<i2").astype(float)
    assert len(samples) == rate
    spectrum = np.abs(np.fft.rfft(samples))
    assert abs(int(spectrum.argmax()) - 440) <= 1
    longer = np.frombuffer(render(said.with_encore(3), rate), "<i2")
    assert np.abs(longer[rate:]).max() > 3000
