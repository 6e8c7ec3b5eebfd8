"""CLOSE-7 to CLOSE-9: from the end of input to the end of iteration."""

import pytest

from sttkit.laws.model import Run
from tests.unit.laws.cases import Cases, judged
from tests.unit.laws.story import Story, healthy, story, with_facts

cases = Cases()


@pytest.mark.parametrize("case", cases, ids=str)
def test_the_law_judges_the_story(case):
    case.check()


def ending() -> Story:
    """The second utterance was heard, its final is due, and input has ended."""
    return story().first().talk(until=2.9).call("end_input")


def answered() -> Story:
    """The server gave its last final and ended the session."""
    tale = ending().control("end").sent("final", "how are you", utterance=1, endpoint=True)
    return tale.sent("session_ended", audio_s=2.9).closed(1000)


# --- CLOSE-7 --------------------------------------------------------------------------------


@cases.passes("CLOSE-7")
def the_last_final_is_delivered_and_iteration_ends() -> Run:
    return answered().final("how are you").later(0.1).ended().shut().run()


@cases.fails("CLOSE-7")
def the_last_final_is_lost() -> Run:
    return answered().later(0.1).ended().shut().run()


@cases.fails("CLOSE-7")
def iteration_ends_late() -> Run:
    return answered().final("how are you").later(5).ended().shut().run()


@cases.fails("CLOSE-7")
def iteration_does_not_end() -> Run:
    return answered().final("how are you").later(32).shut().run()


@cases.fails("CLOSE-7")
def a_normal_end_raises() -> Run:
    return answered().final("how are you").later(0.1).raised().shut().run()


@cases.fails("CLOSE-7")
def the_client_leaves_without_the_last_final() -> Run:
    return ending().control("end").left().ended().shut().run()


@cases.fails("CLOSE-7")
def the_client_never_tells_the_server_of_the_end() -> Run:
    return ending().control("unintelligible").later(5).left().ended().shut().run()


@cases.passes("CLOSE-7")
def a_final_behind_the_servers_end_is_not_owed() -> Run:
    tale = ending().control("end").sent("final", "how are you").final("how are you")
    tale.sent("session_ended", audio_s=2.9).sent("final", "afterthought", after_end=True)
    return tale.closed(1000).later(0.1).ended().shut().run()


@cases.skips("CLOSE-7")
def a_session_that_has_lasted_long_enough_is_closed_before_it_could_end() -> Run:
    tale = story().stream().attempt().fault("session-limit=5", "upgraded").answered().config()
    tale.ready().talk(until=1.42).utterance(0).second().call("end_input").control("end")
    return tale.at(5.0).closed(1001).later(0.02).raised().shut().run()


@cases.skips("CLOSE-7")
def the_servers_message_of_the_end_is_lost() -> Run:
    tale = ending().control("end").sent("final", "how are you", utterance=1, endpoint=True)
    tale.final("how are you").withheld("session_ended", "").closed(1000)
    return tale.later(0.1).raised().shut().run()


@cases.fails("CLOSE-7")
def a_server_that_closes_before_the_limit_has_ended_the_session() -> Run:
    tale = story().stream().attempt().fault("session-limit=5", "upgraded").answered().config()
    tale.ready().talk(until=1.42).utterance(0).second().call("end_input").control("end")
    return tale.at(4.0).closed(1000).later(0.02).raised().shut().run()


@cases.skips("CLOSE-7")
def the_client_leaves_when_nothing_is_to_come() -> Run:
    tale = story().first().second().call("end_input").control("end").left()
    return tale.ended().shut().run()


@cases.skips("CLOSE-7")
def the_line_breaks_after_the_end() -> Run:
    return ending().control("end").fault("reset", "after-end").ended().shut().run()


@cases.skips("CLOSE-7")
def the_application_closes_the_stream_before_the_end() -> Run:
    return answered().action("aclose").call("aclose").ended().run()


@cases.doubts("CLOSE-7")
def the_servers_end_is_not_watched_long_enough() -> Run:
    return answered().final("how are you").later(1).shut().run()


@cases.exempts("CLOSE-7")
def the_protocol_has_no_end_message() -> Run:
    return healthy().run(facts=with_facts(end_marker=False))


# --- CLOSE-8 --------------------------------------------------------------------------------


def mute() -> Story:
    return ending().control("end").fault("mute-after-end", "after-end")


@cases.passes("CLOSE-8")
def silence_is_waited_for_with_a_bound() -> Run:
    return mute().later(5).left().ended().shut().run()


@cases.passes("CLOSE-8")
def silence_raises() -> Run:
    return mute().later(5).left().raised().shut().run()


@cases.passes("CLOSE-8")
def a_half_open_line_is_given_up() -> Run:
    tale = ending().control("end").fault("half-open", "after-end")
    return tale.later(10).raised().shut().run()


@cases.fails("CLOSE-8")
def silence_is_waited_for_for_ever() -> Run:
    return mute().later(32).shut().run()


@cases.fails("CLOSE-8")
def the_server_is_asked_in_a_way_that_ends_nothing() -> Run:
    tale = ending().control("flush").sent("final", "how are you").final("how are you")
    return tale.later(32).shut().run()


@cases.fails("CLOSE-8")
def a_server_that_does_not_answer_the_close_is_waited_for() -> Run:
    tale = ending().control("end").sent("session_ended", audio_s=2.9)
    return tale.fault("no-close-reply", "closing").later(32).shut().run()


@cases.skips("CLOSE-8")
def the_server_ends_the_session() -> Run:
    return healthy().run()


@cases.skips("CLOSE-8")
def the_client_does_not_wait_for_an_answer() -> Run:
    return ending().later(0.1).left().ended().shut().run()


@cases.skips("CLOSE-8")
def the_application_closes_the_stream_meanwhile() -> Run:
    return mute().later(1).action("aclose").left().call("aclose").ended().run()


@cases.skips("CLOSE-8")
def the_application_took_the_http_session_away() -> Run:
    tale = story().first().action("close-http-session").left("abort").talk(until=3.38)
    return tale.call("end_input").shut().run()


@cases.doubts("CLOSE-8")
def silence_is_not_watched_long_enough() -> Run:
    return mute().later(9).shut().run()


# --- CLOSE-9 --------------------------------------------------------------------------------


@cases.passes("CLOSE-9")
def the_end_is_the_end() -> Run:
    return healthy().run()


@cases.fails("CLOSE-9")
def a_new_session_after_the_servers_end() -> Run:
    return answered().final("how are you").later(0.2).opened().later(1).ended().shut().run()


@cases.fails("CLOSE-9")
def a_new_session_after_the_end_of_iteration() -> Run:
    tale = ending().control("end").later(0.1).ended().later(0.1).opened()
    return tale.shut().run()


@cases.passes("CLOSE-9")
def the_first_session_may_come_after_the_end_of_input() -> Run:
    tale = story().stream().push(0.0, 3.38).call("end_input").later(0.1).opened()
    return tale.heard(0.0, 3.38).utterance(0).utterance(1).server_ends().ended().shut().run()


@cases.passes("CLOSE-9")
def a_session_with_new_options_may_follow_while_input_is_queued() -> Run:
    tale = story().first().call("update_options").call("end_input").left()
    tale.opened().utterance(1).server_ends()
    return tale.ended().shut().run()


@cases.skips("CLOSE-9")
def a_drop_after_the_end_may_be_retried() -> Run:
    tale = ending().control("end").fault("reset", "after-end").error().later(0.1).opened()
    return tale.server_ends().ended().shut().run()


@cases.skips("CLOSE-9")
def input_is_not_ended() -> Run:
    return story().first().action("aclose").left().call("aclose").ended().run()


def test_an_end_in_the_instant_of_aclose_is_not_the_streams_own():
    tale = mute().later(32).client("calling", name="aclose").ended().shut()
    assert judged("CLOSE-8", tale.run()).observed == "not in 32 s of silence"
