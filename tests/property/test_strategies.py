"""What the strategies make can be played, written down and read again."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

import sttkit
from sttkit import Point, UsageError
from sttkit.audio.speech import from_items
from sttkit.dialects import load_dialect
from sttkit.faults import Family, parse_placed
from sttkit.faults.placing import place
from sttkit.scripting.cases import Case, parse_case
from sttkit.scripting.model import ACTIONS
from sttkit.scripting.python import python_of
from sttkit.scripting.yaml import dump_script, parse_script
from sttkit.session.line import Line
from sttkit.strategies import STREAMING, client_steps, placed_faults, scripts, speeches
from sttkit.trace import Trace

EVERY_FAMILY = (*STREAMING, Family.BATCH)

settings.register_profile(
    "strategies",
    max_examples=200,
    database=None,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
PROFILE = settings.get_profile("strategies")


@PROFILE
@given(scripts(max_steps=3, actions=ACTIONS))
def test_a_script_survives_yaml(said):
    assert parse_script(dump_script(said)) == said


@PROFILE
@given(scripts(max_steps=3, actions=ACTIONS, dialect="deepgram"))
def test_a_script_survives_python(said):
    names = {**vars(sttkit), "from_items": from_items}
    assert eval(python_of(said), names) == said


@PROFILE
@given(st.lists(placed_faults(families=EVERY_FAMILY), min_size=1, max_size=4), client_steps())
def test_a_case_survives_its_id(faults, steps):
    case = Case(tuple(faults), tuple(step.do for step in steps))
    assert parse_case(case.id) == case


@PROFILE
@given(placed_faults(families=EVERY_FAMILY))
def test_a_placed_fault_is_one_that_the_catalogue_allows(placed):
    assert parse_placed(str(placed)) == placed
    again = place(placed.fault, placed.point, n=placed.n, connection=placed.connection)
    assert again == placed


@PROFILE
@given(scripts(max_faults=4))
def test_a_script_has_no_more_faults_than_asked_for_and_lets_the_last_ones_be_last(said):
    assert len(said.faults) <= 4
    order = list(Point)
    ends = [order.index(p.point) >= order.index(Point.AFTER_END) for p in said.faults]
    assert ends == sorted(ends)
    # One that waits for its turn behind a fault from which no stream recovers would never happen.
    for placed in said.faults[:-1]:
        assert not (placed.fault.kind.breaks and placed.connection == "each")
        assert not (placed.fault.kind.deaf and not placed.fault.kind.breaks)
        assert placed.fault.param not in (400, 401, 403, 404, 1008)


@PROFILE
@given(scripts(min_faults=2, max_faults=2))
def test_a_script_has_as_many_faults_as_it_has_to(said):
    assert len(said.faults) == 2


@PROFILE
@given(scripts(max_faults=2, points=(Point.FLUSH,)))
def test_who_puts_a_fault_at_a_flush_lets_the_application_flush(said):
    assert bool(said.faults) == said.does("flush") or not said.faults


@PROFILE
@given(speeches(max_utterances=4, max_words=4))
def test_no_word_is_said_twice(said):
    words = [word.text for word in said.words()]
    assert len(set(words)) == len(words)
    assert 1 <= said.core <= 4


@PROFILE
@given(client_steps(max_steps=4))
def test_nothing_is_done_after_the_application_has_ended_its_part(steps):
    last = {"end", "aclose", "aclose-twice", "cancel-consumer", "end-at-once", "aclose-at-once"}
    assert not any(step.do in last for step in steps[:-1])


@PROFILE
@given(placed_faults("deepgram"))
def test_a_dialect_leaves_out_what_its_provider_does_not_do(placed):
    dialect = load_dialect("deepgram")
    if dialect.facts.greeting == "never":
        assert placed.point is not Point.GREETING
    if placed.fault.id == "provider-error":
        assert placed.fault.param in dialect.errors


@PROFILE
@given(st.sampled_from(("google", "google_v2", "nvidia")).flatmap(lambda it: scripts(dialect=it)))
def test_a_server_of_the_dialect_can_do_all_that_is_asked_of_it(said):
    # It raises where a call of gRPC has nothing of the kind.
    Line(said, load_dialect(said.dialect), {}, Trace(lambda: 0.0), Random(0))


@PROFILE
@given(placed_faults("google"))
def test_nothing_is_taken_back_where_what_was_begun_always_ends_with_a_text(placed):
    assert not load_dialect("google").facts.retracts
    assert placed.fault.id != "retract"


def test_scripts_shrink_to_one_plain_fault():
    plain = settings(PROFILE, max_examples=500)
    said = find(scripts(), lambda said: bool(said.faults), settings=plain)
    assert list(map(str, said.faults)) == ["close=1011@mid-utterance"]
    assert [utterance.text for utterance in said.speech.utterances] == ["hello"]
    assert said.client == ()
    assert said.seed == 0
    two = find(scripts(), lambda said: len(said.faults) == 2, settings=plain)
    assert list(map(str, two.faults)) == ["close=1011@mid-utterance"] * 2


@pytest.mark.parametrize(
    ("strategy", "problem"),
    [
        (scripts(families=(Family.BATCH, Family.TIME)), "batch requests and of streams"),
        (placed_faults(exclude=("rest",)), "did you mean 'reset'"),
        (placed_faults(points=()), "no fault is left"),
        (placed_faults("deepgarm"), "unknown dialect"),
        (client_steps(actions=("fly",)), "unknown action 'fly'"),
        (speeches(max_words=40), "1 to 31 words"),
    ],
)
def test_wrong_arguments_are_said_when_the_strategy_is_used(strategy, problem):
    with pytest.raises(UsageError, match=problem):
        find(strategy, lambda value: True, settings=PROFILE)


def test_a_script_that_fails_a_test_is_shown_as_it_is():
    @PROFILE
    @given(scripts())
    def has_no_fault(said):
        assert not said.faults

    with pytest.raises(AssertionError) as caught:
        has_no_fault()
    shown = "".join("\n".join(vars(caught.value)["__notes__"]).split())
    assert "faults=(Placed(fault=Fault(id='close',param=1011)," in shown
