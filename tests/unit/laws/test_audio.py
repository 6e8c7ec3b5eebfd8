"""AUDIO: where every millisecond went."""

from dataclasses import replace

import pytest

from sttkit.laws.model import Run, Verdict
from tests.unit.laws.cases import Cases, judged
from tests.unit.laws.story import OVER, Story, healthy, story, with_facts

cases = Cases()


@pytest.mark.parametrize("case", cases, ids=str)
def test_the_law_judges_the_story(case):
    case.check()


def heard(*spans: tuple[float, float], exact: bool = True) -> Story:
    """All speech is pushed, and these stretches of it arrive."""
    tale = story().stream().opened().talk(until=OVER, heard=False)
    for start, end in spans:
        tale.heard(start, end, exact=exact)
    return tale


def ended(tale: Story) -> Run:
    tale.call("end_input").control("end").sent("session_ended", audio_s=OVER).closed(1000)
    return tale.later(0.05).ended().shut().run()


# --- AUDIO-1 --------------------------------------------------------------------------------


@cases.passes("AUDIO-1", "AUDIO-2")
def everything_arrives() -> Run:
    return ended(heard((0.0, 1.0), (1.0, OVER)))


@cases.fails("AUDIO-1")
def the_beginning_is_lost() -> Run:
    return ended(heard((0.2, OVER)))


@cases.fails("AUDIO-1")
def a_piece_is_lost() -> Run:
    return ended(heard((0.0, 1.0), (1.05, OVER)))


@cases.fails("AUDIO-1")
def a_piece_comes_twice() -> Run:
    return ended(heard((0.0, 1.0), (0.9, OVER)))


@cases.fails("AUDIO-1")
def pieces_change_places() -> Run:
    return ended(heard((0.0, 1.0), (2.0, OVER), (1.0, 2.0)))


@cases.fails("AUDIO-1", "AUDIO-2")
def the_end_is_lost() -> Run:
    return ended(heard((0.0, 3.35)))


def test_what_lies_between_the_words_is_not_asked_of_a_plugin_that_sends_speech_only() -> None:
    run = ended(heard((0.3, 1.5), (2.2, 3.35)))
    assert {judged("AUDIO-1", run).verdict, judged("AUDIO-2", run).verdict} == {Verdict.FAIL}
    spared = replace(run, subject=replace(run.subject, speech_only=True))
    for law in ("AUDIO-1", "AUDIO-2", "AUDIO-3"):
        assert judged(law, spared).verdict is Verdict.NOT_APPLICABLE


@cases.fails("AUDIO-1")
def the_audio_is_altered() -> Run:
    tale = heard((0.0, 1.0))
    tale.server("audio", spans=[[None, 0.0, 0.5, False, False]], bytes=1).heard(1.0, OVER)
    return ended(tale)


@cases.passes("AUDIO-1")
def silence_may_be_added() -> Run:
    return ended(heard((0.0, 1.0)).heard(0.0, 0.3, silent=True).heard(1.0, OVER))


@cases.passes("AUDIO-1")
def resampled_audio_is_counted() -> Run:
    return ended(heard((0.0, 1.0), (1.0, 3.3), exact=False))


@cases.fails("AUDIO-1")
def too_little_of_resampled_audio_arrives() -> Run:
    return ended(heard((0.0, 1.0), (1.0, 2.0), exact=False))


@cases.doubts("AUDIO-1")
def too_much_of_resampled_audio_arrives() -> Run:
    return ended(heard((0.0, 3.0), (3.0, 6.0), exact=False))


@cases.passes("AUDIO-1")
def what_is_on_its_way_when_the_stream_is_closed_is_not_lost() -> Run:
    tale = story().stream().opened().talk(until=1.0).talk(until=1.3, heard=False)
    return tale.action("aclose").left().call("aclose").ended().run()


@cases.fails("AUDIO-1")
def a_stream_that_just_ends_loses_what_is_pushed_then() -> Run:
    tale = story().stream().opened().talk(until=1.0).left().talk(until=2.0)
    return tale.ended().shut().run()


@cases.skips("AUDIO-1")
def the_line_breaks() -> Run:
    return ended(story().first().fault("reset").error().opened().talk(until=OVER))


@cases.skips("AUDIO-1", "AUDIO-2")
def the_server_stops_reading() -> Run:
    return ended(story().first().fault("stop-reading").talk(until=OVER, heard=False))


@cases.skips("AUDIO-1")
def the_plugin_moves_to_new_options() -> Run:
    return ended(story().first().call("update_options").left().opened().talk(until=OVER))


@cases.skips("AUDIO-2")
def the_client_had_given_its_connection_up_before_the_end() -> Run:
    tale = story().stream().opened().talk(until=1.0).fault("rfc=masked").left().talk(until=2.0)
    return tale.call("end_input").ended().shut().run()


@cases.skips("AUDIO-1", "AUDIO-2", "AUDIO-3")
def nothing_is_pushed() -> Run:
    return story().stream().opened().call("end_input").ended().shut().run()


# --- AUDIO-2 --------------------------------------------------------------------------------


def flushed(until: float) -> Story:
    """A flush at 1.03 s, when so much has arrived."""
    tale = story().stream().opened().talk(until=1.03, heard=False).call("flush")
    return tale.heard(0.0, until).control("flush")


@cases.passes("AUDIO-2")
def a_flush_sends_the_rest() -> Run:
    return flushed(1.03).talk(until=2.0).run()


@cases.fails("AUDIO-2")
def a_flush_leaves_the_rest_in_a_buffer() -> Run:
    return flushed(1.0).talk(until=2.0).run()


@cases.fails("AUDIO-2")
def a_flush_without_a_message_leaves_the_rest_in_a_buffer() -> Run:
    tale = story().stream().opened().talk(until=1.03, heard=False).call("flush")
    return tale.heard(0.0, 1.0).talk(until=3.0, heard=False).run()


@cases.passes("AUDIO-2")
def the_message_of_an_earlier_flush_arrives_behind_a_later_one() -> Run:
    tale = story().stream().opened().call("flush").talk(until=1.03, heard=False).call("flush")
    tale.control("flush").later(0.02).heard(0.0, 1.03).control("flush")
    return tale.talk(until=2.0).run()


@cases.fails("AUDIO-2")
def the_second_flush_of_two_leaves_the_rest_in_a_buffer() -> Run:
    tale = story().stream().opened().talk(until=0.5).call("flush").control("flush")
    tale.talk(until=1.03, heard=False).call("flush").heard(0.5, 1.0).control("flush")
    return tale.talk(until=2.0).run()


@cases.skips("AUDIO-2")
def a_flush_in_mid_air_is_not_judged() -> Run:
    return flushed(1.0).fault("reset").error().run()


# --- AUDIO-3 --------------------------------------------------------------------------------


def reconnected(*, heard: bool = True) -> Story:
    tale = story().stream().opened().talk(until=1.0).fault("reset").error().talk(until=1.1)
    return tale.opened().talk(until=OVER, heard=heard)


@cases.passes("AUDIO-3")
def the_new_session_gets_everything() -> Run:
    return ended(reconnected())


@cases.passes("AUDIO-3")
def the_outage_itself_may_be_lost() -> Run:
    tale = reconnected(heard=False)
    return ended(tale.heard(1.25, OVER))


@cases.fails("AUDIO-3")
def the_new_session_gets_nothing() -> Run:
    return ended(reconnected(heard=False))


@cases.fails("AUDIO-3")
def the_new_session_gets_holes() -> Run:
    tale = reconnected(heard=False)
    return ended(tale.heard(1.1, 2.0).heard(2.1, OVER))


@cases.fails("AUDIO-3")
def the_new_session_does_not_get_the_end() -> Run:
    return ended(reconnected(heard=False).heard(1.1, 3.3))


@cases.passes("AUDIO-3")
def the_next_failure_may_take_what_is_on_its_way() -> Run:
    tale = story().stream().opened().talk(until=1.0).fault("reset").error().later(0.1)
    tale.opened().talk(until=2.5).talk(until=2.8, heard=False).fault("reset")
    return tale.raised().shut().run()


def moved_on(heard_from: float) -> Run:
    """New options: the client ends the second session, which closes late, and opens a third."""
    tale = story().stream().opened().talk(until=1.0).fault("reset").error().talk(until=1.1)
    tale = tale.opened().talk(until=2.0).control("end").talk(until=3.2, heard=False)
    tale = tale.sent("session_ended", audio_s=0.9).closed(1000)
    return ended(tale.opened().heard(heard_from, 3.2).talk(until=OVER))


@cases.passes("AUDIO-3")
def what_was_pushed_while_a_left_session_closes_arrives_at_the_next() -> Run:
    return moved_on(2.0)


@cases.fails("AUDIO-3")
def what_was_pushed_while_a_left_session_closes_is_lost() -> Run:
    return moved_on(3.1)


def left_in_vain(until: float) -> Run:
    """New options; the server never ends the session, and the application closes the stream."""
    tale = story().stream().opened().talk(until=1.0).fault("reset").error().talk(until=1.1)
    tale = tale.opened().talk(until=until).talk(until=3.0, heard=False).control("end")
    tale = tale.fault("mute-after-end", "after-end").talk(until=4.2, heard=False)
    return tale.action("aclose").left().call("aclose").ended().run()


@cases.passes("AUDIO-3")
def what_waits_for_the_end_of_a_session_may_be_closed_away() -> Run:
    return left_in_vain(3.0)


@cases.fails("AUDIO-3")
def what_was_pushed_before_that_is_lost_all_the_same() -> Run:
    return left_in_vain(1.2)


@cases.fails("AUDIO-3")
def the_new_session_gets_too_little_resampled_audio() -> Run:
    return ended(reconnected(heard=False).heard(1.1, 1.5, exact=False))


@cases.skips("AUDIO-3")
def there_is_no_reconnect() -> Run:
    return healthy().run()


@cases.skips("AUDIO-3")
def the_new_session_breaks_at_once() -> Run:
    tale = story().stream().opened().talk(until=1.0).fault("reset").error().later(0.1)
    return tale.opened().talk(until=1.1).fault("reset").raised().shut().run()


@pytest.mark.parametrize(
    ("tell", "observed"),
    [
        (the_beginning_is_lost, "200 ms lost at 0.000 s"),
        (a_piece_comes_twice, "100 ms doubled at 0.900 s"),
        (the_end_is_lost, "30 ms lost at the end"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_flaw_is_told_in_milliseconds(tell, observed):
    assert judged("AUDIO-1", tell()).observed == observed


# --- AUDIO-7 --------------------------------------------------------------------------------


def pressed() -> Story:
    """A flush in the middle of an utterance."""
    tale = story().stream().opened().talk(until=1.0).sent("interim", "hello")
    return tale.later(0.01).call("flush")


@cases.passes("AUDIO-7")
def a_flush_is_asked_for() -> Run:
    return pressed().later(0.02).control("flush").talk(until=3.0).run()


@cases.fails("AUDIO-7")
def a_flush_is_kept_from_the_server() -> Run:
    return pressed().talk(until=3.0).run()


@cases.fails("AUDIO-7")
def a_flush_is_asked_for_too_late() -> Run:
    return pressed().talk(until=2.6).control("flush").talk(until=3.0).run()


@cases.skips("AUDIO-7")
def a_flush_that_the_line_does_not_outlive() -> Run:
    return pressed().talk(until=1.5).fault("reset").error().run()


@cases.skips("AUDIO-2", "AUDIO-7")
def a_flush_of_a_session_that_is_being_left_for_other_settings() -> Run:
    tale = story().stream().opened().talk(until=1.0).sent("interim", "hello")
    tale.talk(until=1.03, heard=False).call("flush").later(0.02).control("end")
    return tale.talk(until=3.0, heard=False).run()


@cases.skips("AUDIO-7")
def a_flush_with_nothing_to_finish() -> Run:
    tale = story().stream().opened().talk(until=1.4).sent("final", "hello there")
    return tale.later(0.01).call("flush").talk(until=3.0).run()


@cases.exempts("AUDIO-7")
def a_plugin_that_does_not_say_that_it_can_be_flushed() -> Run:
    tale = story().stream(flushes=False).opened().talk(until=1.0).sent("interim", "hello")
    return tale.call("flush").talk(until=3.0).run()


@cases.exempts("AUDIO-7")
def a_protocol_without_a_message_for_it() -> Run:
    return pressed().talk(until=3.0).run(facts=with_facts(flush_message=False))
