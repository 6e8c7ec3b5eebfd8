"""A check: plan the cases of each target, have them played, and say whose fault what was broken is.

A case in which a target broke a *must* is played to `framework_probe` too, a flawless plugin over
LiveKit's base class alone: what it breaks as well is the framework's doing.
"""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from sttkit._version import __version__
from sttkit.conformance.casework import (
    PRELOAD,
    PROBE,
    CaseJob,
    Job,
    Outcome,
    ProbeJob,
    Refusal,
    Result,
    ShrinkJob,
    Smallest,
    Survey,
    SurveyJob,
    perform,
    script_of,
)
from sttkit.conformance.options import CheckOptions, chosen_laws, default_jobs, validate
from sttkit.conformance.plan import Scope, World, plan
from sttkit.conformance.pool import LIMIT_S, Answer, Lost, Pool
from sttkit.conformance.reproduce import reproducer
from sttkit.conformance.result import (
    CaseResult,
    CheckResult,
    LawVerdict,
    Owner,
    TargetResult,
    as_reported,
    findings_of,
)
from sttkit.conformance.search import Search
from sttkit.conformance.twice import Difference, difference
from sttkit.dialects import load_dialect
from sttkit.errors import SttkitError, TargetError, UsageError
from sttkit.laws.model import Judgement, Law, Verdict, unclear
from sttkit.scripting.cases import parse_case
from sttkit.scripting.yaml import dump_script

HEALTHY = "none@idle"
"""The case that shows what a plugin does on a good day."""
ENOUGH_LOST = 3
"""So many processes may a target take with it, one after another, before the rest of its cases is
not played."""

_FROZEN_LAW = "LIVE-5"
"""The law that a plugin breaks which takes its process with it."""

Perform = Callable[[Job], Answer[Result]]


@dataclass(frozen=True)
class Progress:
    """How far a check is; told after every case, and once when the plan is known."""

    done: int
    total: int
    latest: str
    broken: bool


def check(
    options: CheckOptions,
    *,
    perform: Perform = perform,
    laws: Sequence[Law] | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    limit_s: float = LIMIT_S,
    preload: Sequence[str] = PRELOAD,
) -> CheckResult:
    """Run the check; Ctrl-C ends it with what is known by then.

    ``perform``, ``laws`` and ``preload`` are those of the kit unless a test puts in its own.

    Raises:
        UsageError: a target, law, case, fault or point does not exist, or no case is left to play.
    """
    if laws is None:
        from sttkit.laws import ALL_LAWS

        laws = tuple(ALL_LAWS)
    reported = chosen_laws(options.laws, laws)
    validate(options)
    jobs = options.jobs or default_jobs(options.world)
    with Pool(perform, size=jobs, limit_s=limit_s, preload=preload) as pool:
        return _Check(options, reported, pool, on_progress).run()


def title_of(law: Law) -> str:
    """The first sentence of what a law says, short enough for a line."""
    first = law.statement.split(". ")[0].rstrip(".")
    return textwrap.shorten(first, 110, placeholder=" …")


@dataclass
class _Subject:
    """One target in the course of a check."""

    spec: str
    survey: Survey | None = None
    error: SttkitError | None = None
    case_ids: tuple[str, ...] = ()
    outcomes: dict[str, Outcome | Lost | Refusal] = field(default_factory=dict)
    compared: int = 0
    differences: dict[str, Difference] = field(default_factory=dict)
    lost: int = 0
    given_up: bool = False
    finished_at: float = 0.0
    search: Search | None = None
    examples: int = 0
    simulated_s: float = 0.0

    @property
    def start_in_health(self) -> bool | None:
        healthy = self.outcomes.get(HEALTHY)
        return healthy.started if isinstance(healthy, Outcome) else None


class _Check:
    def __init__(
        self,
        options: CheckOptions,
        laws: tuple[Law, ...],
        pool: Pool[Job, Result],
        on_progress: Callable[[Progress], None],
    ) -> None:
        self._options = options
        self._laws = laws
        self._pool = pool
        self._on_progress = on_progress
        self._subjects = {spec: _Subject(spec) for spec in dict.fromkeys(options.targets)}
        self._probed: dict[tuple[str, World], Outcome | None] = {}
        self._done = 0
        self._total = 0
        self._began = time.monotonic()

    def run(self) -> CheckResult:
        interrupted = False
        try:
            for spec in self._subjects:
                self._pool.submit(SurveyJob(spec, self._options.dialect))
            for job, answer in self._pool.results():
                self._take(job, answer)
        except KeyboardInterrupt:
            interrupted = True
        return CheckResult(
            sttkit=__version__,
            seed=self._options.seed,
            targets=tuple(self._result(subject) for subject in self._subjects.values()),
            interrupted=interrupted,
        )

    # --- as answers come in -------------------------------------------------------------------

    def _take(self, job: Job, answer: Result | Lost) -> None:
        if isinstance(job, ProbeJob):
            said = answer if isinstance(answer, Outcome) else None
            self._probed[job.case, job.world] = said
            self._tell(f"{PROBE} {job.case}", broken=False)
            for subject in self._subjects.values():
                if self._world(subject) == job.world:
                    self._blame(subject, job.case)
        elif isinstance(job, SurveyJob):
            self._surveyed(self._subjects[job.target], answer)
        elif isinstance(job, ShrinkJob):
            self._shrunk(self._subjects[job.target], job, answer)
        else:
            assert not isinstance(answer, (Survey, Smallest))
            subject = self._subjects[job.target]
            if job.turn == 2:
                self._played_again(subject, job.case, answer)
            elif subject.search is not None and job.case in subject.search.awaited:
                self._searched(subject, subject.search, job.case, answer)
            else:
                self._played(subject, job.case, answer)
                if job.turn == 1 and isinstance(answer, Outcome) and not subject.given_up:
                    # Behind all others: in another process perhaps, and after other cases.
                    self._total += 1
                    self._pool.submit(replace(job, turn=2))
        for subject in self._subjects.values():
            self._search_on(subject)

    def _played_again(
        self, subject: _Subject, case_id: str, answer: Outcome | Lost | Refusal
    ) -> None:
        first = subject.outcomes[case_id]
        assert isinstance(first, Outcome)
        differ = _difference(first, answer)
        if differ is not None:
            subject.differences[case_id] = differ
        subject.compared += 1
        subject.outcomes[case_id] = replace(first, trace=None)
        subject.finished_at = time.monotonic()
        self._tell(f"{subject.spec} {case_id}", broken=False)

    def _played(self, subject: _Subject, case_id: str, answer: Outcome | Lost | Refusal) -> None:
        subject.outcomes[case_id] = answer
        self._came_back(subject, answer)
        # Before the healthy case is over, it is not known what counts as broken.
        if case_id == HEALTHY:
            for earlier in subject.case_ids:
                self._probe_if_broken(subject, earlier)
        elif HEALTHY in subject.outcomes:
            self._probe_if_broken(subject, case_id)
        self._tell(f"{subject.spec} {case_id}", broken=self._broke_a_must(subject, case_id))

    def _came_back(self, subject: _Subject, answer: Outcome | Lost | Refusal) -> None:
        subject.finished_at = time.monotonic()
        subject.lost = subject.lost + 1 if isinstance(answer, Lost) else 0
        if subject.lost >= ENOUGH_LOST:
            subject.given_up = True
            if subject.search is not None:
                subject.search.stop()
            self._total -= len(
                self._pool.withdraw(
                    lambda job: isinstance(job, CaseJob) and job.target == subject.spec
                )
            )

    # --- scripts that nobody planned ----------------------------------------------------------

    def _search_on(self, subject: _Subject) -> None:
        """Have more scripts played, or when all were, have what they broke shrunk."""
        search = subject.search
        # Before the healthy case is over, it is not known what counts as broken.
        if search is None or HEALTHY not in subject.outcomes:
            return
        for line in search.more():
            self._submit(subject, line)
        if search.over and not search.awaited:
            subject.search = None
            for (law, owner), line in search.smallest.items():
                self._total += 1
                self._pool.submit(
                    ShrinkJob(
                        subject.spec,
                        line,
                        law,
                        owner,
                        subject.start_in_health,
                        self._options.seed,
                        self._options.dialect,
                        self._world(subject),
                    )
                )

    def _searched(
        self, subject: _Subject, search: Search, line: str, answer: Outcome | Lost | Refusal
    ) -> None:
        subject.examples += 1
        if not isinstance(answer, Outcome):  # there is nothing to shrink: it is told as it is
            search.learn(line, {})
            subject.case_ids += (line,)
            self._played(subject, line, answer)
            return
        self._came_back(subject, answer)
        subject.simulated_s += answer.simulated_s
        broken = bool(self._broken_musts(subject, answer))
        self._tell(f"{subject.spec} {line}", broken=broken)
        if not broken:
            search.learn(line, {})
            return
        search.broken[line] = answer
        world = self._world(subject)
        if subject.spec == PROBE or (line, world) in self._probed:
            self._blame(subject, line)
        else:
            self._submit_probe(line, world)

    def _blame(self, subject: _Subject, line: str) -> None:
        """Whose fault is what a made-up script breaks? Now that it is known, keep the smallest."""
        search = subject.search
        outcome = search.broken.get(line) if search is not None else None
        if search is None or outcome is None:
            return
        judged = outcome.judged[subject.start_in_health]
        search.learn(
            line,
            {
                law: self._owner(subject, line, law, judged[law])
                for law in self._broken_musts(subject, outcome)
            },
        )

    def _shrunk(self, subject: _Subject, job: ShrinkJob, answer: Result | Lost) -> None:
        smallest = answer.case if isinstance(answer, Smallest) else job.script
        self._tell(f"{subject.spec} {smallest}", broken=False)
        if smallest not in subject.case_ids:
            subject.case_ids += (smallest,)
            self._total += 1
            self._submit(subject, smallest)

    def _surveyed(self, subject: _Subject, answer: Result | Lost) -> None:
        if isinstance(answer, Refusal):
            if not isinstance(answer.error, TargetError):
                raise answer.error  # a misspelled target is wrong usage, whatever else there is
            subject.error = answer.error
            return
        if isinstance(answer, Lost):
            subject.error = TargetError(f"looking at it {_how(answer)}", where=subject.spec)
            return
        assert isinstance(answer, Survey)
        subject.survey = answer
        subject.case_ids = self._cases(subject, answer)
        # The healthy case is always played: what others mean can depend on it.
        ids = dict.fromkeys((HEALTHY, *subject.case_ids))
        world = self._world(subject)
        twice = self._options.twice and world == "simulated"
        for case_id in ids:
            self._submit(subject, case_id, turn=int(twice and case_id in subject.case_ids))
        if self._options.examples:
            subject.search = Search(answer, self._options)
        self._total += len(ids) + self._options.examples
        self._on_progress(Progress(self._done, self._total, subject.spec, broken=False))

    def _submit(self, subject: _Subject, case_id: str, *, turn: int = 0) -> None:
        options = self._options
        self._pool.submit(
            CaseJob(
                subject.spec,
                case_id,
                options.seed,
                options.dialect,
                self._world(subject),
                options.speech,
                turn=turn,
            )
        )

    def _cases(self, subject: _Subject, survey: Survey) -> tuple[str, ...]:
        options = self._options
        if options.cases:
            return tuple(dict.fromkeys(parse_case(case).id for case in options.cases))
        world = self._world(subject)
        scope = Scope(survey.batch, survey.updates, world=world, tier=options.tier)
        cases = plan(load_dialect(survey.dialect), scope, fault=options.fault, at=options.at)
        if not cases:
            asked = [f"--fault {options.fault}"] if options.fault else []
            asked += [f"--at {options.at}"] if options.at else []
            raise UsageError(
                f"no case of the {options.tier} tier for the dialect {survey.dialect} has "
                + " ".join(asked),
                hint="name one yourself: --case FAULT@POINT",
            )
        return tuple(case.id for case in cases)

    def _broke_a_must(self, subject: _Subject, case_id: str) -> bool:
        answer = subject.outcomes.get(case_id)
        if not isinstance(answer, Outcome):
            return isinstance(answer, Lost)
        return bool(self._broken_musts(subject, answer))

    def _broken_musts(self, subject: _Subject, outcome: Outcome) -> list[str]:
        judged = outcome.judged[subject.start_in_health]
        return [
            law.id
            for law in self._laws
            if law.level == "must" and judged[law.id].verdict is Verdict.FAIL
        ]

    def _probe_if_broken(self, subject: _Subject, case_id: str) -> None:
        if (
            subject.spec != PROBE
            and (case_id, self._world(subject)) not in self._probed
            and isinstance(subject.outcomes.get(case_id), Outcome)
            and self._broke_a_must(subject, case_id)
        ):
            self._submit_probe(case_id, self._world(subject))

    def _submit_probe(self, case_id: str, world: World) -> None:
        self._probed[case_id, world] = None
        self._total += 1
        self._pool.submit(
            ProbeJob(case_id, self._options.seed, world, self._options.speech),
            first=True,
        )

    def _world(self, subject: _Subject) -> World:
        """Where its cases are played: not every target can be simulated."""
        only = subject.survey.loopback_only if subject.survey is not None else None
        return "loopback" if only else self._options.world

    def _tell(self, latest: str, *, broken: bool) -> None:
        self._done += 1
        self._on_progress(Progress(self._done, self._total, latest, broken))

    # --- at the end ---------------------------------------------------------------------------

    def _result(self, subject: _Subject) -> TargetResult:
        options = self._options
        result = TargetResult(
            name=subject.spec,
            advisory=subject.spec in options.advisory,
            world=self._world(subject),
            error=str(subject.error) if subject.error is not None else None,
        )
        survey = subject.survey
        if survey is None:
            return result
        refused = [a for a in subject.outcomes.values() if isinstance(a, Refusal)]
        if refused and len(refused) == len(subject.outcomes):
            result = replace(result, error=str(refused[0].error))
        cases = () if result.error is not None else self._case_results(subject)
        scripts = {
            case.id: dump_script(script_of(case.id, options.seed, survey.dialect, options.speech))
            for case in cases
        }
        played = [answer for answer in subject.outcomes.values() if isinstance(answer, Outcome)]
        return replace(
            result,
            conn_options=played[0].options if played else result.conn_options,
            simulated_s=subject.simulated_s + sum(outcome.simulated_s for outcome in played),
            examples=subject.examples,
            class_path=survey.class_path,
            version=survey.version,
            livekit_agents=survey.livekit_agents,
            python=survey.python,
            dialect=survey.dialect,
            cases=cases,
            findings=findings_of(cases, {law.id: title_of(law) for law in self._laws}, scripts),
            wall_s=max(0.0, subject.finished_at - self._began),
            loopback_only=survey.loopback_only,
            compared=subject.compared,
        )

    def _case_results(self, subject: _Subject) -> tuple[CaseResult, ...]:
        played = [case_id for case_id in subject.case_ids if case_id in subject.outcomes]
        results = [self._case_result(subject, case_id) for case_id in played]
        if subject.given_up:
            reason = f"not played: {ENOUGH_LOST} cases in a row took their process with them"
            results += [
                replace(self._unplayed(subject, case_id, reason), unplayed=reason)
                for case_id in subject.case_ids
                if case_id not in subject.outcomes
            ]
        return tuple(results)

    def _case_result(self, subject: _Subject, case_id: str) -> CaseResult:
        outcome = subject.outcomes[case_id]
        if isinstance(outcome, Lost):
            return self._lost(subject, case_id, outcome)
        if isinstance(outcome, Refusal):
            return self._unplayed(subject, case_id, str(outcome.error), is_error=True)
        judged = outcome.judged[subject.start_in_health]
        return CaseResult(
            id=case_id,
            verdicts=tuple(
                LawVerdict(
                    law.id,
                    law.level,
                    as_reported(law.level, judged[law.id]),
                    self._owner(subject, case_id, law.id, judged[law.id]),
                )
                for law in self._laws
            ),
            reproduce=self._reproducer(subject, case_id),
            wall_s=outcome.wall_s,
            unfired=outcome.unfired,
            trace_sha256=outcome.trace_sha256,
            world=self._world(subject),
            difference=subject.differences.get(case_id),
        )

    def _owner(self, subject: _Subject, case_id: str, law_id: str, judgement: Judgement) -> Owner:
        if judgement.verdict not in (Verdict.FAIL, Verdict.WARN):
            return "plugin"
        if subject.spec == PROBE:
            return "framework"
        probed = self._probed.get((case_id, self._world(subject)))
        if not isinstance(probed, Outcome):
            return "plugin"
        # The probe emits START_OF_SPEECH on a good day.
        broke = probed.judged[True][law_id].verdict in (Verdict.FAIL, Verdict.WARN)
        return "framework" if broke else "plugin"

    def _lost(self, subject: _Subject, case_id: str, lost: Lost) -> CaseResult:
        if lost.how == "failed":  # the kit's own fault: loud, but nobody's verdict
            last = lost.detail.strip().splitlines()[-1]
            return self._unplayed(subject, case_id, f"sttkit itself failed: {last}", is_error=True)
        verdict = Judgement(
            Verdict.FAIL,
            expected="a process that goes on",
            observed=f"the process {_how(lost)}",
            at=lost.seconds,
        )
        result = self._unplayed(subject, case_id, f"the process {_how(lost)}")
        return replace(
            result,
            wall_s=lost.seconds,
            verdicts=tuple(
                replace(said, judgement=verdict) if said.law == _FROZEN_LAW else said
                for said in result.verdicts
            ),
        )

    def _unplayed(
        self, subject: _Subject, case_id: str, reason: str, *, is_error: bool = False
    ) -> CaseResult:
        return CaseResult(
            id=case_id,
            verdicts=tuple(LawVerdict(law.id, law.level, unclear(reason)) for law in self._laws),
            reproduce=self._reproducer(subject, case_id),
            error=reason if is_error else None,
            world=self._world(subject),
        )

    def _reproducer(self, subject: _Subject, case_id: str) -> str:
        options = self._options
        return reproducer(
            subject.spec,
            case_id,
            options.seed,
            options.dialect,
            self._world(subject),
            options.speech,
        )


def _difference(first: Outcome, second: Outcome | Lost | Refusal) -> Difference | None:
    """What a second run of a case had that the first had not."""
    if isinstance(second, Outcome):
        assert first.trace is not None
        assert second.trace is not None
        return difference(first.trace, second.trace)
    ended = f"the process {_how(second)}" if isinstance(second, Lost) else str(second.error)
    return Difference(0, "it was played to its end", ended)


def _how(lost: Lost) -> str:
    verb = {"frozen": "was frozen", "died": "died", "failed": "failed"}[lost.how]
    return f"{verb} after {lost.seconds:.0f} s ({lost.detail.strip().splitlines()[-1]})"
