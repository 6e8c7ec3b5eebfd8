"""A healthy line: every law that it exercises is obeyed, and none is broken."""

from sttkit.laws import ALL_LAWS, Verdict, judge
from tests.unit.laws.story import healthy

EXERCISED = {
    "LIVE-5",
    "RETRY-6",
    "CLOSE-1",
    "CLOSE-2",
    "CLOSE-3",
    "CLOSE-7",
    "CLOSE-9",
    "CLOSE-10",
    "CLOSE-11",
    "ORDER-1",
    "ORDER-2",
    "ORDER-3",
    "ORDER-4",
    "ORDER-6",
    "ORDER-7",
    "ORDER-9",
    "ORDER-10",
    "AUDIO-1",
    "AUDIO-2",
    "USAGE-1",
    "USAGE-2",
    "TIME-2",
    "SECRET-1",
}


def test_a_healthy_run_passes_what_it_exercises_and_no_more():
    verdicts = {id: judgement.verdict for id, judgement in judge(healthy().run()).items()}

    assert {id for id, verdict in verdicts.items() if verdict is Verdict.PASS} == EXERCISED
    assert set(verdicts.values()) == {Verdict.PASS, Verdict.NOT_EXERCISED}
    assert list(verdicts) == [law.id for law in ALL_LAWS]
