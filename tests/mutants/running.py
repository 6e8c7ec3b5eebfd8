"""Plays the default plan to mutants, until each is caught or the plan is at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sttkit.conformance.casework import PRELOAD
from sttkit.conformance.plan import Scope, plan
from sttkit.conformance.pool import Lost, Pool
from sttkit.dialects import load_dialect
from sttkit.scripting.cases import Case

from .by_hand import BY_HAND
from .judging import Baseline, Job, Look, Outcome, perform
from .plugin import generated

LIMIT_S = 60.0
"""Seconds for a job before its process is killed."""
LONG_LIMIT_S = 600.0
"""The same, for cases of long calls."""
LONG_S = 60.0
"""Seconds of virtual time in one action from which on a case is a long one."""
AT_ONCE = 12
"""Cases in a job. A mutant that hangs costs a job, and then one for each of its cases."""
HANGS = "LIVE-5"
"""The law that a plugin breaks which takes its process with it."""

Workers = Pool[Job | Look, Outcome | Baseline]


@dataclass(frozen=True)
class Result:
    """How a mutant fared.

    Attributes:
        mutant: its id.
        law, case: what caught it; empty if nothing did.
        observed: what the law says about it.
        played: number of cases that were played to it.
        warned: *should* laws that it broke.
        differs: cases in which it did something else than the original; the last one caught it.
    """

    mutant: str
    law: str = ""
    case: str = ""
    observed: str = ""
    played: int = 0
    warned: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()

    @property
    def caught(self) -> bool:
        return bool(self.law)

    def after(self, earlier: Result | None) -> Result:
        """This and what was seen before, in other cases."""
        if earlier is None:
            return self
        return replace(
            self,
            played=earlier.played + self.played,
            warned=tuple(sorted({*earlier.warned, *self.warned})),
            differs=earlier.differs + self.differs,
        )


@dataclass(frozen=True)
class Planned:
    """Ids of the cases of the default plan, the most telling ones first.

    Attributes:
        short: the smoke tier; then one case for each fault and action; then the rest.
        long: calls of many minutes, which take long to play.
    """

    short: tuple[str, ...]
    long: tuple[str, ...]


def planned() -> Planned:
    """The default plan, in the order in which it is played here."""
    dialect = load_dialect("custom_stt")
    smoke = plan(dialect, Scope(world="simulated", tier="smoke"))
    whole = plan(dialect, Scope(world="simulated"))
    first = {(tuple(p.fault.id for p in case.faults), case.actions): case for case in whole[::-1]}
    kinds = (case for case in whole if case in first.values())
    ordered = dict.fromkeys((*smoke, *kinds, *whole))
    return Planned(
        tuple(case.id for case in ordered if not is_long(case)),
        tuple(case.id for case in ordered if is_long(case)),
    )


def is_long(case: Case) -> bool:
    """Whether a case takes many minutes of virtual time."""
    script = case.script()
    return any(script.lasting(action) > LONG_S for action in ("pause", "long-call"))


def workers(jobs: int, limit_s: float = LIMIT_S) -> Workers:
    """Worker processes for what follows."""
    return Pool(perform, size=jobs, limit_s=limit_s, preload=(*PRELOAD, perform.__module__))


def look(pool: Workers, cases: Iterable[str]) -> dict[str, Baseline]:
    """What the original does in each case."""
    for case in cases:
        pool.submit(Look(case))
    seen = {}
    for job, answer in pool.results():
        assert isinstance(job, Look)
        assert isinstance(answer, Baseline), f"{job.case}: {answer}"
        seen[job.case] = answer
    return seen


def concerned(mutant: str, baselines: Mapping[str, Baseline]) -> tuple[str, ...]:
    """Those of the cases in which the mutant can differ from the original."""
    sight = generated()[mutant].sight if mutant not in BY_HAND else None
    return tuple(c for c, seen in baselines.items() if sight is None or sight in seen.sights)


@dataclass
class _Course:
    """A mutant on its way through its cases."""

    mutant: str
    left: list[str]
    at_once: int = AT_ONCE
    played: int = 0
    warned: frozenset[str] = frozenset()
    differs: tuple[str, ...] = ()


def run(
    pool: Workers,
    courses: Mapping[str, Sequence[str]],
    baselines: Mapping[str, Baseline],
    *,
    on_result: Callable[[Result], None] = lambda result: None,
) -> list[Result]:
    """Play to each mutant its cases, in their order, until it breaks a law."""
    results: list[Result] = []

    def finish(course: _Course, broken: Mapping[str, str], case: str = "") -> None:
        # Its own law, if it has one: others may be broken along with it.
        own = BY_HAND[course.mutant].law if course.mutant in BY_HAND else ""
        law = own if own in broken else next(iter(broken), "")
        observed = broken.get(law, "")
        warned = tuple(sorted(course.warned))
        result = Result(course.mutant, law, case, observed, course.played, warned, course.differs)
        results.append(result)
        on_result(result)

    def go_on(course: _Course) -> None:
        if not course.left:
            finish(course, {})
            return
        cases = tuple((case, baselines[case]) for case in course.left[: course.at_once])
        pool.submit(Job(course.mutant, cases), first=True)

    # Last first, since each is put in front of the others.
    going = {mutant: _Course(mutant, list(cases)) for mutant, cases in courses.items()}
    for course in reversed(going.values()):
        go_on(course)
    for job, answer in pool.results():
        assert isinstance(job, Job)
        assert not isinstance(answer, Baseline)
        course = going[job.mutant]
        if isinstance(answer, Lost) and answer.how == "failed":
            # Nothing of the plugin's gets that far: it is the kit that broke.
            raise RuntimeError(f"{job.mutant} could not be judged:\n{answer.detail}")
        if isinstance(answer, Lost) and len(job.cases) > 1:
            course.at_once = 1  # to see which of them it was
        elif isinstance(answer, Lost):
            course.played += 1
            finish(course, {HANGS: answer.detail}, course.left[0])
            continue
        else:
            course.played += answer.played
            course.warned |= frozenset(answer.warned)
            course.differs += answer.differs
            if answer.broken:
                finish(course, answer.broken, job.cases[answer.played - 1][0])
                continue
            course.left = course.left[len(job.cases) :]
        go_on(course)
    return results
