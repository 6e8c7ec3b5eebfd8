"""The first request on a connection: who comes, and whether they are let in (RFC 6455, 4.2)."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from websockets.http11 import Request as UpgradeRequest
from websockets.protocol import SEND_EOF
from websockets.server import ServerProtocol

from sttkit.cassette.tape import Part
from sttkit.dialects.model import Opening, Refusal
from sttkit.faults import Fault
from sttkit.session.frames import ClientFrames
from sttkit.session.handshake import (
    WRONG_ACCEPT,
    Extra,
    refusal_bytes,
    refusal_of,
    request_of,
)
from sttkit.session.recorded import add_recorded_headers, answer_upgrade

if TYPE_CHECKING:
    from sttkit.session.connection import Connection

MAX_HEAD_BYTES = 65_536
MAX_MESSAGE_BYTES = 4 << 20
_UPGRADE = re.compile(rb"\r\nupgrade:[ \t]*websocket", re.IGNORECASE)


class Door:
    """Answers the handshake, and tells the connection what it is going to be."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._head = bytearray()
        self._protocol = ServerProtocol(max_size=MAX_MESSAGE_BYTES)
        self._answer_with: Fault | None = None

    def answer_with(self, fault: Fault) -> None:
        """Remember a fault that replaces the answer to the handshake."""
        self._answer_with = fault

    def receive(self, data: bytes) -> bytes:
        """Bytes of the request; returns those that came behind it."""
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            if len(self._head) > MAX_HEAD_BYTES:
                self._connection.drop("abort")
            return b""
        head, rest = bytes(self._head[: end + 4]), bytes(self._head[end + 4 :])
        if not _UPGRADE.search(head):
            self._connection.become_http(head + rest)
            return b""
        self._protocol.receive_data(head)
        for event in self._protocol.events_received():
            if isinstance(event, UpgradeRequest):
                self._handshake(event)
                return rest
        self._refuse(400, "not a WebSocket handshake")
        return b""

    def refuse_if_told(self) -> bool:
        """Answer the request with an HTTP error or redirect, if a fault says so."""
        if self._answer_with is None or self._answer_with.id not in ("http", "redirect"):
            return False
        self._refuse(*refusal_of(self._answer_with))
        return True

    def _handshake(self, upgrade: UpgradeRequest) -> None:
        connection = self._connection
        request = request_of("GET", upgrade.path, upgrade.headers.raw_items())
        if request is None:
            self._refuse(400, "the request target is no URL")
            return
        connection.note_request(request)
        if self.refuse_if_told():
            return
        opening = connection.line.dialect.open(request)
        part: Part | None = None
        playing = connection.line.playing
        if playing is not None:
            part = playing.take_handshake(request)
            if part is None and playing.is_strict:
                self._refuse(404, "the cassette has no further session")
                return
        if part is not None:
            if not answer_upgrade(connection, part):
                return
            if isinstance(opening, Refusal):  # whoever was let in then is let in now
                opening = Opening({}, connection.line.dialect.rate_of({}))
        if isinstance(opening, Refusal):
            self._refuse(opening.status, opening.message)
            return
        response = self._protocol.accept(upgrade)
        if "Date" in response.headers:  # the only clock here is the one we are given
            del response.headers["Date"]
        wrong = self._answer_with is not None and "Sec-WebSocket-Accept" in response.headers
        if wrong:
            del response.headers["Sec-WebSocket-Accept"]
            response.headers["Sec-WebSocket-Accept"] = WRONG_ACCEPT
        if part is not None:
            add_recorded_headers(response.headers, part)
        self._protocol.send_response(response)
        connection.note("response", status=response.status_code)
        for data in self._protocol.data_to_send():
            if data != SEND_EOF:
                connection.emit(data)
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            connection.drop("close")
            return
        # Nobody who checks the answer talks to us after a wrong one.
        connection.become_open(ClientFrames(self._protocol), None if wrong else opening, part)

    def _refuse(self, status: int, message: str, extra: Extra = ()) -> None:
        connection = self._connection
        head, retry_after = refusal_bytes(connection.line.dialect, status, message, extra)
        connection.note("response", status=status, retry_after=retry_after)
        connection.emit(head)
        connection.drop("close")
