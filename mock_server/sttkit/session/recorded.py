"""What a recording does to a connection outside of the dialogue: HTTP answers, and endings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from websockets.datastructures import Headers

from sttkit.cassette.model import End, Pairs
from sttkit.cassette.tape import Part
from sttkit.session.handshake import phrase_of

if TYPE_CHECKING:
    from sttkit.session.connection import Connection

# Made anew for each connection, or about this connection only.
_OWN_HEADERS = frozenset(
    {
        "connection",
        "date",
        "sec-websocket-accept",
        "sec-websocket-extensions",
        "sec-websocket-protocol",
        "upgrade",
    }
)


def fail_as(connection: Connection, end: End | None, linger_us: int = 0) -> None:
    """End a connection as ``end`` says, where its server ended it; else leave it as it is."""
    how = end.how if end is not None and end.by == "server" else None
    if how in ("reset", "refused", "unknown-host"):
        # A connection that was refused cannot be refused any more once it is there.
        connection.reset()
    elif how == "fin":
        if linger_us:
            connection.finish(linger=linger_us * 1e-6)
        else:
            connection.drop("fin")
    elif how in ("silence", "no-answer"):
        connection.go_dark()


def answer_upgrade(connection: Connection, part: Part) -> bool:
    """Answer a handshake as recorded, if the answer is not 101; returns whether it is."""
    _wait(connection, part)
    if part.response is None:
        fail_as(connection, part.end)
        return False
    if part.response.status == 101:
        return True
    answer_exchange(connection, part)
    return False


def add_recorded_headers(headers: Headers, part: Part) -> None:
    """Add what else the recorded answer said."""
    assert part.response is not None
    for name, value in part.response.headers:
        if name.lower() not in _OWN_HEADERS and name not in headers:
            headers[name] = value


def answer_exchange(connection: Connection, part: Part) -> None:
    """Answer a plain request as recorded, and end the connection as it ended."""
    _wait(connection, part)
    response = part.response
    if response is None:
        fail_as(connection, part.end)
        return
    retry_after = _number(response.headers, "retry-after")
    connection.note(
        "response",
        status=response.status,
        retry_after=retry_after,
        **({} if part.is_websocket else {"batch": True}),
    )
    connection.emit(_answer_bytes(part))
    how = part.end.how if part.end is not None else "answered"
    if how in ("reset", "fin", "silence"):
        fail_as(connection, part.end)
    else:
        connection.drop("close")


def _answer_bytes(part: Part) -> bytes:
    """An answer as it was, chunked if it was; its length as it was said, even if less came."""
    response = part.response
    assert response is not None
    chunked = any(
        name.lower() == "transfer-encoding" and "chunked" in value.lower()
        for name, value in response.headers
    )
    lines = [f"HTTP/1.1 {response.status} {response.reason or phrase_of(response.status)}"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    head = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")
    if not chunked:
        return head + part.body
    body = b"%x\r\n%b\r\n" % (len(part.body), part.body) if part.body else b""
    is_whole = part.end is None or part.end.how in ("answered", "status", "close")
    return head + body + (b"0\r\n\r\n" if is_whole else b"")


def _number(headers: Pairs, name: str) -> float | None:
    for key, value in headers:
        if key.lower() == name and value.isascii() and value.isdecimal():
            return float(value)
    return None


def _wait(connection: Connection, part: Part) -> None:
    tape = connection.line.tape
    assert tape is not None
    seconds = part.answer_after_us * 1e-6 * tape.timing.scale
    if seconds > 0:
        connection.hold(seconds)
