"""What each fault of the catalogue does to a connection, in one table.

Messages that no healthy server sends are made in `sttkit.session.messages`; the dialogue and its
mouth edit, silence and delay healthy ones. Everything that acts on bytes, time or the life of the
connection is here. A new one is one entry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from sttkit.faults import Fault
from sttkit.session.violations import VIOLATIONS

if TYPE_CHECKING:
    from sttkit.session.connection import Connection

LINGER_S = 0.05
"""Between FIN and the end of the socket when a process ends."""

_CLOSE_REASONS = {
    1000: "bye",
    1001: "going away",
    1008: "policy violation",
    1009: "message too big",
    1011: "internal error",
    1012: "service restart",
    1013: "try again later",
}


def close_of(fault: Fault) -> tuple[int, str]:
    """Code and reason of a ``close`` fault."""
    code = int(str(fault.param))
    return code, _CLOSE_REASONS.get(code, "closed by the server")


def _cut(connection: Connection, fault: Fault) -> None:
    # The header of a 126-byte text frame, and a third of its payload.
    connection.emit(bytes([0x81, 0x7E, 0x00, 0x7E]) + b'{"type":"' + b"x" * 33)
    connection.finish(linger=LINGER_S)


def _blocked_before_accept(connection: Connection, fault: Fault) -> None:
    # The shell could not see this attempt before it was accepted: a reset is the nearest thing.
    connection.reset()


def _session_limit(connection: Connection, fault: Fault) -> None:
    code = 1000 if connection.number % 2 else 1001
    connection.later(fault.seconds, lambda: connection.close(code, "session limit"))


def _latency(connection: Connection, fault: Fault) -> None:
    for direction in connection.directions:
        direction.model = replace(direction.model, latency=fault.seconds)


def _jitter(connection: Connection, fault: Fault) -> None:
    for direction in connection.directions:
        direction.model = replace(direction.model, jitter=fault.seconds)


def _bandwidth(connection: Connection, fault: Fault) -> None:
    downstream, _ = connection.directions
    downstream.model = replace(downstream.model, bandwidth=int(str(fault.param)) * 1000.0)


_EFFECTS: dict[str, Callable[[Connection, Fault], None]] = {
    "refused": _blocked_before_accept,
    "unknown-host": _blocked_before_accept,
    "no-answer": lambda connection, fault: connection.go_dark(),
    "http": lambda connection, fault: connection.door.answer_with(fault),
    "redirect": lambda connection, fault: connection.door.answer_with(fault),
    "bad-accept": lambda connection, fault: connection.door.answer_with(fault),
    "certificate": lambda connection, fault: connection.distrust(),
    "slow-handshake": lambda connection, fault: connection.hold(fault.seconds),
    "close": lambda connection, fault: connection.close(*close_of(fault)),
    "reset": lambda connection, fault: connection.reset(),
    "fin": lambda connection, fault: connection.finish(linger=LINGER_S),
    "half-close": lambda connection, fault: connection.finish(linger=None),
    "half-open": lambda connection, fault: connection.go_dark(),
    "unasked-end": lambda connection, fault: connection.close(1000, ""),
    "no-close-reply": lambda connection, fault: connection.ignore_close(),
    "latency": _latency,
    "jitter": _jitter,
    "bandwidth": _bandwidth,
    "session-limit": _session_limit,
    "stop-reading": lambda connection, fault: connection.stop_reading(),
    "fragment": lambda connection, fault: connection.set_pieces(max(1, int(str(fault.param)))),
    "cut": _cut,
    "rfc": lambda connection, fault: connection.emit(VIOLATIONS[str(fault.param)]),
}


def apply_to(connection: Connection, fault: Fault) -> None:
    """Let ``fault`` act on ``connection``; faults that act on messages do nothing here."""
    effect = _EFFECTS.get(fault.id)
    if effect is not None:
        effect(connection, fault)
