"""Case ids: short names for scripts of one or two faults."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sttkit import UsageError, speech
from sttkit.faults import CATALOGUE, Fault, Placed, Point
from sttkit.faults.placing import Connection, place
from sttkit.scripting.cases import CASE_SPEECH, Case, parse_case
from sttkit.scripting.model import ACTIONS, Cue, Step

connections: st.SearchStrategy[Connection] = st.one_of(
    st.just("next"), st.just("each"), st.integers(1, 50)
)


@st.composite
def placements(draw: st.DrawFn) -> Placed:
    kind = draw(st.sampled_from(CATALOGUE))
    parameter = kind.parameter
    value: int | float | str | None = None
    if parameter is not None and parameter.kind == "int":
        value = draw(st.integers(parameter.least, parameter.most))
    elif parameter is not None and parameter.kind == "seconds":
        value = draw(st.floats(0, 3600))
    elif parameter is not None:
        names = st.from_regex(r"[A-Za-z0-9_.-]{1,20}", fullmatch=True)
        value = draw(st.sampled_from(parameter.choices) if parameter.choices else names)
    return place(
        Fault(kind.id, value),
        draw(st.sampled_from(kind.points)),
        n=draw(st.integers(1, 1000)),
        connection=draw(connections),
    )


@settings(deadline=None)
@given(st.lists(placements(), min_size=1, max_size=4), st.lists(st.sampled_from([*ACTIONS])))
def test_a_case_is_found_again_by_its_id(faults: list[Placed], actions: list[str]) -> None:
    case = Case(tuple(faults), tuple(actions))
    assert parse_case(case.id) == case


@pytest.mark.parametrize(
    "case_id",
    [
        "none@idle+end",
        "close=1011@mid-utterance.2+aclose",
        "http=503@connecting/reset@before-audio",
        "http=503@connecting:each",
        "none@mid-utterance.2+cancel-consumer+new-stream-after",
    ],
)
def test_ids_are_stable(case_id: str) -> None:
    assert parse_case(case_id).id == case_id


def test_space_around_an_id_does_not_matter() -> None:
    assert parse_case(" none@idle\n").id == "none@idle"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "an empty case id"),
        ("+end", "an empty case id"),
        ("reset", "has no point"),
        ("reset@idle/", "has no point"),
        ("reset@idle+", "unknown action ''"),
        ("reset@idle+dance", "unknown action 'dance'"),
        ("reset@idle+flsh", "did you mean 'flush'?"),
        ("/".join(["reset@idle"] * 5), "5 faults in one case"),
    ],
)
def test_what_is_no_case_is_refused(text: str, problem: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_case(text)
    assert problem in str(refused.value)


def test_an_action_happens_at_the_point_of_the_last_fault() -> None:
    played = parse_case("reset@idle/fin@mid-utterance.2+flush").script(seed=3)
    assert played.client == (Step("flush", Cue(Point.MID_UTTERANCE, 2)),)
    assert played.seed == 3
    assert played.speech == speech(*CASE_SPEECH, seed=3)


@pytest.mark.parametrize(
    "action", ["end-at-once", "aclose-at-once", "second-stream", "new-stream-after"]
)
def test_some_actions_do_not_wait_for_a_point(action: str) -> None:
    assert parse_case(f"reset@idle+{action}").script().client == (Step(action, Cue()),)


def test_a_batch_case_is_known_as_one() -> None:
    assert parse_case("batch-http=503@batch").is_batch
    assert not parse_case("none@idle").is_batch


@pytest.mark.parametrize(
    "spelled",
    ["none@idle+pause=180", "none@idle+input=48000", "session-limit=180@upgraded:each+long-call"],
)
def test_an_action_may_have_a_parameter(spelled: str) -> None:
    case = parse_case(spelled)
    assert case.id == spelled
    assert [str(step) for step in case.script().client] == list(case.actions)


@pytest.mark.parametrize(
    ("spelled", "told"),
    [
        ("none@idle+flush=3", "flush takes no parameter"),
        ("none@idle+pause=long", "pause with seconds 'long'"),
        ("none@idle+input=4", "a whole number from 8000 to 192000"),
        ("none@idle+paws=3", "did you mean 'pause'"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_explained(spelled: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_case(spelled)
    assert told in str(caught.value)
