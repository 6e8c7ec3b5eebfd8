"""TIME: when things were said, and how surely."""

import math

import pytest

from sttkit.laws.model import Run
from tests.unit.laws.cases import Cases
from tests.unit.laws.story import Story, healthy, since, story

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
