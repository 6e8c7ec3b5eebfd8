"""The recordings in cassettes/speech, by their scripts; nothing needs to be installed for them."""

from pathlib import Path

import numpy as np
import pytest

from sttkit.audio.speech import read_wav
from sttkit.audio.synth import render
from sttkit.scripting.yaml import load_script

LIBRARY = Path(__file__).parents[2] / "cassettes" / "speech"
NAMES = sorted(path.stem for path in LIBRARY.glob("*.yaml"))


def spoken(name):
    return load_script(LIBRARY / f"{name}.yaml").speech


def test_each_recording_has_its_truth_and_the_other_way_round():
    assert sorted(path.stem for path in LIBRARY.glob("*.wav")) == NAMES
    assert len(NAMES) >= 8


def test_the_library_is_small():
    assert sum(path.stat().st_size for path in LIBRARY.iterdir()) < 1_500_000


@pytest.mark.parametrize("name", NAMES)
def test_the_words_are_where_the_script_says(name):
    speech = spoken(name)
    pcm, rate = read_wav(LIBRARY / f"{name}.wav")
    samples = np.frombuffer(pcm, dtype="<i2").astype(float)
    in_word = np.zeros(len(samples), dtype=bool)
    for word in speech.words():
        stretch = slice(round(word.start * rate), round(word.end * rate))
        in_word[stretch] = True
        assert np.sqrt(np.mean(samples[stretch] ** 2)) > 600, word
    assert np.abs(samples[~in_word]).max() < 2000
    assert in_word.any() == (name != "silence")


def test_two_utterances_are_two():
    assert [u.text for u in spoken("two-utterances").utterances] == [
        "we are going to the beach this summer",
        "the doctor will see you in a few minutes",
    ]


def test_a_recording_on_which_nobody_speaks_is_played_to_its_end():
    speech = spoken("silence")
    assert speech.core_end == speech.duration == 4.0
    longer = speech.with_encore(5.0)
    assert longer.core_end == 4.0
    assert longer.utterances[0].start == 4.0
    assert render(longer, 16000)[:1000] == render(speech, 16000)[:1000]


def test_wideband_is_wide():
    assert read_wav(LIBRARY / "wideband.wav")[1] == 48_000
