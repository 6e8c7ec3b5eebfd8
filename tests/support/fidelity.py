"""What a plugin does with a fault, told so that two worlds can be compared.

A fault leads to the same errors, attempts and events whether time and network are real or not. Left
out is what real time decides from run to run: when things happen, how many interims there are, what
is said after a reconnect, which may cut a word, and how many utterances it takes to see that the
stream is well again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sttkit.audio.speech import speech
from sttkit.conformance.casework import play_in
from sttkit.conformance.plan import World
from sttkit.conformance.pool import Answer
from sttkit.conformance.surveying import survey, target_of
from sttkit.dialects import load_dialect
from sttkit.faults import CATALOGUE, Family, FaultKind, Point
from sttkit.laws.model import ConnOptions, Limits
from sttkit.scripting.cases import parse_case
from sttkit.trace import Record

TARGETS = ("custom_stt", "deepgram", "gnani")
"""Two clients of aiohttp, and one of the ``websockets`` library."""
CONN = ConnOptions(max_retry=2, retry_interval=0.3, timeout=2.0)
LIMITS = Limits.loopback()
SAID = speech("hello there friend")
_TOLD = ("start_of_speech", "final_transcript", "end_of_speech")


SLOW = ("half-open", "no-answer@connecting:each", "no-close-reply", "no-greeting")
"""Faults of cases that take long in real time: best begun first."""


@dataclass(frozen=True)
class Job:
    """One case, in one world."""

    target: str
    case: str
    world: World


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        attempts: to connect.
        errors: of each ``error`` event its class, and whether it was told to be recoverable.
        ended: how iteration ended, and the class of what it raised.
        events: types of the speech events but interims; what comes again and again is told once.
    """

    attempts: int
    errors: tuple[str, ...]
    ended: str
    events: tuple[str, ...]

    def __str__(self) -> str:
        errors = ", ".join(self.errors) or "no error"
        events = ", ".join(self.events) or "no event"
        return f"{self.attempts} attempt(s); {errors}; {self.ended}; {events}"


def perform(job: Job) -> Answer[Outcome]:
    """Play it, with the same options in both worlds."""
    survey(job.target)
    target = target_of(job.target)
    script = parse_case(job.case).script(seed=0, said=SAID)
    played = play_in(job.world)(target, script, conn=CONN, limits=LIMITS)
    return Answer(outcome_of(played.trace.records))


def outcome_of(records: Iterable[Record]) -> Outcome:
    """The facts that both worlds must agree on."""
    records = list(records)
    ended = [r.data for r in records if r.kind == "ended"]
    return Outcome(
        attempts=sum(r.kind == "attempt" for r in records),
        errors=tuple(
            f"{r.data['error']['type']} ({'re' if r.data['recoverable'] else 'unre'}coverable)"
            for r in records
            if r.kind == "error"
        ),
        ended=", ".join(_end(data) for data in ended) or "did not end",
        events=_once(
            [r.data["type"] for r in records if r.kind == "event" and r.data["type"] in _TOLD]
        ),
    )


def _once(types: list[str]) -> tuple[str, ...]:
    """Without what repeats what stands right before it: finals of one utterance, utterances."""
    told: list[str] = []
    for each in types:
        told.append(each)
        for length in (1, 2, 3):
            if told[-length:] == told[-2 * length : -length]:
                del told[-length:]
    return tuple(told)


def _end(data: object) -> str:
    assert isinstance(data, dict)
    error = data["error"]
    return f"raised {error['type']}" if error else str(data["how"])


def cases_for(target: str) -> tuple[str, ...]:
    """Every connecting and every ending fault, with each of its parameters.

    But ``certificate``: the fake server speaks no TLS of its own over loopback.
    """
    greets = load_dialect(target_of(target).dialect).facts.greeting != "never"
    cases = []
    for kind in CATALOGUE:
        if kind.family not in (Family.CONNECTING, Family.ENDING) or kind.id in (
            "none",
            "certificate",
        ):
            continue
        for fault in _spelled(kind):
            if kind.points == (Point.GREETING,):
                cases += [f"{fault}@greeting"] if greets else []
            elif Point.CONNECTING in kind.points:
                cases += [f"{fault}@connecting", f"{fault}@connecting:each"]
            elif kind.points == (Point.CLOSING,):
                cases.append(f"{fault}@closing")
            else:
                cases.append(f"{fault}@mid-utterance.2")
                cases += [f"{fault}@after-end"] if Point.AFTER_END in kind.points else []
    return tuple(cases)


def _spelled(kind: FaultKind) -> list[str]:
    if kind.parameter is None:
        return [kind.id]
    return [f"{kind.id}={choice}" for choice in kind.parameter.choices]
