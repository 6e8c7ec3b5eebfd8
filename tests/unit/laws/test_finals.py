"""ORDER-3: the server's finals, each once and in order, and what may become of the rest."""

import pytest

from sttkit.laws.model import Run
from tests.unit.laws.cases import Cases, judged
from tests.unit.laws.story import Story, story

cases = Cases()


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


@cases.passes("ORDER-3")
def finals_may_change_case_and_punctuation() -> Run:
    return ended(heard().begins().final("Hello, there.").ends())


@cases.passes("ORDER-3")
def finals_may_be_joined_or_split() -> Run:
    tale = heard().final("hello").final("there").talk(until=3.08).utterance(1, delivered=False)
    tale.sent("final", "I am fine").final("how are you I am fine")
    return ended(tale)


def converted(*, delivered: bool) -> Run:
    """Of two streams one pushes in another form: its audio is heard, and found nowhere."""
    tale = story().stream().client("action", action="input", value=48000).of("second").stream()
    tale.attempt().answered().server("ready").attempt().answered().ready()
    tale.heard(0.0, 1.42).on(0)
    tale._track = None
    tale.heard(0.0, 1.42, exact=False).sent("final", "hello there").of("main")
    tale.push(0.0, 1.42)
    if delivered:
        tale.final("hello there")
    tale.call("end_input").control("end").sent("session_ended", audio_s=1.42).closed(1000)
    return tale.later(0.05).ended().of("second").call("aclose").ended().run()


@cases.passes("ORDER-3")
def what_was_heard_and_not_found_is_the_streams_whose_audio_was_converted() -> Run:
    return converted(delivered=True)


@cases.fails("ORDER-3")
def so_a_final_of_it_that_is_lost_is_its() -> Run:
    return converted(delivered=False)


@cases.fails("ORDER-3")
def a_final_is_lost() -> Run:
    return ended(heard().begins().interim("hello there").ends())


@cases.fails("ORDER-3")
def a_final_comes_twice() -> Run:
    return ended(said().final("hello there").ends())


@cases.fails("ORDER-3")
def a_final_is_invented() -> Run:
    return ended(said().final("None").ends())


@cases.fails("ORDER-3")
def finals_come_in_another_order() -> Run:
    tale = heard().talk(until=3.08).utterance(1, delivered=False)
    return ended(tale.final("how are you").final("hello there"))


@cases.passes("ORDER-3")
def what_the_server_says_twice_may_come_twice() -> Run:
    tale = heard().sent("final", "hello there", duplicate=True)
    return ended(tale.final("hello there").final("hello there"))


@cases.passes("ORDER-3")
def what_the_server_says_twice_may_come_once() -> Run:
    tale = heard().sent("final", "hello there", duplicate=True)
    return ended(tale.final("hello there"))


def cut() -> Story:
    """A reset in the middle of the first utterance, and the second one on a new session."""
    return (
        story()
        .stream()
        .opened()
        .talk(until=1.0)
        .sent("interim", "hello")
        .sent("interim", "hello there")
    )


def resumed(tale: Story) -> Run:
    tale.error().later(0.1).opened().talk(until=3.08).utterance(1)
    return ended(tale)


@cases.passes("ORDER-3")
def a_cut_utterance_may_be_lost() -> Run:
    return resumed(cut().fault("reset"))


@cases.passes("ORDER-3")
def the_last_interim_of_a_cut_utterance_may_become_a_final() -> Run:
    return resumed(cut().fault("reset").final("hello there"))


@cases.passes("ORDER-3")
def an_interim_that_was_seen_before_may_become_one_too() -> Run:
    return resumed(cut().fault("reset").final("hello"))


@cases.passes("ORDER-3")
def a_reset_may_take_a_final_with_it() -> Run:
    return resumed(cut().sent("final", "hello there").later(0.01).fault("reset"))


@cases.passes("ORDER-3")
def instead_of_a_final_that_a_reset_took_the_interim_may_become_one() -> Run:
    return resumed(cut().sent("final", "hello there").fault("reset").final("hello"))


@cases.fails("ORDER-3")
def a_reset_takes_no_final_that_was_sent_long_before() -> Run:
    return resumed(cut().sent("final", "hello there").later(0.5).fault("reset"))


@cases.fails("ORDER-3")
def a_close_takes_no_final_with_it() -> Run:
    return resumed(cut().sent("final", "hello there").fault("close=1011"))


@cases.fails("ORDER-3")
def an_interim_is_no_final_on_top_of_its_final() -> Run:
    return resumed(cut().sent("final", "hello there").final("hello there").later(0.5).fault(
        "reset").final("hello there"))  # fmt: skip


@cases.passes("ORDER-3")
def a_final_that_was_sent_to_a_closed_stream_is_not_owed() -> Run:
    tale = story().first().talk(until=3.08).action("aclose").utterance(1, delivered=False)
    return tale.left().call("aclose").ended().run()


@cases.passes("ORDER-3")
def queued_finals_may_come_after_closing() -> Run:
    # Known of livekit-agents 1.2.18.
    tale = story().first().talk(until=3.08).utterance(1, delivered=False).action("aclose").left()
    return tale.call("aclose").final("how are you").ended().run()


@cases.passes("ORDER-3")
def a_final_behind_the_servers_end_may_come_or_not() -> Run:
    tale = said().ends().call("end_input").control("end").sent("session_ended", audio_s=1.42)
    tale.sent("final", "afterthought", after_end=True).closed(1000)
    return tale.final("afterthought").later(0.05).ended().shut().run()


@cases.passes("ORDER-3")
def a_final_that_a_fault_kept_back_was_not_sent() -> Run:
    tale = said().ends().talk(until=3.08).withheld("final", "how are you")
    return ended(tale)


@cases.fails("ORDER-3")
def the_last_final_is_lost_at_the_end() -> Run:
    return ended(story().first().talk(until=3.08).utterance(1, delivered=False))


@cases.passes("ORDER-3")
def a_final_sent_while_the_client_moves_on_is_not_owed() -> Run:
    tale = story().first().talk(until=3.08).call("update_options")
    tale.utterance(1, delivered=False).left().opened()
    return ended(tale)


@cases.doubts("ORDER-3", "ORDER-4")
def a_server_that_reorders_its_messages_proves_nothing() -> Run:
    tale = story().stream().opened().talk(until=1.42).fault("reorder")
    tale.sent("final", "hello there").sent("interim", "hello there")
    return ended(tale.begins().interim("hello there").final("hello there").interim("hello").ends()
                 .final("hello there"))  # fmt: skip


@pytest.mark.parametrize(
    ("tell", "observed"),
    [
        (a_final_is_lost, '"hello there" is lost'),
        (a_final_comes_twice, '"hello there" came 2 times'),
        (a_final_is_invented, '"none" is not from the server'),
        (finals_come_in_another_order, '"how are you hello there", in another order'),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_difference_is_told_in_a_few_words(tell, observed):
    assert judged("ORDER-3", tell()).observed == observed


def test_hours_of_finals_are_compared_in_a_moment():
    tale = story().stream().opened()
    for number in range(400):
        tale.sent("final", f"word{number} more{number}").final(f"word{number} more{number}")
    tale.final("invented")

    assert judged("ORDER-3", ended(tale)).observed == '"invented" is not from the server'
