"""What a worker process does: play a case to a mutant, and say which laws that broke.

A law counts as broken by a mutant if the original keeps it in the same case, and so does the
framework probe: what that breaks, LiveKit's base class breaks by itself. Only a broken *must* ends
a mutant; a *should* is noted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from sttkit.conformance.casework import left_behind, start_was_seen
from sttkit.conformance.pool import Answer
from sttkit.errors import SttkitError
from sttkit.laws import ALL_LAWS, judge
from sttkit.laws.model import Verdict
from sttkit.scripting.cases import parse_case
from sttkit.targets import load_target
from sttkit.targets.model import Target
from sttkit.trace import line_of
from sttkit.worlds import simulated
from sttkit.worlds.played import Played

from .operators import Sight
from .plugin import target_of, watched_target

HEALTHY = "none@idle"
"""The case that shows whether a plugin emits START_OF_SPEECH on a good day."""
UNFIT = "cannot be run"
"""Stands for a law where the kit could not even play a case: nobody would take that for a pass."""

_MUST = frozenset(law.id for law in ALL_LAWS if law.level == "must")


@dataclass(frozen=True)
class Baseline:
    """What the original does in a case.

    Attributes:
        sights: what of its code it reaches.
        broken: laws that it breaks.
        trace: a digest of all that happened.
    """

    sights: frozenset[Sight]
    broken: frozenset[str]
    trace: str


@dataclass(frozen=True)
class Look:
    """Play a case to the original."""

    case: str


@dataclass(frozen=True)
class Job:
    """Play cases to a mutant, until it breaks a law in one of them."""

    mutant: str
    cases: tuple[tuple[str, Baseline], ...]


@dataclass(frozen=True)
class Outcome:
    """How a mutant fared.

    Attributes:
        played: number of cases, to the first in which it broke a law.
        broken: *must* laws that it broke in the last of them, each with what was observed.
        warned: *should* laws that it broke in any of them.
        differs: the cases in which anything at all was different from what the original did.
    """

    played: int
    broken: Mapping[str, str]
    warned: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()


def perform(job: Job | Look) -> Answer[Outcome | Baseline]:
    """Do ``job``; the process is unfit for another one if the mutant left something behind."""
    _warm_up()
    if isinstance(job, Look):
        return Answer(_look(job.case))
    target, left = _mutant(job.mutant), False
    differs: list[str] = []
    warned: dict[str, None] = {}
    broken: dict[str, str] = {}
    for played, (case, baseline) in enumerate(job.cases, start=1):
        try:
            run = _play(target, case)
            broken = _broken(run, started=_starts(job.mutant))
        except SttkitError as error:
            outcome = Outcome(played, {UNFIT: str(error)}, tuple(warned), (*differs, case))
            return Answer(outcome, retire=True)
        left = left or left_behind(run.run.records)
        if broken:
            excused = baseline.broken | _broken_by_probe(case)
            warned.update(dict.fromkeys(broken.keys() - _MUST - excused))
            broken = {law: broken[law] for law in broken if law in _MUST - excused}
        if _digest(run) != baseline.trace:
            differs.append(case)
        if broken:
            break
    return Answer(Outcome(played, broken, tuple(warned), tuple(differs)), retire=left)


def _play(target: Target, case: str) -> Played:
    return simulated.play(target, parse_case(case).script())


def _broken(played: Played, *, started: bool) -> dict[str, str]:
    """The laws that were broken, and what was observed."""
    run = replace(played.run, subject=replace(played.run.subject, start_in_health=started))
    return {
        law: said.observed
        for law, said in judge(run).items()
        if said.verdict in (Verdict.FAIL, Verdict.WARN)
    }


@lru_cache(maxsize=1)
def _warm_up() -> None:
    """Import what is imported on first use, so that no case has to wait for it."""
    _play(target_of(None), HEALTHY)


@lru_cache(maxsize=1)
def _mutant(mutant: str) -> Target:
    return target_of(mutant)


@lru_cache(maxsize=1)
def _starts(mutant: str) -> bool:
    return start_was_seen(_play(_mutant(mutant), HEALTHY).run.records)


@cache
def _broken_by_probe(case: str) -> frozenset[str]:
    return frozenset(_broken(_play(load_target("framework_probe"), case), started=True))


def _look(case: str) -> Baseline:
    seen: set[Sight] = set()

    def see(key: str, *value: object) -> object:
        seen.add(Sight(key, bool(value[0]) if value else None))
        return value[0] if value else None

    # With eyes or without, it does the same.
    played = _play(watched_target(see), case)
    return Baseline(frozenset(seen), frozenset(_broken(played, started=True)), _digest(played))


def _digest(played: Played) -> str:
    """The same for two runs in which the same happened; in one instant the order may differ."""
    lines = sorted(line_of(record) for record in played.trace)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
