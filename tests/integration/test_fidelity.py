"""The simulated world and the loopback world lead to the same errors, attempts and events."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from sttkit.conformance.pool import Lost, Pool
from sttkit.worlds import simulated
from tests.support.fidelity import CONN, SLOW, TARGETS, Job, Outcome, cases_for, perform

DOCS = Path(__file__).parents[2] / "docs" / "fidelity.md"
ROW = re.compile(r"^\| (\w+) \| `([^`]+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
PROCESSES = 10
"""Over loopback a case mostly waits."""
REPEATS = 3

Cell = tuple[str, str]
CELLS: tuple[Cell, ...] = tuple((target, case) for target in TARGETS for case in cases_for(target))


def played(jobs: Iterable[Job], processes: int) -> dict[Job, Outcome | Lost]:
    slow_first = sorted(jobs, key=lambda job: not job.case.startswith(SLOW))
    preload = ("livekit.agents", "tests.support.fidelity", "sttkit.worlds.simulated")
    with Pool(perform, size=processes, preload=preload) as pool:
        for job in slow_first:
            pool.submit(job)
        return dict(pool.results())


def real(cells: Iterable[Cell], processes: int = PROCESSES) -> dict[Job, Outcome | Lost]:
    return played([Job(target, case, "loopback") for target, case in cells], processes)


@pytest.fixture(scope="module")
def differences() -> dict[Cell, str]:
    """What differs between the worlds, by target and case.

    Real time is not the same twice: what surprises is played again, on a quieter machine.
    """
    virtual = played([Job(target, case, "simulated") for target, case in CELLS], 2)
    outcomes = real(CELLS)
    for _ in range(REPEATS):
        found = {}
        for target, case in CELLS:
            one, other = (
                virtual[Job(target, case, "simulated")],
                outcomes[Job(target, case, "loopback")],
            )
            if one != other:
                found[target, case] = f"{target} {case}\n  simulated: {one}\n  loopback:  {other}"
        surprising = set(found) ^ set(listed())
        if not surprising:
            break
        outcomes |= real(surprising, 2)
    return found


def listed() -> dict[Cell, tuple[str, str, str]]:
    """The table in the docs: what each world does, and why."""
    rows = ROW.findall(DOCS.read_text(encoding="utf-8"))
    return {(target, case): (one, other, why) for target, case, one, other, why in rows}


def test_every_difference_stands_in_the_docs(differences):
    unlisted = [told for cell, told in differences.items() if cell not in listed()]
    assert not unlisted, "\n".join(unlisted)


def test_no_difference_in_the_docs_is_gone(differences):
    assert [cell for cell in listed() if cell not in differences] == []


def test_the_table_in_the_docs_is_whole():
    lines = [line for line in DOCS.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]
    assert len(listed()) == len(lines) - 2
    assert set(listed()) <= set(CELLS)
    assert all(why.strip() for _, _, why in listed().values())


def test_what_the_length_of_the_line_decides_agrees_on_a_line_as_short(differences, monkeypatch):
    # The docs give this reason for each of them.
    monkeypatch.setattr(simulated, "LATENCY_S", 0.0001)
    for (target, case), told in differences.items():
        near = perform(Job(target, case, "simulated")).value
        assert told.endswith(f"loopback:  {near}")


def test_an_outcome_tells_worlds_apart_that_do_not_agree():
    # The comparison itself: another budget of retries is another number of attempts and errors.
    job = Job("custom_stt", "refused@connecting:each", "simulated")
    outcome = perform(job).value
    assert outcome.attempts == CONN.max_retry + 1
    assert outcome.errors[-1] == "APIConnectionError (unrecoverable)"
    assert outcome.ended == "raised APIConnectionError"
    assert outcome.events == ()
    assert perform(Job("custom_stt", "refused@connecting", "simulated")).value != outcome


@pytest.mark.parametrize("frame_s", [0.01, 0.02, 0.05, 0.1])
def test_what_is_pushed_does_not_meet_what_is_answered(frame_s: float) -> None:
    # A frame and an answer in one instant is what only a simulation would have.
    for journeys in range(1, 5):
        apart = journeys * simulated.LATENCY_S % frame_s
        assert min(apart, frame_s - apart) > 0.001
