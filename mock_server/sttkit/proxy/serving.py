"""The proxy's port, and all connections through it."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

from sttkit.deck.recorder import FLUSH_S, Recorder
from sttkit.errors import UsageError
from sttkit.proxy.heads import Upstream
from sttkit.proxy.relay import Relay

MAX_CONNECTIONS = 1000
_BACKLOG = 128
_GOODBYE_S = 0.05
"""How long connections that are just ending may take: their end belongs into the recording."""


class Proxy:
    """A recording reverse proxy on one port.

    Args:
        upstream: where connections go.
        recorder: takes down what passes.
        context: to check the server's certificate with; by default the system's authorities (or
            those of ``SSL_CERT_FILE``).
        on_trouble: called with what the user should know.
        instead: who answers the next connection in place of the upstream, unrecorded; None: nobody.
    """

    def __init__(
        self,
        upstream: Upstream,
        recorder: Recorder,
        *,
        context: ssl.SSLContext | None = None,
        on_trouble: Callable[[str], None] = lambda text: None,
        instead: Callable[[], asyncio.BaseProtocol | None] = lambda: None,
    ) -> None:
        self._instead = instead
        self._upstream = upstream
        self._recorder = recorder
        self._context = (context or ssl.create_default_context()) if upstream.is_tls else None
        self._on_trouble = on_trouble
        self._relays: dict[Relay, None] = {}
        self._server: asyncio.Server | None = None
        self._empty = asyncio.Event()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> tuple[str, int]:
        """Listen; returns the address.

        Raises:
            UsageError: the address cannot be listened on.
        """
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(self._accept, host, port, backlog=_BACKLOG)
        except (OSError, OverflowError) as error:
            raise UsageError(
                f"cannot listen on {host}:{port} ({getattr(error, 'strerror', None) or error})",
                hint="choose another port, or 0 for any free one",
            ) from None
        name = self._server.sockets[0].getsockname()
        return str(name[0]), int(name[1])

    @property
    def open_connections(self) -> int:
        """Connections that pass right now."""
        return len(self._relays)

    async def serve(self, stopped: asyncio.Event, on_tick: Callable[[], None]) -> None:
        """Record until ``stopped`` is set, or recording fails; ``on_tick`` is called each second.

        Raises:
            SttkitError: recording failed.
        """
        while not stopped.is_set() and self._recorder.failure is None:
            try:
                await asyncio.wait_for(stopped.wait(), FLUSH_S)
            except asyncio.TimeoutError:
                self._recorder.flush()
                on_tick()

    async def aclose(self, *, patience: float = _GOODBYE_S) -> None:
        """Stop listening, wait so many seconds for clients to leave, and end all connections."""
        if self._server is not None:
            self._server.close()
        if self._relays and patience:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._empty.wait(), patience)
        for relay in list(self._relays):
            relay.abort()
        if self._relays:
            await self._empty.wait()

    def _accept(self) -> asyncio.BaseProtocol:
        other = self._instead()
        if other is not None:
            return other
        if len(self._relays) >= MAX_CONNECTIONS:
            self._on_trouble(f"more than {MAX_CONNECTIONS} connections at a time: one was refused")
            return _Refusal()
        relay = Relay(self._upstream, self._context, self._recorder, self._end, self._on_trouble)
        self._relays[relay] = None
        self._empty.clear()
        return relay.client

    def _end(self, relay: Relay) -> None:
        self._relays.pop(relay, None)
        if not self._relays:
            self._empty.set()


class _Refusal(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()


def address_of(text: str) -> tuple[str, int]:
    """Host and port of ``HOST:PORT``, ``:PORT`` or ``PORT``.

    Raises:
        UsageError: it is none of these.
    """
    host, _, port = text.rpartition(":")
    if not port.isascii() or not port.isdecimal() or int(port) > 65_535:
        raise UsageError(f"the address {text!r}", where="--listen", expected="HOST:PORT")
    return host.strip("[]") or "127.0.0.1", int(port)


def is_this_machine(host: str) -> bool:
    """Whether nobody else can reach ``host``."""
    try:
        return all(
            str(info[4][0]).startswith(("127.", "::1"))
            for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        )
    except OSError:
        return False
