"""What a client says on an open WebSocket: messages, pings, and its close frame (RFC 6455)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from websockets.frames import Close, Opcode

from sttkit.faults import Family, Fault, Point
from sttkit.session.effects import close_of
from sttkit.session.frames import ClientFrames, close_payload, pong_bytes
from sttkit.session.state import State

if TYPE_CHECKING:
    from sttkit.session.connection import Connection
    from sttkit.session.dialogue import Dialogue

# Members of an enum take long to look up, and every message asks.
_BINARY, _TEXT = Opcode.BINARY, Opcode.TEXT
_OPEN, _CLOSING = State.OPEN, State.CLOSING


class WebSocketExchange:
    """The client's side of a connection, once its handshake was answered with 101.

    Args:
        connection: where the answers go.
        frames: takes apart what comes.
        dialogue: hears the messages; None if there is nobody to talk.
    """

    def __init__(
        self, connection: Connection, frames: ClientFrames, dialogue: Dialogue | None
    ) -> None:
        self._connection = connection
        self._frames = frames
        self._dialogue = dialogue

    def receive(self, data: bytes) -> None:
        """Bytes of frames."""
        connection, dialogue = self._connection, self._dialogue
        for opcode, payload in self._frames.receive(data):
            if opcode is not _BINARY and opcode is not _TEXT:
                self._receive_control(opcode, payload)
            elif dialogue is not None and connection.state is _OPEN:
                dialogue.hear(payload if opcode is _BINARY else payload.decode("utf-8", "replace"))
            state = connection.state
            if state is not _OPEN and state is not _CLOSING:
                return
        violation = self._frames.violation
        if violation is not None:
            connection.fail(violation.code, violation.reason)

    def _receive_control(self, opcode: Opcode, payload: bytes) -> None:
        if opcode is Opcode.PING:
            self._connection.note("ping")
            self._connection.emit(pong_bytes(payload))
        elif opcode is Opcode.CLOSE:
            self._receive_close(payload)

    def _receive_close(self, payload: bytes) -> None:
        connection, dialogue = self._connection, self._dialogue
        close = Close.parse(payload)
        connection.note("close-received", code=close.code, reason=close.reason)
        # 5.5.1: "the endpoint typically echos the status code it received"
        reply = payload if dialogue is None else dialogue.reply_to(close, payload)
        if connection.state is State.CLOSING:
            connection.drop("close")
        if connection.state is not State.OPEN:
            return
        faults: list[Fault] = []
        if dialogue is not None and not connection.ignores_close:
            faults = dialogue.reach(Point.CLOSING)
        for fault in faults:
            if fault.id == "close":
                code, reason = close_of(fault)
                connection.note("close-sent", code=code, reason=reason)
                reply = close_payload(code, reason)
            elif fault.kind.family is Family.ENDING:
                connection.apply(fault)
        if connection.state is State.OPEN:
            connection.answer_close(reply)
