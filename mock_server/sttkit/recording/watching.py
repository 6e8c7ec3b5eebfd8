"""The methods of event loops through which every client of asyncio gets its connections.

They are replaced in the classes of the loops, so that it does not matter when a client was imported
or how it is built. Calls that these methods make of each other belong to the outermost one.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any
from weakref import WeakKeyDictionary

from sttkit.deck.recorder import FLUSH_S, ConnectionRecorder, Recorder
from sttkit.errors import UsageError
from sttkit.recording.attempts import Attempt, Attempts
from sttkit.recording.guarding import place_here, replaced, subclasses
from sttkit.recording.tapped import TappedLine, TappedTransport
from sttkit.simulation.loop import SimulatedLoop

_INSIDE: ContextVar[bool] = ContextVar("sttkit_recording_inside", default=False)
"""Whether one of the methods has called another."""
_WATCHED = ("create_connection", "getaddrinfo", "sock_connect", "start_tls")
_RAW = ("sock_sendall", "sock_recv", "sock_recv_into", "sock_sendfile")


class Watch:
    """Taps the connections that clients ask their event loops for.

    Args:
        recorder: takes down what passes.
        attempts: sorts out what was tried.
    """

    def __init__(self, recorder: Recorder, attempts: Attempts) -> None:
        self._recorder = recorder
        self._attempts = attempts
        self._parked: WeakKeyDictionary[socket.socket, Attempt] = WeakKeyDictionary()
        self._dialling: WeakKeyDictionary[socket.socket, bool] = WeakKeyDictionary()
        self._lines: dict[TappedLine, None] = {}
        self._thread: int | None = None
        self._flushes = False

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch all loops of asyncio's making meanwhile."""
        makers = {
            "create_connection": self._create_connection,
            "getaddrinfo": self._getaddrinfo,
            "sock_connect": self._sock_connect,
            "start_tls": self._start_tls,
            **dict.fromkeys(_RAW, self._raw),
        }
        classes = [asyncio.BaseEventLoop, *subclasses(asyncio.BaseEventLoop)]
        with ExitStack() as stack:
            for cls in dict.fromkeys(classes):
                own = {name: vars(cls)[name] for name in makers if name in vars(cls)}
                made = {name: makers[name](original) for name, original in own.items()}
                stack.enter_context(replaced(cls, made))
            yield

    def is_dialling(self, sock: socket.socket) -> bool:
        """Whether a loop is connecting this socket, watched."""
        return sock in self._dialling

    def settle(self) -> None:
        """The recording ends: what clients have closed has ended, even if they do not know yet."""
        for line in list(self._lines):
            if line.transport is not None and line.transport.is_closing():
                line.lost(None)

    # --- the methods ----------------------------------------------------------------------

    def _create_connection(self, original: Any) -> Any:
        @wraps(original)
        async def create_connection(
            loop: Any, factory: Any, host: Any = None, port: Any = None, **options: Any
        ) -> Any:
            sock = options.get("sock")
            if _INSIDE.get() or not self._is_ours(host, sock):
                return await original(loop, factory, host, port, **options)
            self._claim()
            parked = self._parked.pop(sock, None) if sock is not None else None
            attempt = parked or self._begin(host, port, sock)
            is_tls = bool(options.get("ssl"))
            line = self._line(loop, attempt, is_tls=is_tls)
            try:
                with _inside():
                    _, protocol = await original(
                        loop, lambda: line.wrap(factory()), host, port, **options
                    )
            except (OSError, asyncio.CancelledError) as error:
                if parked is None:
                    self._attempts.failed(attempt, _text(host), error)
                else:
                    self._attempts.broke_off(attempt, error, is_tls=is_tls)
                raise
            return line.transport, protocol.inner

        return create_connection

    def _sock_connect(self, original: Any) -> Any:
        @wraps(original)
        async def sock_connect(loop: Any, sock: Any, address: Any) -> Any:
            # A socket that is dialled by a watched loop is no blocking one, recorded or not.
            with self._dialled(sock):
                if _INSIDE.get() or not self._is_ours(_host_of(sock, address), None):
                    return await original(loop, sock, address)
                self._claim()
                host, port = _text(address[0]), int(address[1])
                attempt = self._attempts.begin(host, port)
                try:
                    with _inside():
                        await original(loop, sock, address)
                except (OSError, asyncio.CancelledError) as error:
                    self._attempts.failed(attempt, host, error)
                    raise
                self._attempts.connected(attempt)
                self._parked[sock] = attempt

        return sock_connect

    def _getaddrinfo(self, original: Any) -> Any:
        @wraps(original)
        async def getaddrinfo(loop: Any, host: Any, port: Any, **options: Any) -> Any:
            name = _text(host)
            if not name:
                return await original(loop, host, port, **options)
            concerns = not _INSIDE.get() and self._attempts.concerns(name)
            began_us = self._recorder.at_us if concerns else 0
            try:
                found = await original(loop, host, port, **options)
            except socket.gaierror as error:
                if concerns:
                    self._claim()
                    self._attempts.unknown(name, int(port or 0), began_us, error)
                raise
            self._attempts.learn(name, (_text(info[4][0]) for info in found))
            return found

        return getaddrinfo

    def _start_tls(self, original: Any) -> Any:
        @wraps(original)
        async def start_tls(
            loop: Any, transport: Any, protocol: Any, context: Any, **options: Any
        ) -> Any:
            if not isinstance(transport, TappedTransport):
                return await original(loop, transport, protocol, context, **options)
            # A tunnel through a proxy: what follows goes to another server.
            host, port = (transport.get_extra_info("peername") or ("", 0))[:2]
            name = options.get("server_hostname") or _text(host)
            attempt = Attempt(name, int(port), self._recorder.at_us)
            line = self._line(loop, attempt, is_tls=True)
            with _inside():
                made = await original(
                    loop, transport.inner, line.wrap(protocol), context, **options
                )
            return line.connected(made)

        return start_tls

    def _raw(self, original: Any) -> Any:
        @wraps(original)
        async def raw(loop: Any, sock: Any, *arguments: Any, **options: Any) -> Any:
            if not _INSIDE.get() and sock in self._parked:
                raise self.refuse("a socket without a transport", _text(self._parked[sock].host))
            return await original(loop, sock, *arguments, **options)

        return raw

    # --- details --------------------------------------------------------------------------

    def refuse(self, what: str, where_to: str) -> UsageError:
        """Something cannot be recorded: the recording fails, aloud."""
        error = UsageError(
            f"{what} would go to {where_to or 'a server'} unrecorded",
            where=place_here(),
            expected="a client of asyncio on one of its own event loops, in one thread",
            hint="record it with the proxy, `sttkit record`, or leave it out: recording(hosts=…)",
        )
        self._recorder.stop(error)
        return error

    def _line(self, loop: Any, attempt: Attempt, *, is_tls: bool) -> TappedLine:
        def begin() -> ConnectionRecorder:
            self._attempts.connected(attempt)
            self._lines[line] = None
            origin = attempt.origin(is_tls=is_tls)
            return self._recorder.connection(
                origin, attempt.began_us, on_write=lambda: self._flush_soon(loop)
            )

        line = TappedLine(begin, self._gone)
        return line

    def _gone(self, line: TappedLine) -> None:
        self._lines.pop(line, None)

    def _begin(self, host: Any, port: Any, sock: Any) -> Attempt:
        if sock is not None:
            address = sock.getpeername()
            return Attempt(_text(address[0]), int(address[1]), self._recorder.at_us)
        return self._attempts.begin(_text(host), int(port or 0))

    def _is_ours(self, host: Any, sock: Any) -> bool:
        if self._recorder.is_closed:
            return False
        if sock is not None:
            if sock in self._parked:
                return True
            return sock.family in (socket.AF_INET, socket.AF_INET6) and not self._attempts.is_picky
        return host is not None and self._attempts.concerns(_text(host))

    def _claim(self) -> None:
        """One thread writes the cassette."""
        mine = threading.get_ident()
        if self._thread is None:
            self._thread = mine
        elif self._thread != mine:
            raise self.refuse(f"an event loop in thread {threading.current_thread().name!r}", "")

    @contextmanager
    def _dialled(self, sock: Any) -> Iterator[None]:
        if not isinstance(sock, socket.socket):
            yield
            return
        self._dialling[sock] = True
        try:
            yield
        finally:
            self._dialling.pop(sock, None)

    def _flush_soon(self, loop: Any) -> None:
        # In virtual time nothing is lost by waiting, and a timer more might change what happens.
        if not self._flushes and not isinstance(loop, SimulatedLoop):
            self._flushes = True
            loop.call_later(FLUSH_S, self._flush)

    def _flush(self) -> None:
        self._flushes = False
        self._recorder.flush()


@contextmanager
def _inside() -> Iterator[None]:
    token = _INSIDE.set(True)
    try:
        yield
    finally:
        _INSIDE.reset(token)


def _host_of(sock: Any, address: Any) -> str | None:
    is_internet = getattr(sock, "family", None) in (socket.AF_INET, socket.AF_INET6)
    return _text(address[0]) if is_internet and isinstance(address, tuple) else None


def _text(host: Any) -> str:
    if isinstance(host, bytes):
        return host.decode("ascii", "replace")
    return str(host or "")
