"""Skipped where libsoxr's package, of the extra `engine`, is not installed."""

import numpy as np
import pytest

from sttkit.engine.resampling import resampler

pytest.importorskip("soxr", reason="soxr is not installed: pip install 'sttkit[engine]'")

RATES = [8000, 11025, 24000, 44100, 48000]


def tone(rate, hertz=440.0, seconds=1.0):
    return 8000 * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)


def pcm_of(samples):
    return np.rint(samples).astype("<i2").tobytes()


def converted(pcm, rate, size=None):
    stream = resampler(rate)
    size = size or len(pcm)
    pieces = [stream.feed(pcm[at : at + size]) for at in range(0, len(pcm), size)]
    return np.frombuffer(b"".join([*pieces, stream.finish()]), dtype="<i2").astype(float)


@pytest.mark.parametrize("rate", RATES)
def test_a_tone_stays_a_tone_where_it_was(rate):
    found = converted(pcm_of(tone(rate)), rate)
    assert len(found) == 16000
    middle = slice(500, -500)
    assert np.abs(found - tone(16000))[middle].max() < 8000 * 0.01


@pytest.mark.parametrize("rate", [44100, 48000])
def test_what_16_khz_cannot_hold_is_left_out_and_not_folded_back(rate):
    found = converted(pcm_of(tone(rate, hertz=12_000)), rate)
    assert np.sqrt(np.mean(found[500:-500] ** 2)) < 8000 * 0.01


@pytest.mark.parametrize("rate", RATES)
def test_it_does_not_matter_how_the_stream_is_cut(rate):
    pcm = pcm_of(tone(rate) + np.random.default_rng(1).normal(0, 900, rate))
    assert np.array_equal(converted(pcm, rate), converted(pcm, rate, size=1234))


def test_what_has_the_right_rate_is_left_alone():
    assert resampler(16000).feed(b"\1\2") == b"\1\2"


def test_nothing_gives_nothing():
    assert len(converted(b"\0\0", 48000)) <= 1
