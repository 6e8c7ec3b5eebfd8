"""Which faults there are on which carrier: a gRPC client's library hides much of the line from it.

What TCP does - a refusal, a reset, a FIN - reaches such a client as the status UNAVAILABLE, and a
close code as the status that says the same (`sttkit.session.envelope`); a half-open line swallows
and says nothing. What is not in the table below acts on a call as on a WebSocket.
"""

from __future__ import annotations

from typing import Literal

from sttkit.faults.placing import Fault

Carrier = Literal["websocket", "grpc"]

_OWN_CLOSES = range(4001, 4017)
_FRAMES = "gRPC has no WebSocket frames"
_HIDDEN = "the client's library connects by itself, unseen by the fake server"
_TYPED = "the messages are protobuf, and of one kind"

_NOT_OVER_GRPC: dict[str, str] = {
    "unknown-host": _HIDDEN,
    "redirect": "gRPC follows no redirects",
    "bad-accept": "gRPC has no WebSocket handshake",
    "certificate": _HIDDEN,
    "half-close": "a server that ends its side has ended the call",
    "no-close-reply": "a cancelled call is not answered",
    "fragment": _FRAMES,
    "cut": _FRAMES,
    "rfc": _FRAMES,
    "not-json": _TYPED,
    "json-array": _TYPED,
    "json-null": _TYPED,
    "binary-for-text": _TYPED,
    "huge": _TYPED,
    "nested": _TYPED,
}


def missing_on(carrier: Carrier, fault: Fault) -> str | None:
    """Why there is no such fault on this carrier, or None if there is."""
    if carrier == "websocket":
        return None
    if fault.id == "close" and int(str(fault.param)) >= 4000:
        status = int(str(fault.param))
        return None if status in _OWN_CLOSES else "4001 to 4016 name the statuses of gRPC"
    return _NOT_OVER_GRPC.get(fault.id)
