"""ISOLATE: streams that share an STT."""

import pytest

from sttkit.laws.model import Run
from tests.unit.laws.cases import Cases
from tests.unit.laws.story import Story, an_error, healthy, story

cases = Cases()


@pytest.mark.parametrize("case", cases, ids=str)
def test_the_law_judges_the_story(case):
    case.check()


def two() -> Story:
    """Two streams on one STT, both connected and talking; the first one's turn."""
    tale = story().stream().opened().of("second").stream().opened().of("main").on(0).listen()
    tale._track = "main"
    return tale.talk(until=1.0).of("second").on(1).listen().talk(until=1.0).of("main").on(0)


def speaking(tale: Story, text: str = "tell me more") -> Story:
    """The second stream is heard and transcribed."""
    tale.of("second").on(1).listen().talk(until=2.0).sent("final", text, utterance=0)
    return tale.final(text)


def over(tale: Story) -> Run:
    return tale.of("second").on(1).finished().run()


@cases.passes("ISOLATE-1")
def the_sibling_goes_on_when_the_stream_fails() -> Run:
    tale = two().listen("main").fault("reset").raised(retryable=False)
    return over(speaking(tale))


@cases.passes("ISOLATE-1")
def the_sibling_goes_on_when_the_stream_is_closed() -> Run:
    tale = two().listen("main").action("aclose").left().call("aclose").ended()
    return over(speaking(tale))


@cases.fails("ISOLATE-1")
def the_sibling_raises_too() -> Run:
    tale = two().listen("main").fault("reset").raised()
    return tale.of("second").later(0.1).raised().shut().run()


@cases.fails("ISOLATE-1")
def the_sibling_just_ends_too() -> Run:
    tale = two().listen("main").action("aclose").left().call("aclose").ended()
    return tale.of("second").later(0.1).ended().shut().run()


@cases.fails("ISOLATE-1")
def the_sibling_connects_again() -> Run:
    tale = two().listen("main").fault("reset").raised()
    tale.of("second").on(1).left().opened().talk(until=2.0)
    return tale.finished().run()


@cases.passes("ISOLATE-1")
def the_sibling_had_changed_its_session_before() -> Run:
    tale = speaking(two()).left().opened().of("main").on(0).listen().talk(until=2.5)
    tale.fault("reset").raised(retryable=False)
    tale.of("second").on(2).listen().talk(until=3.0)
    return tale.finished().run()


@cases.passes("ISOLATE-1")
def the_sibling_changes_its_session_long_afterwards() -> Run:
    tale = two().listen("main").fault("reset").raised(retryable=False)
    tale.of("second").on(1).listen().talk(until=3.0).left().opened().talk(until=4.0)
    return tale.finished().run()


@cases.passes("ISOLATE-1")
def the_sibling_changes_its_session_just_then_but_a_segment_of_its_own_was_over() -> Run:
    tale = two().of("second").on(1).listen().talk(until=2.0)
    tale.sent("final", "tell me more", utterance=0).final("tell me more")
    tale.of("main").on(0).listen().fault("reset").raised(retryable=False)
    tale.of("second").later(0.05).left().opened().talk(until=3.0)
    return tale.finished().run()


@cases.fails("ISOLATE-1")
def the_sibling_connects_again_in_mid_utterance_after_a_segment() -> Run:
    tale = two().of("second").on(1).listen().talk(until=2.0)
    tale.sent("final", "tell me more", utterance=0).final("tell me more")
    tale.sent("interim", "good", utterance=1).interim("good")
    tale.of("main").on(0).listen().fault("reset").raised(retryable=False)
    tale.of("second").later(0.05).left().opened().talk(until=3.0)
    return tale.finished().run()


@cases.fails("ISOLATE-1")
def the_sibling_ends_its_session_in_mid_utterance_and_connects_again() -> Run:
    tale = two().of("second").on(1).listen().sent("interim", "tell me").interim("tell me")
    tale.of("main").on(0).listen().fault("reset").raised(retryable=False)
    tale.of("second").on(1).control("end").sent("final", "tell me", utterance=0).final("tell me")
    tale.sent("session_ended", audio_s=1.0).left().later(0.1).opened().talk(until=3.0)
    return tale.finished().run()


@cases.fails("ISOLATE-1")
def the_sibling_changes_its_session_and_loses_a_final() -> Run:
    tale = two().listen("main").fault("reset").raised(retryable=False)
    tale.of("second").on(1).listen().talk(until=3.0).sent("final", "tell me more")
    return tale.later(1.0).left().opened().talk(until=4.0).finished().run()


@cases.fails("ISOLATE-1")
def the_sibling_loses_a_final() -> Run:
    tale = two().listen("main").action("aclose").left().call("aclose").ended()
    tale.of("second").on(1).listen().talk(until=2.0).sent("final", "tell me more")
    return over(tale)


@cases.fails("ISOLATE-1")
def the_sibling_is_not_heard_any_more() -> Run:
    tale = two().listen("main").action("aclose").left().call("aclose").ended()
    return over(tale.of("second").on(1).listen().talk(until=3.0, heard=False))


@cases.skips("ISOLATE-1")
def both_streams_fail_by_themselves() -> Run:
    tale = two().listen("main").fault("reset").error().of("second").on(1).listen()
    return tale.fault("reset").raised().of("main").raised().run()


def afterwards(tale: Story) -> Story:
    return tale.of("after").stream().opened().talk(until=2.5)


@cases.passes("ISOLATE-1")
def a_new_stream_works() -> Run:
    tale = afterwards(story().first().action("aclose").left().call("aclose").ended())
    return tale.sent("final", "good morning").final("good morning").finished().run()


@cases.fails("ISOLATE-1")
def a_new_stream_is_deaf() -> Run:
    tale = story().stream().rejected(401).raised(retryable=False).shut()
    return afterwards(tale).finished().run()


@cases.fails("ISOLATE-1")
def a_new_stream_raises() -> Run:
    tale = afterwards(story().stream().rejected(401).raised(retryable=False).shut())
    return tale.raised().shut().run()


@cases.fails("ISOLATE-1")
def a_new_stream_cannot_be_opened() -> Run:
    tale = story().stream().rejected(401).raised().shut().of("after")
    return tale.call("stream", error=an_error(type="RuntimeError", api=False)).run()


@cases.skips("ISOLATE-1")
def the_server_keeps_back_what_it_had_to_say_to_a_new_stream() -> Run:
    tale = afterwards(story().first().action("aclose").left().call("aclose").ended())
    return tale.withheld("final", "good morning").finished().run()


@cases.skips("ISOLATE-1")
def the_application_took_the_session_from_all_streams() -> Run:
    tale = two().listen("main").action("close-http-session").left().ended()
    return tale.of("second").ended().run()


@cases.skips("ISOLATE-1")
def there_is_one_stream() -> Run:
    return healthy().run()
