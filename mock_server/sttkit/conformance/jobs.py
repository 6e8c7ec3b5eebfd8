"""Jobs for worker processes and what came of them.

All of it is plain data, since it travels between processes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sttkit.conformance.plan import World
from sttkit.conformance.result import Owner
from sttkit.conformance.surveying import Survey
from sttkit.errors import SttkitError
from sttkit.laws.model import ConnOptions

if TYPE_CHECKING:
    from sttkit.laws.model import Judgement

DEFAULT_WORLD: World = "simulated"
"""Where cases are played unless something else is asked for."""
PROBE = "framework_probe"
"""The target that has no faults of its own."""


@dataclass(frozen=True)
class SurveyJob:
    """Find out what there is to say about a target, and whether it can be built."""

    target: str
    dialect: str | None = None


@dataclass(frozen=True)
class CaseJob:
    """Play a case to a target.

    ``turn`` is 1 and 2 where a case is played twice, to compare the traces, and else 0. ``tries``
    counts up where the machine was too busy for real time.
    """

    target: str
    case: str
    seed: int = 0
    dialect: str | None = None
    world: World = DEFAULT_WORLD
    speech: str | None = None
    turn: int = 0
    tries: int = 1


@dataclass(frozen=True)
class ProbeJob:
    """Play a case to the framework probe, to see whose fault a failure is."""

    case: str
    seed: int = 0
    world: World = DEFAULT_WORLD
    speech: str | None = None
    tries: int = 1


@dataclass(frozen=True)
class ShrinkJob:
    """Make a script as small as it can be for a target to break a law of level must in it.

    Attributes:
        script: on one line.
        blamed: whose fault it is that the law is broken, and has to stay.
        started: whether a healthy run emits START_OF_SPEECH, if that is known.
        seed: of the check; a case with this seed is as good as a script.
    """

    target: str
    script: str
    law: str
    blamed: Owner
    started: bool | None = None
    seed: int = 0
    dialect: str | None = None
    world: World = DEFAULT_WORLD


Job = SurveyJob | CaseJob | ProbeJob | ShrinkJob


@dataclass(frozen=True)
class Outcome:
    """A case, played and judged.

    Whether a healthy run emits START_OF_SPEECH is only known when that run is over, somewhere
    else; so the case is judged for each answer, and ``judged`` has them by it.
    """

    judged: Mapping[bool | None, Mapping[str, Judgement]]
    started: bool
    unfired: tuple[str, ...]
    wall_s: float
    options: ConnOptions = field(default_factory=ConnOptions)
    simulated_s: float = 0.0
    trace_sha256: str | None = None
    trace: bytes | None = None
    """The packed trace, if the case is played twice."""
    starved: bool = False
    """Whether the machine was too busy for it: nothing that was timed can be relied on."""


@dataclass(frozen=True)
class Smallest:
    """What is left of a script: a case id, or a script on one line."""

    case: str


@dataclass(frozen=True)
class Refusal:
    """The kit's own error: the target could not be found, built or run."""

    error: SttkitError


Result = Survey | Outcome | Smallest | Refusal
