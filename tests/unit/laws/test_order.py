"""ORDER: which events come, and in which order."""

from dataclasses import replace

import pytest

from sttkit.laws.model import Run
from tests.unit.laws.cases import Cases
from tests.unit.laws.story import SAID, Story, healthy, since, story, with_facts

cases = Cases()
NO_STARTS = replace(since((1, 8, 9)), start_in_health=False)
NOT_KNOWN = replace(since((1, 8, 9)), start_in_health=None)


@pytest.mark.parametrize("case", cases, ids=str)
def test_the_law_judges_the_story(case):
    case.check()


def heard() -> Story:
    """The server says everything about the first utterance; the plugin has said nothing yet."""
    return story().stream().opened().talk(until=1.42).utterance(0, delivered=False)


def said() -> Story:
    return heard().begins().interim("hello there").final("hello there")


def ended(tale: Story) -> Run:
    tale.call("end_input").control("end").sent("session_ended", audio_s=1.42).closed(1000)
    return tale.later(0.05).ended().shut().run()


# --- ORDER-1 --------------------------------------------------------------------------------


@cases.passes("ORDER-1")
def starts_and_ends_alternate() -> Run:
    return healthy().run()


@cases.fails("ORDER-1")
def two_starts_in_a_row() -> Run:
    return ended(said().begins())


@cases.fails("ORDER-1")
def an_end_comes_first() -> Run:
    return ended(heard().ends().begins())


@cases.fails("ORDER-1")
def two_ends_in_a_row() -> Run:
    return ended(said().ends().ends())


@cases.fails("ORDER-1")
def no_end_ever_comes() -> Run:
    tale = said().talk(until=3.08).utterance(1, delivered=False)
    return ended(tale.interim("how are you").final("how are you"))


def taken_back(*, ends: bool) -> Run:
    """The server tells an interim, and that nothing was said after all."""
    tale = story().stream().opened().talk(until=1.42).sent("speech_started", utterance=0)
    tale.sent("interim", "hello there", utterance=0).begins().interim("hello there")
    tale.sent("speech_ended", utterance=0)
    if ends:
        tale.ends()
    tale.talk(until=3.08).utterance(1, delivered=False)
    if ends:
        tale.begins()
    return ended(tale.interim("how are you").final("how are you").ends())


@cases.passes("ORDER-1")
def an_utterance_that_is_taken_back_is_ended() -> Run:
    return taken_back(ends=True)


@cases.fails("ORDER-1")
def an_utterance_that_is_taken_back_melts_into_the_next() -> Run:
    return taken_back(ends=False)


@cases.passes("ORDER-1")
def two_utterances_that_come_in_one_instant_may_be_taken_for_one() -> Run:
    tale = story().stream().opened().talk(until=3.08).utterance(0, delivered=False)
    tale.utterance(1, delivered=False).begins().final("hello there").final("how are you")
    return ended(tale.ends())


@cases.passes("ORDER-1")
def nothing_tells_that_an_utterance_is_over() -> Run:
    return replace(taken_back(ends=False), facts=with_facts(tells_end=False))


@cases.passes("ORDER-1")
def a_stream_may_be_closed_in_the_middle_of_speech() -> Run:
    return heard().begins().action("aclose").left().call("aclose").ended().run()


@cases.fails("ORDER-1")
def a_reconnect_starts_again_without_an_end() -> Run:
    tale = heard().begins().fault("reset").error().opened()
    return ended(tale.begins().final("hello there").ends())


@cases.exempts("ORDER-1", "ORDER-2", "ORDER-5")
def a_plugin_without_starts() -> Run:
    return replace(ended(heard().final("hello there")), subject=NO_STARTS)


@cases.exempts("ORDER-1", "ORDER-2")
def a_healthy_run_without_starts_tells_by_itself() -> Run:
    return replace(ended(heard().final("hello there")), subject=NOT_KNOWN)


@cases.skips("ORDER-1", "ORDER-2", "ORDER-3", "ORDER-4", "ORDER-5", "ORDER-6", "ORDER-7", "TIME-2")
def nothing_comes_out_at_all() -> Run:
    return story().stream().refused().raised().shut().run()


# --- ORDER-2 --------------------------------------------------------------------------------


@cases.passes("ORDER-2")
def transcripts_lie_within_speech() -> Run:
    return ended(said().ends())


@cases.fails("ORDER-2")
def a_transcript_before_the_start() -> Run:
    return ended(heard().interim("hello").begins().final("hello there").ends())


@cases.fails("ORDER-2")
def a_transcript_after_the_end() -> Run:
    return ended(heard().begins().ends().final("hello there"))


@cases.passes("ORDER-2")
def a_provider_may_send_transcripts_late() -> Run:
    run = ended(heard().begins().ends().final("hello there"))
    return replace(run, facts=with_facts(late_transcripts=True))


@cases.passes("ORDER-2")
def an_empty_final_has_no_place() -> Run:
    return ended(said().ends().final("", alternatives=1))


@cases.passes("ORDER-2")
def what_the_server_says_twice_may_come_outside() -> Run:
    tale = said().ends().sent("final", "hello there", duplicate=True)
    return ended(tale.final("hello there"))


# --- ORDER-4 --------------------------------------------------------------------------------


@cases.passes("ORDER-4")
def interims_come_before_their_final() -> Run:
    return healthy().run()


@cases.fails("ORDER-4")
def an_interim_comes_after_its_final() -> Run:
    return ended(heard().begins().final("hello there").interim("hello there").ends())


@cases.passes("ORDER-4")
def an_interim_may_repeat_what_was_final_before_it() -> Run:
    tale = said().talk(until=2.5).sent("interim", "how are")
    return ended(tale.interim("hello there how are").ends())


@cases.passes("ORDER-4")
def the_server_may_hear_the_same_audio_twice() -> Run:
    tale = said().ends().fault("reset").error().opened().sent("interim", "hello there")
    return ended(tale.begins().interim("hello there").ends())


@cases.passes("ORDER-4")
def a_final_that_was_sent_twice_may_be_told_twice_with_its_interim() -> Run:
    tale = heard().begins().interim("hello there").final("hello there")
    tale.sent("final", "hello there").interim("hello there").final("hello there")
    return ended(tale.ends())


# --- ORDER-5 --------------------------------------------------------------------------------


def interrupted() -> Story:
    return (
        story()
        .stream()
        .opened()
        .talk(until=1.0)
        .sent("speech_started", utterance=0)
        .sent("interim", "hello", utterance=0)
        .begins()
        .interim("hello")
        .fault("reset")
        .error()
    )


def again(tale: Story) -> Run:
    tale.later(0.1).opened().talk(until=3.08).utterance(1)
    return ended(tale)


@cases.passes("ORDER-5", "ORDER-1")
def a_cut_utterance_is_closed_by_an_end() -> Run:
    return again(interrupted().ends())


@cases.passes("ORDER-5")
def a_cut_utterance_is_closed_by_a_final() -> Run:
    return again(interrupted().final("hello"))


@cases.fails("ORDER-5", "ORDER-1")
def a_cut_utterance_is_left_open() -> Run:
    return again(interrupted())


@cases.skips("ORDER-5")
def nothing_follows_the_cut() -> Run:
    return interrupted().raised().shut().run()


@cases.skips("ORDER-5")
def nothing_was_cut() -> Run:
    tale = story().first().fault("reset", "between-utterances").error()
    return again(tale)


@cases.skips("ORDER-5")
def nothing_had_been_shown_of_the_cut_utterance() -> Run:
    tale = story().stream().opened().talk(until=1.0).sent("interim", "hello").fault("reset")
    return again(tale.error())


# --- ORDER-6 and ORDER-7 --------------------------------------------------------------------


@cases.passes("ORDER-6", "ORDER-7")
def finals_have_text() -> Run:
    return healthy().run()


@cases.warns("ORDER-6")
def a_final_is_empty() -> Run:
    return ended(said().final(" ", alternatives=1).ends())


@cases.passes("ORDER-6")
def an_empty_final_of_the_server_is_kept_back() -> Run:
    return ended(story().stream().opened().talk(until=1.0).sent("final", ""))


@cases.fails("ORDER-7")
def a_final_without_alternatives() -> Run:
    return ended(said().final("", alternatives=0).ends())


@cases.fails("ORDER-7")
def a_usage_event_without_usage() -> Run:
    return ended(said().ends().event("recognition_usage"))


@cases.fails("ORDER-7")
def a_final_without_its_language() -> Run:
    return ended(heard().begins().final("hello there", language=None).ends())


@cases.passes("ORDER-7")
def a_server_need_not_name_the_language() -> Run:
    run = ended(heard().begins().final("hello there", language=None).ends())
    return replace(run, facts=with_facts(names_language=False))


def on_two_sessions(**data: int) -> Run:
    """A final with its single words on a session, and another one with ``data`` on the next."""
    tale = story().stream().opened().talk(until=1.42).sent("final", SAID[0])
    tale.final(SAID[0], words=2).fault("reset").error().opened().talk(until=3.08)
    return tale.sent("final", SAID[1]).final(SAID[1], **data).run()


@cases.passes("ORDER-7")
def finals_come_with_their_words_in_each_session() -> Run:
    return on_two_sessions(words=3)


@cases.warns("ORDER-7")
def finals_come_with_their_words_in_the_first_session_only() -> Run:
    return on_two_sessions(words=0)


@cases.passes("ORDER-7")
def a_final_that_comes_too_late_has_no_words() -> Run:
    tale = story().stream().opened().talk(until=3.08).sent("final", SAID[0])
    tale.final(SAID[0], words=2).sent("session_ended").sent("final", SAID[1], after_end=True)
    return tale.final(SAID[1], words=0).run()


@cases.passes("ORDER-7")
def an_interim_that_becomes_a_final_has_no_words() -> Run:
    tale = story().stream().opened().talk(until=3.08).sent("final", SAID[0])
    tale.final(SAID[0], words=2).sent("interim", SAID[1]).fault("reset")
    return tale.final(SAID[1], words=0).error().run()


# --- ORDER-10 -------------------------------------------------------------------------------


@cases.passes("ORDER-10")
def interims_say_what_the_server_said() -> Run:
    return healthy().run()


@cases.fails("ORDER-10")
def an_interim_is_added_to_the_one_before_that_it_repeats() -> Run:
    tale = heard().begins().interim("hello").interim("hello hello there")
    return ended(tale.final("hello there").ends())


@cases.fails("ORDER-10")
def an_interim_has_words_that_nobody_said() -> Run:
    return ended(heard().begins().interim("thanks for watching").final("hello there").ends())


@cases.fails("ORDER-10")
def a_preflight_doubles_what_was_said() -> Run:
    tale = heard().begins().event("preflight_transcript", "hello there hello there")
    return ended(tale.final("hello there").ends())


@cases.passes("ORDER-10")
def an_interim_may_go_on_behind_the_final_before_it() -> Run:
    tale = said().talk(until=2.5).sent("interim", "how are")
    return ended(tale.interim("hello there how are").ends())


@cases.passes("ORDER-10")
def what_two_sessions_heard_may_stand_twice_in_an_interim() -> Run:
    tale = heard().fault("reset").error().opened().sent("interim", "hello there")
    return ended(tale.begins().interim("hello there hello there").ends())


@cases.skips("ORDER-10")
def what_the_server_sent_twice_may_stand_twice_in_an_interim() -> Run:
    tale = heard().sent("interim", "hello there", duplicate=True).begins()
    return ended(tale.interim("hello there hello there").final("hello there").ends())


@cases.skips("ORDER-10")
def a_piece_of_what_the_server_said_was_kept_back() -> Run:
    tale = heard().withheld("final", "hello there").begins().interim("hello therehow")
    return ended(tale.final("hello there").ends())


@cases.skips("ORDER-10")
def there_is_no_interim() -> Run:
    return ended(heard().begins().final("hello there").ends())


@cases.skips("ORDER-10")
def the_server_said_what_no_healthy_server_says() -> Run:
    tale = heard().injected("wrong-types").begins().interim("thanks for watching")
    return ended(tale.final("hello there").ends())


# --- ORDER-9 --------------------------------------------------------------------------------


@cases.passes("ORDER-9")
def the_servers_marks_are_passed_on() -> Run:
    return healthy().run()


@cases.fails("ORDER-9")
def no_start_comes_though_the_server_told_one() -> Run:
    return ended(heard().interim("hello there").final("hello there").ends())


@cases.fails("ORDER-9")
def no_end_comes_though_the_server_told_one() -> Run:
    tale = heard().begins().interim("hello there").final("hello there")
    return ended(tale.talk(until=3.08).utterance(1, delivered=False).final("how are you"))


@cases.passes("ORDER-9")
def the_server_told_the_end_behind_the_last_final() -> Run:
    tale = story().stream().opened().talk(until=1.42).sent("speech_started", utterance=0)
    tale.sent("final", "hello there", utterance=0).begins().final("hello there")
    return ended(tale.sent("speech_ended", utterance=0))


@cases.passes("ORDER-9")
def the_stream_is_closed_when_the_last_final_was_read_but_not_what_follows_it() -> Run:
    tale = heard().begins().interim("hello there").final("hello there").action("aclose")
    return tale.left().call("aclose").ended().run()


@cases.skips("ORDER-9")
def the_server_tells_of_no_marks() -> Run:
    tale = story().stream().opened().talk(until=1.42).sent("final", "hello there", utterance=0)
    return ended(tale.final("hello there"))


# --- ORDER-8 --------------------------------------------------------------------------------


def cut() -> Story:
    """The first utterance is cut, and the second one is said on another session."""
    tale = story().stream().opened().talk(until=0.7).sent("speech_started", utterance=0)
    tale.sent("interim", "hello", utterance=0).begins().interim("hello").fault("reset").error()
    tale.later(0.1).opened().talk(until=3.08)
    return tale.sent("speech_started", utterance=1).sent("interim", SAID[1], utterance=1)


@cases.passes("ORDER-8")
def the_next_utterance_has_a_start_of_its_own() -> Run:
    return cut().ends().begins().interim(SAID[1]).run()


@cases.warns("ORDER-8")
def the_next_utterance_goes_on_under_the_old_start() -> Run:
    return cut().interim(SAID[1]).run()


@cases.warns("ORDER-8")
def the_old_utterance_is_ended_and_nothing_started() -> Run:
    return cut().ends().interim(SAID[1]).run()


@cases.passes("ORDER-8")
def the_rest_of_the_cut_utterance_may_go_on_as_it_was() -> Run:
    tale = story().stream().opened().talk(until=0.7).sent("speech_started", utterance=0)
    tale.sent("interim", "hello", utterance=0).begins().interim("hello").fault("reset").error()
    tale.later(0.1).opened().talk(until=1.42).sent("interim", "there", utterance=0)
    tale.interim("there").ends().talk(until=3.08).sent("interim", SAID[1], utterance=1)
    return tale.begins().interim(SAID[1]).run()


@cases.skips("ORDER-8")
def nothing_is_cut() -> Run:
    return healthy().run()
