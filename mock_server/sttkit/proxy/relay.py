"""One connection through the proxy: bytes pass in both directions, and so does every ending.

========================  ==================================================================
one side                  the other side sees
========================  ==================================================================
RST                       RST, at once
FIN                       FIN; the other direction goes on (TLS cannot: it is closed), for as
                          long as something comes from there
is slow to read           is not read any further, until the first has caught up
falls silent              silence
is refused, has no name   RST at once: the proxy's own port had to accept first
never accepts             nothing, until it gives up
========================  ==================================================================
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from functools import partial

from sttkit.cassette.model import How, Side
from sttkit.cassette.tap import Transport
from sttkit.deck.recorder import ConnectionRecorder, Recorder
from sttkit.proxy.heads import Requests, Upstream, readdressed
from sttkit.server.shell import reset

MAX_WAITING_BYTES = 65_536
"""What is taken from a client whose server has not accepted yet."""


GIVEN_UP_S = 10.0
"""A client that has sent FIN, and hears nothing for so long, has not just shut one direction."""


class Relay:
    """A client's connection, and the one that is made for it.

    Args:
        upstream: where it goes.
        context: to check the server's certificate with; None for no TLS.
        recorder: takes down what passes.
        on_end: called with this relay when both connections are gone.
        on_trouble: called with what the user should know.
    """

    def __init__(
        self,
        upstream: Upstream,
        context: ssl.SSLContext | None,
        recorder: Recorder,
        on_end: Callable[[Relay], None],
        on_trouble: Callable[[str], None],
    ) -> None:
        self._upstream = upstream
        self._context = context
        self._recorder = recorder
        self._on_end = on_end
        self._on_trouble = on_trouble
        self._began_us = recorder.at_us
        self._requests = Requests(partial(readdressed, upstream=upstream))
        self._waiting = bytearray()
        self._connecting: asyncio.Task[None] | None = None
        self._record: ConnectionRecorder | None = None
        self._first_shut: Side | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._is_over = False
        self.client = _Leg(self, "client")
        self.server = _Leg(self, "server")

    # --- coming and going -----------------------------------------------------------------

    def begin(self) -> None:
        """The client is there: connect for it."""
        self._connecting = asyncio.ensure_future(self._connect())
        self._connecting.add_done_callback(self._connect_done)

    def _connect_done(self, task: asyncio.Task[None]) -> None:
        self._connecting = None
        self._end_if_gone()

    async def _connect(self) -> None:
        upstream, loop = self._upstream, asyncio.get_running_loop()
        try:
            await loop.create_connection(
                lambda: self.server,
                upstream.host,
                upstream.port,
                ssl=self._context,
                server_hostname=upstream.host if self._context is not None else None,
            )
        except asyncio.CancelledError:
            self._never_connected("no-answer")
            raise
        except socket.gaierror:
            self._never_connected("unknown-host")
        except ssl.SSLError as error:
            self._on_trouble(f"no TLS with {upstream.authority}: {error.reason or error}")
            self._recorder.connection(upstream.origin, self._began_us).ended("reset", "server")
            self._is_over = True
            self._reset(self.client)
        except TimeoutError:
            self._never_connected("no-answer")
        except OSError:
            self._never_connected("refused")

    def connected(self) -> None:
        """The server has accepted."""
        if self.client.is_gone:
            self._reset(self.server)
            return
        self._record = self._recorder.connection(self._upstream.origin, self._began_us)
        waiting, self._waiting = bytes(self._waiting), bytearray()
        if self.client.transport is not None:
            self.client.transport.resume_reading()
        if waiting:
            self.received(self.client, waiting)
        if self.client.is_shut:
            self.shut(self.client)

    def _never_connected(self, how: How) -> None:
        if not self._is_over:
            self._is_over = True
            self._recorder.fail(self._upstream.origin, how, self._began_us)
        self._reset(self.client)

    def abort(self) -> None:
        """End at once, whatever the state: the proxy is being closed."""
        if self._first_shut is not None or (self._record is not None and self._record.is_closed):
            self._note_end("fin", self._first_shut or "client")
        self._is_over = True  # else, as seen by the recording, it still goes on
        if self._connecting is not None:
            self._connecting.cancel()
        for leg in (self.client, self.server):
            if leg.transport is not None:
                leg.transport.abort()

    # --- what passes ----------------------------------------------------------------------

    def received(self, leg: _Leg, data: bytes) -> None:
        """Bytes came from one side."""
        if leg is self.server:
            if self._patience is not None:
                self._wait_for_server()
            self._pass(self.client, "server", data, data)
        elif self._record is None:
            self._waiting += data
            if len(self._waiting) > MAX_WAITING_BYTES and leg.transport is not None:
                leg.transport.pause_reading()
        elif self._requests.is_raw:
            self._pass(self.server, "client", data, data)
        else:
            for heard, said in self._requests.receive(data):
                self._pass(self.server, "client", heard, said)

    def _pass(self, to: _Leg, side: Side, heard: bytes, said: bytes) -> None:
        if to.transport is not None and not to.transport.is_closing() and not to.was_shut:
            to.transport.write(said)
        if self._record is not None:
            self._record.receive(side, heard)

    def shut(self, leg: _Leg) -> None:
        """FIN came from one side."""
        other = self._other(leg)
        if leg is self.client:
            self._wait_for_server()
        if self._record is None:
            return
        if leg is self.client and (rest := self._requests.rest()):
            self._pass(self.server, "client", rest, rest)
        self._first_shut = self._first_shut or leg.side
        self._record.shut(leg.side)
        if other.is_shut:
            self._finish(self._first_shut)
        elif other.transport is not None:
            if other.transport.can_write_eof():
                other.was_shut = True
                other.transport.write_eof()
            else:
                other.transport.close()

    def _wait_for_server(self) -> None:
        """The client has sent FIN: it may wait for more, or be gone."""
        if self._patience is not None:
            self._patience.cancel()
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(GIVEN_UP_S, self._give_up)

    def _give_up(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
        self._finish("client")

    def lost(self, leg: _Leg, error: Exception | None) -> None:
        """One of the two connections is gone."""
        other = self._other(leg)
        if self._record is None:
            if self._connecting is not None:
                self._connecting.cancel()
        elif isinstance(error, ConnectionError):
            self._note_end("reset", leg.side)
            self._reset(other)
        elif error is not None:  # the kernel has given up a line that is dead
            self._note_end("silence", leg.side)
            self._reset(other)
        else:
            self._finish(self._first_shut or leg.side)
        self._end_if_gone()

    def _end_if_gone(self) -> None:
        legs = (self.client, self.server)
        if self._connecting is None and all(leg.transport is None for leg in legs):
            if self._patience is not None:
                self._patience.cancel()
            self._on_end(self)

    def _finish(self, by: Side) -> None:
        self._note_end("fin", by)
        for leg in (self.client, self.server):
            if leg.transport is not None:
                leg.transport.close()

    def _note_end(self, how: Transport, by: Side) -> None:
        if not self._is_over and self._record is not None:
            self._is_over = True
            self._record.ended(how, by)

    def pause(self, leg: _Leg, *, paused: bool) -> None:
        """One side cannot take more, or can again."""
        source = self._other(leg).transport
        if source is not None and not source.is_closing():
            if paused:
                source.pause_reading()
            else:
                source.resume_reading()

    def _reset(self, leg: _Leg) -> None:
        if leg.transport is not None:
            reset(leg.transport)

    def _other(self, leg: _Leg) -> _Leg:
        return self.server if leg is self.client else self.client


class _Leg(asyncio.Protocol):
    """One of the two connections of a relay.

    Attributes:
        side: who is at its other end.
        transport: None before and after there is one.
        is_shut: FIN came from there.
        was_shut: FIN was sent there.
        is_gone: there was a transport.
    """

    def __init__(self, relay: Relay, side: Side) -> None:
        self._relay = relay
        self.side: Side = side
        self.transport: asyncio.Transport | None = None
        self.is_shut = self.was_shut = self.is_gone = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        if self.side == "client":
            self._relay.begin()
        else:
            self._relay.connected()

    def data_received(self, data: bytes) -> None:
        self._relay.received(self, data)

    def eof_received(self) -> bool:
        self.is_shut = True
        self._relay.shut(self)
        transport = self.transport
        # The other direction goes on, except with TLS.
        return transport is not None and transport.get_extra_info("sslcontext") is None

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.is_gone = True
        self._relay.lost(self, exc)

    def pause_writing(self) -> None:
        self._relay.pause(self, paused=True)

    def resume_writing(self) -> None:
        self._relay.pause(self, paused=False)
