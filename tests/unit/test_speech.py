"""Speech: what is said when, from texts, from the entries of a script, from a recording."""

from __future__ import annotations

import wave
from itertools import pairwise
from pathlib import Path

import pytest

from sttkit import ScriptError, silence, speech
from sttkit.audio.speech import (
    LEAD_IN_S,
    MAX_SPEECH_S,
    PAUSE_S,
    TAIL_S,
    from_items,
    read_wav,
    to_items,
)


def write_wav(
    path: Path, *, seconds: float = 1.0, rate: int = 8000, channels: int = 1, width: int = 2
) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(bytes(round(seconds * rate) * channels * width))
    return path


def test_utterances_come_one_after_the_other_with_pauses_between() -> None:
    said = speech("hello there", "how are you", pause=1.5)
    first, second = said.utterances
    assert (first.text, second.text) == ("hello there", "how are you")
    assert first.start == LEAD_IN_S
    assert second.start == pytest.approx(first.end + 1.5)
    assert said.duration == pytest.approx(second.end + TAIL_S)
    assert said.core == 2
    assert said.core_end == said.duration


def test_words_do_not_overlap_and_move_forward() -> None:
    words = list(speech("a bb ccc", "dddddddddddddddddddddd e").words())
    assert all(word.end > word.start for word in words)
    assert all(second.start > first.end for first, second in pairwise(words))


def test_a_pause_of_nothing_is_a_pause_of_nothing() -> None:
    said = speech("one", "two", pause=0.0)
    assert said.utterances[1].start == said.utterances[0].end


def test_pauses_add_up_before_between_and_behind() -> None:
    before: list[dict[str, object]] = [{"pause": 1}, {"pause": 0.5}, {"say": "one"}]
    behind: list[dict[str, object]] = [{"pause": 0.2}, {"pause": 0.3}, {"say": "two"}, {"pause": 5}]
    said = from_items([*before, *behind])
    one, two = said.utterances
    assert one.start == pytest.approx(LEAD_IN_S + 1.5)
    assert two.start - one.end == pytest.approx(0.5)
    assert said.duration == pytest.approx(two.end + 5)


def test_pauses_alone_are_silence_of_that_length() -> None:
    assert from_items([{"pause": 2}, {"pause": 1}]) == silence(3)
    assert silence(3).core_end <= 3


@pytest.mark.parametrize(
    ("items", "problem"),
    [
        ([{"say": ""}], "nothing is said"),
        ([{"say": None}], "None is said"),
        ([{"say": ["a"]}], "is said"),
        ([{"pause": -1}], "a pause of -1"),
        ([{"pause": True}], "a pause of True"),
        ([{"pause": "long"}], "a pause of 'long'"),
        ([{"pause": float("nan")}], "a pause of nan"),
        ([{"pause": float("inf")}], "a pause of inf"),
        ([{"sing": "la"}], "an entry with the keys ['sing']"),
        ([{"say": "a", "pause": 1}], "an entry with the keys ['pause', 'say']"),
        ([{1: 2}], "an entry with the keys ['1']"),
        ([{}], "an entry with the keys []"),
        ([{"wav": "a.wav", "words": []}, {"say": "a"}], "must be the only entry"),
        ([{"wav": "a.wav"}], "a wav entry with the keys ['wav']"),
        ([{"pause": MAX_SPEECH_S}, {"say": "a"}], "s of speech"),
    ],
)
def test_what_is_no_speech_is_refused(items: list[dict[str, object]], problem: str) -> None:
    with pytest.raises(ScriptError) as refused:
        from_items(items)
    assert problem in str(refused.value)
    assert "speech" in str(refused.value.where)


def test_an_encore_says_new_words_and_leaves_the_core_as_it_was() -> None:
    said = speech("hello there", "how are you")
    longer = said.with_encore(60)
    assert longer.utterances[:2] == said.utterances
    assert longer.core == 2
    assert longer.duration >= said.duration + 60
    texts = [word.text for word in longer.words()]
    assert len(set(texts)) == len(texts)
    assert said.core_end <= longer.core_end + 1e-9 <= longer.utterances[2].start + 2e-9
    assert longer.utterances[2].start - longer.utterances[1].end >= TAIL_S - 1e-9


def test_a_muted_caller_can_have_an_encore() -> None:
    longer = silence(2.0).with_encore(5)
    assert longer.core == 0
    assert longer.utterances
    assert longer.core_end <= longer.utterances[0].start + TAIL_S


@pytest.mark.parametrize(
    "said",
    [
        speech("hello there", "how are you"),
        speech("one", "two", pause=0.0),
        speech("one", "two", pause=3.25),
        silence(0.7),
        from_items([{"pause": 1.5}, {"say": "late"}, {"pause": 4}]),
    ],
)
def test_speech_is_made_again_from_its_entries(said: object) -> None:
    from sttkit import Speech

    assert isinstance(said, Speech)
    assert from_items(to_items(said)) == said
    again = from_items(to_items(said.with_encore(10)))
    assert again.utterances == said.utterances


def test_a_recording_brings_its_words_and_its_length(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", seconds=3)
    words = [
        {"text": "one", "start": 0.1, "end": 0.4},
        {"text": "two", "start": 0.5, "end": 0.8},
        {"text": "three", "start": 1.8, "end": 2.2},
    ]
    said = from_items([{"wav": "a.wav", "words": words}], base=tmp_path)
    assert [utterance.text for utterance in said.utterances] == ["one two", "three"]
    assert said.duration == 3.0
    assert said.recording == tmp_path / "a.wav"
    assert from_items(to_items(said)) == said


@pytest.mark.parametrize(
    "word",
    [
        {"text": "a", "start": 1},
        {"text": "a", "start": 1, "end": 1},
        {"text": "a", "start": "x", "end": 2},
        {"text": "a", "start": None, "end": 2},
        "a",
    ],
)
def test_a_word_without_sensible_times_is_refused(tmp_path: Path, word: object) -> None:
    path = write_wav(tmp_path / "a.wav")
    with pytest.raises(ScriptError, match=r"speech\[0\]\.words\[0\]"):
        from_items([{"wav": str(path), "words": [word]}])


def test_a_wav_file_must_be_there_and_16_bit_mono(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match="no such WAV file"):
        read_wav(tmp_path / "missing.wav")
    (tmp_path / "text.wav").write_text("hello")
    with pytest.raises(ScriptError, match="not a readable WAV file"):
        read_wav(tmp_path / "text.wav")
    with pytest.raises(ScriptError, match=r"16-bit audio with 2 channel\(s\)"):
        read_wav(write_wav(tmp_path / "stereo.wav", channels=2))
    with pytest.raises(ScriptError, match="8-bit"):
        read_wav(write_wav(tmp_path / "eight.wav", width=1))
    assert read_wav(write_wav(tmp_path / "good.wav"))[1] == 8000


def test_the_usual_pause_is_longer_than_any_endpointing() -> None:
    from sttkit.recogniser import ENDPOINTING_S

    assert PAUSE_S > ENDPOINTING_S
    assert TAIL_S > ENDPOINTING_S
