"""RETRY-1 to RETRY-5: whether there is another attempt, how many, and when."""

from dataclasses import replace

import pytest

from sttkit.laws.model import ConnOptions, Run
from tests.unit.laws.cases import Cases, judged
from tests.unit.laws.story import Story, healthy, since, story, with_facts

cases = Cases()


@pytest.mark.parametrize("case", cases, ids=str)
def test_the_law_judges_the_story(case):
    case.check()


def broken_by(fault: str) -> Story:
    return story().first().fault(fault, "after-final").later(0.05)


def retried(tale: Story, *, final: bool = True) -> Story:
    tale.error().talk(until=tale.pushed + 0.1).opened()
    if final:
        tale.talk(until=3.08).utterance(1).talk(until=3.38)
    return tale


def exhausted(attempts: int = 4, *, wait: float = 0.3) -> Story:
    """Refused until the budget is used up."""
    tale = story().stream()
    for number in range(attempts):
        tale.refused()
        if number < attempts - 1:
            tale.error().talk(until=round(0.1 + number * wait, 6))
    return tale


# --- RETRY-1 --------------------------------------------------------------------------------


@cases.passes("RETRY-1")
def a_close_1011_is_retried() -> Run:
    return retried(broken_by("close=1011")).finished().run()


@cases.passes("RETRY-1")
def a_plugins_own_reconnect_is_a_retry() -> Run:
    return broken_by("reset").opened().talk(until=3.08).utterance(1).finished().run()


@cases.passes("RETRY-1")
def an_idle_close_of_the_server_is_retried() -> Run:
    return retried(story().first().closed(1001).later(0.1)).finished().run()


def stepped(tale: Story) -> Story:
    """A session after the step before it, with both utterances."""
    tale.step().opened().talk(until=1.34).utterance(0)
    return tale.second()


@cases.passes("RETRY-1")
def a_step_towards_a_session_that_fails_is_an_attempt_that_fails() -> Run:
    return stepped(story().stream().step(503).error().talk(until=0.1)).finished().run()


@cases.passes("RETRY-6")
def so_its_error_event_is_one_for_a_failure() -> Run:
    return stepped(story().stream().step(503).error().talk(until=0.1)).finished().run()


@cases.fails("RETRY-6")
def a_step_that_succeeds_is_no_failure() -> Run:
    return stepped(story().stream().step().error().talk(until=0.1)).finished().run()


@cases.fails("RETRY-1")
def a_raw_error_ends_the_stream_at_the_first_failure() -> Run:
    return broken_by("reset").raised(type="ClientError", api=False).shut().run()


@cases.fails("RETRY-1")
def the_stream_gives_up_with_budget_left() -> Run:
    return retried(broken_by("reset"), final=False).fault("reset").raised().shut().run()


@cases.fails("RETRY-1")
def the_stream_just_ends_at_a_failure() -> Run:
    return broken_by("fin").ended().shut().run()


@cases.fails("RETRY-1")
def no_attempt_follows_a_failure() -> Run:
    return broken_by("close=1012").talk(until=18.0).call("end_input").shut().run()


@cases.fails("RETRY-1")
def a_deaf_stream_ends_when_the_application_has_lost_patience() -> Run:
    return broken_by("reset").talk(until=18.0).call("end_input").later(0.1).ended().shut().run()


@cases.passes("RETRY-1")
def a_retry_after_the_end_of_input_is_a_retry() -> Run:
    tale = broken_by("reset").error().call("end_input").later(0.1).opened()
    return tale.server_ends().ended().shut().run()


@cases.passes("RETRY-1")
def the_stream_gives_up_when_the_budget_is_used_up() -> Run:
    return exhausted().raised().shut().run()


@cases.passes("RETRY-1")
def a_final_right_before_the_failure_need_not_have_counted() -> Run:
    return four_hiccups(gap=0.01).raised().shut().run()


@cases.skips("RETRY-1")
def the_application_leaves_when_the_line_breaks() -> Run:
    return broken_by("reset").action("aclose").call("aclose").ended().run()


@cases.skips("RETRY-1")
def the_application_ends_its_audio_when_the_line_breaks() -> Run:
    return broken_by("reset").action("end").call("end_input").raised().shut().run()


@cases.doubts("RETRY-1")
def a_code_that_nobody_documents_is_not_judged() -> Run:
    return broken_by("close=4000").raised().shut().run()


@cases.passes("RETRY-1")
def a_code_that_the_provider_calls_transient_is_retried() -> Run:
    facts = with_facts(transient_closes=frozenset({4000}))
    return retried(broken_by("close=4000")).finished().run(facts=facts)


@cases.passes("RETRY-1")
def a_code_that_the_provider_calls_final_raises() -> Run:
    facts = with_facts(final_closes=frozenset({1008}))
    return broken_by("close=1008").raised(retryable=False).shut().run(facts=facts)


@cases.fails("RETRY-1")
def a_code_that_the_provider_calls_final_is_retried() -> Run:
    facts = with_facts(final_closes=frozenset({1008}))
    return retried(broken_by("close=1008")).finished().run(facts=facts)


@cases.doubts("RETRY-1")
def an_old_framework_retries_everything() -> Run:
    facts = with_facts(final_closes=frozenset({1008}))
    return retried(broken_by("close=1008")).finished().run(facts=facts, subject=since((1, 6, 9)))


@cases.exempts("RETRY-1")
def a_plugin_without_retries_is_not_asked() -> Run:
    return broken_by("reset").raised().shut().run(subject=since((1, 8, 9), max_retry=0))


def test_the_missing_retry_is_told_in_seconds():
    judgement = judged("RETRY-1", no_attempt_follows_a_failure())

    assert judgement.expected == "a new connection within 0.6 s of close=1012"
    assert judgement.observed == "none in 16.6 s"


# --- RETRY-2 --------------------------------------------------------------------------------


@cases.passes("RETRY-2")
def a_step_that_succeeds_is_no_attempt_of_its_own() -> Run:
    tale = story().stream()
    for number in range(4):
        tale.step().rejected(503)
        if number < 3:
            tale.error().talk(until=round(0.1 + number * 0.3, 6))
    return tale.raised().shut().run()


@cases.passes("RETRY-2")
def four_attempts_and_one_unrecoverable_error() -> Run:
    return exhausted().raised().shut().run()


@cases.passes("RETRY-2")
def a_declared_budget_counts() -> Run:
    return exhausted(1).raised().shut().run(subject=since((1, 8, 9), max_retry=0))


@cases.fails("RETRY-2")
def a_fifth_attempt() -> Run:
    return exhausted(5).raised().shut().run()


@cases.fails("RETRY-2")
def a_raw_exception_when_the_budget_is_used_up() -> Run:
    return exhausted().raised(type="OSError", api=False).shut().run()


@cases.fails("RETRY-2")
def no_exception_when_the_budget_is_used_up() -> Run:
    return exhausted().ended().shut().run()


@cases.fails("RETRY-2")
def silence_when_the_budget_is_used_up() -> Run:
    return exhausted().talk(until=20).call("end_input").shut().run()


@cases.fails("RETRY-2")
def two_unrecoverable_error_events() -> Run:
    return exhausted().error(False).raised().shut().run()


@cases.skips("RETRY-2")
def the_budget_is_not_used_up() -> Run:
    return retried(broken_by("reset")).finished().run()


@cases.skips("RETRY-2")
def finals_start_new_rows() -> Run:
    tale = story().stream()
    for number in range(6):
        tale.opened().talk(until=number + 1.0).sent("final", f"word{number}")
        tale.final(f"word{number}").later(0.1).fault("reset").error().later(0.1)
    return tale.opened().run()


@cases.skips("RETRY-2")
def attempts_that_outlive_the_timeout_start_new_rows() -> Run:
    # Known of the base class: a plugin that times out exactly at the timeout is retried for ever.
    tale = story().stream()
    for number in range(8):
        tale.attempt().fault("no-answer", "connecting").talk(until=2.0 * (number + 1)).error()
        tale.later(0.3)
    return tale.attempt().run()


@cases.fails("RETRY-2")
def attempts_that_fail_before_the_timeout_are_one_row() -> Run:
    tale = story().stream()
    for number in range(8):
        tale.attempt().fault("no-answer", "connecting").talk(until=1.9 * (number + 1)).error()
        tale.later(0.3)
    return tale.attempt().run()


@cases.fails("RETRY-2")
def before_1_8_3_an_attempt_that_outlived_the_timeout_did_not_count() -> Run:
    return replace(attempts_that_outlive_the_timeout_start_new_rows(), subject=since((1, 8, 2)))


@cases.skips("RETRY-2")
def moving_to_new_options_is_not_a_failure() -> Run:
    tale = story().stream()
    for number in range(6):
        tale.opened().talk(until=0.2 * (number + 1)).call("update_options").left()
    return tale.opened().run()


@cases.passes("RETRY-2")
def who_moves_to_new_options_need_not_mind_that_the_old_session_breaks() -> Run:
    tale = story().stream().opened().talk(until=0.2).call("update_options").fault("reset")
    for number in range(4):
        tale.later(0.1).opened().talk(until=0.4 + 0.2 * number).fault("reset")
        if number < 3:
            tale.error()
    return tale.raised().run()


@cases.doubts("RETRY-2")
def attempts_of_two_streams_cannot_be_told_apart() -> Run:
    tale = story().stream().of("second").stream()
    return tale.refused().run()


# --- RETRY-3 --------------------------------------------------------------------------------


@cases.passes("RETRY-3")
def the_waits_are_those_of_the_options() -> Run:
    return exhausted().raised().shut().run()


@cases.passes("RETRY-3")
def a_plugins_own_reconnect_may_be_quicker() -> Run:
    return broken_by("reset").error().talk(until=1.5).opened().run()


@cases.fails("RETRY-3")
def the_first_retry_comes_late() -> Run:
    return broken_by("reset").error().talk(until=2.2).opened().run()


@cases.fails("RETRY-3")
def a_later_retry_comes_late() -> Run:
    return exhausted(3, wait=1.5).raised().shut().run()


@cases.passes("RETRY-3")
def the_interval_of_the_options_counts() -> Run:
    tale = exhausted(3, wait=2.0).raised().shut()
    return tale.run(options=ConnOptions(3, 2.0, 10.0))


def second_break(of_this_session: bool) -> Run:
    """A final is delivered in the second session, which breaks; the next is 2 s later."""
    tale = story().stream().opened().talk(until=1.4)
    if not of_this_session:
        tale.sent("final", "hello there", utterance=0)
    tale.fault("close=1001", "after-final").error().talk(until=1.5).opened()
    if of_this_session:
        tale.sent("final", "hello there", utterance=0)
    tale.final("hello there").talk(until=1.8).fault("reset").error().talk(until=3.9).opened()
    return tale.run(options=ConnOptions(3, 2.0, 10.0))


@cases.passes("RETRY-3")
def a_final_that_the_application_reads_late_is_that_of_the_session_before() -> Run:
    return second_break(of_this_session=False)


@cases.passes("RETRY-3")
def a_final_read_late_is_no_final_of_a_session_that_said_another() -> Run:
    tale = story().stream().opened().talk(until=1.4).sent("final", "hello there", utterance=0)
    tale.fault("close=1001", "after-final").error().talk(until=1.5).opened()
    tale.final("hello there").talk(until=3.1).fault("reset").sent("final", "how are you")
    tale.error().talk(until=5.2).opened()
    return tale.run(options=ConnOptions(3, 2.0, 10.0))


@cases.fails("RETRY-3")
def a_final_of_the_session_that_breaks_makes_the_next_wait_a_first_one() -> Run:
    return second_break(of_this_session=True)


@cases.skips("RETRY-3")
def a_server_that_says_when_to_come_back_is_obeyed() -> Run:
    tale = story().stream().rejected(429, retry_after=1.0).error()
    return tale.talk(until=1.1).opened().run()


@cases.skips("RETRY-3")
def no_audio_flows_during_the_wait() -> Run:
    return broken_by("reset").error().later(2.0).opened().run()


@cases.skips("RETRY-3")
def a_plugin_connects_when_the_muted_caller_speaks_again() -> Run:
    tale = broken_by("reset").talk(until=1.5).later(1.3).error().later(2.0).push(1.5, 1.6)
    return tale.opened().run()


@cases.skips("RETRY-3")
def a_plugin_connects_when_the_next_utterance_of_a_long_call_comes() -> Run:
    tale = broken_by("reset").error().talk(until=1.5).later(20.0).push(1.5, 1.6).talk(until=1.8)
    return tale.opened().run()


@cases.fails("RETRY-3")
def a_muted_caller_is_no_excuse_for_a_wait_while_he_speaks() -> Run:
    tale = broken_by("reset").error().talk(until=1.8).later(20.0).talk(until=2.4)
    return tale.opened().run()


@cases.fails("RETRY-3")
def audio_in_advance_is_no_excuse_for_a_wait_after_it_was_due() -> Run:
    tale = broken_by("reset").action("burst").push(1.42, 1.92).error().later(0.5)
    return tale.talk(until=3.0).opened().run()


@cases.skips("RETRY-3")
def a_blocked_loop_delays_everything() -> Run:
    return broken_by("reset").action("block-loop").error().talk(until=2.2).opened().run()


@cases.skips("RETRY-3")
def the_input_ends_during_the_wait() -> Run:
    return broken_by("reset").error().talk(until=1.8).call("end_input").later(1).opened().run()


# --- RETRY-4 --------------------------------------------------------------------------------


@cases.passes("RETRY-4")
def a_wrong_key_raises_at_once() -> Run:
    tale = story().stream().rejected(401).raised(type="APIStatusError", retryable=False)
    return tale.shut().run()


@cases.fails("RETRY-4")
def a_wrong_key_is_tried_again() -> Run:
    return story().stream().rejected(401).error().later(0.1).rejected(401).run()


@cases.fails("RETRY-4")
def a_wrong_key_is_called_retryable() -> Run:
    return story().stream().rejected(403).raised(type="APIConnectionError").shut().run()


@cases.fails("RETRY-4")
def a_wrong_key_is_a_raw_error() -> Run:
    return story().stream().rejected(403).raised(type="WSError", api=False).shut().run()


@cases.fails("RETRY-4")
def a_wrong_key_just_ends_the_stream() -> Run:
    return story().stream().rejected(404).ended().shut().run()


@cases.fails("RETRY-4")
def a_wrong_key_is_not_told() -> Run:
    return story().stream().rejected(400).talk(until=16).call("end_input").shut().run()


@cases.skips("RETRY-4")
def another_status_is_another_matter() -> Run:
    return story().stream().rejected(503).error().later(0.1).opened().run()


@cases.skips("RETRY-4")
def the_application_leaves_when_the_key_is_refused() -> Run:
    return story().stream().rejected(401).action("aclose").call("aclose").ended().run()


@cases.fails("RETRY-4")
def an_old_framework_tries_again_by_itself() -> Run:
    return replace(a_wrong_key_is_tried_again(), subject=since((1, 6, 9)))


# --- RETRY-5 --------------------------------------------------------------------------------


def four_hiccups(*, gap: float = 0.1) -> Story:
    """As many failures as end a row, but for a final before the last."""
    tale = story().stream()
    for _ in range(3):
        tale.refused().error().later(0.3)
    tale.opened().talk(until=1.42).utterance(0).later(gap)
    return tale.fault("reset", "after-final").later(0.01)


@cases.passes("RETRY-5")
def a_final_gives_the_budget_back() -> Run:
    return four_hiccups().error().later(0.1).opened().run()


@cases.fails("RETRY-5")
def a_final_does_not_give_the_budget_back() -> Run:
    return four_hiccups().raised().shut().run()


@cases.skips("RETRY-5")
def a_final_in_the_moment_of_the_failure_need_not_count() -> Run:
    return four_hiccups(gap=0.01).raised().shut().run()


@cases.skips("RETRY-5")
def there_was_budget_left_anyway() -> Run:
    return retried(broken_by("reset")).finished().run()


@cases.fails("RETRY-5")
def finals_did_not_count_before() -> Run:
    return replace(a_final_does_not_give_the_budget_back(), subject=since((1, 0, 20)))


@cases.skips("RETRY-1", "RETRY-2", "RETRY-3", "RETRY-4", "RETRY-5")
def a_healthy_line_exercises_none_of_them() -> Run:
    return healthy().run()


# --- RETRY-10 -------------------------------------------------------------------------------


def overloaded(wait: float) -> Story:
    return story().stream().rejected(429, retry_after=1.0).error().later(wait).opened()


@cases.passes("RETRY-10")
def the_wait_that_was_asked_for_is_kept() -> Run:
    return overloaded(1.0).run()


@cases.warns("RETRY-10")
def the_client_is_back_too_early() -> Run:
    return overloaded(0.1).run()


@cases.skips("RETRY-10")
def no_wait_was_asked_for() -> Run:
    return story().stream().rejected(503).error().later(0.1).opened().run()
