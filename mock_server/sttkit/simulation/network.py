"""Hosts, ports and connections that exist only in memory.

Only registered names resolve and only listening ports accept: nothing in a simulation can reach a
real network. A `Host` decides, attempt by attempt, whether its name resolves and whether a
connection is accepted, refused or never answered, and what the line to it is like.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass, field, replace
from enum import Enum
from ipaddress import ip_address
from random import Random
from typing import TYPE_CHECKING, Any

from sttkit.errors import SimulationError
from sttkit.simulation.line import Cut, LineModel
from sttkit.simulation.pipe import Pipe, Signal
from sttkit.simulation.sockets import Address
from sttkit.simulation.waiting import place_here

if TYPE_CHECKING:
    from sttkit.simulation.loop import SimulatedLoop

CONNECT_TIMEOUT_S = 127.0
"""How long Linux by default tries to connect to a host that never answers, seconds."""
CLIENT_ADDRESS = "192.0.2.254"
"""Where clients connect from, unless to this machine."""
_THIS_MACHINE = "127.0.0.1"
_ANY = "0.0.0.0"
_FIRST_PORT, _PORTS = 40_000, 20_000
ProtocolFactory = Callable[[], asyncio.BaseProtocol]


class Answer(Enum):
    """What an attempt to connect meets."""

    ACCEPT = "accept"
    REFUSE = "refuse"
    NEVER = "never"


@dataclass
class Host:
    """A registered host name.

    Attributes:
        name: as clients know it.
        address: made up by the network (RFC 5737's documentation range).
        other_names: for which its certificate stands as well.
        resolves: asked at each look-up.
        look_up_takes: seconds that a look-up takes.
        answers: asked when an attempt to connect arrives.
        trusted: whether its certificate is accepted; asked at each handshake, with the client's
            address.
        up: model of the direction from client to host, for connections made from now on.
        down: the same from host to client.
        connected: called with each new `Connection`, before anything was sent.
    """

    name: str
    address: str
    other_names: tuple[str, ...] = ()
    resolves: Callable[[], bool] = lambda: True
    look_up_takes: float = 0.0
    answers: Callable[[], Answer] = lambda: Answer.ACCEPT
    trusted: Callable[[Address], bool] = lambda client: True
    up: LineModel = field(default_factory=LineModel)
    down: LineModel = field(default_factory=LineModel)
    connected: Callable[[Connection], None] | None = None


@dataclass
class UnknownHost:
    """A name or an address that was asked for and does not exist.

    Attributes:
        name: what was asked for.
        place: the lines that asked, outermost first.
        times: how often, from there.
    """

    name: str
    place: str
    times: int = 1


@dataclass(frozen=True)
class Listener:
    """Who accepts connections at a port.

    Attributes:
        factory: makes the protocol of a connection.
        address: where it listens.
        context: what the protocols' callbacks run in.
        ssl: an SSL context, or None: then plain bytes and TLS are both accepted.
        ssl_timeout: seconds that a handshake may take; None for asyncio's default.
        server: the asyncio server that counts the connections.
    """

    factory: ProtocolFactory
    address: Address
    context: Context
    ssl: Any = None
    ssl_timeout: float | None = None
    server: Any = None


@dataclass(eq=False)
class Endpoint:
    """One side of a connection: what it sends into, what it hears from, and the addresses.

    Attributes:
        is_open: whether its socket was not closed yet.
        is_leaving: whether it will be, come what may, as soon as a wait that has begun is over.
    """

    out: Pipe
    heard: Pipe
    local: Address
    remote: Address
    connection: Connection
    is_open: bool = True
    is_leaving: bool = False

    def close(self) -> None:
        """This side's socket is closed."""
        self.is_open = False
        self.connection.open_ends -= 1
        if not self.connection.open_ends:
            self.connection.network.connections.pop(self.connection.number, None)

    def drop(self) -> None:
        """Close a socket that never got a transport."""
        self.heard.abandon()
        self.out.signal(Signal.END)
        self.close()


class Connection:
    """One connection, as seen from the line: here faults of the network are made.

    Attributes:
        number: counted from 1 over the whole network.
        host: that was connected to.
        up: the direction from client to host; assign its ``model`` to change the line.
        down: the direction from host to client.
        open_ends: sides that have not closed their socket.
    """

    def __init__(self, network: Network, host: Host, port: int, number: int) -> None:
        loop = network.loop
        self.network = network
        self.number = number
        self.host = host
        self.up = Pipe(loop, host.up, network.dice(number, "up"))
        self.down = Pipe(loop, host.down, network.dice(number, "down"))
        self.up.back, self.down.back = self.down, self.up
        self.up.on_cut = self.down.on_cut = self.cut
        local = _THIS_MACHINE if host.address == _THIS_MACHINE else CLIENT_ADDRESS
        client, server = (local, _FIRST_PORT + number % _PORTS), (host.address, port)
        self.client = Endpoint(self.up, self.down, client, server, self)
        self.server = Endpoint(self.down, self.up, server, client, self)
        self.open_ends = 2

    def change(self, **properties: Any) -> None:
        """Change properties of the line in both directions, as in ``change(stalled=True)``."""
        self.up.model = replace(self.up.model, **properties)
        self.down.model = replace(self.down.model, **properties)

    def cut(self, how: Cut = "reset") -> None:
        """End the connection on its way; see `LineModel.cut_with`."""
        for pipe in (self.up, self.down):
            swallowing = pipe.model.swallowing or how == "silence"
            pipe.model = replace(pipe.model, cut_at=None, swallowing=swallowing)
            if how == "reset":
                pipe.reset()
            elif how == "fin":
                pipe.signal(Signal.END)


class Network:
    """All hosts of a simulation.

    Args:
        rng: decides what is left to chance on the lines.

    Attributes:
        loop: whose time passes.
        unknown: hosts that were asked for and do not exist, by whom.
        on_unknown: called, if set, when one is asked for from a place for the first time.
        connections: that are open, by number.
    """

    loop: SimulatedLoop

    def __init__(self, rng: Random) -> None:
        self._seed = rng.getrandbits(64)
        self._hosts: dict[str, Host] = {}
        self._by_address: dict[str, Host] = {}
        self._bound: set[Address] = set()
        self._listeners: dict[Address, Listener] = {}
        self._made = 0
        self.connections: dict[int, Connection] = {}
        self.unknown: list[UnknownHost] = []
        self.on_unknown: Callable[[UnknownHost], None] | None = None
        self.add_host("localhost", address=_THIS_MACHINE)

    def dice(self, number: int, direction: str) -> Callable[[], float]:
        """Numbers for one direction, which other connections have no influence on."""
        drawn: list[Callable[[], float]] = []

        def draw() -> float:
            if not drawn:  # made when needed: most lines have no jitter
                drawn.append(Random(f"{self._seed} {number} {direction}").random)
            return drawn[0]()

        return draw

    # --- hosts ----------------------------------------------------------------------------

    def add_host(
        self,
        name: str,
        *,
        address: str | None = None,
        up: LineModel | None = None,
        down: LineModel | None = None,
    ) -> Host:
        """Register a host name, with the lines to and from it (by default, bytes just arrive)."""
        address = address or f"192.0.2.{len(self._hosts)}"
        host = Host(name, address, up=up or LineModel(), down=down or LineModel())
        self._hosts[name] = self._by_address[address] = host
        return host

    def host(self, name: str) -> Host:
        """The host registered under ``name``."""
        return self._hosts[name]

    def find(self, name_or_address: str) -> Host | None:
        """The host with this name or address; a wildcard is this machine."""
        if name_or_address in ("", _ANY):
            name_or_address = _THIS_MACHINE
        name = name_or_address.rstrip(".")
        return self._by_address.get(name) or self._hosts.get(name.lower())

    async def resolve(self, name: str) -> str:
        """Address of a name.

        Raises:
            socket.gaierror: no such host, or its name does not resolve right now.
        """
        host = self.find(name)
        if _is_address(name) or not name:
            return name or _ANY
        await asyncio.sleep(host.look_up_takes if host is not None else 0)
        return self.resolve_now(name)

    def resolve_now(self, name: str) -> str:
        """As `resolve`, for who does not wait."""
        if _is_address(name):
            return name
        host = self.find(name)
        if host is None:
            self.note_unknown(name)
        if host is None or not host.resolves():
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return host.address

    def note_unknown(self, name: str) -> None:
        """Note that somebody asked for a host that does not exist."""
        place = place_here()
        for noted in self.unknown:
            if (noted.name, noted.place) == (name, place):
                noted.times += 1
                return
        self.unknown.append(UnknownHost(name, place))
        if self.on_unknown is not None:
            self.on_unknown(self.unknown[-1])

    # --- listening ------------------------------------------------------------------------

    def bind(self, host: str, port: int) -> Address:
        """Reserve a port of a registered host, by name or address; 0 for a free one.

        Raises:
            OSError: the port is taken.
            SimulationError: there is no such host.
        """
        found = self.find(host)
        if found is None:
            raise SimulationError(
                f"cannot listen at {host!r}, which is no host of this simulation",
                hint=f"network.add_host({host!r}) makes it one",
            )
        address = found.address
        if port == 0:
            port = next(p for p in range(32_768, 65_536) if (address, p) not in self._bound)
        if (address, port) in self._bound:
            raise OSError(
                errno.EADDRINUSE,
                f"error while attempting to bind on address {(host, port)!r}: "
                + os.strerror(errno.EADDRINUSE).lower(),
            )
        self._bound.add((address, port))
        return address, port

    def listen(self, host: str, port: int, factory: ProtocolFactory) -> Address:
        """Accept connections at a port of a registered host; 0 for a free port.

        Returns:
            address and port.
        """
        address = self.bind(host, port)
        self.serve(Listener(factory, address, copy_context()))
        return address

    def serve(self, listener: Listener) -> None:
        """Accept connections at a port that was bound before."""
        self._listeners[listener.address] = listener

    def unlisten(self, host: str, port: int) -> None:
        """Accept no more; connections live on."""
        found = self.find(host)
        if found is not None:
            self._listeners.pop((found.address, port), None)
            self._bound.discard((found.address, port))

    def held(self, host: str, port: int) -> int:
        """Connections to a port of a registered host that its clients hold, and will not let go."""
        found = self.find(host)
        address = (found.address, port) if found is not None else None
        clients = (connection.client for connection in self.connections.values())
        return sum(
            client.is_open and not client.is_leaving and client.remote == address
            for client in clients
        )

    # --- connecting -----------------------------------------------------------------------

    async def connect(self, address: str, port: int) -> Endpoint:
        """A new connection, after one round trip; the host knows of it half a round trip later.

        Raises:
            OSError: nobody listens there, the host refuses, never answers or does not exist.
        """
        host = self.find(address)
        if host is None:
            self.note_unknown(address)
            await asyncio.sleep(0)
            raise OSError(errno.ENETUNREACH, f"Connect call failed {(address, port)!r}")
        up, down = host.up, host.down
        await asyncio.sleep(up.latency)
        silent = any(line.swallowing or line.stalled for line in (up, down))
        answer = Answer.NEVER if silent else host.answers()
        if answer is Answer.NEVER:
            await asyncio.sleep(CONNECT_TIMEOUT_S - up.latency)
            raise TimeoutError(errno.ETIMEDOUT, f"Connect call failed {(address, port)!r}")
        listener = self._listeners.get((host.address, port))
        if down.latency:
            await asyncio.sleep(down.latency)
        if listener is None or answer is Answer.REFUSE:
            raise ConnectionRefusedError(
                errno.ECONNREFUSED, f"Connect call failed {(address, port)!r}"
            )
        return self._open(host, listener)

    def _open(self, host: Host, listener: Listener) -> Endpoint:
        self._made += 1
        connection = Connection(self, host, listener.address[1], self._made)
        self.connections[connection.number] = connection
        if host.connected is not None:
            host.connected(connection)
        up = connection.up
        up.reader = asyncio.Handle(
            self._accept, (connection, listener), self.loop, listener.context
        )
        up.signal(Signal.OPEN)
        return connection.client

    def _accept(self, connection: Connection, listener: Listener) -> None:
        up, end = connection.up, connection.server
        up.queued, up.reader = False, None
        up.take()
        if self._listeners.get(listener.address) is not listener:
            up.abandon()
            connection.down.reset()
            end.close()
            return
        self.loop.accept(end, listener)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
