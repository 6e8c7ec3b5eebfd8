"""What a check found, as plain frozen data, and its JSON form ``sttkit.check/1``.

The JSON is public: its schema is ``docs/check.schema.json``, and it only ever gains fields. A case
lists every law that was asked for, also those that it says nothing about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sttkit.conformance.plan import World
from sttkit.conformance.twice import Difference
from sttkit.laws.model import ConnOptions, Judgement, Level, Verdict
from sttkit.scripting.yaml import is_line

SCHEMA = "sttkit.check/1"

Owner = Literal["plugin", "framework"]
"""Whose fault a broken law is: the plugin's, or that of LiveKit's base class under it."""

_BEHIND = 1000

BROKEN = (Verdict.FAIL, Verdict.WARN)


@dataclass(frozen=True)
class LawVerdict:
    """What one law says of one case."""

    law: str
    level: Level
    judgement: Judgement
    owner: Owner = "plugin"

    @property
    def verdict(self) -> Verdict:
        return self.judgement.verdict

    @property
    def counts_against(self) -> bool:
        """Whether this makes the exit status 1: a *must* that the plugin itself broke."""
        return self.verdict is Verdict.FAIL and self.owner == "plugin"


@dataclass(frozen=True)
class CaseResult:
    """One case, judged.

    Attributes:
        id: the case id.
        verdicts: one per law, in the contract's order.
        reproduce: a command line that plays this case again.
        wall_s: how long it took, seconds.
        unfired: faults and actions of the case that never happened, by their ids.
        trace_sha256: hash of the trace; None over loopback, where no two traces are equal.
        unplayed: why it was not played, or not judged, or None.
        error: why it could not be played, or None.
        difference: what was not the same when it was played twice, or None.
    """

    id: str
    verdicts: tuple[LawVerdict, ...]
    reproduce: str
    wall_s: float = 0.0
    unfired: tuple[str, ...] = ()
    trace_sha256: str | None = None
    unplayed: str | None = None
    error: str | None = None
    world: World = "loopback"
    difference: Difference | None = None


@dataclass(frozen=True)
class Finding:
    """A law that was broken, and the cases it was broken in, smallest first.

    Evidence, script and reproducer are those of the smallest case.
    """

    law: str
    level: Level
    owner: Owner
    title: str
    cases: tuple[str, ...]
    script: str
    judgement: Judgement
    reproduce: str

    @property
    def fails(self) -> bool:
        """Whether this is more than a warning."""
        return self.judgement.verdict is Verdict.FAIL


@dataclass(frozen=True)
class TargetResult:
    """All cases of one target.

    Attributes:
        name: as it was given on the command line.
        class_path: of the plugin's STT class.
        version: of the plugin's distribution.
        livekit_agents, python: versions it ran with.
        examples: how many scripts were made up and played; those that broke something are, shrunk,
            among the cases.
        advisory: its findings do not count against the check.
        error: why it could not be run, or None.
        loopback_only: why it could not be simulated, or None.
        compared: cases that were played twice, and their traces compared.
    """

    name: str
    class_path: str | None = None
    version: str | None = None
    livekit_agents: str | None = None
    python: str = ""
    dialect: str | None = None
    world: World = "loopback"
    conn_options: ConnOptions = field(default_factory=ConnOptions)
    cases: tuple[CaseResult, ...] = ()
    findings: tuple[Finding, ...] = ()
    wall_s: float = 0.0
    simulated_s: float = 0.0
    examples: int = 0
    advisory: bool = False
    error: str | None = None
    loopback_only: str | None = None
    compared: int = 0

    def counts(self) -> dict[Verdict, int]:
        """How often each verdict was given."""
        given = Counter(said.verdict for case in self.cases for said in case.verdicts)
        return {verdict: given[verdict] for verdict in Verdict}

    def verdicts_by_law(self) -> dict[str, tuple[LawVerdict, ...]]:
        """All verdicts of each law, in the contract's order."""
        by_law: dict[str, list[LawVerdict]] = {}
        for case in self.cases:
            for said in case.verdicts:
                by_law.setdefault(said.law, []).append(said)
        return {law: tuple(verdicts) for law, verdicts in by_law.items()}

    @property
    def judged_nothing(self) -> bool:
        """Whether there were cases, and not one of them was judged."""
        return bool(self.cases) and all(case.unplayed is not None for case in self.cases)

    @property
    def could_not_run(self) -> bool:
        """Whether the target, or a case of it, could not be run at all, or none was judged."""
        failed = any(case.error is not None for case in self.cases)
        return self.error is not None or failed or self.judged_nothing

    @property
    def differed(self) -> bool:
        """Whether a case was not the same when it was played twice."""
        return any(case.difference is not None for case in self.cases)

    @property
    def broke_the_contract(self) -> bool:
        """Whether a *must* was broken by the plugin itself."""
        return any(said.counts_against for case in self.cases for said in case.verdicts)


@dataclass(frozen=True)
class Absent:
    """A plugin that was not judged, and why.

    Attributes:
        name: of the target.
        package: the distribution that has the plugin.
        hint: what installs it, or why it cannot be simulated.
        why: what kept it from being judged.
    """

    name: str
    package: str
    hint: str
    why: Literal["not installed", "not simulated"] = "not installed"


@dataclass(frozen=True)
class CheckResult:
    """A whole check; ``interrupted`` if it was stopped before its end."""

    sttkit: str
    seed: int
    targets: tuple[TargetResult, ...]
    interrupted: bool = False
    absent: tuple[Absent, ...] = ()

    @property
    def exit_status(self) -> int:
        """0 the contract held, 1 a plugin broke it, 3 a target could not be run, or not judged.

        3 as well if a case was not the same twice: no verdict on it is worth anything; and if a
        case took its process with it, unless a law that was asked for says so.
        """
        if any(target.could_not_run or target.differed for target in self.targets):
            return 3
        broke = any(t.broke_the_contract and not t.advisory for t in self.targets)
        return 1 if broke else 0


def size_of(case_id: str) -> tuple[int, int, str]:
    """Sorts case ids by how much happens in them, and scripts behind them."""
    if is_line(case_id):
        return (_BEHIND, len(case_id), case_id)
    return (case_id.count("/") + case_id.count("+") + case_id.count(":each"), len(case_id), case_id)


def as_json(result: CheckResult) -> dict[str, Any]:
    """The JSON form, ready for `json.dumps`."""
    return {
        "schema": SCHEMA,
        "sttkit": result.sttkit,
        "seed": result.seed,
        "interrupted": result.interrupted,
        "exit_status": result.exit_status,
        "targets": [_target(target) for target in result.targets],
        "not_installed": [
            {"name": one.name, "package": one.package, "hint": one.hint}
            for one in result.absent
            if one.why == "not installed"
        ],
        "not_simulated": [
            {"name": one.name, "package": one.package, "reason": one.hint}
            for one in result.absent
            if one.why == "not simulated"
        ],
    }


def _target(target: TargetResult) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": target.name,
        "class": target.class_path,
        "version": target.version,
        "livekit_agents": target.livekit_agents,
        "python": target.python,
        "dialect": target.dialect,
        "world": target.world,
        "advisory": target.advisory,
        "conn_options": {
            "max_retry": target.conn_options.max_retry,
            "retry_interval": target.conn_options.retry_interval,
            "timeout": target.conn_options.timeout,
        },
        "summary": {
            "cases": len(target.cases),
            "examples": target.examples,
            "unfired": sum(1 for case in target.cases if case.unfired),
            "wall_s": round(target.wall_s, 3),
            "simulated_s": round(target.simulated_s, 3),
            "compared": target.compared,
            "verdicts": {verdict.value: n for verdict, n in target.counts().items()},
        },
        "cases": [_case(case) for case in target.cases],
        "findings": [_finding(finding) for finding in target.findings],
    }
    if target.error is not None:
        entry["error"] = target.error
    if target.loopback_only is not None:
        entry["loopback_only"] = target.loopback_only
    return entry


def _case(case: CaseResult) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": case.id,
        "world": case.world,
        "trace_sha256": case.trace_sha256,
        "reproduce": case.reproduce,
        "wall_s": round(case.wall_s, 3),
        "unfired": list(case.unfired),
        "verdicts": [
            {
                "law": said.law,
                "level": said.level,
                "verdict": said.verdict.value,
                "owner": said.owner,
                **_evidence(said.judgement),
            }
            for said in case.verdicts
        ],
    }
    if case.unplayed is not None:
        entry["unplayed"] = case.unplayed
    if case.error is not None:
        entry["error"] = case.error
    if case.difference is not None:
        entry["difference"] = {
            "record": case.difference.record,
            "first": case.difference.first,
            "second": case.difference.second,
        }
    return entry


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "law": finding.law,
        "level": finding.level,
        "verdict": finding.judgement.verdict.value,
        "owner": finding.owner,
        "title": finding.title,
        "cases": list(finding.cases),
        "script": finding.script,
        "reproduce": finding.reproduce,
        **_evidence(finding.judgement),
    }


def _evidence(judgement: Judgement) -> dict[str, Any]:
    return {
        "reason": judgement.reason,
        "expected": judgement.expected,
        "observed": judgement.observed,
        "at_s": None if judgement.at is None else round(judgement.at, 6),
    }


def findings_of(
    cases: Iterable[CaseResult], titles: Mapping[str, str], scripts: Mapping[str, str]
) -> tuple[Finding, ...]:
    """Broken laws of one target, what counts against it first.

    ``titles`` has a line for each law, ``scripts`` the YAML of each case.
    """
    groups: dict[tuple[str, Owner, Verdict], list[tuple[CaseResult, LawVerdict]]] = {}
    for case in cases:
        for said in case.verdicts:
            if said.verdict in BROKEN:
                groups.setdefault((said.law, said.owner, said.verdict), []).append((case, said))
    findings = []
    for (law, owner, _), broken in groups.items():
        broken.sort(key=lambda pair: size_of(pair[0].id))
        smallest, said = broken[0]
        findings.append(
            Finding(
                law=law,
                level=said.level,
                owner=owner,
                title=titles.get(law, law),
                cases=tuple(case.id for case, _ in broken),
                script=scripts.get(smallest.id, ""),
                judgement=said.judgement,
                reproduce=smallest.reproduce,
            )
        )
    order = list(titles)
    return tuple(
        sorted(
            findings,
            key=lambda f: (
                f.owner != "plugin",
                not f.fails,
                order.index(f.law) if f.law in order else len(order),
            ),
        )
    )
