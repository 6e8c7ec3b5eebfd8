"""A gRPC call as a connection: messages without frames around them, a status instead of a close.

What a client of gRPC sees of a broken line is a status too: its library hides TCP from it, connects
again by itself and reports UNAVAILABLE. So the faults that end a WebSocket end a call with what the
library would say then, and the faults that need bytes of their own do not exist here (see
`sttkit.faults.carriers`).
"""

from __future__ import annotations

from sttkit.dialects.model import Message, Refusal, Request
from sttkit.session.batch import BatchExchange
from sttkit.session.connection import Connection
from sttkit.session.door import MAX_HEAD_BYTES, Door
from sttkit.session.envelope import (
    Frames,
    Status,
    answer_head,
    message_frame,
    status_of_close,
    status_of_http,
    trailers_frame,
)
from sttkit.session.handshake import request_of
from sttkit.session.line import Line
from sttkit.session.state import State

CALL = "gRPC"
"""Noted as the method of a call that is a session; one that asks once is a POST like any other."""
HALF_CLOSE = ""
"""What a dialect is given to read when the client has ended its side."""


class CallDoor(Door):
    """Answers the head of a call."""

    def receive(self, data: bytes) -> bytes:
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            if len(self._head) > MAX_HEAD_BYTES:
                self._connection.drop("abort")
            return b""
        head, rest = bytes(self._head[:end]).decode("utf-8", "replace"), self._head[end + 4 :]
        first, *lines = head.split("\r\n")
        pairs = (line.partition(": ") for line in lines)
        metadata = [(name, value) for name, _, value in pairs]
        request = request_of(CALL, first.split(" ")[1], metadata)
        if request is None:
            self._refuse(404, "the method is no path")
        else:
            self._answer(request)
        return bytes(rest)

    def _answer(self, request: Request) -> None:
        connection = self._connection
        assert isinstance(connection, Call)
        batch = connection.line.dialect.batch
        if batch is not None and request.path in batch.paths:
            connection.become_single(request)
            return
        connection.note_request(request)
        if self.refuse_if_told():
            return
        opening = connection.line.dialect.open(request)
        if isinstance(opening, Refusal):
            # "The method is not implemented by the server", not "some entity was not found".
            self._refuse(501 if opening.status == 404 else opening.status, opening.message)
            return
        connection.note("response", status=200)
        connection.emit(answer_head())
        connection.become_open(None, opening)

    def _refuse(self, status: int, message: str, extra: object = ()) -> None:
        connection = self._connection
        code = status_of_http(status)
        connection.note("response", status=status, retry_after=None, grpc_status=code.name)
        connection.emit(answer_head(code, message))
        connection.drop("close")


class Call(Connection):
    """One call: see `Connection`; the bytes are those of `sttkit.session.envelope`."""

    def __init__(self, line: Line, now: float) -> None:
        self._messages = Frames()
        self._single: SingleCall | None = None
        super().__init__(line, now)

    def _make_door(self) -> Door:
        return CallDoor(self)

    def lost(self, now: float, how: str) -> None:
        # Cancelling a call is how a client of gRPC says that it leaves.
        if self.state is State.OPEN:
            self.note("close-received", code=1000, reason="cancelled")
        super().lost(now, how)

    # --- receiving ------------------------------------------------------------------------

    def _receive(self, data: bytes) -> None:
        if self.state is State.HEAD:
            data = self.door.receive(data)
        if not data:
            return
        for _, message in self._messages.receive(data):
            if self._single is not None and self._single.is_reading:
                self._single.receive(message)
            elif self.state is State.OPEN and self._dialogue is not None:
                self._dialogue.hear(message)

    def _receive_end(self) -> None:
        if self.state is State.OPEN and self._dialogue is not None:
            self._dialogue.hear(HALF_CLOSE)
        elif self.state is State.HEAD:
            self.drop("abort")

    def become_single(self, head: Request) -> None:
        """The call asks for a whole recording to be recognised."""
        self._enter(State.HTTP)
        self._single = SingleCall(self, head)

    # --- sending --------------------------------------------------------------------------

    def send_message(self, message: Message) -> bool:
        if self.state is not State.OPEN:
            return False
        self.emit(message_frame(message.encode() if isinstance(message, str) else message))
        return True

    def close(self, code: int | None, reason: str = "") -> None:
        if self.state is not State.OPEN:
            return
        status = status_of_close(code)
        code = 1005 if code is None else code
        self.note("close-sent", code=code, reason=reason, grpc_status=status.name)
        self.emit(trailers_frame(status, reason if status else ""))
        self.drop("close")


class SingleCall(BatchExchange):
    """A call that brings a whole recording and is answered once."""

    def __init__(self, connection: Connection, head: Request) -> None:
        super().__init__(connection)
        self._head = head

    def receive(self, data: bytes) -> None:
        """The one message."""
        head, connection = self._head, self._connection
        self.is_reading = False
        request = Request("POST", head.path, head.query, head.headers, data)
        connection.note_request(request)
        batch = connection.line.dialect.batch
        assert batch is not None
        if not connection.door.refuse_if_told():
            self._recognise(batch, request)

    def _refuse(self, status: int, message: str) -> None:
        code = status_of_http(status)
        self._note(status, grpc_status=code.name)
        self._connection.emit(answer_head(code, message))
        self._connection.drop("close")

    def _answer(self, status: int, body: object, *, cut: bool = False) -> None:
        assert isinstance(body, bytes)
        self._note(status)
        if cut:
            end = trailers_frame(Status.UNAVAILABLE, "Socket closed")
        else:
            end = message_frame(body) + trailers_frame(Status.OK, "")
        self._connection.emit(answer_head() + end)
        self._connection.drop("close")

    def _note(self, status: int, **more: object) -> None:
        self._connection.note("response", status=status, retry_after=None, batch=True, **more)


def accept_on(line: Line, now: float) -> Connection:
    """The connection for a client that was accepted, by what carries the line's dialect."""
    return Call(line, now) if line.dialect.carrier == "grpc" else Connection(line, now)
