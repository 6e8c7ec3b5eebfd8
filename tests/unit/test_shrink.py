"""Delta debugging: what is left of a script, and in which order things go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from sttkit import Cue, Network, Point, Script, Step, faults, script, speech
from sttkit.audio.speech import to_items
from sttkit.conformance.shrink import Shrunk, shrink, simpler_cases, simpler_scripts
from sttkit.scripting.cases import Case, case_of, parse_case
from sttkit.scripting.model import ACTIONS
from sttkit.scripting.yaml import is_line, line_of, parse_script
from sttkit.strategies import scripts

LARGE = script(
    speech("hello there friend", "how are you", "good morning", pause=0.5),
    faults.duplicate(at="mid-utterance"),
    faults.close(1012, at="mid-utterance", n=4, connection="each"),
    faults.reset(at="after-final"),
    faults.latency(2.0, at="upgraded"),
    client=[
        Step("flush", Cue(audio_s=1.25)),
        Step("pause", Cue(Point.MID_UTTERANCE, 3)),
        Step("end", Cue(Point.AFTER_FINAL)),
    ],
    network=Network(latency=0.03, jitter=0.01),
    seed=99,
)


def shrunk_script(
    large: Script, breaks: Callable[[Script], bool], most_runs: int = 500
) -> Shrunk[Script]:
    return shrink(large, breaks, simpler_scripts, most_runs=most_runs)


def has(said: Script, *ids: str) -> bool:
    return set(ids) <= {placed.fault.id for placed in said.faults}


def test_what_does_not_matter_goes() -> None:
    shrunk = shrunk_script(LARGE, lambda said: has(said, "close"))
    assert shrunk.complete
    assert list(map(str, shrunk.smallest.faults)) == ["close=1011@mid-utterance"]
    assert shrunk.smallest.client == ()
    assert shrunk.smallest.network == Network()
    assert shrunk.smallest.seed == shrunk.smallest.speech.seed == 0
    assert len(list(shrunk.smallest.speech.words())) <= 1


def test_what_matters_together_stays_together() -> None:
    def breaks(said: Script) -> bool:
        words = {word.text for word in said.speech.words()}
        return has(said, "duplicate", "reset") and said.does("pause") and "you" in words

    shrunk = shrunk_script(LARGE, breaks)
    assert list(map(str, shrunk.smallest.faults)) == [
        "duplicate@mid-utterance",
        "reset@after-final",
    ]
    assert shrunk.smallest.client == (Step("pause"),)
    assert to_items(shrunk.smallest.speech) == [{"say": "you"}]


def test_fewer_faults_are_worth_more_than_less_of_anything_else() -> None:
    # Without the latency it takes both actions.
    def breaks(said: Script) -> bool:
        return has(said, "latency") or (said.does("flush") and said.does("end"))

    shrunk = shrunk_script(LARGE, breaks)
    assert shrunk.smallest.faults == ()
    assert [step.do for step in shrunk.smallest.client] == ["flush", "end"]


def test_the_result_and_the_number_of_runs_are_the_same_each_time() -> None:
    def breaks(said: Script) -> bool:
        return len(said.faults) >= 2 and said.seed == 99

    assert shrunk_script(LARGE, breaks) == shrunk_script(LARGE, breaks)


def test_no_script_is_played_twice() -> None:
    played: list[Script] = []

    def breaks(said: Script) -> bool:
        played.append(said)
        return len(said.faults) >= 2

    shrunk = shrunk_script(LARGE, breaks)
    assert len(played) == len(set(played)) == shrunk.runs
    assert LARGE not in played


def test_runs_can_be_used_up() -> None:
    shrunk = shrunk_script(LARGE, lambda said: has(said, "close"), most_runs=3)
    assert shrunk.runs == 3
    assert not shrunk.complete
    assert has(shrunk.smallest, "close")


def test_a_recording_is_not_cut(tmp_path) -> None:
    recorded = replace(LARGE, speech=replace(LARGE.speech, recording=tmp_path / "hello.wav"))
    shrunk = shrunk_script(recorded, lambda said: has(said, "close"))
    assert list(shrunk.smallest.speech.words()) == list(LARGE.speech.words())


@pytest.mark.parametrize(
    ("large", "needed", "small"),
    [
        ("reset@idle/close=1012@mid-utterance.4:each+pause=180+flush", (), "none@idle"),
        (
            "reset@idle/close=1012@mid-utterance.4:each+flush",
            ("close",),
            "close=1011@mid-utterance",
        ),
        ("reset@idle+pause=180+flush", ("pause",), "none@idle+pause"),
    ],
)
def test_a_case_gets_smaller_as_a_script_does_and_stays_a_case(
    large: str, needed: tuple[str, ...], small: str
) -> None:
    def breaks(case: Case) -> bool:
        assert parse_case(case.id) == case
        ids = [one.fault.id for one in case.faults] + [one.split("=")[0] for one in case.actions]
        return set(needed) <= set(ids)

    shrunk = shrink(parse_case(large), breaks, simpler_cases)
    assert shrunk.complete
    assert shrunk.smallest.id == small


@settings(
    max_examples=8, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(scripts(max_steps=3, actions=tuple(ACTIONS)))
def test_whatever_is_simpler_can_be_written_down_and_is_another_script(said) -> None:
    for smaller in simpler_scripts(said):
        assert smaller != said
        assert parse_script(line_of(smaller)) == smaller
        assert "\n" not in line_of(smaller)
        assert is_line(line_of(smaller))


@pytest.mark.parametrize(
    "case", ["none@idle", "close=1011@mid-utterance.2+aclose", "http=503@connecting:each"]
)
def test_a_case_is_found_again_in_its_script(case: str) -> None:
    said = parse_case(case).script(seed=4)
    found = case_of(replace(said, dialect="deepgram"))
    assert found is not None
    assert found.id == case
    assert not is_line(case)


@pytest.mark.parametrize(
    "other",
    [
        replace(LARGE, faults=()),
        replace(parse_case("none@idle").script(), network=Network(latency=0.1)),
        replace(parse_case("none@idle").script(), speech=speech("hello")),
        replace(parse_case("none@idle").script(), faults=LARGE.faults * 2),
    ],
)
def test_a_script_that_no_case_is_short_for_has_none(other: Script) -> None:
    assert case_of(other) is None
