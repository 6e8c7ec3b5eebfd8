"""What a check found: from what came back of each case to the results that reports are made of."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sttkit.conformance.casework import script_of
from sttkit.conformance.jobs import PROBE, Outcome, Refusal
from sttkit.conformance.options import CheckOptions
from sttkit.conformance.plan import World
from sttkit.conformance.pool import Lost
from sttkit.conformance.reproduce import reproducer
from sttkit.conformance.result import (
    BROKEN,
    CaseResult,
    LawVerdict,
    Owner,
    TargetResult,
    findings_of,
)
from sttkit.conformance.subject import ENOUGH_LOST, TOO_BUSY, Subject, how_lost
from sttkit.laws.model import Judgement, Law, Verdict, unclear
from sttkit.scripting.yaml import dump_script

Probed = Mapping[tuple[str, World], Outcome | None]
"""What cases came to with the framework probe, by case and world; None where it is not known."""

_FROZEN_LAW = "LIVE-5"
"""The law that a plugin breaks which takes its process with it."""


def title_of(law: Law) -> str:
    """The first sentence of what a law says, short enough for a line."""
    first = law.statement.split(". ")[0].rstrip(".")
    return textwrap.shorten(first, 110, placeholder=" …")


def owner_of(
    subject: Subject, case_id: str, law_id: str, judgement: Judgement, probed: Probed
) -> Owner:
    """Whose fault a verdict is: what the probe breaks as well is the framework's."""
    if judgement.verdict not in BROKEN:
        return "plugin"
    if subject.spec == PROBE:
        return "framework"
    said = probed.get((case_id, subject.world))
    if not isinstance(said, Outcome):
        return "plugin"
    # The probe emits START_OF_SPEECH on a good day.
    broke = said.judged[True][law_id].verdict in BROKEN
    return "framework" if broke else "plugin"


@dataclass(frozen=True)
class Summary:
    """Sums targets up.

    Attributes:
        options: what was asked for.
        laws: those that are reported.
        probed: what the framework probe broke.
        began: when the check began, on the monotonic clock.
    """

    options: CheckOptions
    laws: tuple[Law, ...]
    probed: Probed
    began: float

    def target(self, subject: Subject) -> TargetResult:
        """All there is to say about a target."""
        options = self.options
        result = TargetResult(
            name=subject.spec,
            advisory=subject.spec in options.advisory,
            world=subject.world,
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
            if any(said.verdict in BROKEN for said in case.verdicts)
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
            findings=findings_of(cases, {law.id: title_of(law) for law in self.laws}, scripts),
            wall_s=max(0.0, subject.finished_at - self.began),
            loopback_only=survey.loopback_only,
            compared=subject.compared,
        )

    def _case_results(self, subject: Subject) -> tuple[CaseResult, ...]:
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

    def _case_result(self, subject: Subject, case_id: str) -> CaseResult:
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
                    judged[law.id],
                    owner_of(subject, case_id, law.id, judged[law.id], self.probed),
                )
                for law in self.laws
            ),
            reproduce=self._reproducer(subject, case_id),
            wall_s=outcome.wall_s,
            unfired=outcome.unfired,
            trace_sha256=outcome.trace_sha256,
            world=subject.world,
            difference=subject.differences.get(case_id),
            unplayed=TOO_BUSY if outcome.starved else None,
        )

    def _lost(self, subject: Subject, case_id: str, lost: Lost) -> CaseResult:
        if lost.how == "failed":  # the kit's own fault: loud, but nobody's verdict
            last = lost.detail.strip().splitlines()[-1]
            return self._unplayed(subject, case_id, f"sttkit itself failed: {last}", is_error=True)
        reason = f"the process {how_lost(lost)}"
        verdict = Judgement(
            Verdict.FAIL, expected="a process that goes on", observed=reason, at=lost.seconds
        )
        # Where nobody asked for the law that says so, the case must not pass for a quiet one.
        told = any(law.id == _FROZEN_LAW for law in self.laws)
        result = self._unplayed(subject, case_id, reason, is_error=not told)
        return replace(
            result,
            wall_s=lost.seconds,
            verdicts=tuple(
                replace(said, judgement=verdict) if said.law == _FROZEN_LAW else said
                for said in result.verdicts
            ),
        )

    def _unplayed(
        self, subject: Subject, case_id: str, reason: str, *, is_error: bool = False
    ) -> CaseResult:
        return CaseResult(
            id=case_id,
            verdicts=tuple(LawVerdict(law.id, law.level, unclear(reason)) for law in self.laws),
            reproduce=self._reproducer(subject, case_id),
            error=reason if is_error else None,
            world=subject.world,
        )

    def _reproducer(self, subject: Subject, case_id: str) -> str:
        options = self.options
        return reproducer(
            subject.spec,
            case_id,
            options.seed,
            options.dialect,
            subject.world,
            options.speech,
        )
