"""What can happen in a session of a dialect: points that it gets to, faults that it can have.

The plan and the scripts that nobody planned ask for the same.
"""

from __future__ import annotations

from sttkit.dialects.model import Dialect, View
from sttkit.events import SessionEnded
from sttkit.faults import Fault, FaultKind, Point
from sttkit.faults.carriers import missing_on
from sttkit.session.messages import malformed

_NO_SESSION = View("", {})


def absent_points(dialect: Dialect) -> frozenset[Point]:
    """Points that a session of this dialect never gets to."""
    absent: set[Point] = set()
    if dialect.facts.greeting == "never":
        absent.add(Point.GREETING)
    if not dialect.facts.flush_message:
        absent.add(Point.FLUSH)
    if not dialect.facts.end_marker:
        absent.update((Point.AFTER_END, Point.AFTER_END_ANSWER))
    if dialect.batch is None:
        absent.add(Point.BATCH)
    return frozenset(absent)


def can_have(dialect: Dialect, fault: Fault) -> bool:
    """Whether the provider, or what carries its messages, can misbehave so, TLS left aside."""
    if missing_on(dialect.carrier, fault) is not None:
        return False
    match fault.id:
        case "no-greeting":
            return dialect.facts.greeting_required
        case "retract":
            return dialect.facts.retracts
        case "null-error":
            return bool(malformed(fault.id, dialect, _NO_SESSION))
        case "unasked-end":  # without a message for it, what is left is `close=1000`
            return bool(dialect.write(SessionEnded(), _NO_SESSION))
        case "provider-error":
            return bool(dialect.errors) and str(fault.param) in ("", *dialect.errors)
    return True


def parameters_of(kind: FaultKind, dialect: Dialect) -> tuple[int | float | str | None, ...]:
    """The parameters that are worth trying; None stands for none."""
    if kind.parameter is None:
        return (None,)
    if kind.id == "provider-error":
        return tuple(dialect.errors)
    return kind.parameter.choices or (kind.parameter.default,)
