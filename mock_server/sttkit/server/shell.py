"""One transport, one connection: bytes and time go in, actions come out.

Works with any event loop and transport of asyncio's interface, real or simulated.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Protocol

from sttkit.session.actions import (
    Action,
    Ask,
    Drop,
    Pause,
    Reset,
    Resume,
    Send,
    Shut,
    StopReading,
)
from sttkit.session.calls import accept_on
from sttkit.session.connection import Connection
from sttkit.session.engine import Answer, Work
from sttkit.session.line import Line

_RST_ON_CLOSE = struct.pack("ii", 1, 0)


class Attendant(Protocol):
    """Has an engine do what one connection asks of it, in order."""

    def ask(self, work: Work) -> None: ...

    def leave(self) -> None:
        """The connection is gone."""
        ...


Attend = Callable[[Callable[[Answer], None]], Attendant]
"""Makes an attendant, who passes each answer on to a callback."""


class Shell(asyncio.Protocol):
    """Connects a `Connection` to its transport.

    Args:
        line: of the listener that accepted the connection.
        loop: whose clock is used.
        on_begin: called with this shell when it has a transport; false: there is no room for it.
        on_end: called with this shell when the transport is gone.
        attend: how an engine is asked, where there is one.
    """

    def __init__(
        self,
        line: Line,
        loop: asyncio.AbstractEventLoop,
        on_begin: Callable[[Shell], bool],
        on_end: Callable[[Shell], None],
        attend: Attend | None = None,
    ) -> None:
        self._line = line
        self._loop = loop
        self._on_begin = on_begin
        self._on_end = on_end
        self._waiting: deque[Action] = deque()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._deadline: float | None = None  # of the timer
        self._saw_eof = False
        self._attend = attend
        self._attendant: Attendant | None = None
        self.connection: Connection | None = None

    @property
    def client(self) -> object:
        """Address of the client, as the transport tells it."""
        return None if self._transport is None else self._transport.get_extra_info("peername")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if not self._on_begin(self):
            transport.abort()
            return
        self.connection = accept_on(self._line, self._loop.time())
        self._carry_out()

    def data_received(self, data: bytes) -> None:
        if self.connection is not None:
            self.connection.receive_data(data, self._loop.time())
            self._carry_out()

    def eof_received(self) -> bool:
        self._saw_eof = True
        if self.connection is None or self._transport is None:
            return False
        self.connection.receive_eof(self._loop.time())
        self._carry_out()
        # The connection decides when the socket goes: perhaps something is still on its way, and a
        # half-open peer does not even answer a FIN. TLS leaves no choice.
        return self._transport is not None and self._transport.get_extra_info("sslcontext") is None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self.connection is not None:
            how = (
                "reset" if isinstance(exc, ConnectionError) else "fin" if self._saw_eof else "abort"
            )
            self.connection.lost(self._loop.time(), how)
        self._waiting.clear()
        self._transport = None
        if self._attendant is not None:
            self._attendant.leave()
        self._on_end(self)

    def abort(self) -> None:
        """End at once, whatever the state (the server is being closed)."""
        if self._transport is not None:
            self._transport.abort()

    def _carry_out(self) -> None:
        connection = self.connection
        assert connection is not None
        while actions := connection.actions():
            idle = not self._waiting
            self._waiting.extend(actions)
            if idle:
                self._do_waiting()
            connection.advance_to(self._loop.time())
        deadline = connection.next_deadline()
        if deadline != self._deadline:  # it seldom changes with a message
            self._set_timer(deadline)

    def _do_waiting(self) -> None:
        while self._waiting:
            action = self._waiting[0]
            self._do(action)
            if isinstance(action, Send) and action.apart:
                self._loop.call_soon(self._go_on)
                return
            self._waiting.popleft()

    def _go_on(self) -> None:
        """A piece was written, and the client had a turn of the loop to read it."""
        if self._waiting:
            self._waiting.popleft()
            self._do_waiting()

    def _do(self, action: Action) -> None:
        transport = self._transport
        if transport is None:
            return
        if isinstance(action, Send):
            if not transport.is_closing():  # else asyncio warns, once for each after the fifth
                transport.write(action.data)
        elif isinstance(action, Drop):
            transport.close()
        elif isinstance(action, Reset):
            reset(transport)
        elif isinstance(action, Shut):
            # TLS cannot shut one direction only; its close alert is the nearest thing.
            if transport.can_write_eof():
                transport.write_eof()
            else:
                transport.close()
        elif isinstance(action, (StopReading, Pause)):
            transport.pause_reading()
        elif isinstance(action, Resume):
            transport.resume_reading()
        elif isinstance(action, Ask):
            self._ask(action.work)

    def _ask(self, work: Work) -> None:
        if self._attendant is None:
            assert self._attend is not None, "a connection asks an engine that is not there"
            self._attendant = self._attend(self._answered)
        self._attendant.ask(work)

    def _answered(self, answer: Answer) -> None:
        if self.connection is not None and self._transport is not None:
            self.connection.receive_answer(answer, self._loop.time())
            self._carry_out()

    def _set_timer(self, deadline: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = self._deadline = None
        if deadline is not None and self._transport is not None:
            self._timer = self._loop.call_at(deadline, self._wake)
            self._deadline = deadline

    def _wake(self) -> None:
        self._timer = self._deadline = None
        if self.connection is not None and self._transport is not None:
            self.connection.advance_to(self._loop.time())
            self._carry_out()


def reset(transport: asyncio.Transport) -> None:
    """RST instead of FIN: no lingering, then abort."""
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_ON_CLOSE)
    transport.abort()
