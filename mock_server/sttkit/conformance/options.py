"""What a check is asked to do, and whether there is such a thing."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sttkit.conformance.casework import speech_of
from sttkit.conformance.jobs import DEFAULT_WORLD
from sttkit.conformance.plan import Tier, World
from sttkit.conformance.result import Absent
from sttkit.dialects import load_dialect
from sttkit.errors import SttkitError, UsageError, unknown_name
from sttkit.faults import Point, kind_of
from sttkit.laws.model import Law
from sttkit.scripting.cases import parse_case
from sttkit.targets import is_installed, load_target, target_names, unknown_target

_WAITING_PER_CORE = 4
_MOST_WAITING = 16


@dataclass(frozen=True)
class CheckOptions:
    """What is to be checked.

    Attributes:
        targets: as on the command line.
        advisory: those of them that do not count against the check.
        cases: ids to play instead of a plan.
        own_cases: ids to play instead of both, by target.
        fault, at: keep the planned cases that have this fault, or a fault at this point.
        examples: how many scripts to make up and play besides.
        laws: ids to report; empty for all.
        jobs: cases played in ``world`` at the same time; None to choose. Those of targets that
            cannot be simulated wait beside the simulated ones.
        dialect: spoken by all targets, whatever they say themselves.
        speech: a YAML script whose speech is said in all cases, in place of the built-in one.
        world: where the cases are played; targets that cannot be simulated are always played
            over loopback.
        simulated_only: refuse targets that cannot be simulated.
        twice: play each case a second time and compare the traces.
    """

    targets: tuple[str, ...]
    advisory: frozenset[str] = frozenset()
    tier: Tier = "default"
    cases: tuple[str, ...] = ()
    own_cases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fault: str | None = None
    at: str | None = None
    examples: int = 0
    laws: tuple[str, ...] = ()
    seed: int = 0
    jobs: int | None = None
    dialect: str | None = None
    world: World = DEFAULT_WORLD
    simulated_only: bool = False
    speech: str | None = None
    twice: bool = False


def every_plugin(*, simulated_only: bool = False) -> tuple[tuple[str, ...], tuple[Absent, ...]]:
    """The registered targets that are plugins: those that can be judged, and why not the others."""
    there: list[str] = []
    absent: list[Absent] = []
    for name in target_names():
        target = load_target(name)
        if target.control:
            continue
        if not is_installed(target):
            what = f"'sttkit[{target.extra}]'" if target.extra else target.package
            absent.append(Absent(name, target.package, f"pip install {what}"))
        elif simulated_only and target.loopback_only is not None:
            absent.append(Absent(name, target.package, target.loopback_only, why="not simulated"))
        else:
            there.append(name)
    return tuple(there), tuple(absent)


def needs_real_time(spec: str) -> bool:
    """Whether a target is known not to be simulable, as far as its name tells.

    What is in a file or module of the user's own is not run to find out.
    """
    if spec not in target_names():
        return False
    try:
        return load_target(spec).loopback_only is not None
    except SttkitError:  # told when the target is looked at
        return False


def jobs_in(world: World, options: CheckOptions) -> int:
    """Cases to play in ``world`` at the same time: over loopback they mostly wait, simulated never.

    With more of them, their own work would make each other late.
    """
    if options.jobs is not None and world == options.world:
        return options.jobs
    cores = os.cpu_count() or 1
    return min(_MOST_WAITING, _WAITING_PER_CORE * cores) if world == "loopback" else cores


def chosen_laws(ids: Sequence[str], laws: Sequence[Law]) -> tuple[Law, ...]:
    """The laws called ``ids`` (in any case), in the contract's order; all if there are none.

    Raises:
        UsageError: there is no such law.
    """
    by_id = {law.id: law for law in laws}
    for law_id in ids:
        if law_id.upper() not in by_id:
            raise unknown_name("law", law_id, by_id)
    wanted = {law_id.upper() for law_id in ids}
    return tuple(law for law in laws if not wanted or law.id in wanted)


def validate(options: CheckOptions) -> None:
    """Find what is wrong with ``options`` before anything slow begins.

    Raises:
        UsageError: something they name does not exist.
    """
    for spec in options.targets:
        if ":" not in spec and not spec.endswith(".py") and spec not in target_names():
            raise unknown_target(spec)
    for spec in options.advisory:
        if spec not in options.targets:
            raise unknown_name("target", spec, options.targets, where="--advisory")
    for case in options.cases:
        parse_case(case)
    if options.fault is not None:
        kind_of(options.fault)
    points = [point.value for point in Point]
    if options.at is not None and options.at not in points:
        raise unknown_name("point", options.at, points)
    if options.dialect is not None:
        load_dialect(options.dialect)
    if options.twice and options.world == "loopback":
        raise UsageError(
            "--twice with --loopback",
            expected="one of them: in real time no two runs are equal",
        )
    if options.simulated_only and options.world == "loopback":
        raise UsageError("--simulated with --loopback", expected="one of them")
    if options.speech is not None:
        speech_of(options.speech)
