"""One target in the course of a check: what is known of it so far."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from sttkit.conformance.jobs import Outcome, Refusal
from sttkit.conformance.plan import World
from sttkit.conformance.pool import Lost
from sttkit.conformance.search import Search
from sttkit.conformance.surveying import Survey
from sttkit.conformance.twice import Difference
from sttkit.errors import SttkitError
from sttkit.laws.model import Law, Verdict, unclear

HEALTHY = "none@idle"
"""The case that shows what a plugin does on a good day."""
ENOUGH_LOST = 3
"""So many processes may a target take with it, one after another, before the rest of its cases is
not played."""

MOST_TRIES = 3
"""So often is a case played in real time if the machine is too busy for it."""
TOO_BUSY = "not judged: the machine was too busy for real time whenever it was played"


@dataclass
class Subject:
    """What is known of one target, kept up to date as answers come in.

    Attributes:
        spec: as on the command line.
        asked_world: where its cases are to be played, if they can be.
        survey, error: what there is to say about it, or why there is nothing.
        case_ids: what it is judged by, in order.
        outcomes: what came back, by case.
        compared, differences: cases played twice, and those whose traces differed.
        lost: processes that it took with it, one after another.
        given_up: whether the rest of its cases is not played.
        finished_at: when the last answer came, on the monotonic clock.
        search: scripts that are made up for it.
        examples: how many of those were played.
        simulated_s: simulated seconds of those.
    """

    spec: str
    asked_world: World
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
        """Whether it emits START_OF_SPEECH on a good day; None if that is not known yet."""
        healthy = self.outcomes.get(HEALTHY)
        return healthy.started if isinstance(healthy, Outcome) else None

    @property
    def world(self) -> World:
        """Where its cases are played: not every target can be simulated."""
        only = self.survey is not None and self.survey.loopback_only
        return "loopback" if only else self.asked_world

    def broken_musts(self, outcome: Outcome, laws: Iterable[Law]) -> list[str]:
        """Ids of those of ``laws`` that ``outcome`` shows broken, if they are of level must."""
        judged = outcome.judged[self.start_in_health]
        return [
            law.id for law in laws if law.level == "must" and judged[law.id].verdict is Verdict.FAIL
        ]

    def broke_a_must(self, case_id: str, laws: Iterable[Law]) -> bool:
        """Whether a case that was played shows that; a process that was lost does."""
        answer = self.outcomes.get(case_id)
        if not isinstance(answer, Outcome):
            return isinstance(answer, Lost)
        return bool(self.broken_musts(answer, laws))


def undecided(outcome: Outcome) -> Outcome:
    """An outcome that decides nothing, since the machine was too busy."""
    judged = {
        known: dict.fromkeys(laws, unclear(TOO_BUSY)) for known, laws in outcome.judged.items()
    }
    return replace(outcome, judged=judged)


def how_lost(lost: Lost) -> str:
    """What became of a process, for a sentence that begins with it."""
    verb = {"frozen": "was frozen", "died": "died", "failed": "failed"}[lost.how]
    return f"{verb} after {lost.seconds:.0f} s ({lost.detail.strip().splitlines()[-1]})"
