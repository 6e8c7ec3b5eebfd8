"""asyncio's transport over one end of a simulated connection.

It behaves as asyncio's socket transport does, callback for callback; where Linux decides (a reset
instead of FIN when data was not read, for one), as Linux does.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import sys
from asyncio import constants, transports
from collections import deque
from collections.abc import Callable, Iterable
from contextvars import Context
from typing import TYPE_CHECKING, Any

from sttkit.simulation.handles import settle
from sttkit.simulation.pipe import Signal
from sttkit.simulation.sockets import SimulatedSocket, as_bytes
from sttkit.simulation.tls import (
    BYE_IS_AN_END,
    HANDSHAKE_TIMEOUT_S,
    SHUTDOWN_TIMEOUT_S,
    SimulatedTls,
)

if TYPE_CHECKING:
    from sttkit.simulation.loop import SimulatedLoop
    from sttkit.simulation.network import Endpoint

_log = logging.getLogger("asyncio")
_SERVER_COUNTS_TRANSPORTS = sys.version_info >= (3, 13)
Shaken = Callable[[BaseException | None], None]


class SimulatedTransport(transports._FlowControlMixin):
    """One side of a connection.

    Args:
        loop: the simulated loop.
        endpoint: the two directions and the addresses.
        protocol: whose callbacks are called.
        context: what the protocol's callbacks run in; None for the current one.
        server: the asyncio server that accepted the connection.
    """

    # From the mix-in, which is not part of asyncio's documented interface.
    _loop: SimulatedLoop
    _extra: dict[str, Any]
    _maybe_pause_protocol: Callable[[], None]
    _maybe_resume_protocol: Callable[[], None]
    # asyncio asks for these two in start_tls() and sendfile().
    _start_tls_compatible = True
    _sendfile_compatible = constants._SendfileMode.FALLBACK

    def __init__(
        self,
        loop: SimulatedLoop,
        endpoint: Endpoint,
        protocol: asyncio.BaseProtocol,
        *,
        context: Context | None = None,
        server: Any = None,
    ) -> None:
        self._socket = SimulatedSocket(endpoint.local, endpoint.remote)
        super().__init__(
            {"socket": self._socket, "sockname": endpoint.local, "peername": endpoint.remote}, loop
        )
        self.endpoint = endpoint
        self._out = endpoint.out
        self._heard = endpoint.heard
        self._buffer: deque[bytes] = deque()
        self._buffered = 0
        self._eof = False
        self._closing = False
        self._conn_lost = False  # connection_lost() is scheduled
        self._lost_writes = 0
        self._paused = False
        self._connected = False
        self._peer_ended = False
        self._tls: SimulatedTls | None = None
        self._timer: asyncio.TimerHandle | None = None  # of a TLS handshake or close
        self._shaken: Shaken | None = None
        self._server = server
        self._context = context
        self._socket.on_shutdown = self.write_eof
        # One each for the whole connection, as a selector keeps for a descriptor.
        self._reading = asyncio.Handle(self._read_ready, (), loop, context)
        self._writing = asyncio.Handle(self._write_ready, (), loop, context)
        self.set_protocol(protocol)
        if server is not None:
            server._attach(*((self,) if _SERVER_COUNTS_TRANSPORTS else ()))

    def __repr__(self) -> str:
        state = "lost" if self._conn_lost else "closing" if self._closing else "open"
        return f"<SimulatedTransport {self.endpoint.local} to {self.endpoint.remote}, {state}>"

    def begin(self, waiter: asyncio.Future[None] | None = None) -> None:
        """Tell the protocol about its connection, then read, then release the waiter."""
        self._loop.call_soon(self._connect, context=self._context)
        self._loop.call_soon(self.start_reading)
        if waiter is not None:
            self._loop.call_soon(settle, waiter, waiter.set_result, None)

    def _connect(self) -> None:
        self._connected = True
        self._protocol.connection_made(self)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol: Any = protocol
        self._fills_buffer = isinstance(protocol, asyncio.BufferedProtocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol  # type: ignore[no-any-return]

    # --- what arrives ---------------------------------------------------------------------

    def start_reading(self) -> None:
        """Listen to the line, unless the transport was paused or closed meanwhile."""
        # TLS listens while it closes, for the other side's close.
        if not self._paused and (not self._closing or (self._tls and not self._conn_lost)):
            self._heard.reader = self._reading
            self._heard.wake()

    def _read_ready(self) -> None:
        heard = self._heard
        heard.queued = False
        if heard.reader is None or not heard.arrived:
            return  # paused or closed since
        item = heard.take()
        if isinstance(item, bytes):
            if not self._closing:
                self._receive(item)
        elif isinstance(item, OSError):
            self._fatal_error(item)
        elif item is Signal.HELLO:
            self._receive_hello()
        else:
            self._receive_end(told=item is Signal.END or BYE_IS_AN_END)
        if heard.arrived:
            heard.wake()

    def _receive(self, data: bytes) -> None:
        if self._shaken is not None:
            self._fatal_error(ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"))
            return
        try:
            if self._fills_buffer:
                self._fill(data)
            else:
                self._protocol.data_received(data)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._fatal_error(error, "Fatal error: protocol.data_received() call failed.")

    def _fill(self, data: bytes) -> None:
        buffer = memoryview(self._protocol.get_buffer(-1)).cast("B")
        count = min(len(buffer), len(data))
        if not count:
            raise RuntimeError("get_buffer() returned an empty buffer")
        buffer[:count] = data[:count]
        if count < len(data):
            self._heard.put_back(data[count:])
        self._protocol.buffer_updated(count)

    def _receive_end(self, *, told: bool) -> None:
        self._peer_ended = True
        if self._fills_buffer and self._tls is None:
            self._protocol.get_buffer(-1)  # asyncio asks before it knows what there is to read
        if self._shaken is not None:
            self._fatal_error(ConnectionResetError())
        elif self._closing:
            self._tell_end()  # TLS: this is what it waited for
            self._lose_soon(None)
        elif told and self._tell_end() and self._tls is None:
            self._heard.reader = None
        else:
            self.close()

    def _tell_end(self) -> bool:
        try:
            return bool(self._protocol.eof_received())
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._fatal_error(error, "Fatal error: protocol.eof_received() call failed.")
            return True

    def is_reading(self) -> bool:
        return not self._paused and not self._closing

    def pause_reading(self) -> None:
        if self.is_reading():
            self._paused = True
            self._heard.reader = None

    def resume_reading(self) -> None:
        if self._paused and not self._closing:
            self._paused = False
            self.start_reading()

    # --- TLS ------------------------------------------------------------------------------

    def shake_hands(
        self, tls: SimulatedTls, shaken: Shaken, *, timeout: float | None = None
    ) -> None:
        """Begin a handshake; the protocol hears nothing until it is over.

        ``shaken`` is called with None or with what went wrong. ``timeout`` is seconds, None for
        asyncio's default.
        """
        seconds = HANDSHAKE_TIMEOUT_S if timeout is None else timeout
        self._tls = tls
        self._shaken = shaken
        self._timer = self._loop.call_later(seconds, self._handshake_too_slow, seconds)
        if not tls.server_side:
            self._out.signal(Signal.HELLO)
        self.start_reading()

    def _receive_hello(self) -> None:
        if self._tls is None:
            # A plain listener whom a client speaks TLS to: TLS ends in front of it.
            self._tls = SimulatedTls(True, None, None)
        first = "ssl_object" not in self._extra
        self._extra.update(self._tls.extra())
        if self._tls.server_side and first:
            self._out.signal(Signal.HELLO)  # and now the client checks the certificate
        elif self._shaken is not None:
            self._finish_handshake(self._shaken, None)

    def confirm(self) -> None:
        """The client's last word in a handshake: the certificate will do."""
        self._out.signal(Signal.HELLO)

    def _finish_handshake(self, shaken: Shaken, error: BaseException | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._shaken = None
        self._heard.reader = None  # what follows is for whoever waits for the handshake
        shaken(error)

    def _handshake_too_slow(self, seconds: float) -> None:
        self._fatal_error(
            ConnectionAbortedError(
                f"SSL handshake is taking longer than {seconds} seconds: aborting the connection"
            )
        )

    # --- what is sent ---------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not isinstance(data, bytes):
            data = as_bytes(data)
        if self._eof:
            raise RuntimeError("Cannot call write() after write_eof()")
        if not data:
            return
        if self._conn_lost or (self._closing and self._tls is not None):
            self._lost_writes += 1
            if self._lost_writes >= constants.LOG_THRESHOLD_FOR_CONNLOST_WRITES:
                _log.warning("socket.send() raised exception.")
            return
        if not self._buffer:
            try:
                sent = self._out.send(data)
            except OSError as error:
                self._fatal_error(error)
                return
            if sent == len(data):
                return
            data = data[sent:]
            self._out.want_room(self._writing)
        self._buffer.append(data)
        self._buffered += len(data)
        self._maybe_pause_protocol()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def _write_ready(self) -> None:
        if self._conn_lost:
            return
        try:
            while self._buffer:
                data = self._buffer[0]
                sent = self._out.send(data)
                self._buffered -= sent
                if sent < len(data):
                    self._buffer[0] = data[sent:]
                    self._out.want_room(self._writing)
                    break
                self._buffer.popleft()
        except OSError as error:
            self._fatal_error(error)
            return
        self._maybe_resume_protocol()  # may write
        if not self._buffer:
            if self._closing:
                self._finish_closing()
            elif self._eof:
                self._out.signal(Signal.END)

    def can_write_eof(self) -> bool:
        return self._tls is None

    def write_eof(self) -> None:
        if self._tls is not None:  # as asyncio's own transport over TLS answers
            raise NotImplementedError("TLS cannot shut one direction only")
        if not self._closing and not self._eof:
            self._eof = True
            if not self._buffer:
                self._out.signal(Signal.END)

    def get_write_buffer_size(self) -> int:
        return self._buffered

    # --- ending ---------------------------------------------------------------------------

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        if self._shaken is not None:
            self._force_close(None)
        elif self._tls is None or self._peer_ended:
            self._heard.reader = None
        elif SHUTDOWN_TIMEOUT_S is not None:
            self._timer = self._loop.call_later(SHUTDOWN_TIMEOUT_S, self._close_too_slow)
            self.endpoint.is_leaving = True
        if not self._buffer:
            self._finish_closing()

    def _finish_closing(self) -> None:
        """Everything was sent."""
        if self._tls is None or self._peer_ended:
            self._lose_soon(None)
        else:
            self._out.signal(Signal.BYE)
            self._paused = False
            self.start_reading()

    def _close_too_slow(self) -> None:
        # The class that asyncio raises there, which is the built-in one since Python 3.11 only.
        self._force_close(asyncio.TimeoutError("SSL shutdown timed out"))

    def abort(self) -> None:
        self._force_close(None)

    def _fatal_error(self, error: BaseException, message: str = "Fatal error on transport") -> None:
        if not isinstance(error, OSError):
            self._loop.call_exception_handler(
                {
                    "message": message,
                    "exception": error,
                    "transport": self,
                    "protocol": self._protocol,
                }
            )
        self._force_close(error)

    def _force_close(self, error: BaseException | None) -> None:
        self._buffer.clear()
        self._buffered = 0
        self._closing = True
        self._lose_soon(error)

    def _lose_soon(self, error: BaseException | None) -> None:
        if not self._conn_lost:
            self._conn_lost = True
            self._heard.reader = None
            self._loop.call_soon(self._lose, error)

    def _lose(self, error: BaseException | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        try:
            if self._shaken is not None:
                self._finish_handshake(self._shaken, error or ConnectionResetError())
            elif self._connected:
                self._protocol.connection_lost(error)
        finally:
            self._close_socket()
            self._protocol = None
            server, self._server = self._server, None
            if server is not None:
                server._detach(*((self,) if _SERVER_COUNTS_TRANSPORTS else ()))

    def _close_socket(self) -> None:
        unread = self._heard.abandon()
        if self._socket.resets_on_close or unread:
            self._out.reset()
        else:
            self._out.signal(Signal.END)
        self._out.let_go()
        self.endpoint.close()
