"""TIME: when things were said, and how surely."""

import math
from dataclasses import replace

import pytest

from sttkit.laws.model import Run
from tests.unit.laws.cases import Cases
from tests.unit.laws.story import Story, healthy, since, story, with_facts

cases = Cases()


@pytest.mark.parametrize("case", cases, ids=str)
def test_the_law_judges_the_story(case):
    case.check()


# --- TIME-1 ---------------------------------------------------------------------------------


def reconnected(first: tuple[float, float], second: tuple[float, float]) -> Story:
    """Two utterances on two sessions, with these times."""
    tale = story().stream().opened().talk(until=1.42)
    tale.final("hello there", start=first[0], end=first[1]).fault("reset").error()
    tale.talk(until=1.6, heard=False).opened().talk(until=3.08)
    return tale.final("how are you", start=second[0], end=second[1]).finished()


@cases.passes("TIME-1")
def times_go_on_after_a_reconnect() -> Run:
    return reconnected((0.4, 1.12), (1.92, 2.78)).run()


@cases.fails("TIME-1")
def times_start_over_at_a_reconnect() -> Run:
    return reconnected((0.4, 1.12), (0.2, 1.0)).run()


@cases.fails("TIME-1")
def new_words_are_set_into_the_midst_of_the_old_ones() -> Run:
    return reconnected((0.4, 1.4), (0.5, 1.3)).run()


@cases.fails("TIME-1")
def an_end_lies_before_its_start() -> Run:
    return reconnected((1.12, 0.4), (1.92, 2.78)).run()


@cases.fails("TIME-1")
def times_are_in_milliseconds() -> Run:
    return reconnected((400.0, 1120.0), (1920.0, 2780.0)).run()


def with_word_times(first: list[float | None], second: list[float | None]) -> Run:
    """Two utterances on two sessions, right but for the times of their single words."""
    tale = story().stream().opened().talk(until=1.42)
    tale.final("hello there", start=0.4, end=1.12, words=2, words_span=first).fault("reset")
    tale.error().talk(until=1.6, heard=False).opened().talk(until=3.08)
    tale.final("how are you", start=1.92, end=2.78, words=3, words_span=second)
    return tale.finished().run()


@cases.passes("TIME-1")
def words_lie_within_their_transcripts() -> Run:
    return with_word_times([0.4, 1.12], [1.92, 2.78])


@cases.passes("TIME-1")
def words_come_without_times() -> Run:
    return with_word_times([None, None], [None, None])


@cases.fails("TIME-1")
def words_start_over_at_a_reconnect_and_their_transcripts_do_not() -> Run:
    return with_word_times([0.4, 1.12], [0.32, 1.18])


@cases.fails("TIME-1")
def words_are_in_milliseconds_and_their_transcripts_in_seconds() -> Run:
    return with_word_times([400.0, 1120.0], [1920.0, 2780.0])


@cases.fails("TIME-1")
def the_time_of_a_word_is_not_a_number() -> Run:
    return with_word_times([0.4, math.nan], [1.92, 2.78])


@cases.fails("TIME-1")
def words_are_in_milliseconds_and_their_transcripts_without_times() -> Run:
    tale = story().first()
    return tale.final("hello there", words=2, words_span=[400.0, 1120.0]).second().finished().run()


def begun_again(began: float | None) -> Run:
    """A START on the second session, which is up from 1.0 s of the run on, with this time."""
    tale = story().stream().opened().talk(until=0.9).begins(began=0.4).interim("hello")
    tale.fault("reset").error().talk(until=1.0, heard=False).opened().talk(until=2.2)
    tale.sent("speech_started", utterance=1).begins(began=began).interim("how are").talk(until=3.08)
    return tale.final("how are you", start=1.92, end=2.78).finished().run()


@cases.passes("TIME-1")
def speech_begins_in_the_session_that_tells_of_it() -> Run:
    return begun_again(1.92)


@cases.passes("TIME-1")
def speech_begins_at_a_time_that_nobody_tells() -> Run:
    return begun_again(None)


@cases.fails("TIME-1")
def speech_that_a_second_session_tells_of_is_counted_from_the_first() -> Run:
    return begun_again(0.5)


@cases.fails("TIME-1")
def speech_begins_at_milliseconds() -> Run:
    return begun_again(1920.0)


@cases.fails("TIME-1")
def speech_begins_at_no_number() -> Run:
    return begun_again(math.nan)


@cases.fails("TIME-1")
def a_time_is_not_a_number() -> Run:
    return reconnected((0.4, math.nan), (1.92, 2.78)).run()


@cases.skips("TIME-1")
def no_times_are_told() -> Run:
    return healthy().run()


@cases.fails("TIME-1")
def older_frameworks_have_no_offset() -> Run:
    return reconnected((0.4, 1.12), (0.2, 1.0)).run(subject=since((1, 3, 8)))


@cases.skips("TIME-1")
def the_server_lies_about_times() -> Run:
    tale = story().stream().opened().fault("bad-times").talk(until=1.42)
    return tale.final("hello there", start=9.0, end=1.0).run()


Times = tuple[float, float]

FIRST: Times = (0.4, 1.12)
SECOND: Times = (0.32, 1.18)
"""As the server tells them, of two sessions."""
BEGAN = 1.6
"""How old the stream is when the second session begins: the offset of its times."""


def told(first: Times, second: Times, *, flushed: bool = False) -> Story:
    """Two utterances on two sessions, whose server tells `FIRST` and `SECOND`."""
    tale = story().stream().opened().talk(until=1.42)
    tale.sent("final", "hello there", start=FIRST[0], end=FIRST[1])
    tale.final("hello there", start=first[0], end=first[1]).fault("reset").error()
    tale.talk(until=BEGAN, heard=False).opened().talk(until=3.08)
    tale.sent("final", "how are you", start=SECOND[0], end=SECOND[1])
    return tale.final("how are you", start=second[0], end=second[1]).finished()


@cases.passes("TIME-1")
def a_sessions_times_are_moved_on_by_when_it_began() -> Run:
    return told(FIRST, (1.92, 2.78)).run()


@cases.passes("TIME-1")
def a_little_is_lost_in_rounding() -> Run:
    return told((0.5, 1.0), (2.1, 2.9)).run()


@cases.fails("TIME-1")
def the_offset_is_added_twice() -> Run:
    return told(FIRST, (0.32 + 2 * BEGAN, 1.18 + 2 * BEGAN)).run()


@cases.fails("TIME-1")
def the_offset_is_added_to_the_start_of_a_long_final_only() -> Run:
    tale = story().stream().talk(until=BEGAN).opened().talk(until=4.2)
    tale.sent("final", "how are you", start=0.32, end=2.5)
    return tale.final("how are you", start=0.32 + BEGAN, end=2.5).run()


@cases.passes("TIME-1")
def what_had_waited_for_a_connection_was_timed_before() -> Run:
    """The first session is sent 2 s of audio at once, so the second begins behind these."""
    tale = story().stream().talk(until=2.0).opened().heard(0.0, 2.0).fault("reset").error()
    tale.later(0.1).opened().talk(until=4.0)
    tale.sent("final", "how are you", start=0.3, end=1.1)
    return tale.final("how are you", start=4.3, end=5.1).run()


@cases.passes("TIME-1")
def what_had_waited_for_a_connection_was_lost_on_it() -> Run:
    """The first session is sent 2 s of audio at once, and breaks when it has heard a quarter."""
    tale = story().stream().talk(until=2.0).opened().heard(0.0, 0.5).fault("reset").error()
    tale.later(0.1).opened().talk(until=4.0)
    tale.sent("final", "how are you", start=0.3, end=1.1)
    return tale.final("how are you", start=4.3, end=5.1).run()


@cases.passes("TIME-1")
def what_had_waited_was_sent_into_a_line_that_was_dead() -> Run:
    """The first session is sent 2 s of audio at once, and then 8 s more that nobody hears."""
    tale = story().stream().talk(until=2.0).opened().heard(0.0, 0.5).fault("half-open")
    tale.talk(until=10.0).error().later(0.1).opened().talk(until=12.0)
    tale.sent("final", "how are you", start=0.3, end=1.1)
    return tale.final("how are you", start=12.3, end=13.1).run()


@cases.passes("TIME-1")
def what_follows_a_final_that_was_kept_back_may_go_with_it() -> Run:
    tale = story().stream().opened().talk(until=3.08).withheld("final", "hello there")
    tale.sent("final", "how are you", start=1.92, end=2.78)
    return tale.final("how are you", start=0.4, end=2.78).run()


@cases.passes("TIME-1")
def what_follows_a_message_that_no_healthy_server_sends_may_go_with_it() -> Run:
    tale = story().stream().opened().talk(until=3.08).injected("empty-transcript")
    tale.sent("final", "how are you", start=1.92, end=2.78)
    return tale.final("how are you", start=0.0, end=2.78).run()


@cases.passes("TIME-1")
def what_follows_a_final_of_nothing_may_go_with_it() -> Run:
    tale = story().stream().opened().talk(until=3.08).sent("final", "", start=0.0, end=0.0)
    tale.sent("final", "how are you", start=1.92, end=2.78)
    return tale.final("how are you", start=0.0, end=2.78).run()


@cases.fails("TIME-1")
def milliseconds_are_divided_twice() -> Run:
    return told((0.0004, 0.00112), (0.00192, 0.00278)).run()


@cases.fails("TIME-1")
def times_are_told_of_another_final() -> Run:
    tale = story().stream().opened().talk(until=3.08)
    tale.sent("final", "hello there", start=0.4, end=1.12)
    tale.sent("final", "how are you", start=1.92, end=2.78)
    return tale.final("hello there", start=1.92, end=2.78).run()


@cases.passes("TIME-1")
def a_caller_who_was_muted_is_heard_at_the_time_on_the_wall() -> Run:
    tale = story().stream().opened().talk(until=1.42).later(180.0).talk(until=3.08)
    tale.sent("final", "how are you", start=1.92, end=2.78)
    return tale.final("how are you", start=181.92, end=182.78).run()


@cases.passes("TIME-1")
def what_the_server_says_twice_cannot_be_told_apart() -> Run:
    tale = story().stream().opened().talk(until=3.08)
    tale.sent("final", "hello there", start=0.4, end=1.12)
    tale.sent("final", "hello there", start=1.92, end=2.78)
    return tale.final("hello there", start=1.92, end=2.78).run()


@cases.passes("TIME-1")
def a_plugin_has_to_guess_the_times_that_no_server_tells() -> Run:
    tale = told((0.9, 1.4), (2.6, 3.0))
    return tale.run(facts=with_facts(tells_times=False))


@cases.passes("TIME-1")
def a_plugin_keeps_pauses_from_the_server_and_makes_up_for_them() -> Run:
    tale = told(FIRST, (3.0, 3.8))
    return tale.run(subject=replace(since((1, 8, 9)), speech_only=True))


@cases.passes("TIME-1")
def audio_is_not_pushed_at_real_pace() -> Run:
    tale = story().stream().opened().action("burst").push(0.0, 3.08).later(1.0)
    tale.sent("final", "how are you", start=1.92, end=2.78)
    return tale.final("how are you", start=0.2, end=1.06).run()


# --- TIME-2 ---------------------------------------------------------------------------------


@cases.passes("TIME-2")
def confidences_are_probabilities() -> Run:
    return story().first().final("sure", confidence=1.0).final("no", confidence=0).run()


@cases.fails("TIME-2")
def a_confidence_is_a_logarithm() -> Run:
    return story().first().final("how are you", confidence=-0.3).run()


@cases.fails("TIME-2")
def a_confidence_is_no_number() -> Run:
    return story().first().final("how are you", confidence=math.nan).run()


@cases.passes("TIME-2")
def a_confidence_may_be_missing() -> Run:
    return story().first().final("how are you", confidence=None).run()


@cases.skips("TIME-2")
def there_is_no_transcript() -> Run:
    return story().stream().opened().run()


def sure(told: float, said: float | None) -> Story:
    tale = story().stream().opened().talk(until=1.42)
    tale.sent("final", "hello there", start=0.4, end=1.12, confidence=told)
    return tale.final("hello there", start=0.4, end=1.12, confidence=said)


@cases.passes("TIME-2")
def a_confidence_is_computed_from_the_words() -> Run:
    return sure(0.95, 0.91).run()


@cases.passes("TIME-2")
def the_server_is_certain_itself() -> Run:
    return sure(1.0, 1.0).run()


@cases.warns("TIME-2")
def the_servers_confidence_is_lost() -> Run:
    return sure(0.95, 0.0).run()


@cases.warns("TIME-2")
def a_plugin_is_always_sure() -> Run:
    return sure(0.4, 1.0).run()


@cases.passes("TIME-2")
def the_server_tells_no_confidence() -> Run:
    return sure(0.95, 0.0).run(facts=with_facts(tells_confidence=False))
