"""A connection with a tap in it: between a client's protocol and its transport.

Both are wrapped: the protocol to see what the server does, the transport to see what the client
does. Neither notices, except that the client's offers of compression are withdrawn (see
`sttkit.proxy.heads`), so that what is recorded can be read.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable, Iterable
from typing import Any

from sttkit.cassette.model import Side
from sttkit.deck.recorder import ConnectionRecorder
from sttkit.proxy.heads import Requests

_LINGER_ZERO = struct.pack("ii", 1, 0)
_PASSED_ON = (
    *("get_extra_info", "is_closing", "is_reading", "pause_reading", "resume_reading"),
    *("can_write_eof", "set_write_buffer_limits", "get_write_buffer_size"),
    *("get_write_buffer_limits", "get_read_buffer_size", "get_read_buffer_limits"),
    *("set_read_buffer_limits", "_loop"),
)
"""What is asked of the transport itself, as far as it has it: some of it for each message."""


class TappedLine:
    """One connection of a client.

    Args:
        begin: begins its recording, when it is there.
        on_lost: called with this line when the connection is gone.
    """

    def __init__(
        self, begin: Callable[[], ConnectionRecorder], on_lost: Callable[[TappedLine], None]
    ) -> None:
        self._begin = begin
        self._on_lost = on_lost
        self._record: ConnectionRecorder | None = None
        self._requests = Requests()
        self._saw_end = False
        self.transport: TappedTransport | None = None

    def wrap(self, protocol: asyncio.BaseProtocol) -> _Tapped:
        """``protocol`` with a tap in front of it."""
        kind = (
            _TappedBuffered if isinstance(protocol, asyncio.BufferedProtocol) else _TappedStreaming
        )
        return kind(self, protocol)

    def connected(self, transport: Any) -> TappedTransport:
        """The transport is there."""
        self._record = self._begin()
        self.transport = TappedTransport(transport, self)
        return self.transport

    def said(self, data: bytes) -> Iterable[bytes]:
        """The client said ``data``; returns what is sent."""
        record = self._record
        assert record is not None
        pieces = list(self._requests.receive(data))
        for heard, _ in pieces:
            record.receive("client", heard)
        if self._requests.is_raw and self.transport is not None:
            self.transport.pass_on_to(record)
        return [sent for _, sent in pieces]

    def held_back(self) -> bytes:
        """What the client said of a request that it does not finish."""
        rest = self._requests.rest()
        if rest and self._record is not None:
            self._record.receive("client", rest)
        return rest

    def heard(self, data: bytes) -> None:
        """The server said something."""
        if self._record is not None:
            self._record.receive("server", data)

    def server_ended(self) -> None:
        """FIN of the server."""
        self._saw_end = True
        if self._record is not None:
            self._record.shut("server")

    def client_ended(self) -> None:
        """FIN of the client, who goes on listening."""
        if self._record is not None:
            self._record.shut("client")

    def lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        self._on_lost(self)
        if self._record is None:
            return
        if self._saw_end:  # whatever came of it, FIN was first
            self._record.ended("fin", "server")
        elif isinstance(error, (ConnectionError, ssl.SSLError)):
            self._record.ended("reset", "server")
        elif isinstance(error, OSError):  # the kernel has given up a line that is dead
            self._record.ended("silence", "server")
        else:
            resets = self.transport is not None and _resets(self.transport.inner)
            self._record.ended("reset" if resets else "fin", "client")


class TappedTransport(asyncio.Transport):
    """A client's transport; `inner` is the one that asyncio made.

    Without `__getattr__`, which would make all attributes slower, and half of a session is
    looking them up.
    """

    # asyncio asks for it in start_tls(). It also asks whether there may be sendfile(), whose bytes
    # would not pass here: there may not.
    _start_tls_compatible = True

    def __init__(self, inner: Any, line: TappedLine) -> None:
        super().__init__()
        self.inner = inner
        self._line = line
        self._send = inner.write
        self._is_closing = inner.is_closing
        self._receive: Callable[[Side, bytes], None] | None = None
        for name in _PASSED_ON:
            if hasattr(inner, name):
                setattr(self, name, getattr(inner, name))

    def __repr__(self) -> str:
        return f"<recorded {self.inner!r}>"

    def write(self, data: bytes | bytearray | memoryview) -> None:
        send, is_closing, receive = self._send, self._is_closing, self._receive
        if is_closing():
            send(data)
            return
        if type(data) is not bytes:
            data = bytes(data)
        if receive is not None:
            receive("client", data)
            send(data)
        else:
            for piece in self._line.said(data):
                send(piece)

    def pass_on_to(self, record: ConnectionRecorder) -> None:
        """What the client says is sent as it is from now on, when ``record`` has heard it."""
        self._receive = record.receive

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def write_eof(self) -> None:
        self._let_go()
        self.inner.write_eof()
        self._line.client_ended()

    def close(self) -> None:
        self._let_go()
        self.inner.close()

    def abort(self) -> None:
        self.inner.abort()

    def _let_go(self) -> None:
        if not self.inner.is_closing() and (rest := self._line.held_back()):
            self.inner.write(rest)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.inner.set_protocol(self._line.wrap(protocol))

    def get_protocol(self) -> asyncio.BaseProtocol:
        protocol: asyncio.BaseProtocol = self.inner.get_protocol()
        return protocol.inner if isinstance(protocol, _Tapped) else protocol


class _Tapped(asyncio.BaseProtocol):
    """A client's protocol; `inner` is the client's own."""

    def __init__(self, line: TappedLine, inner: Any) -> None:
        self._line = line
        self.inner = inner

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.inner.connection_made(self._line.connected(transport))

    def eof_received(self) -> Any:
        self._line.server_ended()
        return self.inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._line.lost(exc)
        self.inner.connection_lost(exc)

    def pause_writing(self) -> None:
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        self.inner.resume_writing()


class _TappedStreaming(_Tapped, asyncio.Protocol):
    def data_received(self, data: bytes) -> None:
        self._line.heard(bytes(data))
        self.inner.data_received(data)


class _TappedBuffered(_Tapped, asyncio.BufferedProtocol):
    def __init__(self, line: TappedLine, inner: Any) -> None:
        super().__init__(line, inner)
        self._buffer: Any = b""

    def get_buffer(self, sizehint: int) -> Any:
        self._buffer = self.inner.get_buffer(sizehint)
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._line.heard(bytes(memoryview(self._buffer)[:nbytes]))
        self.inner.buffer_updated(nbytes)


def _resets(transport: Any) -> bool:
    """Whether the client asked for RST instead of FIN."""
    sock = transport.get_extra_info("socket")
    try:
        linger = sock.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(_LINGER_ZERO))
    except (OSError, AttributeError):
        return False
    return bool(linger == _LINGER_ZERO)
