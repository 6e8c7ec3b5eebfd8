"""INPUT and SECRET: bad input from the server, and what must not come out."""

import pytest

from sttkit.dialects.model import ProviderFailure
from sttkit.laws.model import Run
from tests.unit.laws.cases import Cases, judged
from tests.unit.laws.story import OVERLOADED, Story, healthy, since, story

cases = Cases()
ERRORS = {
    "overloaded": OVERLOADED,
    "bad_audio": ProviderFailure("the audio cannot be decoded", "{}", retryable=False),
}


@pytest.mark.parametrize("case", cases, ids=str)
def test_the_law_judges_the_story(case):
    case.check()


def injected(what: str = "not-json") -> Story:
    return story().first().injected(what)


# --- INPUT-1 --------------------------------------------------------------------------------


@cases.passes("INPUT-1")
def a_malformed_message_is_skipped() -> Run:
    return injected().second().finished().run()


@cases.passes("INPUT-1")
def a_malformed_message_leads_to_a_reconnect() -> Run:
    tale = injected("huge").error().left().later(0.1).opened()
    return tale.second().finished().run()


@cases.passes("INPUT-1")
def a_malformed_message_raises_an_api_error() -> Run:
    return injected().later(0.1).left().raised().shut().run()


@cases.fails("INPUT-1")
def a_malformed_message_raises_a_raw_error() -> Run:
    return injected().left().raised(type="JSONDecodeError", api=False).shut().run()


@cases.fails("INPUT-1")
def a_malformed_message_just_ends_the_stream() -> Run:
    return injected().left().later(0.1).ended().shut().run()


@cases.fails("INPUT-1")
def a_malformed_message_silences_what_follows() -> Run:
    tale = injected().talk(until=3.08).utterance(1, delivered=False).talk(until=3.38)
    return tale.finished().run()


@cases.fails("INPUT-1")
def a_stream_that_a_message_made_deaf_says_so_only_at_the_end() -> Run:
    tale = injected().talk(until=3.08).utterance(1, delivered=False).talk(until=3.38)
    return tale.call("end_input").control("end").later(10).left().raised().shut().run()


@cases.fails("INPUT-1")
def a_malformed_message_leaves_the_stream_without_a_connection() -> Run:
    tale = injected().left().talk(until=18)
    return tale.call("end_input").later(32).shut().run()


@cases.passes("INPUT-1")
def a_malformed_message_at_the_very_end_changes_nothing() -> Run:
    tale = story().first().second().call("end_input").control("end").injected("nested")
    tale.sent("session_ended", audio_s=3.38).closed(1000)
    return tale.later(0.1).ended().shut().run()


@cases.skips("INPUT-1")
def the_stream_was_over_by_then() -> Run:
    return story().first().action("aclose").injected("empty").call("aclose").ended().run()


@cases.skips("INPUT-1")
def an_empty_transcript_is_not_malformed() -> Run:
    return story().first().injected("empty-transcript").second().finished().run()


# --- INPUT-2 --------------------------------------------------------------------------------


def violated(name: str = "bad-utf8") -> Story:
    return story().first().fault(f"rfc={name}").later(0.05)


@cases.passes("INPUT-2")
def a_violation_is_processed() -> Run:
    return violated("masked").second().finished().run()


@cases.passes("INPUT-2")
def a_violation_fails_the_connection_and_is_retried() -> Run:
    tale = violated().error().left().later(0.1).opened()
    return tale.second().finished().run()


@cases.passes("INPUT-2")
def a_violation_raises_when_there_is_no_budget() -> Run:
    tale = violated().left().raised().shut()
    return tale.run(subject=since((1, 8, 9), max_retry=0))


@cases.passes("INPUT-2")
def attempts_that_could_be_either_streams_use_the_budget_up_too() -> Run:
    # The first error event belongs to one of two attempts that nobody can tell apart.
    tale = story().stream().of("second").stream().attempt().of("main").error()
    for _ in range(2):
        tale.opened().talk(until=tale.pushed + 0.3).fault("rfc=bad-utf8").error().left().later(0.3)
    tale.opened().talk(until=tale.pushed + 0.3).fault("rfc=bad-utf8").left().raised().shut()
    return tale.run()


@cases.doubts("INPUT-2")
def attempts_that_could_be_either_streams_follow_a_violation() -> Run:
    tale = story().stream().of("second").stream().of("main").opened().talk(until=0.6)
    tale.fault("rfc=bad-utf8").left().error().later(0.3).attempt().fault("redirect").error()
    return tale.later(0.3).raised().shut().run()


@cases.fails("INPUT-2")
def a_violation_raises_without_a_retry() -> Run:
    return violated().left().raised().shut().run()


@cases.passes("INPUT-2")
def what_is_said_after_the_violation_of_words_before_it_arrives() -> Run:
    tale = story().stream().opened().talk(until=1.42).fault("rfc=masked").later(0.1).utterance(0)
    return tale.call("end_input").later(4).ended().shut().run()


@cases.fails("INPUT-2")
def what_is_said_after_the_violation_does_not_arrive() -> Run:
    tale = story().stream().opened().talk(until=1.42).fault("rfc=masked").later(0.1)
    tale.utterance(0, delivered=False).call("end_input")
    return tale.later(4).ended().shut().run()


@cases.fails("INPUT-2")
def a_violation_raises_a_raw_error() -> Run:
    return violated().left().raised(type="WebSocketError", api=False).shut().run()


@cases.fails("INPUT-2")
def a_violation_is_a_raw_error_event() -> Run:
    return violated().error(type="WebSocketError", api=False).left().opened().run()


@cases.fails("INPUT-2")
def a_violation_just_ends_the_stream() -> Run:
    return violated("close-5000").left().ended().shut().run()


@cases.fails("INPUT-2")
def a_violation_makes_the_stream_deaf() -> Run:
    tale = violated().talk(until=3.08).utterance(1, delivered=False).talk(until=4)
    return tale.call("end_input").later(32).shut().run()


@cases.fails("INPUT-2")
def a_violation_ends_the_connection_and_nothing_follows() -> Run:
    tale = violated().left().talk(until=4)
    return tale.call("end_input").later(0.1).ended().shut().run()


@cases.fails("INPUT-2")
def a_frame_that_is_cut_makes_the_stream_deaf() -> Run:
    tale = story().first().fault("cut").talk(until=18)
    return tale.call("end_input").shut().run()


@cases.doubts("INPUT-2")
def nothing_is_said_after_the_violation() -> Run:
    return violated().talk(until=2).call("end_input").ended().shut().run()


@cases.skips("INPUT-2")
def the_application_closes_the_stream_at_that_moment() -> Run:
    return violated().action("aclose").left().call("aclose").ended().run()


@cases.skips("INPUT-2")
def there_is_no_violation() -> Run:
    return healthy().run()


# --- INPUT-3 --------------------------------------------------------------------------------


def failed(name: str = "overloaded") -> Story:
    return story().first().sent("provider_error", "…", name=name).later(0.05)


def told(tale: Story) -> Run:
    return tale.talk(until=3.08).call("end_input").later(0.1).shut().run(errors=ERRORS)


@cases.passes("INPUT-3")
def the_providers_text_is_in_an_error_event() -> Run:
    return told(failed().error(message="server error: The recogniser is overloaded."))


@cases.passes("INPUT-3")
def the_providers_text_is_in_the_exception() -> Run:
    tale = failed("bad_audio").ended(
        "raised", message="the audio cannot be decoded", retryable=False
    )
    return tale.shut().run(errors=ERRORS)


def failed_twice() -> Story:
    tale = story().first().sent("provider_error", "…", name="overloaded")
    return tale.sent("provider_error", "…", name="bad_audio").later(0.05)


@cases.passes("INPUT-3")
def the_client_leaves_for_the_first_error_message_and_reads_no_other() -> Run:
    return told(failed_twice().error(message="the recogniser is overloaded").left())


@cases.skips("INPUT-3")
def the_client_leaves_for_a_malformed_message_and_reads_no_other() -> Run:
    tale = story().first().injected("null-error").later(0.03)
    tale.sent("provider_error", "…", name="bad_audio").later(0.02)
    return told(tale.error(message="malformed").left())


@cases.fails("INPUT-3")
def a_client_that_stays_for_the_first_does_not_tell_the_second() -> Run:
    tale = story().first().sent("provider_error", "…", name="overloaded").later(0.05)
    tale.error(message="the recogniser is overloaded").later(1)
    return told(tale.sent("provider_error", "…", name="bad_audio"))


@cases.fails("INPUT-3")
def neither_is_told() -> Run:
    return told(failed_twice())


@cases.fails("INPUT-3")
def the_error_message_is_only_logged() -> Run:
    return told(failed())


@cases.fails("INPUT-3")
def the_error_message_loses_its_text() -> Run:
    return told(failed().error(message="connection closed unexpectedly"))


@cases.fails("INPUT-3")
def a_final_error_is_called_retryable() -> Run:
    return told(failed("bad_audio").error(message="the audio cannot be decoded"))


@cases.fails("INPUT-3")
def a_passing_error_is_called_final() -> Run:
    tale = failed().error(False, message="the recogniser is overloaded", retryable=False)
    return told(tale)


@cases.skips("INPUT-3")
def the_application_closes_the_stream_when_it_comes() -> Run:
    tale = failed().action("aclose").left().call("aclose").ended()
    return tale.run(errors=ERRORS)


@cases.skips("INPUT-1", "INPUT-3")
def the_server_makes_no_mistake() -> Run:
    return healthy().run()


# --- SECRET-1 -------------------------------------------------------------------------------


@cases.passes("SECRET-1")
def the_key_shows_up_nowhere() -> Run:
    return healthy().run()


@cases.fails("SECRET-1")
def the_key_is_in_a_log_record() -> Run:
    return healthy().client("leak", place="log plugin WARNING", text="key=[redacted]").run()


def test_the_place_of_a_leak_is_told():
    judgement = judged("SECRET-1", the_key_is_in_a_log_record())

    assert judgement.observed == "in log plugin WARNING"
