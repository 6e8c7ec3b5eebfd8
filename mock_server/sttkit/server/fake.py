"""Listeners: where clients connect, one per STT under test."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping
from random import Random
from typing import Protocol

from sttkit.audio.speech import Speech
from sttkit.cassette.tape import Tape
from sttkit.dialects.model import Dialect
from sttkit.errors import UsageError
from sttkit.scripting.model import Script
from sttkit.server.calls import CallListener
from sttkit.server.listening import LineKeeper, need_no_certificate
from sttkit.server.shell import Attend, Attendant
from sttkit.session.engine import Answer, Engine
from sttkit.session.line import Line
from sttkit.targets.model import Place
from sttkit.trace import Trace

LOOPBACK = "127.0.0.1"
TEST_HOST = "stt.sttkit.test"
"""A name under RFC 6761's ``.test``; only a driver's own resolver knows it."""


class Attended(Engine, Protocol):
    """An engine that can be asked."""

    def attend(self, on_answer: Callable[[Answer], None]) -> Attendant: ...


class Listener(LineKeeper):
    """A port of the fake server, playing one script to one client.

    Attributes:
        line: what is played, and how far it got.
        place: where clients connect.
    """

    def __init__(
        self, line: Line, ssl_context: ssl.SSLContext | None, attend: Attend | None = None
    ) -> None:
        super().__init__(line, attend)
        self.place = Place(LOOPBACK, 0)
        self._ssl = ssl_context
        self._server: asyncio.Server | None = None
        self._placeholder: socket.socket | None = None
        self._address = (LOOPBACK, 0)

    async def start(self, host: str, port: int) -> None:
        """Listen on ``host:port`` (0: any free port).

        Raises:
            UsageError: the address cannot be listened on.
        """
        self._address = (host, port)
        sock = self._bind()
        self._address = (host, sock.getsockname()[1])
        self.place = Place(host, self._address[1], tls=self._ssl is not None)
        await self._listen(sock)

    async def before_connect(self) -> None:
        """An attempt is about to reach this port: refuse it for real if the script says so.

        For a refusal the listening socket gives way to one that is only bound, so that nobody else
        gets the port and the kernel answers RST.
        """
        if self.line.blocked_attempt("refused"):
            if self._server is not None:
                self._server.close()
                self._server = None
                self._placeholder = self._bind()
        elif self._server is None:
            if self._placeholder is not None:
                sock, self._placeholder = self._placeholder, None
            else:
                sock = self._bind()
            await self._listen(sock)

    def resolve(self, host: str) -> bool:
        """Whether an attempt finds the address of `TEST_HOST`; other names do not exist."""
        return host == TEST_HOST and not self.line.blocked_attempt("unknown-host")

    async def aclose(self) -> None:
        """Stop listening and end all connections."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._placeholder is not None:
            self._placeholder.close()
        await self.see_off()
        await self.end_all()

    def _bind(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
        # With the protocol named, since asyncio sets TCP_NODELAY on no other sockets: without, the
        # last messages of many may wait 40 ms for an acknowledgement.
        sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(self._address)
        except (OSError, OverflowError) as error:
            sock.close()
            host, port = self._address
            raise UsageError(
                f"cannot listen on {host}:{port} ({getattr(error, 'strerror', None) or error})",
                hint="choose another port, or 0 for any free one",
            ) from None
        sock.setblocking(False)
        return sock

    async def _listen(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self.accept, sock=sock, ssl=self._ssl, backlog=512)


AnyListener = Listener | CallListener
"""What a server listens with: for WebSocket and HTTP, or for gRPC calls."""


class FakeServer:
    """Listeners that write into one trace.

    Args:
        trace: both sides' record of what happens.
        ssl_context: serve TLS with this context.
    """

    def __init__(self, trace: Trace, *, ssl_context: ssl.SSLContext | None = None) -> None:
        self.trace = trace
        self._ssl = ssl_context
        self._listeners: list[AnyListener] = []

    async def listen(
        self,
        script: Script,
        dialect: Dialect,
        *,
        tracks: Mapping[str, Speech] | None = None,
        engine: Attended | None = None,
        tape: Tape | None = None,
        host: str = LOOPBACK,
        port: int = 0,
    ) -> AnyListener:
        """A new listener that plays ``script``.

        ``tracks`` is what may be said, by name of the stream (default: the script's speech as
        ``main``). With an ``engine`` none of it is: the engine recognises what the client sends;
        ``tape`` is a recording that is played instead.

        Raises:
            UsageError: the address cannot be listened on, or a dialect over gRPC is asked for what
                it cannot have: TLS, a recording, or grpcio that is not there; or the script has the
                fault ``certificate``, which only the simulation can play.
        """
        need_no_certificate(script, "there is none over loopback")
        line = Line(
            script,
            dialect,
            tracks if tracks is not None else {"main": script.speech},
            self.trace,
            Random(script.seed),
            engine,
            tape,
        )
        attend = engine.attend if engine is not None else None
        listener: AnyListener
        if dialect.carrier == "grpc":
            if self._ssl is not None or tape is not None:
                what = "TLS" if self._ssl is not None else "a recording"
                raise UsageError(f"gRPC is served without {what}", where=f"dialect {dialect.name}")
            listener = CallListener(line, attend)
        else:
            listener = Listener(line, self._ssl, attend)
        await listener.start(host, port)
        self._listeners.append(listener)
        return listener

    async def aclose(self) -> None:
        """Close all listeners and connections."""
        for listener in self._listeners:
            await listener.aclose()
        self._listeners.clear()
