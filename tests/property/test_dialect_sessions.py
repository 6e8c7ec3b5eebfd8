"""Whole sessions in every dialect: any speech, in any chunking, comes out as the same finals."""

from __future__ import annotations

from itertools import cycle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sttkit import Speech, speech
from sttkit.dialects import load_dialect
from sttkit.events import Final, SpeechEnded, SpeechStarted
from tests.support.audio import chunks
from tests.support.caller import Caller, Stage
from tests.support.tongues import ALL_TONGUES

WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


@st.composite
def utterances(draw: st.DrawFn) -> list[str]:
    words = draw(st.permutations(WORDS))[: draw(st.integers(1, len(WORDS)))]
    cuts = sorted(draw(st.sets(st.integers(1, len(words)), max_size=3)) | {len(words)})
    starts = [0, *cuts[:-1]]
    return [" ".join(words[start:cut]) for start, cut in zip(starts, cuts, strict=True)]


def spoken(dialect: str, said: Speech, sizes: list[float]) -> Caller:
    """A session in which the whole speech is sent, in chunks of these sizes in turn, seconds."""
    stage = Stage(said=said, dialect=dialect)
    caller = stage.call()
    tongue = stage.tongue
    pcm = stage.line.pcm(tongue.rate)["main"]
    least, most = tongue.chunk_s
    counts = [round((least + size * (most - least)) * tongue.rate) for size in sizes]
    for chunk in chunks(pcm, cycle(2 * max(1, count) for count in counts)):
        caller.send(tongue.wrap(chunk))
    if tongue.end:
        caller.end()
    return caller


@pytest.mark.parametrize("dialect", ALL_TONGUES)
@settings(max_examples=25, deadline=None)
@given(texts=utterances(), sizes=st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_any_speech_in_any_chunking_comes_out_as_the_same_finals(
    dialect: str, texts: list[str], sizes: list[float]
) -> None:
    # A provider that is not told of the end needs to hear the pause behind the last word.
    caller = spoken(dialect, speech(*texts), sizes)
    facts = load_dialect(dialect).facts
    if not facts.endpointing:  # what nobody flushes is one segment
        caller.flush()
        texts = [" ".join(texts)]
    assert caller.finals == texts
    if facts.signals_start:
        assert sum(isinstance(event, SpeechStarted) for event in caller.events) == len(texts)


@pytest.mark.parametrize("dialect", ["gnani", "openai", "sarvam", "sarvam_realtime"])
def test_where_the_final_comes_late_the_end_of_speech_comes_before_it(dialect: str) -> None:
    caller = spoken(dialect, speech("one two"), [0.02])
    kinds = [type(e) for e in caller.events if isinstance(e, SpeechStarted | SpeechEnded | Final)]
    assert kinds == [SpeechStarted, SpeechEnded, Final]
