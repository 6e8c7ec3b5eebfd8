"""Which cases a check plays: every fault at every point where it makes sense, then combinations.

The plan is derived from the catalogue of faults and the declared facts of the dialect, so a new
fault or dialect is covered without a change here. Combinations that are worth their time - a fault
met by a client action, two faults in a row, a fault that never goes away - are listed by case id,
because which ones matter is knowledge about streams, not about the catalogue.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sttkit.conformance.possible import absent_points, can_have, parameters_of
from sttkit.dialects.model import Dialect
from sttkit.faults import CATALOGUE, Fault, FaultKind, Placed, Point
from sttkit.faults.catalogue import Family
from sttkit.scripting.cases import Case, parse_case

Tier = Literal["smoke", "default"]
World = Literal["simulated", "loopback"]

_HEALTHY = (
    "none@idle",
    "none@batch",
    "none@mid-utterance.2+flush",
    "none@idle+flush",
    "none@after-final+flush",
    "none@between-utterances+pause",
    "none@mid-utterance+flush-twice",
    "none@idle+drop-stream",
    "none@idle+end",
    "none@before-audio+end",
    "none@mid-utterance.2+end",
    "none@after-final+end",
    "none@idle+end-at-once",
    "none@mid-utterance.2+slow-consumer",
    "none@between-utterances+burst",
    "none@idle+block-loop",
    "none@mid-utterance.2+update-options",
    "none@between-utterances+update-options",
    "none@after-end+update-options",
    "none@idle+second-stream",
    "none@idle+new-stream-after",
    "none@idle+aclose-at-once",
    "none@connecting+aclose",
    "none@greeting+aclose",
    "none@before-audio+aclose",
    "none@idle+aclose",
    "none@mid-utterance.2+aclose",
    "none@after-final+aclose",
    "none@after-end+aclose",
    "none@closing+aclose",
    "none@mid-utterance.2+aclose-twice",
    "none@connecting+cancel-consumer",
    "none@mid-utterance.2+cancel-consumer",
    "none@mid-utterance.2+close-http-session",
    "none@mid-utterance.2+aclose+second-stream",
    "none@mid-utterance.2+cancel-consumer+new-stream-after",
    # Audio in another form than the plugin's.
    "none@idle+input=48000",
    "none@idle+input=8000",
    "none@idle+stereo",
    # A caller who is muted for minutes, from the beginning or in mid-call.
    "none@before-audio+pause=180",
    "none@between-utterances+pause=180",
)

_COMBINED = (
    # An hour in which the server closes each session after three minutes, with speech and without;
    # and fifty reconnects in half an hour.
    "session-limit=180@upgraded:each+long-call=3700",
    "session-limit=180@upgraded:each+pause=3700",
    "session-limit=30@upgraded:each+long-call=1600",
    # Much audio for a server that does not read it.
    "stop-reading@mid-utterance.2+burst=60",
    # The line never heals: the budget of retries has to end it.
    "refused@connecting:each",
    "http=503@connecting:each",
    "no-answer@connecting:each",
    "no-greeting@greeting:each",
    "close=1011@before-audio:each",
    "reset@mid-utterance:each",
    # The server ends each session in its own words: connecting again at once is a storm.
    "unasked-end@before-audio:each",
    # Refused for good, but only once the handshake was through.
    "close=1008@greeting",
    # All that follows in the utterance that is cut is silence.
    "reset@mid-utterance.3",
    # The reconnect itself fails.
    "reset@mid-utterance.2/http=503@connecting.2",
    "close=1011@mid-utterance.2/refused@connecting.2",
    "close=1011@after-final/http=401@connecting.2",
    "fin@between-utterances/no-answer@connecting.2",
    "reset@mid-utterance.2/no-greeting@greeting",
    "close=1011@mid-utterance.2/reset@before-audio",
    "reset@mid-utterance.2/reset@mid-utterance.2",
    # What the first session was given, a heartbeat and keepalives, the second one needs as well.
    "close=1011@mid-utterance.2/half-open@mid-utterance.2",
    "close=1011@between-utterances+pause=180",
    "close=1001@between-utterances/close=1001@between-utterances",
    # A final in between starts the budget over.
    "refused@backoff.3/close=1011@between-utterances.3",
    # The last final comes seconds after the end of the audio, all the same.
    "delay=2@mid-utterance/none@mid-utterance.2+end",
    # The answer to a recording comes so late that nobody waits for it.
    "batch-slow=60@batch",
    # A recording's request never gets so far as to be answered, once or for good.
    "refused@connecting/none@batch",
    "no-answer@connecting/none@batch",
    "unknown-host@connecting/none@batch",
    "refused@connecting:each/none@batch",
    "batch-http=503@batch:each",
    # The last final is lost, after the end of the audio.
    "reset@flush/none@mid-utterance.2+end",
    # The sender meets the break before the receiver does.
    "reset@mid-utterance.2+block-loop",
    "reset@idle+block-loop",
    "fin@mid-utterance.2+block-loop",
    "close=1011@mid-utterance.2+block-loop",
    "reset@between-utterances+burst",
    # The application acts while something is wrong.
    "no-answer@connecting+aclose",
    "no-answer@connecting+end",
    "no-answer@connecting+cancel-consumer",
    "slow-handshake@connecting+aclose",
    "slow-handshake@connecting+end",
    "slow-handshake@connecting+end-at-once",
    "no-greeting@greeting+aclose",
    "no-greeting@greeting+end",
    "refused@backoff.2+aclose",
    "refused@backoff.2+aclose-twice",
    "refused@backoff.2+end",
    "refused@backoff.2+cancel-consumer",
    "refused@connecting+end-at-once",
    "reset@backoff.2+aclose",
    "half-open@mid-utterance.2+aclose",
    "half-open@after-end+aclose",
    "half-open@after-end",
    "stop-reading@mid-utterance.2+aclose",
    "stall@mid-utterance.2+aclose",
    "stall@mid-utterance.2+end",
    "no-close-reply@closing+aclose",
    "mute-after-end@after-end+aclose",
    "late-final@after-end+aclose",
    "close=1011@mid-utterance.2+aclose",
    "reset@mid-utterance.2+cancel-consumer",
    "reset@mid-utterance.2+close-http-session",
    "reset@mid-utterance.2+slow-consumer",
    "reset@mid-utterance.2+end",
    "close=1011@after-final+end",
    "close=1011@mid-utterance.2+update-options",
    # Options that change when an attempt is under way, the first one or another.
    "slow-handshake@connecting+update-options",
    "close=1011@mid-utterance.2/slow-handshake@connecting.2+update-options",
    # All that was said of an utterance is taken back.
    "retract@mid-utterance.3",
    # Streams that end by themselves, and that nobody closes.
    "http=401@connecting+drop-stream",
    "refused@connecting:each+drop-stream",
    # Streams that share an STT.
    "reset@mid-utterance.2+second-stream",
    "close=1011@after-final+second-stream",
    "reset@mid-utterance.2+new-stream-after",
    "http=401@connecting+new-stream-after",
)

_SMOKE = (
    "none@idle",
    "none@batch",
    "none@mid-utterance.2+flush",
    "none@mid-utterance+flush-twice",
    "none@mid-utterance.2+end",
    "none@idle+end-at-once",
    "none@mid-utterance.2+update-options",
    "none@mid-utterance.2+aclose",
    "none@idle+aclose-at-once",
    "none@connecting+aclose-twice",
    "none@idle+second-stream",
    "none@mid-utterance.2+cancel-consumer+new-stream-after",
    "none@mid-utterance.2+close-http-session",
    "refused@connecting",
    "no-answer@connecting",
    "http=503@connecting",
    "http=401@connecting+drop-stream",
    "no-greeting@greeting",
    "http=503@connecting:each",
    "refused@backoff.2+aclose",
    "close=1011@mid-utterance.2",
    "close=1000@between-utterances",
    "reset@between-utterances",
    "fin@mid-utterance.2",
    "reset@mid-utterance.2+block-loop",
    "close=1011@mid-utterance.2/reset@before-audio",
    "reset@mid-utterance.2/http=503@connecting.2",
    "reset@after-end",
    "mute-after-end@after-end",
    "late-final@after-end",
    "stop-reading@mid-utterance.2+aclose",
    "no-close-reply@closing+aclose",
    "half-open@mid-utterance.2",
    "half-open@mid-utterance.2+aclose",
    "session-limit=180@upgraded:each+pause=3700",
    "reset@mid-utterance.2+second-stream",
    "duplicate@after-final",
    "not-json@mid-utterance.2",
    "wrong-types@mid-utterance.2",
    "provider-error@mid-utterance.2",
    "null-error@mid-utterance.2",
    "retract@mid-utterance.3",
    "rfc=bad-utf8@mid-utterance",
    "fragment=1@upgraded",
    "batch-http=503@batch",
    "batch-http=401@batch",
    "batch-not-json@batch",
)

_REAL_TIME_ONLY_WITH_ACTION = frozenset({"half-open", "stop-reading", "stall"})
"""Deaf lines that take a client's heartbeat (a minute) to notice: too dear in real time alone."""

_REAL_TIME_LIMIT_S = 20.0
"""Pauses, calls and bursts that last longer are left out of real time: it would take that long."""


@dataclass(frozen=True)
class Scope:
    """What a check can play at a target.

    Attributes:
        batch: whether it recognises whole recordings.
        updates: whether its options can be changed in mid-stream.
        world: where the cases are played.
        tier: how many of them.
    """

    batch: bool = True
    updates: bool = True
    world: World = "loopback"
    tier: Tier = "default"


def plan(
    dialect: Dialect,
    scope: Scope | None = None,
    *,
    fault: str | None = None,
    at: str | None = None,
) -> tuple[Case, ...]:
    """The cases for a dialect, healthy ones first; ``fault`` and ``at`` narrow them down."""
    scope = scope or Scope()
    chosen: dict[str, Case] = {}
    for case in _all(dialect, scope):
        if _possible(case, dialect, scope) and case.id not in chosen:
            chosen[case.id] = case
    cases = tuple(chosen.values())
    if fault is not None:
        cases = tuple(c for c in cases if any(p.fault.id == fault for p in c.faults))
    if at is not None:
        cases = tuple(c for c in cases if any(p.point.value == at for p in c.faults))
    return cases


def _all(dialect: Dialect, scope: Scope) -> Iterator[Case]:
    if scope.tier == "smoke":
        yield from map(parse_case, _SMOKE)
        return
    yield from map(parse_case, _HEALTHY)
    for kind in CATALOGUE:
        if kind.id != "none":
            yield from _single(kind, dialect)
    yield from map(parse_case, _COMBINED)


def _single(kind: FaultKind, dialect: Dialect) -> Iterator[Case]:
    """One fault with each of its parameters: all at its main point, the first at every point."""
    parameters = parameters_of(kind, dialect)
    for index, parameter in enumerate(parameters):
        points = kind.points if index == 0 or kind.family is Family.MESSAGES else ()
        for point in points or (_main_point(kind),):
            if point is Point.BACKOFF:
                continue  # only with an action: the wait itself is like `connecting.n`
            yield Case((Placed(Fault(kind.id, parameter), point, _occurrence(point)),))


def _main_point(kind: FaultKind) -> Point:
    return Point.MID_UTTERANCE if Point.MID_UTTERANCE in kind.points else kind.points[0]


def _occurrence(point: Point) -> int:
    # After the second interim the client is well in the middle of an utterance.
    return 2 if point is Point.MID_UTTERANCE else 1


def _possible(case: Case, dialect: Dialect, scope: Scope) -> bool:
    absent = absent_points(dialect)
    for placed in case.faults:
        point, fault_id = placed.point, placed.fault.id
        if point in absent or (point is Point.BATCH and not scope.batch):
            return False
        if not can_have(dialect, placed.fault):
            return False
        if fault_id == "certificate" and (scope.world == "loopback" or dialect.host == "localhost"):
            return False  # there is no TLS
        if (
            scope.world == "loopback"
            and fault_id in _REAL_TIME_ONLY_WITH_ACTION
            and not case.actions
            and point not in (Point.AFTER_END, Point.AFTER_END_ANSWER, Point.CLOSING)
        ):
            return False
    if scope.world == "loopback" and takes_too_long(case):
        return False
    return scope.updates or "update-options" not in case.actions


def takes_too_long(case: Case) -> bool:
    """Whether a case is too long to be played in real time."""
    return _lasts(case) > _REAL_TIME_LIMIT_S


def _lasts(case: Case) -> float:
    """How long the application's pauses, calls and bursts make a case, seconds."""
    script = case.script()
    return sum(script.lasting(action) for action in ("pause", "long-call", "burst"))
