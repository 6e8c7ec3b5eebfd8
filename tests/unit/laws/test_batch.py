"""RETRY for recordings recognised as a whole."""

from dataclasses import replace

import pytest

from sttkit.laws.model import Run
from tests.unit.laws.cases import Cases
from tests.unit.laws.story import Story, since, story

cases = Cases()


@pytest.mark.parametrize("case", cases, ids=str)
def test_the_law_judges_the_story(case):
    case.check()


def overloaded(times: int) -> Story:
    tale = story()
    for _ in range(times):
        tale.request(503, "batch-http=503").later(0.3)
    return tale


@cases.passes("RETRY-11")
def a_503_is_retried() -> Run:
    return overloaded(1).request(200).batch("hello there").run()


@cases.passes("RETRY-11", "RETRY-2")
def the_budget_is_used_up() -> Run:
    return overloaded(4).batch().run()


@cases.fails("RETRY-11", "RETRY-2")
def a_request_too_many() -> Run:
    return overloaded(5).batch().run()


@cases.fails("RETRY-11")
def a_503_is_not_retried() -> Run:
    return overloaded(1).batch().run()


@cases.fails("RETRY-11")
def an_error_answer_becomes_a_transcript() -> Run:
    return story().request(500, "batch-http=500").batch("").run()


@cases.fails("RETRY-11")
def a_page_becomes_a_transcript() -> Run:
    return story().request(200, "batch-not-json").batch("<html>").run()


@cases.passes("ORDER-3", "RETRY-11")
def a_recording_of_nothing_is_an_empty_transcript() -> Run:
    return story().request(200, "batch-empty", says="hello there").batch("").run()


@cases.skips("RETRY-11")
def the_text_of_a_recording_of_something_is_not_this_laws() -> Run:
    return story().request(200, says="hello there").batch("").run()


@cases.fails("RETRY-11")
def a_recording_of_nothing_raises() -> Run:
    return story().request(200, "batch-empty").batch(type="APIConnectionError").run()


@cases.fails("RETRY-11")
def a_page_raises_a_raw_error() -> Run:
    return story().request(200, "batch-not-json").batch(type="JSONDecodeError", api=False).run()


@cases.passes("RETRY-11")
def a_page_raises_an_api_error() -> Run:
    return story().request(200, "batch-not-json").batch().run()


@cases.fails("RETRY-11")
def an_answer_that_breaks_off_is_not_retried() -> Run:
    return story().request(200, "batch-cut").batch().run()


def given_up(after: float = 30.0) -> Story:
    """The answer is so late that the client does not wait for it."""
    tale = story().attempt().server("request", method="POST", path="/", query={}, headers={})
    return tale.fault("batch-slow=60", "batch").later(after).left("abort").error()


@cases.passes("RETRY-6", "RETRY-11")
def a_request_that_was_given_up_is_tried_again() -> Run:
    return given_up().request(200).batch("hello there").run()


@cases.fails("RETRY-6")
def a_request_that_was_hardly_waited_for_is_no_failure_of_the_server() -> Run:
    return given_up(0.3).request(200).batch("hello there").run()


@cases.fails("RETRY-11")
def a_request_that_was_given_up_is_not_tried_again() -> Run:
    return given_up().batch(type="APITimeoutError").run()


@cases.fails("RETRY-11")
def a_request_that_was_given_up_raises_a_raw_error() -> Run:
    return given_up().batch(type="TimeoutError", api=False).run()


def unanswered() -> Story:
    """The request is never answered, and the client does not leave."""
    return story().attempt().fault("no-answer", "connecting")


@cases.fails("RETRY-11")
def an_answer_is_waited_for_for_ever() -> Run:
    return unanswered().later(74.0).batch(type="DidNotReturn", api=False).run()


@cases.doubts("RETRY-11")
def a_second_answer_is_waited_for_when_the_run_ends() -> Run:
    tale = unanswered().later(60.0).attempt().fault("no-answer", "connecting")
    return tale.later(14.0).batch(type="DidNotReturn", api=False).run()


@cases.passes("ORDER-3", "RETRY-11")
def an_unanswered_request_is_tried_again() -> Run:
    tale = unanswered().later(30.0).left("abort").error()
    return tale.request(200, says="hello there").batch("hello there").run()


@cases.passes("RETRY-2", "RETRY-11")
def the_server_is_not_there_for_a_whole_budget() -> Run:
    return story().refused().refused().refused().refused().batch().run()


@cases.fails("RETRY-2", "RETRY-11")
def the_budget_ends_with_a_raw_error() -> Run:
    tale = story().refused().refused().refused().refused()
    return tale.batch(type="ClientConnectorError", api=False).run()


@cases.fails("RETRY-11")
def an_unknown_host_is_not_tried_again() -> Run:
    return story().attempt("unknown-host").fault("unknown-host", "connecting").batch().run()


@cases.passes("RETRY-4", "RETRY-11")
def a_wrong_key_raises_at_once() -> Run:
    tale = story().request(401, "batch-http=401")
    return tale.batch(type="APIStatusError", retryable=False).run()


@cases.fails("RETRY-4", "RETRY-11")
def a_wrong_key_is_tried_again() -> Run:
    tale = story().request(401, "batch-http=401").request(401, "batch-http=401")
    return tale.batch(type="APIStatusError", retryable=False).run()


@cases.fails("RETRY-4", "RETRY-11")
def a_wrong_key_is_called_retryable() -> Run:
    return story().request(401, "batch-http=401").batch().run()


@cases.fails("RETRY-4")
def an_old_framework_tries_a_wrong_key_again() -> Run:
    return replace(a_wrong_key_is_tried_again(), subject=since((1, 8, 3)))


@cases.passes("RETRY-11")
def a_status_that_the_contract_does_not_speak_of() -> Run:
    tale = story().request(413, "batch-http=413")
    return tale.batch(type="APIStatusError", retryable=False).run()


@cases.skips("RETRY-2", "RETRY-4", "RETRY-11")
def no_request_fails() -> Run:
    return story().request(200).batch("hello there").run()


@cases.skips("RETRY-11")
def nothing_is_recognised_as_a_whole() -> Run:
    return story().first().second().finished().run()


@cases.passes("ORDER-3")
def the_words_answered_are_returned_with_punctuation() -> Run:
    return (
        story()
        .request(200, says="hello there how are you")
        .batch("Hello, there. How are you?")
        .run()
    )


@cases.passes("ORDER-3")
def what_the_second_request_answers_is_returned() -> Run:
    return overloaded(1).request(200, says="hello there").batch("hello there").run()


@cases.passes("ORDER-3")
def a_recording_is_asked_for_piece_by_piece() -> Run:
    tale = story().request(200, says="hello there").request(200, says="how are you")
    return tale.batch("hello there how are you").run()


@cases.fails("ORDER-3")
def only_the_first_segment_is_returned() -> Run:
    return story().request(200, says="hello there how are you").batch("hello there").run()


@cases.fails("ORDER-3")
def the_words_answered_are_returned_twice() -> Run:
    return story().request(200, says="hello there").batch("hello there hello there").run()


@cases.fails("ORDER-3")
def an_answer_with_words_becomes_an_empty_transcript() -> Run:
    return story().request(200, says="hello there").batch("").run()


@cases.fails("ORDER-3")
def an_answer_without_words_becomes_a_transcript() -> Run:
    return story().request(200, "batch-empty", says="hello there").batch("thanks").run()


@cases.skips("ORDER-3")
def a_request_that_failed_says_nothing() -> Run:
    return overloaded(1).batch().run()


@cases.skips("ORDER-3")
def a_recorded_answer_is_not_known_to_say_anything() -> Run:
    return story().request(200).batch("hello there").run()


@cases.skips("ORDER-3")
def a_recording_is_streamed() -> Run:
    """What a session says of it comes in any number of messages."""
    tale = story().opened().heard(0.0, 1.42).sent("final", "hello there", endpoint=True)
    return tale.sent("final", "how are you", endpoint=True).batch("hello there how are you").run()
