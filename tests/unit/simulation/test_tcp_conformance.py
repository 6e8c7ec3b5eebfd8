"""Each body must go the same way over real loopback sockets and over simulated ones."""

from __future__ import annotations

import asyncio
import inspect
import socket
import struct
from types import FunctionType
from typing import Any

import pytest

from tests.unit.simulation.both_worlds import LOCAL, Recorder, World, in_both_worlds

BIG = bytes(20_000_000)
RST_ON_CLOSE = struct.pack("ii", 1, 0)


def resets_on_close(transport: Any) -> None:
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)


def kinds(world: World) -> dict[str, list[str]]:
    """Which callbacks, without what was said in them."""
    return {side: [entry[0] for entry in world.of(side)] for side in ("client", "server")}


async def what_is_sent_before_a_close_arrives_before_the_end(world: World) -> None:
    client, server = await world.pair()
    client.transport.write(b"hello")
    client.transport.write(b" there")
    client.transport.close()
    await world.until(lambda: client.lost and server.lost)


async def a_connection_may_be_closed_as_soon_as_it_is_made(world: World) -> None:
    class Hasty(Recorder):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self.transport.write(b"bye")
            self.transport.close()

    client, server = await world.pair(server=Hasty(world.log, "server"))
    await world.until(lambda: client.lost and server.lost)


async def after_a_half_close_the_other_direction_still_works(world: World) -> None:
    client, server = await world.pair(server=Recorder(world.log, "server", keep_open=True))
    client.transport.write(b"question")
    client.transport.write_eof()
    await world.until(lambda: ("eof",) in world.of("server"))
    server.transport.write(b"answer")
    await world.rest()
    server.transport.close()
    await world.until(lambda: client.lost and server.lost)


async def writing_to_a_closed_peer_is_a_broken_pipe_at_the_second_attempt(world: World) -> None:
    client, server = await world.pair(server=Recorder(world.log, "server", keep_open=True))
    client.transport.close()
    await world.until(lambda: client.lost)
    await world.rest()
    for _ in range(3):
        server.transport.write(b"is anybody there?")
        await world.rest()
    await world.until(lambda: server.lost)


async def data_for_a_socket_that_was_closed_meanwhile_is_answered_by_a_reset(world: World) -> None:
    client, server = await world.pair()
    client.transport.pause_reading()  # does not even see the end
    server.transport.close()
    await world.until(lambda: server.lost)
    client.transport.write(b"one")
    await world.rest()
    client.transport.write(b"two")
    await world.until(lambda: client.lost)


async def no_lingering_makes_an_abort_a_reset(world: World) -> None:
    client, server = await world.pair()
    resets_on_close(server.transport)
    server.transport.abort()
    await world.until(lambda: client.lost and server.lost)


async def no_lingering_makes_a_close_a_reset_as_well(world: World) -> None:
    client, server = await world.pair()
    resets_on_close(client.transport)
    client.transport.close()
    await world.until(lambda: client.lost and server.lost)


async def an_abort_that_lingers_is_an_end(world: World) -> None:
    client, server = await world.pair()
    client.transport.abort()
    await world.until(lambda: client.lost and server.lost)


async def closing_a_socket_with_unread_data_resets_the_peer(world: World) -> None:
    client, server = await world.pair()
    client.transport.pause_reading()
    server.transport.write(b"unheard")
    await world.rest()
    client.transport.close()
    await world.until(lambda: client.lost and server.lost)


async def a_paused_reader_gets_everything_when_it_goes_on(world: World) -> None:
    client, server = await world.pair()
    client.transport.pause_reading()
    server.transport.write(b"later")
    server.transport.close()
    await world.rest()
    client.note("goes on", client.transport.is_reading())
    client.transport.resume_reading()
    await world.until(lambda: client.lost and server.lost)


async def what_arrived_before_a_reset_can_still_be_read(world: World) -> None:
    client, server = await world.pair()
    client.transport.pause_reading()
    server.transport.write(b"last words")
    await world.rest()
    resets_on_close(server.transport)
    server.transport.abort()
    await world.rest()
    client.transport.resume_reading()
    await world.until(lambda: client.lost)


async def pausing_and_going_on_in_one_turn_loses_nothing(world: World) -> None:
    client, server = await world.pair()
    server.transport.write(b"one")
    client.transport.pause_reading()
    client.transport.resume_reading()
    client.transport.resume_reading()
    await world.until(lambda: client.received == 3)
    server.transport.write(b"two")
    await asyncio.sleep(0)
    client.transport.pause_reading()
    client.transport.pause_reading()
    await world.rest()
    client.note("paused")
    client.transport.resume_reading()
    await world.until(lambda: client.received == 6)


async def a_reader_that_stops_holds_up_the_writer(world: World) -> Any:
    client, server = await world.pair()
    server.transport.pause_reading()
    client.transport.write(BIG)
    held_up = client.transport.get_write_buffer_size() > 0
    await world.rest()
    still_held_up = client.transport.get_write_buffer_size() > 0
    server.transport.resume_reading()
    await world.until(lambda: server.received == len(BIG))
    await world.rest()
    return held_up, still_held_up, client.transport.get_write_buffer_size(), kinds(world)


async def a_close_sends_first_what_was_written(world: World) -> Any:
    client, server = await world.pair()
    client.transport.write(BIG)
    client.transport.close()
    client.note("closing", client.transport.is_closing(), client.lost)
    await world.until(lambda: client.lost and server.lost)
    return server.received, kinds(world)


async def writing_goes_on_while_a_close_is_flushed(world: World) -> Any:
    client, server = await world.pair()
    client.transport.write(BIG)
    client.transport.close()
    client.transport.write(b"and this")
    await world.until(lambda: client.lost and server.lost)
    return server.received, kinds(world)


async def an_end_is_sent_behind_what_was_written(world: World) -> Any:
    client, server = await world.pair(server=Recorder(world.log, "server", keep_open=True))
    client.transport.write(BIG)
    client.transport.write_eof()
    await world.until(lambda: ("eof",) in world.of("server"))
    received = server.received
    server.transport.close()
    await world.until(lambda: client.lost and server.lost)
    return received, kinds(world)


async def an_abort_drops_what_was_not_sent(world: World) -> Any:
    client, server = await world.pair()
    server.transport.pause_reading()
    client.transport.write(BIG)
    client.transport.abort()
    await world.until(lambda: client.lost)
    server.transport.resume_reading()
    await world.until(lambda: server.lost)
    return 0 < server.received < len(BIG), kinds(world)


async def a_writer_that_is_held_up_learns_of_a_reset(world: World) -> Any:
    client, server = await world.pair()
    server.transport.pause_reading()
    client.transport.write(BIG)
    await world.rest()
    client.transport.pause_reading()
    server.transport.abort()  # with unread data: a reset
    await world.until(lambda: client.lost)
    return world.of("client")[-1], kinds(world)["client"]


async def a_small_limit_pauses_early(world: World) -> Any:
    client, server = await world.pair()
    limits = [client.transport.get_write_buffer_limits()]
    client.transport.set_write_buffer_limits(low=5)
    limits.append(client.transport.get_write_buffer_limits())
    client.transport.set_write_buffer_limits(high=0)
    limits.append(client.transport.get_write_buffer_limits())
    with pytest.raises(ValueError, match="must be >="):
        client.transport.set_write_buffer_limits(high=1, low=2)
    client.transport.write(b"goes out at once")
    client.note("not paused yet")
    server.transport.pause_reading()
    client.transport.write(BIG)
    server.transport.resume_reading()
    await world.until(lambda: world.of("client")[-1] == ("resume",))
    return limits, kinds(world)["client"]


class Buffered(asyncio.BufferedProtocol):
    """Offers a few bytes at a time."""

    def __init__(self, log: list[Any], name: str) -> None:
        self.log, self.name = log, name
        self.buffer = bytearray(4)
        self.transport: Any = None
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def get_buffer(self, sizehint: int) -> bytearray:
        self.log.append((self.name, "buffer", sizehint))
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.log.append((self.name, "updated", bytes(self.buffer[:nbytes])))

    def eof_received(self) -> None:
        self.log.append((self.name, "eof"))

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self.log.append((self.name, "lost", type(exc).__name__))


async def a_buffered_protocol_gets_as_much_as_it_has_room_for(world: World) -> None:
    client, server = await world.pair(server=Buffered(world.log, "server"))
    client.transport.write(b"0123456789")
    await world.rest()
    client.transport.write(memoryview(b"abc"))
    client.transport.close()
    await world.until(lambda: server.lost)


async def an_error_in_data_received_ends_the_connection(world: World) -> None:
    class Clumsy(Recorder):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            raise ZeroDivisionError

    client, server = await world.pair(server=Clumsy(world.log, "server"))
    client.transport.write(b"oops")
    await world.until(lambda: client.lost and server.lost)


async def an_error_in_eof_received_ends_the_connection(world: World) -> None:
    class Clumsy(Recorder):
        def eof_received(self) -> bool:
            super().eof_received()
            raise ZeroDivisionError

    client, server = await world.pair(server=Clumsy(world.log, "server"))
    client.transport.close()
    await world.until(lambda: client.lost and server.lost)


async def misuse_is_refused_in_the_same_way(world: World) -> Any:
    client, server = await world.pair()
    transport = client.transport
    errors: list[Any] = []
    for misuse in (
        lambda: transport.write("text"),
        lambda: transport.write_eof() or transport.write(b"after the end"),
        lambda: transport.write_eof(),
        lambda: transport.close() or transport.close(),
    ):
        try:
            misuse()
            errors.append(None)
        except Exception as error:
            errors.append(type(error))
    await world.until(lambda: client.lost and server.lost)
    return errors, transport.is_closing(), transport.is_reading(), transport.can_write_eof()


async def a_port_without_a_listener_refuses(world: World) -> Any:
    client, server = await world.pair()
    port = world.server.sockets[0].getsockname()[1]
    world.server.close()
    client.transport.close()
    await world.until(lambda: client.lost and server.lost)
    with pytest.raises(ConnectionRefusedError) as raised:
        await world.loop.create_connection(asyncio.Protocol, LOCAL, port)
    return raised.value.errno, str(raised.value).replace(str(port), "port")


async def arguments_are_checked(world: World) -> Any:
    errors = []
    cases: list[dict[str, Any]] = [
        {"host": LOCAL, "port": 1, "server_hostname": "x"},
        {},
        {"host": LOCAL, "port": 1, "ssl_handshake_timeout": 1.0},
        {"ssl": True, "sock": socket.socket()},
        {"host": LOCAL, "port": 1, "sock": socket.socket()},
    ]
    for options in cases:
        try:
            await world.loop.create_connection(asyncio.Protocol, **options)
        except Exception as error:
            errors.append((type(error), str(error)))
        finally:
            if "sock" in options:
                options["sock"].close()
    with pytest.raises(TypeError):
        await world.loop.create_server(asyncio.Protocol, LOCAL, 0, ssl=True)
    return errors


async def a_server_closes_its_port_but_not_its_connections(world: World) -> Any:
    client, server = await world.pair()
    serving = world.server
    states: list[Any] = [serving.is_serving(), len(serving.sockets)]
    serving.close()
    serving.close()
    states += [serving.is_serving(), len(serving.sockets)]
    client.transport.write(b"still here")
    await world.until(lambda: server.received)
    client.transport.close()
    await world.until(lambda: client.lost and server.lost)
    await asyncio.wait_for(serving.wait_closed(), 1.0)
    return states, kinds(world)


async def closing_a_server_waits_for_its_connections_where_asyncio_does(world: World) -> Any:
    client, _ = await world.pair()
    world.server.close()
    waiting = asyncio.ensure_future(world.server.wait_closed())
    await world.rest()
    waited = not waiting.done()
    client.transport.close()
    await asyncio.wait_for(waiting, 1.0)
    return waited


async def a_server_that_serves_for_ever_ends_when_cancelled(world: World) -> Any:
    server = await world.loop.create_server(asyncio.Protocol, LOCAL, 0, start_serving=False)
    states = [server.is_serving()]
    async with server:
        serving = asyncio.ensure_future(server.serve_forever())
        await world.rest()
        states.append(server.is_serving())
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        states.append(server.is_serving())
    return states


async def an_address_can_be_bound_once(world: World) -> Any:
    await world.pair()
    port = world.server.sockets[0].getsockname()[1]
    with pytest.raises(OSError) as raised:
        await world.loop.create_server(asyncio.Protocol, LOCAL, port)
    return raised.value.errno


async def transports_know_their_addresses(world: World) -> Any:
    client, server = await world.pair()
    c, s = client.transport.get_extra_info, server.transport.get_extra_info
    sock = c("socket")
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return (
        c("sockname") == s("peername"),
        s("sockname") == c("peername") == sock.getpeername(),
        sock.getsockname() == c("sockname"),
        (sock.family, sock.type, sock.proto),
        sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY),
        [c(key, "none") for key in ("sslcontext", "ssl_object", "peercert", "what?")],
    )


async def streams_work(world: World) -> Any:
    heard: list[Any] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            heard.append(line)
            writer.write(line.upper())
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    world.server = await asyncio.start_server(serve, LOCAL, 0)
    port = world.server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection(LOCAL, port)
    writer.write(b"one\ntwo\n")
    await writer.drain()
    heard.append(await reader.readexactly(8))
    writer.write_eof()
    heard.append(await reader.read())
    heard.append(reader.at_eof())
    writer.close()
    await writer.wait_closed()
    return heard


async def what_was_scheduled_before_comes_before_what_arrives(world: World) -> Any:
    client, server = await world.pair()
    order: list[str] = []
    server.data_received = lambda data: order.append(f"data {len(data)}")

    def write_again() -> None:
        order.append("scheduled")
        client.transport.write(b"2")

    client.transport.write(b"1")
    world.loop.call_soon(write_again)
    await world.rest()
    return order  # the second byte was written before the first was read


async def another_protocol_can_take_over(world: World) -> None:
    client, server = await world.pair()
    second = Recorder(world.log, "server")
    client.transport.write(b"for the first")
    await world.until(lambda: server.received)
    server.transport.set_protocol(second)
    assert server.transport.get_protocol() is second
    client.transport.write(b", for the second")
    await world.until(lambda: second.received)
    client.transport.close()
    await world.until(lambda: client.lost and second.lost)


async def both_sides_may_close_at_once(world: World) -> None:
    client, server = await world.pair()
    client.transport.close()
    server.transport.close()
    await world.until(lambda: client.lost and server.lost)


BODIES = [
    body
    for name, body in sorted(globals().items())
    if isinstance(body, FunctionType)
    and inspect.iscoroutinefunction(body)
    and not name.startswith("_")
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__.replace("_", "-"))
def test_simulated_tcp_is_like_real_tcp(body: Any) -> None:
    real, simulated = in_both_worlds(body)
    assert simulated == real
