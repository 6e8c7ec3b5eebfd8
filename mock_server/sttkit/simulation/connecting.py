"""The part of the loop that looks up, connects, listens and speaks TLS, all in memory."""

from __future__ import annotations

import asyncio
import socket
import ssl as ssl_module
from asyncio import base_events
from collections.abc import Callable, Iterable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any
from weakref import ReferenceType, ref

from sttkit.simulation.network import Endpoint, Listener, Network
from sttkit.simulation.refusals import Refusals
from sttkit.simulation.sockets import SimulatedSocket
from sttkit.simulation.tls import SimulatedTls, check_certificate
from sttkit.simulation.transport import SimulatedTransport

if TYPE_CHECKING:
    from sttkit.simulation.loop import SimulatedLoop

_SERVICES = {"http": 80, "https": 443, "ws": 80, "wss": 443}


class Connecting(Refusals):
    """Name service, connections and servers of a simulated loop."""

    network: Network

    def __init__(self) -> None:
        super().__init__()
        # Sockets that sock_connect() connected and create_connection() has not claimed yet.
        self._parked: dict[int, tuple[ReferenceType[Any], Endpoint]] = {}

    # --- names ----------------------------------------------------------------------------

    async def getaddrinfo(
        self,
        host: Any,
        port: Any,
        *,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        if family not in (socket.AF_UNSPEC, socket.AF_INET):
            raise socket.gaierror(socket.EAI_FAMILY, "Address family not supported: IPv4 only")
        address = await self.network.resolve(_text(host))
        kind = type or socket.SOCK_STREAM
        return [(socket.AF_INET, kind, socket.IPPROTO_TCP, "", (address, _port(port)))]

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> tuple[str, str]:
        host = self.network.find(str(sockaddr[0]))
        return host.name if host is not None else str(sockaddr[0]), str(sockaddr[1])

    # --- clients --------------------------------------------------------------------------

    async def sock_connect(self, sock: Any, address: Any) -> None:
        """Connect a socket object, whose descriptor is not used; it can then be passed as ``sock``.

        Raises:
            OSError: as `Network.connect`.
        """
        endpoint = await self.network.connect(_text(address[0]), _port(address[1]))
        key = id(sock)

        def dropped(_: object) -> None:
            parked = self._parked.pop(key, None)
            if parked is not None:
                parked[1].drop()

        self._parked[key] = (ref(sock, dropped), endpoint)

    async def create_connection(  # type: ignore[override]
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: Any = None,
        port: Any = None,
        *,
        ssl: Any = None,
        family: int = 0,
        sock: Any = None,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        **options: Any,
    ) -> tuple[SimulatedTransport, asyncio.BaseProtocol]:
        if server_hostname is not None and not ssl:
            raise ValueError("server_hostname is only meaningful with ssl")
        if server_hostname is None and ssl:
            if not host:
                raise ValueError("You must set server_hostname when using ssl without a host")
            server_hostname = _text(host)
        if ssl_handshake_timeout is not None and not ssl:
            raise ValueError("ssl_handshake_timeout is only meaningful with ssl")
        if sock is None:
            if host is None and port is None:
                raise ValueError("host and port was not specified and no sock specified")
            infos = await self.getaddrinfo(host, port, family=family)
            sock = SimulatedSocket()
            # Through the instance, so that whoever watches attempts sees this one too.
            await self.sock_connect(sock, infos[0][4])
        elif host is not None or port is not None:
            raise ValueError("host/port and sock can not be specified at the same time")
        parked = self._parked.pop(id(sock), None)
        if parked is None:
            self.refuse("create_connection() with a socket that was connected elsewhere")
        sock.close()
        try:
            protocol = protocol_factory()
        except BaseException:
            parked[1].drop()
            raise
        transport = SimulatedTransport(self._whole, parked[1], protocol)
        if ssl:
            await self._shake_hands(transport, ssl, server_hostname or "", ssl_handshake_timeout)
        waiter = self.create_future()
        transport.begin(waiter)
        try:
            await waiter
        except BaseException:
            transport.close()
            raise
        return transport, protocol

    async def start_tls(
        self,
        transport: Any,
        protocol: asyncio.BaseProtocol,
        sslcontext: Any,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> Any:
        if not isinstance(sslcontext, ssl_module.SSLContext):
            raise TypeError(
                f"sslcontext is expected to be an instance of ssl.SSLContext, got {sslcontext!r}"
            )
        if not isinstance(transport, SimulatedTransport):
            raise TypeError(f"transport {transport!r} is not supported by start_tls()")
        name = None if server_side else server_hostname or ""
        await self._shake_hands(transport, sslcontext, name, ssl_handshake_timeout)
        transport.set_protocol(protocol)
        transport.start_reading()
        return transport

    async def _shake_hands(
        self, transport: SimulatedTransport, context: Any, name: str | None, timeout: float | None
    ) -> None:
        """A handshake; without a name it is the server's side of it."""
        host = transport.endpoint.connection.host
        tls = SimulatedTls(context, None if name is None else host, name)
        done = self.create_future()

        def shaken(error: BaseException | None) -> None:
            if not done.done():
                if error is None:
                    done.set_result(None)
                else:
                    done.set_exception(error)

        transport.shake_hands(tls, shaken, timeout=timeout)
        try:
            await done
            if name is not None:
                check_certificate(host, name, context, transport.endpoint.local)
                transport.confirm()
        except BaseException:
            transport.abort()
            raise

    # --- servers --------------------------------------------------------------------------

    async def create_server(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: Any = None,
        port: Any = None,
        *,
        sock: Any = None,
        backlog: int = 100,
        ssl: Any = None,
        ssl_handshake_timeout: float | None = None,
        start_serving: bool = True,
        **options: Any,
    ) -> base_events.Server:
        if isinstance(ssl, bool):
            raise TypeError("ssl argument must be an SSLContext or None")
        if sock is not None:
            if host is not None or port is not None:
                raise ValueError("host/port and sock can not be specified at the same time")
            # A real socket that is bound already: its address counts, but nothing listens there.
            places = [sock.getsockname()[:2]]
        else:
            places = [(each, _port(port)) for each in _hosts(host)]
        sockets: Any = []
        try:
            for name, number in places:
                sockets.append(SimulatedSocket(self.network.bind(_text(name), number)))
                sockets[-1].stands_for = sock
        except BaseException:
            for bound in sockets:
                self._stop_serving(bound)
            raise
        server = base_events.Server(
            self, sockets, protocol_factory, ssl, backlog, ssl_handshake_timeout
        )
        if start_serving:
            await server.start_serving()
        return server

    def _start_serving(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        sock: Any,
        sslcontext: Any = None,
        server: Any = None,
        backlog: int = 100,
        ssl_handshake_timeout: float | None = None,
        *timeouts: float | None,
    ) -> None:
        """Called by asyncio's own `Server`."""
        self.network.serve(
            Listener(
                protocol_factory,
                sock.getsockname(),
                copy_context(),
                ssl=sslcontext,
                ssl_timeout=ssl_handshake_timeout,
                server=server,
            )
        )

    def _stop_serving(self, sock: Any) -> None:
        self.network.unlisten(*sock.getsockname())
        sock.close()

    def accept(self, endpoint: Endpoint, listener: Listener) -> None:
        """Make the server's side of a new connection."""
        try:
            protocol = listener.factory()
            transport = SimulatedTransport(
                self._whole, endpoint, protocol, context=listener.context, server=listener.server
            )
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            endpoint.drop()
            self._note_not_accepted(error)
            return
        if listener.ssl is None:
            transport.begin()
            return

        def shaken(error: BaseException | None) -> None:
            if error is None:
                transport.begin()
            elif self.get_debug():
                self._note_not_accepted(error)

        transport.shake_hands(
            SimulatedTls(listener.ssl, None, None), shaken, timeout=listener.ssl_timeout
        )

    def _note_not_accepted(self, error: BaseException) -> None:
        message = "Error on transport creation for incoming connection"
        self.call_exception_handler({"message": message, "exception": error})

    @property
    def _whole(self) -> SimulatedLoop:
        return self  # type: ignore[return-value]


def _hosts(host: Any) -> Iterable[Any]:
    if host is None or isinstance(host, (str, bytes)):
        return [host or "0.0.0.0"]
    return list(dict.fromkeys(host))


def _text(host: Any) -> str:
    if isinstance(host, bytes):
        return host.decode("ascii", "replace")
    return str(host or "127.0.0.1")


def _port(port: Any) -> int:
    if isinstance(port, bytes):
        port = port.decode("ascii", "replace")
    if isinstance(port, str) and not port.isdecimal():
        if port not in _SERVICES:
            raise socket.gaierror(socket.EAI_SERVICE, "Servname not supported for ai_socktype")
        return _SERVICES[port]
    return int(port or 0)
