"""TLS is only pretended in the simulation: what programs notice of it must be as in reality."""

from __future__ import annotations

import asyncio
import inspect
import socket
import ssl
import struct
from functools import cache
from types import FunctionType
from typing import Any

import pytest

from tests.unit.simulation.both_worlds import LOCAL, Recorder, World, in_both_worlds

trustme = pytest.importorskip("trustme")


@cache
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A client's that trusts an authority, and a server's for localhost certified by it."""
    authority = trustme.CA()
    client = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
    authority.configure_trust(client)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(server)
    return client, server


async def secure_pair(world: World, **protocols: Any) -> tuple[Any, Any]:
    client, server = contexts()
    return await world.pair(client_ssl=client, server_ssl=server, **protocols)


async def data_passes_and_a_close_ends_both_sides(world: World) -> None:
    client, server = await secure_pair(world)
    client.transport.write(b"hello")
    server.transport.write(b"welcome")
    await world.until(lambda: client.received and server.received)
    client.transport.close()
    await world.until(lambda: client.lost and server.lost)


async def one_direction_alone_cannot_be_shut(world: World) -> Any:
    client, server = await secure_pair(world, server=Recorder(world.log, "server", keep_open=True))
    able = client.transport.can_write_eof()
    with pytest.raises(NotImplementedError):
        client.transport.write_eof()
    client.transport.close()
    await world.until(lambda: client.lost and server.lost)
    return able, world.of("server")


async def an_abort_is_seen_by_the_other_side(world: World) -> None:
    client, server = await secure_pair(world)
    client.transport.abort()
    await world.until(lambda: client.lost and server.lost)


async def a_reset_is_seen_as_a_reset(world: World) -> Any:
    client, server = await secure_pair(world)
    sock = server.transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server.transport.abort()
    await world.until(lambda: client.lost)
    return world.of("client")


async def a_transport_knows_that_it_is_secure(world: World) -> Any:
    client, server = await secure_pair(world)
    c, s = client.transport.get_extra_info, server.transport.get_extra_info
    return (
        c("sslcontext") is contexts()[0],
        s("sslcontext") is contexts()[1],
        c("ssl_object").version() == s("ssl_object").version(),
        c("compression"),
        c("cipher") is not None,
        bool(c("peercert")),
        [value for kind, value in c("peercert")["subjectAltName"] if kind == "DNS"],
        s("peercert"),
        c("ssl_object").server_hostname,
        c("peername") == s("sockname"),
    )


async def a_close_waits_for_the_other_sides(world: World) -> Any:
    client, server = await secure_pair(world)
    server.transport.pause_reading()
    client.transport.close()
    await world.rest()
    client.note("still there", client.lost, client.transport.is_closing())
    server.transport.resume_reading()
    await world.until(lambda: client.lost and server.lost)
    return world.of("client")


async def a_wrong_name_is_refused(world: World) -> Any:
    client, server = contexts()
    world.server = await world.loop.create_server(
        lambda: Recorder(world.log, "server"), LOCAL, 0, ssl=server
    )
    port = world.server.sockets[0].getsockname()[1]
    with pytest.raises(ssl.SSLCertVerificationError) as raised:
        await world.loop.create_connection(
            asyncio.Protocol, LOCAL, port, ssl=client, server_hostname="other.test"
        )
    await world.rest()
    return raised.value.errno, raised.value.verify_message, world.of("server")


async def plain_bytes_do_not_get_through_to_a_secure_server(world: World) -> Any:
    world.server = await world.loop.create_server(
        lambda: Recorder(world.log, "server"), LOCAL, 0, ssl=contexts()[1]
    )
    port = world.server.sockets[0].getsockname()[1]
    client = Recorder(world.log, "client")
    await world.loop.create_connection(lambda: client, LOCAL, port)
    client.transport.write(b"GET / HTTP/1.1\r\n\r\n")
    await world.until(lambda: client.lost)
    return world.of("server")


async def a_connection_can_be_made_secure_later(world: World) -> None:
    client, server = await world.pair()
    inner = {name: Recorder(world.log, name) for name in ("client", "server")}
    client_context, server_context = contexts()
    secured: Any = await asyncio.gather(
        world.loop.start_tls(
            client.transport, inner["client"], client_context, server_hostname="localhost"
        ),
        world.loop.start_tls(server.transport, inner["server"], server_context, server_side=True),
    )
    secured[0].write(b"secret")
    await world.until(lambda: inner["server"].received)
    assert secured[0].get_extra_info("sslcontext") is client_context
    secured[0].close()
    await world.until(lambda: inner["client"].lost)
    secured[1].close()
    await world.until(lambda: inner["server"].lost)


BODIES = [
    body
    for name, body in sorted(globals().items())
    if isinstance(body, FunctionType)
    and inspect.iscoroutinefunction(body)
    and name != "secure_pair"
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__.replace("_", "-"))
def test_pretended_tls_is_like_real_tls(body: Any) -> None:
    real, simulated = in_both_worlds(body)
    assert simulated == real
