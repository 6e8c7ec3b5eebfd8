"""One body, played over real loopback sockets and over simulated ones."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from sttkit.simulation import SimulatedLoop, simulated_loop

Log = list[Any]
LOCAL = "127.0.0.1"


class Recorder(asyncio.Protocol):
    """Writes down what it is told; consecutive bytes are one entry, since TCP keeps no pieces."""

    def __init__(self, log: Log, name: str, *, keep_open: bool = False) -> None:
        self.log = log
        self.name = name
        self.keep_open = keep_open
        self.transport: Any = None
        self.received = 0

    def note(self, what: str, *facts: Any) -> None:
        self.log.append((self.name, what, *facts))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.note("made")

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        if self.log and self.log[-1][:2] == (self.name, "data"):
            self.log[-1] = (self.name, "data", self.log[-1][2] + data)
        else:
            self.note("data", data)

    def eof_received(self) -> bool:
        self.note("eof")
        return self.keep_open

    def connection_lost(self, exc: Exception | None) -> None:
        self.note("lost", type(exc).__name__)

    def pause_writing(self) -> None:
        self.note("pause")

    def resume_writing(self) -> None:
        self.note("resume")

    @property
    def lost(self) -> bool:
        return any(entry[:2] == (self.name, "lost") for entry in self.log)


class World:
    """What a body may use, the same in both worlds."""

    def __init__(self) -> None:
        self.log: Log = []
        self.loop = asyncio.get_running_loop()
        self.server: Any = None
        self.transports: list[Any] = []

    def of(self, name: str) -> Log:
        """What one side was told, without its name."""
        return [entry[1:] for entry in self.log if entry[0] == name]

    async def pair(self, *, client: Any = None, server: Any = None, **tls: Any) -> tuple[Any, Any]:
        """Two connected protocols; ``client_ssl`` and ``server_ssl`` for TLS."""
        client = client or Recorder(self.log, "client")
        server = server or Recorder(self.log, "server")
        self.server = await self.loop.create_server(
            lambda: server, LOCAL, 0, ssl=tls.get("server_ssl")
        )
        port = self.server.sockets[0].getsockname()[1]
        context = tls.get("client_ssl")
        name = "localhost" if context else None
        await self.loop.create_connection(
            lambda: client, LOCAL, port, ssl=context, server_hostname=name
        )
        await self.until(lambda: server.transport is not None)
        self.transports += [client.transport, server.transport]
        return client, server

    async def clean_up(self) -> None:
        """Leave nothing open behind."""
        if self.server is not None:
            self.server.close()
        log, self.log[:] = list(self.log), []
        for transport in self.transports:
            if not transport.is_closing():
                transport.abort()
        await self.rest()
        self.log[:] = log

    async def until(self, happened: Callable[[], Any]) -> None:
        """Wait for something that will happen."""
        deadline = self.loop.time() + 5.0
        while not happened():
            assert self.loop.time() < deadline, f"it never happened: {self.log}"
            await asyncio.sleep(0.001)

    async def rest(self) -> None:
        """Let whatever may still happen happen."""
        await asyncio.sleep(0.05)


Body = Callable[[World], Awaitable[Any]]


def play(body: Body, loop: asyncio.AbstractEventLoop) -> Any:
    """What ``body`` returns, or else each side's log, and what the loop's handler was told."""
    told: Log = []

    async def main() -> Any:
        world = World()
        loop.set_exception_handler(lambda _, context: told.append(context["message"]))
        try:
            result = await body(world)
        finally:
            await world.clean_up()
        if result is None:
            # Between the two sides only causes are in order, so each side is compared alone.
            result = {side: world.of(side) for side in ("client", "server")}
        return result, told

    try:
        return loop.run_until_complete(main())
    finally:
        loop.close()


def in_both_worlds(body: Body) -> tuple[Any, Any]:
    """The outcome over real sockets, and the simulated one."""
    real = play(body, asyncio.SelectorEventLoop())
    loop = simulated_loop()
    loop.network.add_host("somewhere.test", address="192.0.2.77")
    return real, play(body, loop)


def run(main: Callable[[SimulatedLoop], Awaitable[Any]], seed: int = 0) -> Any:
    """The result of a coroutine function on a new simulated loop, which is passed to it."""
    loop = simulated_loop(seed)
    try:
        return loop.run_until_complete(main(loop))
    finally:
        loop.close()
