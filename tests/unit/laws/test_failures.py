"""RETRY-6 to RETRY-9: how a failure shows, and what must not pass for an end."""

import pytest

from sttkit.laws.model import Run
from tests.unit.laws.cases import Cases, judged
from tests.unit.laws.story import Story, healthy, since, story

cases = Cases()


@pytest.mark.parametrize("case", cases, ids=str)
def test_the_law_judges_the_story(case):
    case.check()


def broken_by(fault: str) -> Story:
    return story().first().fault(fault, "after-final").later(0.05)


def recovered(tale: Story) -> Story:
    return tale.later(0.1).opened().talk(until=3.08).utterance(1).talk(until=3.38).finished()


# --- RETRY-6 --------------------------------------------------------------------------------


@cases.passes("RETRY-6")
def a_healthy_line_emits_no_error() -> Run:
    return healthy().run()


@cases.passes("RETRY-6")
def one_event_for_one_failure() -> Run:
    return recovered(broken_by("reset").error()).run()


@cases.fails("RETRY-6")
def an_event_on_a_healthy_line() -> Run:
    return story().first().error().second().finished().run()


@cases.fails("RETRY-6")
def two_events_for_one_failure() -> Run:
    return recovered(broken_by("reset").error().error()).run()


@cases.warns("RETRY-6")
def no_event_for_a_failure() -> Run:
    return recovered(broken_by("reset")).run()


@cases.warns("RETRY-6")
def an_unrecoverable_event_for_a_failure_that_is_retried() -> Run:
    return recovered(broken_by("reset").error(False)).run()


def after_a_step(status: int, fault: str | None = None) -> Story:
    """A stream whose first request, for the address of its session, is answered so."""
    tale = story().census("before").stream().attempt()
    if fault is not None:
        tale.fault(fault, "connecting")
    tale.server("request", method="POST", path="/begin", query={}, headers={}, step=True)
    tale.server("response", status=status, retry_after=None, batch=True)
    return tale.server("lost", by="server", how="close").later(0.02)


@cases.passes("RETRY-6")
def one_event_for_a_step_that_was_refused() -> Run:
    return recovered(after_a_step(503, "http=503").error()).run()


@cases.passes("RETRY-6")
def one_event_for_a_step_that_was_sent_elsewhere() -> Run:
    return recovered(after_a_step(302, "redirect").error()).run()


@cases.fails("RETRY-6")
def an_event_for_a_step_that_was_answered() -> Run:
    return recovered(after_a_step(200).error()).run()


@cases.passes("RETRY-6")
def a_server_that_says_goodbye_has_not_failed() -> Run:
    return recovered(broken_by("close=1000")).run()


@cases.passes("RETRY-6")
def a_server_that_ends_the_session_in_its_own_words_has_not_failed() -> Run:
    return recovered(broken_by("unasked-end")).run()


@cases.passes("RETRY-6")
def a_message_before_the_greeting_is_overheard() -> Run:
    tale = story().stream().attempt().answered().config(language="en").injected("early-message")
    return tale.ready().talk(until=1.42).utterance(0).second().finished().run()


@cases.fails("RETRY-6")
def a_message_before_the_greeting_is_taken_for_a_failure() -> Run:
    tale = story().stream().attempt().answered().config(language="en").injected("early-message")
    return recovered(tale.left().error()).run()


@cases.passes("RETRY-6")
def new_options_lead_to_a_new_connection_anyway() -> Run:
    return recovered(broken_by("close=1011").call("update_options")).run()


@cases.passes("RETRY-6")
def an_error_message_of_the_server_is_a_failure() -> Run:
    tale = story().first().sent("provider_error", "no", name="overloaded").error().left()
    return recovered(tale).run()


@cases.fails("RETRY-6")
def an_error_message_that_the_client_itself_provoked_is_none() -> Run:
    tale = story().first().control("unintelligible").sent("provider_error", name="bad_request")
    return tale.closed(1008).raised(retryable=False).shut().run()


@cases.passes("RETRY-6")
def a_close_without_the_message_of_the_end_is_a_failure() -> Run:
    tale = story().first().second().call("end_input").control("end")
    return tale.withheld("session_ended", "").closed(1000).later(0.1).raised().shut().run()


@cases.passes("RETRY-6")
def a_client_that_is_confused_by_a_fault_is_excused() -> Run:
    tale = story().first().injected("not-json").control("unintelligible")
    return recovered(tale.sent("provider_error", name="bad_request").error().left()).run()


@cases.passes("RETRY-6")
def a_malformed_message_may_be_a_failure() -> Run:
    return recovered(story().first().injected("not-json").error().left()).run()


@cases.passes("RETRY-6")
def a_server_that_says_nothing_may_be_a_failure() -> Run:
    return recovered(story().first().fault("stall").talk(until=2).error().left()).run()


@cases.passes("RETRY-6")
def a_wrong_key_is_one_failure() -> Run:
    return story().stream().rejected(401).raised(retryable=False).shut().run()


@cases.passes("RETRY-6")
def errors_after_the_session_was_closed_are_another_matter() -> Run:
    tale = story().first().action("close-http-session").left("abort").error().error(False)
    return tale.ended().shut().run()


@cases.passes("RETRY-6")
def each_failed_request_of_a_batch_may_emit_one() -> Run:
    tale = story().request(503, "batch-http=503").error().request(200)
    return tale.batch("hello there").run()


@cases.fails("RETRY-6")
def an_event_for_a_request_that_did_not_fail() -> Run:
    return story().request(200).error().batch("hello there").run()


@cases.skips("RETRY-6")
def nothing_is_opened() -> Run:
    return story().census("before").run()


# --- RETRY-7 --------------------------------------------------------------------------------


@cases.passes("RETRY-7")
def an_api_error_ends_the_stream() -> Run:
    return broken_by("reset").raised().shut().run()


@cases.fails("RETRY-7")
def a_raw_error_ends_the_stream() -> Run:
    return broken_by("reset").raised(type="ClientConnectionResetError", api=False).shut().run()


@cases.fails("RETRY-7")
def a_raw_error_in_an_event() -> Run:
    return broken_by("reset").error(False, type="KeyError", api=False).ended().shut().run()


@cases.fails("RETRY-7")
def a_cancellation_leaks_out() -> Run:
    tale = broken_by("reset").ended("raised", type="CancelledError", api=False)
    return tale.shut().run()


@cases.skips("RETRY-7")
def no_error_reaches_the_application() -> Run:
    return recovered(broken_by("reset")).run()


@cases.skips("RETRY-7")
def the_application_closed_the_session_itself() -> Run:
    tale = story().first().action("close-http-session").left("abort")
    return tale.ended("raised", type="RuntimeError", api=False).shut().run()


@cases.skips("RETRY-7")
def the_consumer_was_cancelled() -> Run:
    tale = story().first().action("cancel-consumer")
    return tale.ended("cancelled", type="CancelledError", api=False).call("aclose").run()


# --- RETRY-8 --------------------------------------------------------------------------------


@cases.passes("RETRY-8")
def the_sender_meets_the_break_and_it_is_retried() -> Run:
    return recovered(broken_by("reset").action("block-loop").later(0.3).error()).run()


@cases.fails("RETRY-8")
def the_sender_meets_the_break_and_raises_a_raw_error() -> Run:
    tale = broken_by("reset").action("block-loop").later(0.3)
    return tale.raised(type="ConnectionError", api=False).shut().run()


@cases.fails("RETRY-8")
def the_sender_meets_the_break_and_nobody_hears_of_it() -> Run:
    tale = broken_by("reset").action("burst").push(1.42, 2.42)
    return tale.talk(until=18).call("end_input").shut().run()


@cases.skips("RETRY-8")
def nothing_was_sent_in_a_burst() -> Run:
    return recovered(broken_by("reset").error()).run()


@cases.skips("RETRY-8")
def the_line_did_not_break_then() -> Run:
    return story().first().action("block-loop").second().finished().run()


@cases.exempts("RETRY-8")
def a_plugin_without_retries_is_not_asked() -> Run:
    tale = broken_by("reset").action("block-loop").raised().shut()
    return tale.run(subject=since((1, 8, 9), max_retry=0))


# --- RETRY-9 --------------------------------------------------------------------------------


@cases.passes("RETRY-9")
def a_routine_close_is_followed_by_a_reconnect() -> Run:
    return recovered(broken_by("close=1000")).run()


@cases.passes("RETRY-9")
def a_routine_close_raises() -> Run:
    return broken_by("close=1001").raised().shut().run()


@cases.fails("RETRY-9")
def a_routine_close_just_ends_the_stream() -> Run:
    return broken_by("close=1000").ended().shut().run()


@cases.passes("RETRY-9")
def an_end_that_nobody_asked_for_is_followed_by_a_reconnect() -> Run:
    return recovered(broken_by("unasked-end").sent("session_ended").closed(1000)).run()


@cases.fails("RETRY-9")
def an_end_that_nobody_asked_for_is_taken_for_the_end() -> Run:
    tale = broken_by("unasked-end").sent("session_ended").closed(1000)
    return tale.later(0.05).ended().shut().run()


@cases.fails("RETRY-9")
def an_idle_close_is_not_answered_at_all() -> Run:
    tale = story().first().closed(1001).talk(until=18)
    return tale.call("end_input").shut().run()


@cases.skips("RETRY-9")
def another_code_is_another_matter() -> Run:
    return broken_by("close=1011").ended().shut().run()


@cases.skips("RETRY-9")
def the_servers_own_end_is_no_routine_close() -> Run:
    return healthy().run()


@cases.skips("RETRY-9")
def the_application_ends_its_audio_at_that_moment() -> Run:
    return broken_by("close=1000").action("end").call("end_input").ended().shut().run()


def test_a_raw_error_is_named_with_its_place():
    judgement = judged("RETRY-7", a_raw_error_ends_the_stream())

    assert judgement.expected == "an APIError"
    assert judgement.observed == "somewhere.ClientConnectionResetError in an error event"


def test_an_event_too_many_is_told_with_its_text():
    judgement = judged("RETRY-6", two_events_for_one_failure())

    assert judgement.expected == "no more than 1 error event, one per failure"
    assert judgement.observed.startswith("2 error events, the last of them APIConnectionError")
