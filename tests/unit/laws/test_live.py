"""LIVE: stories of deafness, and of sound plugins that must not be accused of it."""

import pytest

from sttkit.laws.model import Limits, Run, Verdict
from tests.unit.laws.cases import Cases, judged
from tests.unit.laws.story import Story, healthy, story, with_facts

cases = Cases()


def broken_line(fault: str = "reset") -> Story:
    """The line breaks in the middle of the first utterance."""
    return story().stream().opened().talk(until=0.7).sent("interim", "hello").fault(fault)


def recovered(tale: Story) -> Story:
    return tale.error().later(0.1).opened().talk(until=3.1).utterance(1).talk(until=3.4)


@pytest.mark.parametrize("case", cases, ids=str)
def test_the_law_judges_the_story(case):
    case.check()


# --- LIVE-1 ---------------------------------------------------------------------------------


@cases.passes("LIVE-1")
def later_audio_is_transcribed_after_a_reset() -> Run:
    return recovered(broken_line()).finished().run()


@cases.passes("LIVE-1")
def the_stream_raises_after_a_reset() -> Run:
    return broken_line().later(0.1).raised().shut().run()


@cases.passes("LIVE-1")
def an_unrecoverable_error_event_says_so() -> Run:
    return broken_line().later(0.1).error(False).talk(until=20).call("end_input").run()


@cases.fails("LIVE-1")
def the_stream_is_deaf_and_silent() -> Run:
    return broken_line().talk(until=16.0).call("end_input").later(1).ended().shut().run()


@cases.fails("LIVE-1")
def iteration_just_ends() -> Run:
    return broken_line().later(0.1).ended().shut().run()


@cases.fails("LIVE-1")
def a_recoverable_error_event_is_followed_by_nothing() -> Run:
    return broken_line().error().talk(until=32.0).call("end_input").shut().run()


@cases.fails("LIVE-1")
def only_audio_from_before_the_fault_is_transcribed() -> Run:
    tale = broken_line().error().later(0.1).opened()
    tale.interim("hello").final("hello")
    return tale.talk(until=40.0).call("end_input").shut().run()


@cases.doubts("LIVE-1")
def a_recoverable_error_event_buys_time_that_was_not_watched() -> Run:
    return broken_line().talk(until=5).error().talk(until=16.0).call("end_input").shut().run()


@cases.doubts("LIVE-1")
def a_half_open_line_takes_a_heartbeat_to_be_noticed() -> Run:
    return broken_line("half-open").talk(until=16.0).call("end_input").shut().run()


@cases.fails("LIVE-1")
def a_half_open_line_is_not_noticed_in_a_minute() -> Run:
    tale = broken_line("half-open").talk(until=62.0).call("end_input").shut()
    return tale.run(limits=Limits())


@cases.skips("LIVE-1")
def the_application_closes_the_stream_as_the_line_breaks() -> Run:
    return broken_line().action("aclose").call("aclose").ended().run()


@cases.skips("LIVE-1")
def a_stalled_server_is_not_a_broken_line() -> Run:
    return broken_line("stall").talk(until=16.0).call("end_input").shut().run()


@cases.skips("LIVE-1")
def a_server_that_falls_silent_in_the_next_session_is_not_the_streams_deafness() -> Run:
    tale = broken_line().error().later(0.1).opened().fault("stall", "before-audio")
    return tale.talk(until=40.0).call("end_input").shut().run()


@cases.fails("LIVE-1")
def one_that_reads_nothing_has_to_be_noticed() -> Run:
    tale = broken_line().error().later(0.1).opened().fault("stop-reading", "before-audio")
    return tale.talk(until=40.0).call("end_input").shut().run()


@cases.fails("LIVE-1")
def the_stream_leaves_the_silent_server_and_is_deaf_itself() -> Run:
    tale = broken_line().error().later(0.1).opened().fault("stall", "before-audio")
    return tale.talk(until=10.0).left().talk(until=40.0).call("end_input").shut().run()


@cases.skips("LIVE-1")
def the_line_breaks_after_the_end_of_input() -> Run:
    tale = story().first().second().call("end_input").control("end").fault("reset", "after-end")
    return tale.later(0.1).ended().shut().run()


@cases.skips("LIVE-1")
def a_line_that_the_client_had_left_does_not_break() -> Run:
    tale = story().first().call("update_options").left().fault("reset", "closing")
    return tale.opened().talk(until=3.1).utterance(1).finished().run()


# --- LIVE-3 and LIVE-4 ----------------------------------------------------------------------


def unanswered() -> Story:
    return story().stream().attempt().fault("no-answer", "connecting")


def ungreeted() -> Story:
    tale = story().stream().attempt().answered().config(language="en")
    return tale.fault("no-greeting", "greeting")


@cases.passes("LIVE-3")
def the_attempt_is_given_up_in_time() -> Run:
    return unanswered().talk(until=1.9).left("abort").error().later(0.1).opened().run()


@cases.passes("LIVE-3")
def the_next_attempt_says_that_the_one_before_failed() -> Run:
    return unanswered().talk(until=2.5).opened().run()


@cases.fails("LIVE-3")
def the_attempt_is_waited_for_too_long() -> Run:
    return unanswered().talk(until=10.0).error().opened().run()


@cases.fails("LIVE-3")
def the_attempt_is_never_given_up() -> Run:
    return unanswered().talk(until=10.0).run()


@cases.skips("LIVE-3")
def the_application_leaves_while_it_waits() -> Run:
    return unanswered().later(0.5).action("aclose").left("abort").call("aclose").run()


@cases.skips("LIVE-3")
def every_attempt_is_answered() -> Run:
    return healthy().run()


@cases.doubts("LIVE-3")
def the_run_ends_before_the_attempt_could_fail() -> Run:
    return unanswered().talk(until=1.0).run()


@cases.passes("LIVE-4")
def the_greeting_is_not_waited_for_longer_than_the_timeout() -> Run:
    return ungreeted().talk(until=1.9).error().left().later(0.1).opened().run()


@cases.fails("LIVE-4")
def the_greeting_is_waited_for_for_ever() -> Run:
    return ungreeted().talk(until=10.0).run()


@cases.skips("LIVE-4")
def the_greeting_always_comes() -> Run:
    return healthy().run()


@cases.exempts("LIVE-4")
def the_protocol_has_no_greeting() -> Run:
    return healthy().run(facts=with_facts(greeting="never", greeting_required=False))


# --- LIVE-5 ---------------------------------------------------------------------------------


@cases.passes("LIVE-5")
def five_attempts_in_a_second_are_not_a_storm() -> Run:
    tale = story().stream()
    for _ in range(8):
        tale.refused().error().later(0.25)
    return tale.run()


@cases.fails("LIVE-5")
def six_attempts_in_a_second_are_a_storm() -> Run:
    tale = story().stream()
    for _ in range(6):
        tale.refused().later(0.05)
    return tale.run()


@cases.fails("LIVE-5")
def the_loop_turns_without_rest() -> Run:
    return story().first().client("busy", seconds=2.0).run()


@cases.fails("LIVE-5")
def the_loop_is_blocked() -> Run:
    return story().first().later(1).client("blocked", seconds=0.8, where="plugin.py:7 f").run()


@cases.passes("LIVE-5")
def the_loop_is_blocked_before_there_is_a_stream() -> Run:
    tale = story().at(0.9).stream().later(0.1).client("blocked", seconds=0.9, where="ssl.py:1 f")
    return tale.opened().talk(until=1).run()


@cases.doubts("LIVE-5")
def nobody_saw_where_the_loop_was_blocked() -> Run:
    return story().first().later(1).client("blocked", seconds=0.55, where="unknown").run()


@cases.passes("LIVE-5")
def the_driver_takes_long_to_look_at_what_is_in_memory() -> Run:
    where = "driver/holding.py:71 facts < driver/application.py:368 look"
    tale = story().first().later(1).client("blocked", seconds=2.2, where=where)
    where = "audio/synth.py:106 _noise < driver/microphone.py:70 push"
    return tale.later(1).client("blocked", seconds=1.4, where=where).run()


@cases.passes("LIVE-5")
def the_application_blocks_the_loop_itself() -> Run:
    tale = story().first().action("block-loop").later(0.6).client("blocked", seconds=0.6, where="")
    return tale.run()


@cases.passes("LIVE-5")
def two_streams_may_make_five_attempts_each() -> Run:
    tale = story().stream().opened().talk(until=0.5).of("second").stream()
    for name in ("main", "second"):
        for _ in range(4):
            tale.of(name).opened().later(0.01)
    return tale.run()


@cases.skips("LIVE-5")
def nothing_is_connected_to() -> Run:
    return story().stream().call("end_input").ended().shut().run()


def test_what_was_observed_is_told_in_seconds():
    judgement = judged("LIVE-1", the_stream_is_deaf_and_silent())

    assert judgement.verdict is Verdict.FAIL
    assert judgement.expected == "later audio transcribed, or an unrecoverable error, within 15 s"
    assert judgement.observed == "nothing in 15.3 s after reset"
    assert judgement.at == 0.7


# --- what silence is --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("since", "until", "seconds"),
    [
        (0.5, 12.0, 10.0),  # the whole pause
        (0.5, 6.0, 5.0),  # its beginning
        (3.0, 12.0, 8.0),  # its end
        (3.0, 7.0, 4.0),  # a part of it
        (0.2, 0.9, 0.0),  # while audio came
    ],
)
def test_silence_is_counted_once_wherever_one_begins_and_ends_to_look(
    since: float, until: float, seconds: float
) -> None:
    run = story().stream().opened().talk(until=1.0).later(9.9).talk(until=2.1).run()
    (stream,) = run.history.streams
    assert [r.at for r in stream.pushes][9:11] == [1.0, 11.0]
    assert stream.muted(since, until) == pytest.approx(seconds)
