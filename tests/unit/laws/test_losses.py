"""AUDIO: what a reconnect loses, what piles up, and audio in another form."""

import pytest

from sttkit.laws.ledger import ledger_of
from sttkit.laws.model import Limits, Run
from tests.unit.laws.cases import Cases, judged
from tests.unit.laws.story import OVER, Story, an_error, healthy, story

cases = Cases()


@pytest.mark.parametrize("case", cases, ids=str)
def test_the_law_judges_the_story(case):
    case.check()


# --- AUDIO-4 --------------------------------------------------------------------------------


def outage(seconds: float = 0.2) -> Story:
    """The line breaks at 1 s, and the next session is ready so much later."""
    tale = story().stream().opened().talk(until=1.0).fault("reset").error()
    return tale.talk(until=1.0 + seconds, heard=False).opened()


@cases.passes("AUDIO-4")
def the_outage_is_lost_and_no_more() -> Run:
    return outage().talk(until=3.0).finished().run()


@cases.passes("AUDIO-4")
def what_was_queued_in_the_outage_arrives() -> Run:
    return outage(4.0).heard(1.0, 5.0).talk(until=6.0).finished().run()


def queued(*, lasts: float) -> Story:
    """Four seconds queue up for a session that hears 0.2 s of them, and breaks after so long."""
    tale = outage(4.0).later(lasts).heard(1.0, 1.2).fault("half-close").error().later(0.1)
    return tale.opened().talk(until=8.0)


@cases.passes("AUDIO-4")
def what_was_queued_is_lost_with_a_session_that_breaks_at_once() -> Run:
    return queued(lasts=0.04).finished().run()


@cases.warns("AUDIO-4")
def what_was_queued_is_lost_by_a_session_that_had_time_to_send_it() -> Run:
    return queued(lasts=2.0).finished().run()


@cases.warns("AUDIO-4")
def two_seconds_before_the_outage_are_lost_with_it() -> Run:
    tale = story().stream().opened().talk(until=1.0).talk(until=3.0, heard=False).fault("reset")
    return tale.error().later(0.1).opened().talk(until=5.0).finished().run()


def by_itself(*, lost: float) -> Story:
    """The plugin changes over to another session on a sound line, and loses so much."""
    tale = story().stream().opened().talk(until=1.0).left().opened()
    return tale.talk(until=1.0 + lost, heard=False).talk(until=3.0)


@cases.passes("AUDIO-4")
def nothing_is_lost_by_changing_over() -> Run:
    return by_itself(lost=0.0).finished().run()


@cases.warns("AUDIO-4")
def a_frame_is_lost_by_changing_over() -> Run:
    return by_itself(lost=0.02).finished().run()


@cases.skips("AUDIO-4")
def there_is_but_one_session() -> Run:
    return healthy().run()


def test_the_ledger_adds_up_to_what_was_pushed():
    tale = outage(0.2).heard(0.9, 1.0).talk(until=3.0)
    stream = tale.finished().run().history.streams[0]
    ledger = ledger_of(stream)
    assert str(ledger) == "3000 ms pushed = 2700 once + 100 doubled + 200 lost"
    assert ledger.pushed == ledger.once + ledger.doubled + ledger.lost


def test_a_pass_states_the_ledger_too():
    said = judged("AUDIO-4", outage().talk(until=3.0).finished().run()).observed
    assert said == "3000 ms pushed = 2800 once + 0 doubled + 200 lost"


# --- AUDIO-8 --------------------------------------------------------------------------------


def shown() -> Story:
    """A session has heard, and shown, half an utterance."""
    tale = story().stream().opened().talk(until=1.0).sent("speech_started").sent("interim", "hello")
    return tale.begins().interim("hello")


def changed_over(tale: Story | None = None) -> Story:
    """The plugin leaves that session for another one, which hears the rest."""
    return (tale or shown()).left().opened().talk(until=1.5)


@cases.warns("AUDIO-8")
def the_half_sentence_is_never_heard_of_again() -> Run:
    tale = changed_over().sent("final", "there").final("there")
    return tale.second().finished().run()


@cases.passes("AUDIO-8")
def its_last_interim_is_made_final() -> Run:
    return changed_over(shown().final("hello")).second().finished().run()


@cases.passes("AUDIO-8")
def the_new_session_is_told_what_was_said_in_the_old_one() -> Run:
    tale = shown().left().opened().heard(0.0, 1.0).talk(until=1.5)
    return tale.utterance(0).second().finished().run()


@cases.passes("AUDIO-8")
def the_old_session_is_left_once_it_has_answered() -> Run:
    tale = shown().control("flush").sent("final", "hello").final("hello")
    return changed_over(tale).second().finished().run()


@cases.passes("AUDIO-8")
def the_old_session_is_brought_to_its_end() -> Run:
    tale = shown().control("end").sent("final", "hello").final("hello").sent("session_ended")
    return tale.closed(1000).opened().talk(until=1.5).second().finished().run()


@cases.warns("AUDIO-8")
def a_final_is_on_its_way_when_the_old_session_is_left() -> Run:
    return changed_over(shown().sent("final", "hello")).second().finished().run()


@cases.warns("AUDIO-8")
def the_stream_that_lost_it_never_ends() -> Run:
    tale = changed_over().second().call("end_input").later(32.0).action("aclose")
    return tale.call("aclose").ended().run()


@cases.skips("AUDIO-8")
def nothing_was_shown_when_the_session_changed() -> Run:
    return by_itself(lost=0.0).finished().run()


@cases.skips("AUDIO-8")
def the_line_broke() -> Run:
    tale = shown().fault("reset").error().later(0.1).opened().talk(until=3.0)
    return tale.finished().run()


@cases.skips("AUDIO-8")
def the_session_was_made_slow() -> Run:
    tale = story().stream().opened().talk(until=1.0).sent("interim", "hello")
    return changed_over(tale.fault("late-final=5")).second().finished().run()


@cases.skips("AUDIO-8")
def the_application_closed_the_stream_soon_after() -> Run:
    return changed_over().action("aclose").call("aclose").ended().run()


@cases.skips("AUDIO-8")
def the_session_is_left_when_all_was_said() -> Run:
    return shown().call("end_input").left().opened().ended().run()


# --- AUDIO-6 --------------------------------------------------------------------------------


def unread(*piled: float) -> Story:
    """The server stops reading, and so much audio is in memory 20 s and 50 s later."""
    tale = story().stream().opened().talk(until=1.0).fault("stop-reading")
    for at, seconds in zip((21.0, 51.0), piled, strict=False):
        tale.talk(until=at, heard=False)
        facts = {"tasks": [], "connections": 1, "objects": {}, "data": {}, "sessions": 1}
        tale.client("holding", audio_s=seconds, **facts)
    return tale.talk(until=62.0, heard=False)


@cases.passes("AUDIO-6")
def the_stream_gives_the_connection_up() -> Run:
    tale = unread(20.0).error().call("end_input")
    return tale.run(limits=Limits(recovery=70.0))


@cases.passes("AUDIO-6")
def old_audio_is_dropped() -> Run:
    return unread(5.0, 6.0).call("end_input").run(limits=Limits())


@cases.warns("AUDIO-6")
def audio_piles_up() -> Run:
    return unread(20.0, 50.0).call("end_input").run(limits=Limits())


@cases.warns("AUDIO-6")
def pushing_blocks() -> Run:
    tale = story().stream().opened().talk(until=1.0).fault("stop-reading").later(5.0)
    tale.client("blocked", seconds=4.0, where="plugin/stt.py:9 push_frame")
    return tale.error().call("end_input").run(limits=Limits())


@cases.skips("AUDIO-6")
def the_server_reads() -> Run:
    return healthy().run()


# --- AUDIO-5 --------------------------------------------------------------------------------


def spoken(action: str, *, arrives: float = OVER, exact: bool = False) -> Story:
    """All is pushed in another form, and so much of it arrives."""
    tale = story().stream().client("action", action=action, value=48000).opened()
    tale.talk(until=OVER, heard=False)
    return tale.heard(0.0, arrives, exact=exact)


@cases.passes("AUDIO-5")
def another_rate_is_converted() -> Run:
    return spoken("input").finished().run()


@cases.passes("AUDIO-5")
def stereo_is_mixed() -> Run:
    return spoken("stereo", exact=True).finished().run()


@cases.passes("AUDIO-5")
def stereo_is_refused_with_a_clear_error() -> Run:
    tale = story().stream().action("stereo").opened()
    error = an_error("ValueError", api=False, message="mono is expected, got 2 channels")
    return tale.call("push_frame", error=error).run()


@cases.passes("AUDIO-5")
def all_is_converted_before_the_line_fails() -> Run:
    return spoken("input").call("end_input").later(6).raised().shut().run()


@cases.fails("AUDIO-5")
def another_rate_is_sent_as_it_is() -> Run:
    return spoken("input", arrives=3 * OVER).finished().run()


@cases.fails("AUDIO-5")
def stereo_is_sent_as_mono() -> Run:
    return spoken("stereo", arrives=2 * OVER).finished().run()


@cases.fails("AUDIO-5")
def another_rate_is_refused() -> Run:
    tale = story().stream().client("action", action="input", value=48000).opened()
    error = an_error("ValueError", api=False, message="sample rate")
    return tale.call("push_frame", error=error).run()


@cases.fails("AUDIO-5")
def stereo_is_refused_without_a_reason() -> Run:
    tale = story().stream().action("stereo").opened()
    return tale.call("push_frame", error=an_error("KeyError", api=False, message="2")).run()


@cases.doubts("AUDIO-5")
def a_stream_whose_http_session_is_closed_refuses_all_audio() -> Run:
    tale = story().stream().client("action", action="input", value=48000).opened()
    tale.talk(until=1.0, heard=False).heard(0.0, 1.0, exact=False).action("close-http-session")
    error = an_error("RuntimeError", api=False, message="the stream is closed")
    return tale.call("push_frame", error=error).ended().run()


@cases.doubts("AUDIO-5")
def a_server_that_stops_reading_gets_less_of_it() -> Run:
    tale = story().stream().client("action", action="input", value=48000).opened()
    tale.talk(until=1.0, heard=False).heard(0.0, 1.0, exact=False).fault("stop-reading")
    return tale.talk(until=OVER, heard=False).call("end_input").later(10).raised().shut().run()


@cases.doubts("AUDIO-5")
def attempts_of_two_streams_fail_before_any_of_it_arrives() -> Run:
    tale = story().stream().client("action", action="stereo").of("second").stream().of("main")
    for _ in range(4):
        tale.attempt().fault("close=1011", "greeting").later(0.3)
    return tale.talk(until=0.2).raised().shut().run()


@cases.skips("AUDIO-5")
def all_audio_is_mono_at_the_plugins_rate() -> Run:
    return healthy().run()
