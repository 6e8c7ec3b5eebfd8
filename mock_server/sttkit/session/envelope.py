"""gRPC on the way to a connection: heads, messages and trailers as bytes, as gRPC-Web writes them.

A gRPC library hands over whole messages; a connection takes bytes. Between them each call is spelt
as the gRPC-Web protocol does (github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md): an HTTP head,
then length-prefixed messages, and in the server's direction the trailers as one more frame. Nobody
but the shell sees it.
"""

from __future__ import annotations

from enum import IntEnum
from urllib.parse import quote, unquote

_MESSAGE, _TRAILERS = 0x00, 0x80
_PREFIX = 5


class Status(IntEnum):
    """Status codes of gRPC (grpc.github.io/grpc/core/md_doc_statuscodes.html)."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


_OF_HTTP = {
    400: Status.INVALID_ARGUMENT,
    401: Status.UNAUTHENTICATED,
    403: Status.PERMISSION_DENIED,
    404: Status.NOT_FOUND,
    408: Status.DEADLINE_EXCEEDED,
    409: Status.ABORTED,
    413: Status.INVALID_ARGUMENT,
    415: Status.INVALID_ARGUMENT,
    429: Status.RESOURCE_EXHAUSTED,
    499: Status.CANCELLED,
    500: Status.INTERNAL,
    501: Status.UNIMPLEMENTED,
    502: Status.UNAVAILABLE,
    503: Status.UNAVAILABLE,
    504: Status.DEADLINE_EXCEEDED,
}
"""By the HTTP mapping in the code.proto of the canonical codes; 408 and 502 by what they mean."""

_OF_CLOSE = {
    1000: Status.OK,
    1001: Status.UNAVAILABLE,
    1008: Status.PERMISSION_DENIED,
    1009: Status.RESOURCE_EXHAUSTED,
    1011: Status.INTERNAL,
    1012: Status.UNAVAILABLE,
    1013: Status.UNAVAILABLE,
}
_OWN_CLOSES = 4000


def status_of_http(code: int) -> Status:
    """The status that says what an HTTP status does."""
    return _OF_HTTP.get(code, Status.UNKNOWN)


def status_of_close(code: int | None) -> Status:
    """The status that ends a call as a close code ends a WebSocket.

    A dialect or script names any other status N by the close code 4000 + N.
    """
    if code is not None and 0 < code - _OWN_CLOSES <= max(Status):
        return Status(code - _OWN_CLOSES)
    return _OF_CLOSE.get(code or 1000, Status.UNKNOWN)


def request_head(method: str, metadata: list[tuple[str, str]]) -> bytes:
    """The head of a client's call."""
    lines = [f"POST {method} HTTP/1.1", *(f"{name}: {_plain(value)}" for name, value in metadata)]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "replace")


def answer_head(status: Status | None = None, message: str = "") -> bytes:
    """The server's head; with a status, it is all there is (gRPC's *Trailers-Only*)."""
    lines = ["HTTP/1.1 200 OK", "content-type: application/grpc-web+proto"]
    if status is not None:
        lines += _status_lines(status, message)
    return "\r\n".join([*lines, "", ""]).encode()


def message_frame(message: bytes) -> bytes:
    """One message, length-prefixed."""
    return bytes([_MESSAGE]) + len(message).to_bytes(4, "big") + message


def trailers_frame(status: Status, message: str) -> bytes:
    """The end of a call."""
    lines = "".join(f"{line}\r\n" for line in _status_lines(status, message)).encode()
    return bytes([_TRAILERS]) + len(lines).to_bytes(4, "big") + lines


class Frames:
    """Takes frames apart, whatever the pieces they arrive in."""

    def __init__(self) -> None:
        self._data = bytearray()

    def receive(self, data: bytes) -> list[tuple[bool, bytes]]:
        """The frames that ``data`` completes: whether it is the trailers, and what is in it."""
        self._data += data
        whole: list[tuple[bool, bytes]] = []
        while len(self._data) >= _PREFIX:
            end = _PREFIX + int.from_bytes(self._data[1:_PREFIX], "big")
            if len(self._data) < end:
                break
            whole.append((self._data[0] == _TRAILERS, bytes(self._data[_PREFIX:end])))
            del self._data[:end]
        return whole


def status_in(head_or_trailers: bytes) -> tuple[Status, str] | None:
    """The status and its message in a head or in trailers; None if there is none."""
    fields = dict(
        line.split(": ", 1) for line in head_or_trailers.decode().split("\r\n") if ": " in line
    )
    if "grpc-status" not in fields:
        return None
    return Status(int(fields["grpc-status"])), unquote(fields.get("grpc-message", ""))


def _status_lines(status: Status, message: str) -> list[str]:
    # "Percent-encoded", by PROTOCOL-HTTP2.md, so that any text stays on its line.
    return [f"grpc-status: {int(status)}", f"grpc-message: {quote(message, safe=' ')}"]


def _plain(value: str) -> str:
    return value.replace("\r", " ").replace("\n", " ")
