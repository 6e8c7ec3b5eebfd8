"""USAGE: what customers are billed by."""

import math

import pytest

from sttkit.laws.model import Run
from tests.unit.laws.cases import Cases, judged
from tests.unit.laws.story import OVER, Story, healthy, story, with_facts

cases = Cases()
LIFETIME = with_facts(usage="connection-lifetime")
REPORTED = with_facts(usage="server-reported")
FINALS = with_facts(usage="finals")


@pytest.mark.parametrize("case", cases, ids=str)
def test_the_law_judges_the_story(case):
    case.check()


def told(usage: float | None) -> Story:
    return story().first().second().finished(usage=usage)


# --- USAGE-1 --------------------------------------------------------------------------------


@cases.passes("USAGE-1")
def the_audio_is_counted() -> Run:
    return told(OVER).run()


@cases.fails("USAGE-1")
def nothing_is_counted() -> Run:
    return told(None).run()


@cases.fails("USAGE-1")
def too_much_is_counted() -> Run:
    return told(6.0).run()


@cases.fails("USAGE-1")
def a_negative_usage() -> Run:
    return told(-1.0).run()


@cases.fails("USAGE-1")
def a_usage_that_is_no_number() -> Run:
    return told(math.nan).run()


@cases.passes("USAGE-1")
def a_client_counts_what_it_sent_into_a_dead_line() -> Run:
    tale = story().first().fault("half-open").talk(until=4.4).error().opened()
    tale.talk(until=5.4).call("end_input").server_ends().usage(5.4)
    return tale.later(0.05).ended().shut().run()


def sent_again(usage: float) -> Run:
    tale = story().stream().opened().push(0.0, OVER).heard(0.0, OVER).heard(0.0, OVER)
    return tale.finished(usage=usage).run()


@cases.passes("USAGE-1")
def what_is_sent_again_may_be_counted_once() -> Run:
    return sent_again(OVER)


@cases.passes("USAGE-1")
def what_is_sent_again_may_be_counted_twice() -> Run:
    return sent_again(2 * OVER)


@cases.fails("USAGE-1")
def what_is_sent_again_is_not_counted_less_than_once() -> Run:
    return sent_again(OVER - 1.5)


@cases.passes("USAGE-1")
def the_lifetime_of_the_connection_is_counted() -> Run:
    return story().first().second().later(5).finished(usage=8.4).run(facts=LIFETIME)


@cases.fails("USAGE-1")
def the_lifetime_is_not_counted() -> Run:
    return story().first().second().later(5).finished(usage=OVER).run(facts=LIFETIME)


@cases.passes("USAGE-1")
def audio_that_is_sent_faster_than_it_plays_counts_as_audio() -> Run:
    tale = story().stream().opened().push(0.0, OVER).heard(0.0, OVER)
    return tale.finished(usage=OVER).run(facts=LIFETIME)


@cases.passes("USAGE-1")
def the_servers_own_count_is_told() -> Run:
    return told(OVER).run(facts=REPORTED)


@cases.fails("USAGE-1")
def the_servers_own_count_is_not_told() -> Run:
    return told(0.5).run(facts=REPORTED)


def finals_of(*ends: float, usage: float) -> Run:
    """Finals that begin at 1 s."""
    tale = story().stream().opened().talk(until=OVER)
    for end in ends:
        tale.sent("final", "hello", start=1.0, end=end).final("hello")
    return tale.finished(usage=usage).run(facts=FINALS)


@cases.passes("USAGE-1")
def the_lengths_of_the_finals_are_counted() -> Run:
    return finals_of(2.0, 4.0, usage=4.0)


@cases.passes("USAGE-1")
def a_final_that_is_sent_twice_counts_twice() -> Run:
    return finals_of(3.0, 3.0, usage=4.0)


@cases.fails("USAGE-1")
def the_lengths_of_the_finals_are_not_counted() -> Run:
    return finals_of(2.0, 4.0, usage=OVER + 2)


@cases.exempts("USAGE-1")
def nothing_is_to_be_counted() -> Run:
    return told(None).run(facts=with_facts(usage="none"))


@cases.doubts("USAGE-1")
def a_server_that_lies_about_times_proves_nothing() -> Run:
    return story().first().fault("bad-times").second().finished(usage=9.0).run()


@cases.skips("USAGE-1")
def a_stream_that_is_closed_loses_its_last_usage() -> Run:
    return story().first().action("aclose").left().call("aclose").ended().run()


# --- USAGE-2 --------------------------------------------------------------------------------


@cases.passes("USAGE-2")
def metrics_follow_usage() -> Run:
    return healthy().run()


def measured(metrics: float) -> Run:
    tale = story().first().second().call("end_input").server_ends()
    return tale.usage(OVER, metrics=metrics).later(0.1).ended().shut().run()


@cases.fails("USAGE-2")
def metrics_differ_from_usage() -> Run:
    return measured(1.0)


@cases.fails("USAGE-2")
def there_are_no_metrics() -> Run:
    tale = story().first().event("recognition_usage", usage_s=1.0).talk(until=3)
    return tale.call("end_input").ended().shut().run()


@cases.fails("USAGE-2")
def there_are_more_metrics_than_usage() -> Run:
    tale = (
        story()
        .first()
        .usage(1.0)
        .client("metrics", audio_duration=1.0, duration=0.0, streamed=True, acquired=False)
    )
    return tale.call("end_input").ended().shut().run()


@cases.passes("USAGE-2")
def reports_of_a_connection_are_not_about_usage() -> Run:
    tale = (
        story()
        .first()
        .client("metrics", audio_duration=0.0, duration=0.0, streamed=True, acquired=True)
    )
    return tale.usage(1.0).call("end_input").ended().shut().run()


@cases.passes("USAGE-2")
def the_last_usage_may_be_read_in_the_turn_of_the_closing() -> Run:
    tale = story().first().usage(1.0).event("recognition_usage", usage_s=0.5)
    return tale.call("end_input").ended().shut().run()


@cases.passes("USAGE-2")
def a_closed_stream_need_not_have_read_everything() -> Run:
    tale = (
        story()
        .first()
        .client("metrics", audio_duration=1.0, duration=0.0, streamed=True, acquired=False)
    )
    return tale.action("aclose").left().call("aclose").ended().run()


@cases.skips("USAGE-2")
def there_is_no_usage() -> Run:
    return told(None).run()


def test_usage_is_told_with_its_way_of_counting():
    judgement = judged("USAGE-1", too_much_is_counted())

    assert judgement.expected == "3.38 s of usage (client-audio), give or take 1 s"
    assert judgement.observed == "6 s"
