"""RETRY-12 to RETRY-15: what a reconnect repeats, drops after the end of input, new options."""

from typing import Any

import pytest

from sttkit.laws.model import Run
from sttkit.laws.settings import is_setting
from tests.unit.laws.cases import Cases
from tests.unit.laws.story import Story, an_error, healthy, since, story

cases = Cases()
UPDATED = since((1, 8, 9), updates=(("language", "fr"),))


@pytest.mark.parametrize("case", cases, ids=str)
def test_the_law_judges_the_story(case):
    case.check()


def reconnected(*, first: dict[str, Any], second: dict[str, Any]) -> Story:
    tale = story().stream().opened(**first).talk(until=1.0).fault("reset").error().later(0.1)
    return tale.opened(**second).talk(until=2.0)


# --- RETRY-12 -------------------------------------------------------------------------------


@cases.passes("RETRY-12")
def the_configuration_is_repeated() -> Run:
    said = {"language": "en", "interim_results": True}
    return reconnected(first=said, second={**said, "interim_results": "true"}).run()


@cases.passes("RETRY-12")
def identifiers_are_new_each_time() -> Run:
    one = {"language": "en", "session_id": "a", "requestId": "b", "token": "c"}
    other = {"language": "en", "session_id": "x", "requestId": "y", "token": "z"}
    return reconnected(first=one, second=other).run()


@cases.fails("RETRY-12")
def a_value_is_another_one() -> Run:
    return reconnected(first={"language": "de"}, second={"language": "en"}).run()


@cases.fails("RETRY-12")
def a_value_is_missing() -> Run:
    return reconnected(first={"language": "de", "model": "x"}, second={"model": "x"}).run()


@cases.fails("RETRY-12")
def the_model_falls_back_to_the_default() -> Run:
    return reconnected(first={"model_id": "large"}, second={"model_id": "small"}).run()


@cases.fails("RETRY-12")
def a_setting_of_the_session_message_falls_back() -> Run:
    one, other = {"session.model": "large"}, {"session.model": "small"}
    return reconnected(first=one, second=other).run()


@cases.fails("RETRY-12")
def only_the_first_session_is_configured() -> Run:
    tale = story().stream().opened(language="de").talk(until=1.0).fault("reset").error().later(0.1)
    return tale.attempt().answered().ready().talk(until=2.0).run()


@cases.passes("RETRY-12")
def a_session_breaks_before_it_is_told_anything() -> Run:
    tale = story().stream().opened(language="de").talk(until=1.0).fault("reset").error().later(0.1)
    tale.attempt().answered().ready().fault("reset").error().later(0.1)
    return tale.opened(language="de").talk(until=2.0).run()


@cases.fails("RETRY-12")
def a_setting_is_lost_when_another_is_changed() -> Run:
    tale = story().stream().opened(language="en", model="x").talk(until=1.0)
    tale.call("update_options").left().opened(language="fr")
    return tale.talk(until=2.0).run(subject=UPDATED)


@cases.passes("RETRY-12")
def the_changed_options_are_on_the_new_connection() -> Run:
    tale = story().stream().opened(language="en", model="x").talk(until=1.0)
    tale.action("update-options").call("update_options").left().opened(language="fr", model="x")
    return tale.talk(until=2.0).run(subject=UPDATED)


@cases.fails("RETRY-12")
def the_changed_options_are_forgotten() -> Run:
    tale = story().stream().opened(language="en").talk(until=1.0).call("update_options").left()
    return tale.opened(language="en").talk(until=2.0).run(subject=UPDATED)


@cases.fails("RETRY-12")
def the_changed_options_are_forgotten_by_the_next_reconnect() -> Run:
    tale = story().stream().opened(language="en").talk(until=1.0).call("update_options").left()
    tale.opened(language="fr").talk(until=2.0).fault("reset").error().later(0.1)
    return tale.opened(language="en").run(subject=UPDATED)


@cases.passes("RETRY-12")
def options_change_while_the_first_attempt_is_under_way() -> Run:
    tale = story().stream().call("update_options").later(0.05).opened(language="en")
    tale.talk(until=1.0).left().opened(language="fr").talk(until=2.0)
    return tale.run(subject=UPDATED)


@cases.fails("RETRY-12")
def options_that_changed_while_the_first_attempt_was_under_way_are_forgotten() -> Run:
    tale = story().stream().call("update_options").later(0.05).opened(language="en")
    tale.talk(until=1.0).left().opened(language="en").talk(until=2.0)
    return tale.run(subject=UPDATED)


@cases.passes("RETRY-12")
def options_change_while_the_line_is_mended() -> Run:
    tale = story().stream().opened(language="en").talk(until=1.0).fault("reset").error()
    tale.later(0.1).call("update_options").later(0.05).opened(language="en").talk(until=1.5)
    return tale.left().opened(language="fr").talk(until=2.5).run(subject=UPDATED)


@cases.passes("RETRY-12")
def options_change_between_a_handshake_and_the_message_that_configures_its_session() -> Run:
    tale = story().stream().opened(language="en").talk(until=1.0).fault("reset").error().later(0.1)
    tale.attempt().answered().call("update_options").later(0.05).config(language="fr").ready()
    return tale.talk(until=2.5).run(subject=UPDATED)


@cases.fails("RETRY-12")
def options_that_changed_long_before_a_reconnect_are_forgotten() -> Run:
    tale = story().stream().opened(language="en").talk(until=1.0).fault("reset").error()
    tale.later(0.1).call("update_options").later(1.0).opened(language="en").talk(until=1.5)
    return tale.run(subject=UPDATED)


@cases.fails("RETRY-12")
def a_value_changes_long_after_the_options_did() -> Run:
    tale = story().stream().call("update_options").later(1.0).opened(language="fr", model="x")
    tale.talk(until=1.0).fault("reset").error().later(0.1).opened(language="fr", model="y")
    return tale.talk(until=2.0).run(subject=UPDATED)


@cases.fails("RETRY-12")
def changing_an_option_ends_the_stream() -> Run:
    tale = story().stream().opened().talk(until=1.0).call("update_options").left()
    return tale.later(0.01).ended().shut().run(subject=UPDATED)


@cases.skips("RETRY-12")
def options_that_are_changed_on_the_wire_need_no_reconnect() -> Run:
    tale = story().first().call("update_options").control("config").config(language="fr")
    return tale.second().finished().run(subject=UPDATED)


@cases.skips("RETRY-12")
def there_is_one_session() -> Run:
    return healthy().run()


def test_what_a_client_chose_is_a_setting():
    names = (
        "model_id modelId model.id voice_id x-voice-id language keyterm invalid grid "
        "session.model request.language session_timeout sessionMode"
    )
    assert [name for name in names.split() if not is_setting(name)] == []


def test_what_names_a_connection_is_no_setting():
    names = (
        "id session_id sessionId sessionid session.id requestId x-request-id X-Client-ID event_id "
        "client_reference_id traceparent trace_id x-b3-traceid correlation-id "
        "token accessToken auth.token timestamp nonce"
    )
    assert [name for name in names.split() if is_setting(name)] == []


# --- RETRY-15 -------------------------------------------------------------------------------


def updated() -> Story:
    tale = story().stream().opened(language="en").talk(until=1.0).action("update-options")
    return tale.call("update_options")


@cases.passes("RETRY-15")
def new_options_are_told_by_a_new_session() -> Run:
    tale = updated().talk(until=1.1).left().opened(language="fr").talk(until=3.3)
    return tale.run(subject=UPDATED)


@cases.passes("RETRY-15")
def new_options_are_told_by_a_message() -> Run:
    tale = updated().later(0.02).control("config").config(language="fr").talk(until=3.3)
    return tale.run(subject=UPDATED)


@cases.fails("RETRY-15")
def new_options_wait_for_the_line_to_break() -> Run:
    tale = updated().talk(until=3.3).fault("reset").error().later(0.1).opened(language="fr")
    return tale.talk(until=3.38).run(subject=UPDATED)


@cases.fails("RETRY-15")
def a_new_session_has_the_old_options() -> Run:
    tale = updated().talk(until=1.1).left().opened(language="en").talk(until=3.3)
    return tale.run(subject=UPDATED)


@cases.skips("RETRY-15")
def the_line_breaks_before_new_options_can_apply() -> Run:
    tale = updated().talk(until=1.3).fault("reset").error().talk(until=3.3)
    return tale.run(subject=UPDATED)


@cases.doubts("RETRY-15")
def a_session_with_new_options_may_be_the_siblings() -> Run:
    tale = story().stream().of("second").stream().of("main").opened(language="en")
    tale.talk(until=1.0).action("update-options").call("update_options")
    tale.later(0.1).left().attempt().answered().config(language="fr").fault("fin", "greeting")
    return tale.talk(until=3.4).run(subject=UPDATED)


@cases.skips("RETRY-15")
def the_server_breaks_the_protocol_before_new_options_can_apply() -> Run:
    tale = updated().talk(until=1.3).fault("rfc=close-5000").error().talk(until=3.3)
    return tale.run(subject=UPDATED)


@cases.passes("RETRY-15")
def the_session_that_is_to_be_left_ends_late() -> Run:
    tale = updated().talk(until=1.1).control("end").fault("late-final=1.5", "after-end")
    tale.talk(until=3.9).opened(language="fr").talk(until=5.0)
    return tale.run(subject=UPDATED)


@cases.fails("RETRY-15")
def it_is_left_too_late_all_the_same() -> Run:
    tale = updated().talk(until=1.1).control("end").fault("late-final=1.5", "after-end")
    return tale.talk(until=6.0).opened(language="fr").talk(until=7.0).run(subject=UPDATED)


@cases.skips("RETRY-15")
def too_little_audio_follows_the_new_options() -> Run:
    return updated().talk(until=2.0).call("end_input").later(0.1).run(subject=UPDATED)


@cases.passes("RETRY-15")
def options_may_be_changed_when_input_has_ended() -> Run:
    tale = story().first().call("end_input").later(0.1).call("update_options")
    return tale.server_ends().ended().shut().run(subject=UPDATED)


@cases.fails("RETRY-15")
def changing_an_option_when_input_has_ended_raises() -> Run:
    tale = story().first().call("end_input").later(0.1)
    tale.call("update_options", error=an_error(type="ChanClosed", api=False))
    return tale.server_ends().ended().shut().run(subject=UPDATED)


def updated_while_the_line_is_down() -> Story:
    tale = story().stream().opened(language="en").talk(until=1.0).fault("reset").error()
    tale.later(0.1).attempt().answered().config(language="en").action("update-options")
    return tale.call("update_options").talk(until=1.5, heard=False).ready()


@cases.passes("RETRY-15")
def what_is_changed_while_the_line_is_down_is_told_by_a_message() -> Run:
    tale = updated_while_the_line_is_down().control("config").config(language="fr")
    return tale.talk(until=4.0).run(subject=UPDATED)


@cases.fails("RETRY-15")
def what_is_changed_while_the_line_is_down_is_forgotten() -> Run:
    return updated_while_the_line_is_down().talk(until=4.0).run(subject=UPDATED)


@cases.skips("RETRY-15")
def the_line_breaks_once_more_before_new_options_can_apply() -> Run:
    tale = updated_while_the_line_is_down().talk(until=1.7).fault("reset").error()
    return tale.talk(until=4.0).run(subject=UPDATED)


@cases.skips("RETRY-15")
def the_line_stays_down_when_an_option_was_changed() -> Run:
    tale = story().stream().opened(language="en").talk(until=1.0).fault("reset").error()
    tale.action("update-options").call("update_options")
    return tale.talk(until=4.0).run(subject=UPDATED)


@cases.skips("RETRY-15")
def no_option_is_changed() -> Run:
    return healthy().run(subject=UPDATED)


@cases.exempts("RETRY-15")
def it_is_not_known_what_an_update_leads_to() -> Run:
    return updated().talk(until=3.3).run()


# --- RETRY-13 and RETRY-14 ------------------------------------------------------------------


def dropped() -> Story:
    """The line breaks when the second utterance was heard and its final is due."""
    tale = story().first().talk(until=2.9).call("end_input").control("end")
    return tale.fault("reset", "after-end").later(0.05)


@cases.passes("RETRY-13", "RETRY-14")
def a_drop_after_the_end_raises() -> Run:
    return dropped().raised().shut().run()


@cases.passes("RETRY-13", "RETRY-14")
def a_drop_after_the_end_is_told_and_retried() -> Run:
    tale = dropped().error().later(0.1).opened().control("end").sent("session_ended")
    return tale.closed(1000).ended().shut().run()


@cases.fails("RETRY-13")
def a_drop_after_the_end_is_never_noticed() -> Run:
    return dropped().later(32).shut().run()


@cases.doubts("RETRY-13")
def a_drop_after_the_end_is_not_watched_long_enough() -> Run:
    return dropped().later(5).shut().run()


@cases.fails("RETRY-13")
def a_drop_after_the_end_is_retried_for_ever() -> Run:
    tale = dropped()
    for _ in range(5):
        tale.error().later(0.3).refused()
    return tale.raised().shut().run()


@cases.passes("RETRY-13")
def a_budget_of_slow_attempts_may_be_refilled_by_the_framework() -> Run:
    tale = dropped()
    for _ in range(5):
        tale.error().later(0.3).attempt().fault("no-answer", "connecting").later(2.0)
    return tale.raised().shut().run()


@cases.skips("RETRY-13")
def a_half_open_line_does_not_drop() -> Run:
    tale = story().first().talk(until=2.9).call("end_input").control("end")
    return tale.fault("half-open", "after-end").later(32).shut().run()


@cases.skips("RETRY-13")
def the_application_closes_the_stream_after_the_drop() -> Run:
    return dropped().action("aclose").call("aclose").ended().run()


@cases.warns("RETRY-14")
def a_final_is_missing_and_nobody_says_so() -> Run:
    return dropped().ended().shut().run()


def fell_silent() -> Story:
    """The server stalls when the second utterance is being said."""
    tale = story().first().talk(until=2.0).fault("stall").talk(until=2.9)
    return tale.call("end_input").control("end").withheld("final", "how are you").later(10)


@cases.passes("RETRY-14")
def a_server_that_fell_silent_is_told_of() -> Run:
    return fell_silent().left().raised().shut().run()


@cases.warns("RETRY-14")
def a_server_that_fell_silent_passes_for_an_end() -> Run:
    return fell_silent().left().ended().shut().run()


@cases.skips("RETRY-14")
def a_server_that_fell_silent_had_said_it_all() -> Run:
    tale = story().first().second().call("end_input").control("end")
    return tale.fault("mute-after-end", "after-end").later(10).left().ended().shut().run()


@cases.skips("RETRY-14")
def the_last_interim_was_made_the_missing_final() -> Run:
    return dropped().final("how are you").ended().shut().run()


@cases.skips("RETRY-14")
def a_word_that_was_half_pushed_is_not_missing() -> Run:
    tale = story().first().talk(until=1.95).call("end_input").control("end")
    return tale.fault("reset", "after-end").ended().shut().run()


@cases.skips("RETRY-14")
def what_was_lost_with_an_earlier_failure_is_not_missing_now() -> Run:
    tale = story().stream().opened().talk(until=1.2).fault("reset").error().talk(until=1.3)
    tale.opened().talk(until=3.08).utterance(1).call("end_input").control("end")
    return tale.fault("reset", "after-end").ended().shut().run()


@cases.skips("RETRY-13", "RETRY-14")
def nothing_breaks_after_the_end() -> Run:
    return healthy().run()
