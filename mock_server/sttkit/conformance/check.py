"""A check: plan the cases of each target, have them played, and say whose fault what was broken is.

A case in which a target broke a *must* is played to `framework_probe` too, a flawless plugin over
LiveKit's base class alone: what it breaks as well is the framework's doing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sttkit._version import __version__
from sttkit.conformance.casework import PRELOAD, perform
from sttkit.conformance.jobs import (
    PROBE,
    CaseJob,
    Job,
    Outcome,
    ProbeJob,
    Refusal,
    Result,
    ShrinkJob,
    Smallest,
    SurveyJob,
)
from sttkit.conformance.options import CheckOptions, chosen_laws, jobs_in, needs_real_time, validate
from sttkit.conformance.plan import Scope, World, plan
from sttkit.conformance.pool import LIMIT_S, Answer, Lost, Pool
from sttkit.conformance.result import (
    CheckResult,
)
from sttkit.conformance.search import Search
from sttkit.conformance.subject import (
    ENOUGH_LOST,
    HEALTHY,
    MOST_TRIES,
    Subject,
    how_lost,
    undecided,
)
from sttkit.conformance.summary import Summary, owner_of
from sttkit.conformance.surveying import Survey
from sttkit.conformance.twice import Difference, difference
from sttkit.dialects import load_dialect
from sttkit.errors import TargetError, UsageError
from sttkit.laws.model import Law
from sttkit.scripting.cases import parse_case
from sttkit.scripting.yaml import is_line

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
    with Pool(
        perform,
        size=jobs_in("simulated", options),
        waiting=jobs_in("loopback", options),
        waits=_waits,
        limit_s=limit_s,
        preload=preload,
    ) as pool:
        return _Check(options, reported, pool, on_progress).run()


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
        self._subjects = {
            spec: Subject(spec, options.world) for spec in dict.fromkeys(options.targets)
        }
        self._probed: dict[tuple[str, World], Outcome | None] = {}
        self._done = 0
        self._total = 0
        self._began = time.monotonic()

    def run(self) -> CheckResult:
        options, interrupted = self._options, False
        try:
            # What takes real time takes longest, so it begins first.
            for spec in sorted(self._subjects, key=lambda spec: not needs_real_time(spec)):
                self._pool.submit(SurveyJob(spec, self._options.dialect))
            for job, answer in self._pool.results():
                self._take(job, answer)
        except KeyboardInterrupt:
            interrupted = True
        summary = Summary(options, self._laws, self._probed, self._began)
        return CheckResult(
            sttkit=__version__,
            seed=options.seed,
            targets=tuple(summary.target(subject) for subject in self._subjects.values()),
            interrupted=interrupted,
        )

    # --- as answers come in -------------------------------------------------------------------

    def _take(self, job: Job, answer: Result | Lost) -> None:
        if isinstance(job, (CaseJob, ProbeJob)) and isinstance(answer, Outcome) and answer.starved:
            if job.tries < MOST_TRIES:
                # Behind all others: it may be quieter by then.
                self._pool.submit(replace(job, tries=job.tries + 1))
                return
            answer = undecided(answer)
        if isinstance(job, ProbeJob):
            said = answer if isinstance(answer, Outcome) else None
            self._probed[job.case, job.world] = said
            self._tell(f"{PROBE} {job.case}", broken=False)
            for subject in self._subjects.values():
                if subject.world == job.world:
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
        self, subject: Subject, case_id: str, answer: Outcome | Lost | Refusal
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

    def _played(self, subject: Subject, case_id: str, answer: Outcome | Lost | Refusal) -> None:
        subject.outcomes[case_id] = answer
        self._came_back(subject, answer)
        # Before the healthy case is over, it is not known what counts as broken.
        if case_id == HEALTHY:
            for earlier in subject.case_ids:
                self._probe_if_broken(subject, earlier)
        elif HEALTHY in subject.outcomes:
            self._probe_if_broken(subject, case_id)
        self._tell(f"{subject.spec} {case_id}", broken=subject.broke_a_must(case_id, self._laws))

    def _came_back(self, subject: Subject, answer: Outcome | Lost | Refusal) -> None:
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

    def _search_on(self, subject: Subject) -> None:
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
                        subject.world,
                    )
                )

    def _searched(
        self, subject: Subject, search: Search, line: str, answer: Outcome | Lost | Refusal
    ) -> None:
        subject.examples += 1
        if not isinstance(answer, Outcome):  # there is nothing to shrink: it is told as it is
            search.learn(line, {})
            subject.case_ids += (line,)
            self._played(subject, line, answer)
            return
        self._came_back(subject, answer)
        subject.simulated_s += answer.simulated_s
        broken = bool(subject.broken_musts(answer, self._laws))
        self._tell(f"{subject.spec} {line}", broken=broken)
        if not broken:
            search.learn(line, {})
            return
        search.broken[line] = answer
        world = subject.world
        if subject.spec == PROBE or (line, world) in self._probed:
            self._blame(subject, line)
        else:
            self._submit_probe(line, world)

    def _blame(self, subject: Subject, line: str) -> None:
        """Whose fault is what a made-up script breaks? Now that it is known, keep the smallest."""
        search = subject.search
        outcome = search.broken.get(line) if search is not None else None
        if search is None or outcome is None:
            return
        judged = outcome.judged[subject.start_in_health]
        search.learn(
            line,
            {
                law: owner_of(subject, line, law, judged[law], self._probed)
                for law in subject.broken_musts(outcome, self._laws)
            },
        )

    def _shrunk(self, subject: Subject, job: ShrinkJob, answer: Result | Lost) -> None:
        smallest = answer.case if isinstance(answer, Smallest) else job.script
        self._tell(f"{subject.spec} {smallest}", broken=False)
        if smallest not in subject.case_ids:
            subject.case_ids += (smallest,)
            self._total += 1
            self._submit(subject, smallest)

    def _surveyed(self, subject: Subject, answer: Result | Lost) -> None:
        if isinstance(answer, Refusal):
            if not isinstance(answer.error, TargetError):
                raise answer.error  # a misspelled target is wrong usage, whatever else there is
            subject.error = answer.error
            return
        if isinstance(answer, Lost):
            subject.error = TargetError(f"looking at it {how_lost(answer)}", where=subject.spec)
            return
        assert isinstance(answer, Survey)
        if self._options.simulated_only and answer.loopback_only is not None:
            subject.error = TargetError(
                f"it cannot be simulated: {answer.loopback_only}",
                where=subject.spec,
                hint="leave --simulated out: it is then played over loopback",
            )
            return
        subject.survey = answer
        subject.case_ids = self._cases(subject, answer)
        # The healthy case is always played: what others mean can depend on it.
        ids = dict.fromkeys((HEALTHY, *subject.case_ids))
        world = subject.world
        twice = self._options.twice and world == "simulated"
        for case_id in ids:
            self._submit(subject, case_id, turn=int(twice and case_id in subject.case_ids))
        if self._options.examples:
            subject.search = Search(answer, self._options)
        self._total += len(ids) + self._options.examples
        self._on_progress(Progress(self._done, self._total, subject.spec, broken=False))

    def _submit(self, subject: Subject, case_id: str, *, turn: int = 0) -> None:
        options = self._options
        job = CaseJob(
            subject.spec,
            case_id,
            options.seed,
            options.dialect,
            subject.world,
            options.speech,
            turn=turn,
        )
        self._pool.submit(job, first=_waits(job) and _is_deaf(case_id))

    def _cases(self, subject: Subject, survey: Survey) -> tuple[str, ...]:
        options = self._options
        if subject.spec in options.own_cases:
            return options.own_cases[subject.spec]
        if options.cases:
            return tuple(dict.fromkeys(parse_case(case).id for case in options.cases))
        world = subject.world
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

    def _probe_if_broken(self, subject: Subject, case_id: str) -> None:
        if (
            subject.spec != PROBE
            and (case_id, subject.world) not in self._probed
            and isinstance(subject.outcomes.get(case_id), Outcome)
            and subject.broke_a_must(case_id, self._laws)
        ):
            self._submit_probe(case_id, subject.world)

    def _submit_probe(self, case_id: str, world: World) -> None:
        self._probed[case_id, world] = None
        self._total += 1
        self._pool.submit(
            ProbeJob(case_id, self._options.seed, world, self._options.speech),
            first=True,
        )

    def _tell(self, latest: str, *, broken: bool) -> None:
        self._done += 1
        self._on_progress(Progress(self._done, self._total, latest, broken))


def _waits(job: Job) -> bool:
    """Whether a job takes real time, which it mostly spends waiting."""
    return not isinstance(job, SurveyJob) and job.world == "loopback"


def _is_deaf(case_id: str) -> bool:
    """Whether a line is silent in a case: it is watched for long, and should not come last."""
    return not is_line(case_id) and any(p.fault.kind.deaf for p in parse_case(case_id).faults)


def _difference(first: Outcome, second: Outcome | Lost | Refusal) -> Difference | None:
    """What a second run of a case had that the first had not."""
    if isinstance(second, Outcome):
        assert first.trace is not None
        assert second.trace is not None
        return difference(first.trace, second.trace)
    ended = f"the process {how_lost(second)}" if isinstance(second, Lost) else str(second.error)
    return Difference(0, "it was played to its end", ended)
