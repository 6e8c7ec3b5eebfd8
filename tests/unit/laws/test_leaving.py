"""CLOSE-10 to CLOSE-14: late calls, what the server is told, and early or abrupt ends."""

import pytest

from sttkit.audio.speech import silence
from sttkit.laws.model import Run
from tests.unit.laws.cases import Cases
from tests.unit.laws.story import Story, an_error, healthy, story, with_facts

cases = Cases()


@pytest.mark.parametrize("case", cases, ids=str)
def test_the_law_judges_the_story(case):
    case.check()


def ending() -> Story:
    """The second utterance was heard, its final is due, and input has ended."""
    return story().first().talk(until=2.9).call("end_input")


# --- CLOSE-10 -------------------------------------------------------------------------------


@cases.passes("CLOSE-10")
def late_calls_raise() -> Run:
    return healthy().run()


@cases.fails("CLOSE-10")
def late_audio_is_swallowed() -> Run:
    return healthy().call("late:push_frame").run()


@cases.fails("CLOSE-10")
def a_late_flush_raises_something_else() -> Run:
    return healthy().call("late:flush", error=an_error(type="ChanClosed", api=False)).run()


@cases.fails("CLOSE-10")
def a_flush_ends_the_stream() -> Run:
    return story().first().call("flush").later(0.1).ended().run()


@cases.fails("CLOSE-10")
def a_flush_raises() -> Run:
    return story().first().call("flush", error=an_error(type="KeyError", api=False)).run()


REFUSED = an_error(type="RuntimeError", api=False, message="the stream is closed")


@cases.fails("CLOSE-10")
def audio_is_refused_while_input_is_open() -> Run:
    tale = story().stream().opened().call("push_frame", error=an_error("KeyError", api=False))
    return tale.later(1.0).finished(usage=None).run()


@cases.fails("CLOSE-10")
def audio_is_refused_in_the_tick_in_which_the_stream_was_opened() -> Run:
    tale = story().stream().action("end-at-once").call("push_frame", error=REFUSED)
    return tale.later(0.5).opened().finished(usage=None).run()


@cases.fails("CLOSE-10")
def audio_is_refused_by_a_stream_that_goes_on() -> Run:
    return story().first().call("push_frame", error=REFUSED).later(5.0).raised().shut().run()


@cases.fails("CLOSE-10")
def ending_the_input_raises() -> Run:
    tale = story().first().second().call("end_input", error=an_error("KeyError", api=False))
    return tale.later(31).shut().run()


@cases.passes("CLOSE-10")
def a_stream_that_is_over_refuses_audio_before_its_reader_has_heard_of_it() -> Run:
    tale = story().first().fault("close=1008").later(0.1).error(False)
    tale.call("push_frame", error=REFUSED).later(0.02)
    return tale.ended("raised", retryable=False).shut().run()


@cases.passes("CLOSE-10")
def a_stream_that_is_over_refuses_everything_while_its_reader_naps() -> Run:
    tale = story().first().action("slow-consumer").fault("close=1008").later(0.1).error(False)
    tale.call("push_frame", error=REFUSED).later(1.0).call("end_input", error=REFUSED)
    return tale.later(0.2).ended("raised", retryable=False).shut().run()


@cases.passes("CLOSE-10")
def a_stream_that_is_over_refuses_a_flush_which_did_not_end_it() -> Run:
    return story().first().call("flush", error=REFUSED).later(0.02).ended().shut().run()


@cases.passes("CLOSE-10")
def the_application_takes_the_http_session_away_just_then() -> Run:
    tale = story().first().call("push_frame", error=REFUSED).action("close-http-session")
    return tale.later(0.1).ended().shut().run()


@cases.skips("CLOSE-10")
def audio_in_another_form_is_refused() -> Run:
    tale = story().stream().action("stereo").opened()
    return tale.call("push_frame", error=an_error("ValueError", api=False)).run()


@cases.passes("CLOSE-10")
def a_flush_ends_nothing() -> Run:
    return story().first().call("flush").control("flush").second().run()


@cases.skips("CLOSE-10")
def nothing_is_called() -> Run:
    return story().first().run()


# --- CLOSE-11 -------------------------------------------------------------------------------


@cases.passes("CLOSE-11")
def the_server_is_told_of_the_end() -> Run:
    return healthy().run()


@cases.passes("CLOSE-11")
def a_stream_that_is_closed_early_sends_a_close_frame() -> Run:
    return story().first().action("aclose").left().call("aclose").ended().run()


@cases.warns("CLOSE-11")
def the_server_never_hears_of_the_end() -> Run:
    return ending().later(1).left().ended().shut().run()


@cases.warns("CLOSE-11")
def the_socket_is_dropped() -> Run:
    return story().first().action("aclose").left("abort").call("aclose").ended().run()


@cases.warns("CLOSE-11")
def the_session_is_forgotten() -> Run:
    return story().first().action("aclose").call("aclose").ended().run()


@cases.passes("CLOSE-11")
def a_protocol_without_an_end_message_needs_a_close_frame_only() -> Run:
    return ending().left().ended().shut().run(facts=with_facts(end_marker=False))


@cases.skips("CLOSE-11")
def the_session_was_only_just_ready() -> Run:
    tale = story().stream().opened().later(0.01).action("aclose").left("abort")
    return tale.call("aclose").ended().run()


@cases.skips("CLOSE-11")
def the_server_did_not_listen_any_more() -> Run:
    tale = story().first().fault("stop-reading").action("aclose").left("abort")
    return tale.call("aclose").ended().run()


@cases.skips("CLOSE-11")
def the_line_was_broken() -> Run:
    return story().first().fault("reset").action("aclose").call("aclose").ended().run()


@cases.warns("CLOSE-11")
def the_servers_close_frame_is_not_answered() -> Run:
    tale = story().first().second().call("end_input").control("end")
    tale.sent("session_ended", audio_s=3.38).closed(1000).server("eof")
    return tale.later(0.05).ended().shut().run()


@cases.doubts("CLOSE-11")
def the_servers_close_frame_is_on_its_way_on_a_narrow_line() -> Run:
    tale = story().first().fault("bandwidth=4", "upgraded").second().call("end_input")
    tale.control("end").server("injected", what="huge", text="", size=100_000)
    tale.sent("session_ended", audio_s=3.38).closed(1000).later(7).server("eof")
    return tale.later(0.05).raised().shut().run()


# --- CLOSE-12 -------------------------------------------------------------------------------


def at_once() -> Story:
    """Everything is pushed and ended in the tick in which the stream is opened."""
    return story().stream().action("end-at-once").push(0.0, 3.38).call("end_input")


@cases.passes("CLOSE-12")
def early_audio_is_transcribed() -> Run:
    tale = at_once().later(0.1).opened().heard(0.0, 3.38).utterance(0).utterance(1)
    return tale.server_ends().ended().shut().run()


@cases.fails("CLOSE-12", "AUDIO-1")
def early_audio_leads_to_no_connection() -> Run:
    return at_once().ended().shut().run()


@cases.fails("CLOSE-12", "AUDIO-1", "AUDIO-2")
def early_audio_arrives_in_part() -> Run:
    tale = at_once().later(0.1).opened().heard(0.0, 1.5).utterance(0)
    return tale.server_ends().ended().shut().run()


@cases.passes("CLOSE-12")
def a_final_that_a_fault_kept_back_is_not_missed() -> Run:
    tale = at_once().later(0.1).opened().heard(0.0, 3.38).utterance(0)
    return tale.withheld("final", "how are you").server_ends().ended().shut().run()


def on_a_narrow_line(waits: float) -> Story:
    """32 KB at 4 KB/s are put on the line before anything else that the server says."""
    tale = at_once().later(0.1).attempt().fault("bandwidth=4", "upgraded").answered()
    tale.config().ready().heard(0.0, 3.38).server("injected", what="nested", size=32_000)
    tale.sent("final", "hello there").sent("final", "how are you")
    return tale.server_ends().later(waits).raised().shut()


@cases.doubts("CLOSE-12")
def what_was_said_is_still_on_its_way_on_a_narrow_line() -> Run:
    return on_a_narrow_line(6).run()


@cases.fails("CLOSE-12")
def what_was_said_on_a_narrow_line_is_lost() -> Run:
    return on_a_narrow_line(20).run()


@cases.skips("CLOSE-12")
def the_session_was_up_before_the_end() -> Run:
    return healthy().run()


@cases.passes("CLOSE-12")
def early_audio_outlives_an_attempt_that_failed() -> Run:
    tale = at_once().refused().error().later(0.1).opened().heard(0.0, 3.38)
    return tale.utterance(0).utterance(1).server_ends().ended().shut().run()


@cases.fails("CLOSE-12")
def early_audio_is_given_up_with_the_first_attempt() -> Run:
    return at_once().refused().raised().shut().run()


@cases.skips("CLOSE-12")
def all_attempts_failed() -> Run:
    tale = at_once()
    for _ in range(3):
        tale.refused().error().later(0.3)
    return tale.refused().raised().shut().run()


@cases.skips("CLOSE-12")
def the_first_attempt_failed_for_good() -> Run:
    return at_once().rejected(401).raised(retryable=False).shut().run()


@cases.skips("CLOSE-12")
def nothing_was_said() -> Run:
    tale = story().stream().push(0.0, 0.3).call("end_input").ended().shut()
    return tale.run(speech=silence(0.3))


# --- CLOSE-14 -------------------------------------------------------------------------------


def session_closed() -> Story:
    return story().first().action("close-http-session").left("abort").later(0.05)


@cases.passes("CLOSE-14")
def the_closed_session_ends_the_stream() -> Run:
    return session_closed().ended().shut().run()


@cases.passes("CLOSE-14")
def the_closed_session_raises() -> Run:
    return session_closed().error(False).ended("raised").shut().run()


@cases.passes("CLOSE-14")
def an_attempt_under_way_fails_by_the_line() -> Run:
    tale = story().stream().action("close-http-session").attempt("unknown-host").error()
    return tale.ended().shut().run()


@cases.fails("CLOSE-14")
def an_attempt_that_fails_by_the_line_is_retried() -> Run:
    tale = story().stream().action("close-http-session").attempt("unknown-host").error()
    return tale.later(0.3).error().raised().shut().run()


@cases.fails("CLOSE-14")
def the_closed_session_is_retried() -> Run:
    return session_closed().error().later(0.3).error().raised().shut().run()


@cases.fails("CLOSE-14")
def a_new_session_is_opened_instead() -> Run:
    return session_closed().later(0.3).opened().run()


@cases.fails("CLOSE-14")
def the_stream_goes_on_without_a_session() -> Run:
    return session_closed().talk(until=18).call("end_input").later(1).shut().run()


@cases.exempts("CLOSE-14")
def the_plugin_has_a_session_of_its_own() -> Run:
    tale = story().first().action("close-http-session")
    return tale.second().finished().run()


@cases.skips("CLOSE-14")
def the_line_had_failed_before() -> Run:
    tale = story().first().fault("reset").action("close-http-session").error()
    return tale.raised(type="RuntimeError", api=False).shut().run()


@cases.skips("CLOSE-14")
def the_application_does_not_close_it() -> Run:
    return healthy().run()


@cases.skips("CLOSE-14")
def the_stream_was_over_by_then() -> Run:
    return healthy().action("close-http-session").run()
