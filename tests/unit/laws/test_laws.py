"""The set of laws: complete, told in full, looked up by id, and judged by level and version."""

from dataclasses import replace
from typing import Any

import pytest

from sttkit.errors import UsageError
from sttkit.laws import ALL_LAWS, Verdict, judge, law
from sttkit.laws.model import Judgement, Law, Limits, broken
from tests.unit.laws import (
    test_audio,
    test_batch,
    test_close,
    test_ending,
    test_endurance,
    test_failures,
    test_finals,
    test_input,
    test_isolate,
    test_leaving,
    test_live,
    test_losses,
    test_order,
    test_reconnect,
    test_retry,
    test_silence,
    test_times,
    test_usage,
)
from tests.unit.laws.story import healthy, since

MODULES = (
    test_audio,
    test_batch,
    test_close,
    test_ending,
    test_endurance,
    test_failures,
    test_finals,
    test_input,
    test_isolate,
    test_leaving,
    test_live,
    test_losses,
    test_order,
    test_reconnect,
    test_retry,
    test_silence,
    test_times,
    test_usage,
)
ALWAYS_EXERCISED = {"SECRET-1", "CLOSE-2"}
"""Every run leaves something or nothing behind, and may give the key away."""
BROKEN = {Verdict.FAIL, Verdict.WARN}
NOT_ASKED = {Verdict.NOT_EXERCISED, Verdict.NOT_APPLICABLE}


def verdicts_of(id: str) -> set[Verdict]:
    return {case.verdict for module in MODULES for case in module.cases if case.law == id}


@pytest.mark.parametrize("case", [case for module in MODULES for case in module.cases], ids=str)
def test_a_verdict_depends_on_whether_a_healthy_run_has_a_start_only_where_the_law_says_so(case):
    run, asked = case.tell(), law(case.law)
    each_way = {judge(run.knowing(known), [asked])[asked.id] for known in (None, False, True)}

    assert len(each_way) == 1 or asked.asks_start


@pytest.mark.parametrize("id", [law.id for law in ALL_LAWS if law.asks_start])
def test_a_law_that_asks_for_a_start_cannot_be_asked_of_plugins_without_one(id):
    told = (case.tell() for module in MODULES for case in module.cases if case.law == id)

    assert {judge(run.knowing(False), [law(id)])[id].verdict for run in told} & NOT_ASKED


@pytest.mark.parametrize("id", [law.id for law in ALL_LAWS])
def test_every_law_has_stories_that_obey_break_and_do_not_exercise_it(id):
    verdicts = verdicts_of(id)

    assert verdicts & BROKEN
    assert Verdict.PASS in verdicts
    assert verdicts & NOT_ASKED or id in ALWAYS_EXERCISED


def test_stories_are_about_laws_that_exist():
    told = {case.law for module in MODULES for case in module.cases}

    assert told == {law.id for law in ALL_LAWS}


@pytest.mark.parametrize("law", ALL_LAWS, ids=lambda law: law.id)
def test_every_law_says_what_it_asks_why_and_how_it_is_seen(law):
    for text in (law.statement, law.why, law.observed):
        assert text.endswith(".")
        assert len(text) < 400


def test_ids_are_unique_and_families_stay_together():
    ids = [law.id for law in ALL_LAWS]
    families = [id.partition("-")[0] for id in ids]

    assert len(set(ids)) == len(ids)
    assert list(dict.fromkeys(families)) == [
        "LIVE",
        "RETRY",
        "CLOSE",
        "ISOLATE",
        "ORDER",
        "AUDIO",
        "USAGE",
        "TIME",
        "INPUT",
        "SECRET",
    ]


def test_a_law_is_found_by_its_id():
    assert law("RETRY-4").since == (1, 6, 10)


def test_an_unknown_law_is_answered_with_the_nearest_one():
    with pytest.raises(UsageError) as caught:
        law("RETRY-41", where="--law")

    assert "did you mean 'RETRY-4" in str(caught.value)
    assert caught.value.where == "--law"


def made(judgement: Judgement, **changes: Any) -> Law:
    return replace(law("LIVE-1"), judge=lambda run: judgement, **changes)


def test_a_should_that_is_broken_is_a_warning():
    run = healthy().run()
    must, should = made(broken("a", "b")), made(broken("a", "b"), level="should")

    assert judge(run, [must])["LIVE-1"].verdict is Verdict.FAIL
    assert judge(run, [should])["LIVE-1"].verdict is Verdict.WARN


def test_a_law_that_is_broken_on_an_older_framework_says_which_one_mended_it():
    asked = made(broken("one attempt", "another"), since=(1, 8, 3))

    older = judge(healthy().run(subject=since((1, 8, 2))), [asked])["LIVE-1"]
    newer = judge(healthy().run(subject=since((1, 8, 3))), [asked])["LIVE-1"]

    assert older.verdict is newer.verdict is Verdict.FAIL
    assert older.observed == "another (LiveKit's base class keeps to this from 1.8.3 on)"
    assert newer.observed == "another"


def test_a_crash_of_a_law_is_a_bug_and_not_a_verdict():
    def crash(run: object) -> Judgement:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        judge(healthy().run(), [replace(law("LIVE-1"), judge=crash)])


def test_an_empty_trace_breaks_nothing():
    run = replace(healthy().run(), records=())

    assert {j.verdict for j in judge(run).values()} & BROKEN == set()


def test_loopback_watches_for_a_shorter_time_but_not_for_heartbeats():
    assert Limits.loopback().recovery < Limits().recovery
    assert Limits.loopback().half_open == Limits().half_open
