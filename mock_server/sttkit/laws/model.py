"""What a law is, and the plain facts it is given.

A law sees the trace of one run and what is declared about dialect, framework and options; never a
plugin object, never a provider's name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from sttkit.dialects.model import Facts, ProviderFailure
from sttkit.scripting.model import Script
from sttkit.trace import Record

if TYPE_CHECKING:
    from sttkit.laws.facts import History


class Verdict(str, Enum):
    """What a law says of a run."""

    PASS = "pass"
    FAIL = "fail"
    WARN = "warn"
    INCONCLUSIVE = "inconclusive"
    NOT_APPLICABLE = "not_applicable"
    NOT_EXERCISED = "not_exercised"


Level = Literal["must", "should"]


@dataclass(frozen=True)
class ConnOptions:
    """LiveKit's connection options of the run: retries, and seconds."""

    max_retry: int = 3
    retry_interval: float = 0.3
    timeout: float = 2.0

    @property
    def budget(self) -> float:
        """Longest time that one row of attempts may take before the stream must raise, seconds."""
        waits = 0.1 + self.retry_interval * max(0, self.max_retry - 1) if self.max_retry else 0.0
        return (self.max_retry + 1) * self.timeout + waits


@dataclass(frozen=True)
class Limits:
    """Limits that the contract names as defaults, seconds.

    ``loopback()`` shortens those that only bound how long a deaf stream is watched: real time is
    dear, and with the loopback world's short options a sound plugin has long recovered by then.
    A half-open line is another matter: only a heartbeat finds it, and no option shortens that.
    """

    recovery: float = 60.0
    half_open: float = 60.0
    grace: float = 1.0
    end_of_input: float = 30.0
    end_after_server: float = 2.0
    aclose: float = 5.0
    blocked: float = 0.5
    storm_attempts: int = 5
    storm_window: float = 1.0
    usage: float = 1.0

    def after(self, fault: str) -> float:
        """How long a stream is watched after a fault with this id."""
        return self.half_open if fault == "half-open" else self.recovery

    @staticmethod
    def loopback() -> Limits:
        """Limits of the loopback world."""
        return Limits(recovery=15.0)


@dataclass(frozen=True)
class Subject:
    """What is known about the plugin under test without looking into it.

    Attributes:
        name: of the target.
        framework: version of livekit-agents as a tuple of ints, ``(1, 8, 9)``.
        max_retry: retries that the plugin declares to the base class, where it overrides them.
        updates: configuration values (by the dialect's names) that ``update-options`` leads to.
        speech_only: whether it is known to send speech and to keep back what lies between.
        start_in_health: whether a healthy run emits START_OF_SPEECH; None if not known.
    """

    name: str
    framework: tuple[int, ...] = (1, 8, 9)
    max_retry: int | None = None
    updates: tuple[tuple[str, object], ...] = ()
    speech_only: bool = False
    start_in_health: bool | None = None


@dataclass(frozen=True)
class Run:
    """One case, played: all that a law may look at."""

    script: Script
    records: tuple[Record, ...]
    facts: Facts
    errors: dict[str, ProviderFailure] = field(default_factory=dict)
    options: ConnOptions = field(default_factory=ConnOptions)
    limits: Limits = field(default_factory=Limits)
    subject: Subject = field(default_factory=lambda: Subject("plugin"))
    world: Literal["simulated", "loopback"] = "loopback"

    @cached_property
    def history(self) -> History:
        """The records as the laws look at them: by stream, by connection, by failure."""
        from sttkit.laws.facts import History  # which is made from a Run

        return History(self)

    def knowing(self, start_in_health: bool | None) -> Run:
        """The same run, with an answer to whether a healthy one emits START_OF_SPEECH."""
        told = replace(self, subject=replace(self.subject, start_in_health=start_in_health))
        # Views over records know nothing of the answer, and take a good part of the judging.
        vars(told)["history"] = self.history
        return told


@dataclass(frozen=True)
class Judgement:
    """A verdict with its evidence.

    Attributes:
        reason: why it is inconclusive, not applicable or not exercised.
        expected, observed: for a failure or a warning.
        at: seconds into the run where it shows.
    """

    verdict: Verdict
    reason: str = ""
    expected: str = ""
    observed: str = ""
    at: float | None = None


@dataclass(frozen=True)
class Law:
    """One numbered rule of the contract.

    Attributes:
        id: public, never renumbered.
        level: whether breaking it is a failure or a warning.
        statement: the rule.
        why: what breaks in production when it is broken.
        observed: how a run shows it.
        judge: the rule as a function.
        since: first livekit-agents version whose base class keeps to it, or None; what breaks it on
            an older one is broken by the framework probe, too.
        asks_start: whether the verdict depends on `Subject.start_in_health`.
    """

    id: str
    level: Level
    statement: str
    why: str
    observed: str
    judge: Callable[[Run], Judgement]
    since: tuple[int, ...] | None = None
    asks_start: bool = False


def passed() -> Judgement:
    """The law held in this run."""
    return Judgement(Verdict.PASS)


def broken(expected: str, observed: str, at: float | None = None) -> Judgement:
    """The law was broken; the level of the law makes it a failure or a warning."""
    return Judgement(Verdict.FAIL, expected=expected, observed=observed, at=at)


def warned(expected: str, observed: str, at: float | None = None) -> Judgement:
    """The law holds, but what it says should be besides does not."""
    return Judgement(Verdict.WARN, expected=expected, observed=observed, at=at)


def unexercised(reason: str) -> Judgement:
    """The situation that the law speaks of never arose."""
    return Judgement(Verdict.NOT_EXERCISED, reason=reason)


def inapplicable(reason: str) -> Judgement:
    """The law cannot be asked of this plugin, dialect or framework."""
    return Judgement(Verdict.NOT_APPLICABLE, reason=reason)


def unclear(reason: str) -> Judgement:
    """The run could not tell."""
    return Judgement(Verdict.INCONCLUSIVE, reason=reason)
