"""Faults on top of recorded sessions: the reference plugin breaks no law of level must.

A usual run has the same examples each time. More, and new ones:

    STTKIT_EXAMPLES=500 pytest tests/property/test_faulted_cassettes.py
"""

from __future__ import annotations

import os

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sttkit import faults
from sttkit.deck.staging import staged
from sttkit.faults import Placed
from sttkit.laws import ALL_LAWS, Verdict, judge
from sttkit.pytest_plugin.transcribed import Transcribed
from sttkit.recording.guarding import blocked_sockets
from sttkit.strategies import SEARCHING, client_steps, placed_faults
from sttkit.worlds import simulated
from tests.support.library import STREAMED, loaded, target_for

EXAMPLES = int(os.environ.get("STTKIT_EXAMPLES", "0"))
MUST = [law for law in ALL_LAWS if law.level == "must"]
LEAVING = ("aclose", "aclose-twice", "cancel-consumer")

few = settings(
    SEARCHING,
    max_examples=EXAMPLES or 40,
    derandomize=not EXAMPLES,
    database=None,
    print_blob=True,
)


def heard_through(name: str, placed: tuple[Placed, ...], client=(), seed: int = 0) -> Transcribed:
    made = staged(loaded(name), faults=placed, client=client, seed=seed)
    with blocked_sockets():
        return Transcribed(simulated.play(target_for(name), made.script, tape=made.tape))


def assert_no_must_is_broken(heard: Transcribed) -> None:
    broken = {
        law: judgement
        for law, judgement in judge(heard.run, MUST).items()
        if judgement.verdict is Verdict.FAIL
    }
    assert not broken, heard.timeline()


@few
@given(
    st.sampled_from(STREAMED),
    st.lists(placed_faults("custom_stt"), min_size=1, max_size=2).map(tuple),
    st.integers(0, 3),
)
@example("two-utterances", (faults.parse_placed("reset@mid-utterance.2"),), 0)
@example("plain", (faults.parse_placed("half-open@after-final"),), 0)
@example("flush-in-mid-word", (faults.parse_placed("close=1011@flush"),), 0)
def test_no_fault_on_a_recording_makes_the_reference_plugin_break_a_must(
    name: str, placed: tuple[Placed, ...], seed: int
) -> None:
    assert_no_must_is_broken(heard_through(name, placed, seed=seed))


@settings(few, max_examples=EXAMPLES or 20)
@given(
    st.sampled_from(("plain", "two-utterances")),
    st.lists(placed_faults("custom_stt"), min_size=1, max_size=1).map(tuple),
    client_steps(max_steps=1, actions=LEAVING, until=5.0),
)
def test_leaving_in_the_middle_of_it_cleans_up(name, placed, client) -> None:
    assert_no_must_is_broken(heard_through(name, placed, client))


@pytest.mark.parametrize("fault", ["reset@mid-utterance.3", "close=1012@mid-utterance.3"])
def test_what_was_said_after_a_break_comes_from_the_recording(fault: str) -> None:
    heard = heard_through("two-utterances", (faults.parse_placed(fault),))
    assert heard.attempts == 2
    assert heard.finals[-1] == "the doctor will see you in a few minutes"
