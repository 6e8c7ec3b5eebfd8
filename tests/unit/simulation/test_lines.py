"""What the lines of a simulated network do to bytes, and when."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from typing import Any

import pytest

from sttkit.errors import SimulationError
from sttkit.simulation import Answer, Connection, LineModel, SimulatedLoop
from tests.unit.simulation.both_worlds import Recorder, run

HOST = "api.example.com"


class Timed(Recorder):
    """Notes the time of everything, and keeps pieces apart."""

    def note(self, what: str, *facts: Any) -> None:
        now = round(asyncio.get_running_loop().time() - START, 6)
        self.log.append((now, what, *facts))

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        self.note("data", len(data))


START = 0.0


async def connected(
    loop: SimulatedLoop, *, keep_open: bool = False, **options: Any
) -> tuple[Timed, Timed, Connection]:
    """A client and a server, whose clocks start when both know of the connection."""
    global START
    host = loop.network.add_host(HOST)
    server = Timed([], "server", keep_open=keep_open)
    client = Timed([], "client", keep_open=keep_open)
    loop.network.listen(HOST, 443, lambda: server)
    await loop.create_connection(lambda: client, HOST, 443, **options)
    await asyncio.sleep(0.01)
    [connection] = loop.network.connections.values()
    assert connection.host is host
    client.log.clear()
    server.log.clear()
    START = loop.time()
    return client, server, connection


def test_what_arrives_is_read_before_the_timers_of_the_same_instant() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        client, server, connection = await connected(loop)
        connection.down.model = LineModel(latency=0.125)
        began = loop.time()
        loop.call_at(began + 0.125, client.note, "timer set before")
        server.transport.write(b"123")
        loop.call_at(began + 0.125, client.note, "timer set after")
        await asyncio.sleep(0.2)
        return [what for _, what, *_ in client.log]

    assert run(main) == ["data", "timer set before", "timer set after"]


def test_what_a_stalled_line_holds_back_does_not_land_when_it_was_due() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        client, server, connection = await connected(loop)
        connection.down.model = LineModel(latency=0.1)
        server.transport.write(b"123")
        await asyncio.sleep(0.05)
        connection.change(stalled=True)
        await asyncio.sleep(0.3)
        connection.change(stalled=False)
        await asyncio.sleep(0.1)
        return client.log

    assert run(main) == [(0.35, "data", 3)]


def test_bytes_take_the_latency_of_their_direction() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        client, server, connection = await connected(loop)
        connection.up.model = LineModel(latency=0.1)
        connection.down.model = LineModel(latency=0.03)
        client.transport.write(b"12345")
        server.transport.write(b"123")
        await asyncio.sleep(1)
        return client.log, server.log

    assert run(main) == ([(0.03, "data", 3)], [(0.1, "data", 5)])


def test_connecting_takes_a_round_trip_and_a_secure_one_two() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        loop.network.add_host(HOST, up=LineModel(latency=0.1), down=LineModel(latency=0.1))
        told: list[float] = []

        class Server(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                told.append(round(loop.time() - began, 6))

        loop.network.listen(HOST, 443, Server)
        times = []
        for tls in (None, True):
            began = loop.time()
            await loop.create_connection(asyncio.Protocol, HOST, 443, ssl=tls)
            times.append(round(loop.time() - began, 6))
            await asyncio.sleep(1)
        return times, told

    assert run(main) == ([0.2, 0.4], [0.3, 0.3])


def test_jitter_keeps_the_order_and_comes_from_the_seed() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        client, server, connection = await connected(loop)
        connection.change(latency=0.1, jitter=0.05)
        for size in range(1, 20):
            client.transport.write(bytes(size))
            await asyncio.sleep(0.01)
        await asyncio.sleep(1)
        return server.log

    first, again, other = run(main, seed=1), run(main, seed=1), run(main, seed=2)
    assert first == again != other
    assert sum(size for _, _, size in first) == sum(range(1, 20))
    assert all(0.1 <= at <= 0.15 + 0.19 for at, _, _ in first)


def test_bandwidth_spreads_a_burst_over_time() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        client, server, connection = await connected(loop)
        connection.up.model = LineModel(bandwidth=1000)
        for _ in range(3):
            client.transport.write(bytes(500))
        await asyncio.sleep(10)
        return server.log

    assert run(main) == [(0.5, "data", 500), (1.0, "data", 500), (1.5, "data", 500)]


def test_pieces_are_read_one_by_one() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        client, server, connection = await connected(loop)
        connection.up.model = LineModel(pieces=3)
        client.transport.write(b"0123456789")
        client.transport.close()
        await asyncio.sleep(1)
        return [entry[1:] for entry in server.log]

    assert run(main) == [*[("data", n) for n in (3, 3, 3, 1)], ("eof",), ("lost", "NoneType")]


def test_a_stall_holds_back_everything_until_it_is_over() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        client, server, connection = await connected(loop)
        connection.change(stalled=True)
        client.transport.write(b"123")
        await asyncio.sleep(1)
        client.transport.write(b"45")
        client.transport.close()
        await asyncio.sleep(59)
        connection.change(stalled=False)
        await asyncio.sleep(1)
        return server.log

    assert run(main) == [(60.0, "data", 5), (60.0, "eof"), (60.0, "lost", "NoneType")]


def test_a_stall_begins_behind_what_is_under_way() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        client, server, connection = await connected(loop)
        connection.change(latency=0.5)
        client.transport.write(b"under way")
        await asyncio.sleep(0.1)
        connection.change(stalled=True)
        await asyncio.sleep(10)
        assert server.log == []
        connection.change(stalled=False, latency=0.0)
        client.transport.write(b"!")
        await asyncio.sleep(1)
        return server.log

    assert run(main) == [(10.1, "data", 10)]


def test_a_swallowing_line_gives_no_sign_until_the_kernel_gives_up() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        client, server, connection = await connected(loop)
        connection.up.model = LineModel(swallowing=True)
        client.transport.write(b"hello?")
        await asyncio.sleep(900)
        quiet = list(client.log)
        await asyncio.sleep(100)
        return quiet, client.log, server.log

    assert run(main) == ([], [(924.6, "lost", "TimeoutError")], [])


def test_a_swallowing_line_holds_up_the_writer_and_holds_no_memory() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        client, _, connection = await connected(loop)
        connection.up.model = LineModel(swallowing=True, window=1000)
        for _ in range(100):
            client.transport.write(bytes(1000))
        assert connection.up.in_flight == 0
        assert client.transport.get_write_buffer_size() == 99_000
        assert client.log == [(0.0, "pause")]
        client.transport.abort()
        await asyncio.sleep(2000)
        return client.log

    assert run(main)[1:] == [(0.0, "lost", "NoneType")]


@pytest.mark.parametrize(
    ("how", "client_sees", "server_sees"),
    [
        ("reset", [("lost", "ConnectionResetError")], [("lost", "ConnectionResetError")]),
        ("fin", [("eof",), ("lost", "NoneType")], [("eof",), ("lost", "NoneType")]),
        ("silence", [], []),
    ],
)
def test_a_cut_lets_pass_so_many_bytes_and_then_ends_the_connection(
    how: Any, client_sees: list[Any], server_sees: list[Any]
) -> None:
    async def main(loop: SimulatedLoop) -> Any:
        client, server, connection = await connected(loop)
        carried = connection.down.carried
        connection.down.model = LineModel(latency=0.1, cut_at=carried + 7, cut_with=how)
        for _ in range(4):
            server.transport.write(b"1234")
            await asyncio.sleep(0.2)
        client.transport.write(b"hello?")
        await asyncio.sleep(1)
        return client.received, client.log, server.log

    received, client, server = run(main)
    assert received == 7
    assert [entry[1:] for entry in client if entry[1] != "data"] == client_sees
    assert [entry[1:] for entry in server if entry[1] != "data"] == server_sees


def test_who_writes_on_after_a_line_was_cut_with_fin_gets_a_reset() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        client, server, connection = await connected(loop, keep_open=True)
        connection.cut("fin")
        await asyncio.sleep(1)
        client.transport.write(b"one")
        await asyncio.sleep(1)
        client.transport.write(b"two")
        await asyncio.sleep(1)
        return client.log, server.log

    client, server = run(main)
    assert client == [(0.0, "eof"), (2.0, "lost", "BrokenPipeError")]
    assert server == [(0.0, "eof")]


def test_a_cut_in_the_middle_of_one_big_write_does_not_hold_up_the_writer() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        client, server, connection = await connected(loop)
        connection.up.model = LineModel(cut_at=1000, cut_with="silence", window=10_000)
        client.transport.write(bytes(9000))
        await asyncio.sleep(1)
        return server.received, client.transport.get_write_buffer_size(), client.log

    assert run(main) == (1000, 0, [])


def test_a_host_may_refuse_or_never_answer_or_not_resolve() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        host = loop.network.add_host(HOST, up=LineModel(latency=0.1), down=LineModel(latency=0.1))
        loop.network.listen(HOST, 443, asyncio.Protocol)
        seen = []

        async def attempt() -> None:
            began = loop.time()
            try:
                await loop.create_connection(asyncio.Protocol, HOST, 443)
                error: Any = None
            except OSError as raised:
                error = raised
            number = getattr(error, "errno", None)
            seen.append((type(error).__name__, number, round(loop.time() - began, 6)))

        host.answers = lambda: Answer.REFUSE
        await attempt()
        host.answers = lambda: Answer.NEVER
        await attempt()
        host.answers = lambda: Answer.ACCEPT
        host.up = LineModel(swallowing=True)
        await attempt()
        host.up = host.down
        host.resolves = lambda: False
        host.look_up_takes = 5.0
        await attempt()
        host.resolves = lambda: True
        await attempt()
        return seen

    assert run(main) == [
        ("ConnectionRefusedError", errno.ECONNREFUSED, 0.2),
        ("TimeoutError", errno.ETIMEDOUT, 127.0),
        ("TimeoutError", errno.ETIMEDOUT, 127.0),
        ("gaierror", socket.EAI_NONAME, 5.0),
        ("NoneType", None, 5.2),
    ]


def test_a_host_is_told_of_its_connections_before_anything_is_sent() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        def slow_second(connection: Connection) -> None:
            if connection.number == 2:
                connection.change(latency=1.0)

        host = loop.network.add_host(HOST)
        host.connected = slow_second
        servers = [Timed([], "one"), Timed([], "two")]
        loop.network.listen(HOST, 80, iter(servers).__next__)
        global START
        START = loop.time()
        for _ in range(2):
            transport, _ = await loop.create_connection(asyncio.Protocol, HOST, 80)
            transport.write(b"hi")
        await asyncio.sleep(5)
        return [[entry for entry in server.log if entry[1] == "data"] for server in servers]

    assert run(main) == [[(0.0, "data", 2)], [(1.0, "data", 2)]]


def test_closed_connections_are_forgotten() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        client, _, _ = await connected(loop)
        client.transport.close()
        await asyncio.sleep(1)
        return loop.network.connections

    assert run(main) == {}


def test_unknown_hosts_are_noted_with_who_asked() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        async def phone_home() -> None:
            await loop.create_connection(asyncio.Protocol, "telemetry.example.org", 443)

        for _ in range(2):
            with pytest.raises(socket.gaierror) as raised:
                await phone_home()
            assert raised.value.errno == socket.EAI_NONAME
        with pytest.raises(OSError, match="Connect call failed") as unreachable:
            await loop.create_connection(asyncio.Protocol, "203.0.113.5", 443)
        assert unreachable.value.errno == errno.ENETUNREACH
        return loop.network.unknown

    name, address = run(main)
    assert (name.name, name.times) == ("telemetry.example.org", 2)
    assert "simulation/test_lines.py" in name.place
    assert name.place.endswith("phone_home")
    assert (address.name, address.times) == ("203.0.113.5", 1)


def test_only_hosts_of_the_simulation_can_be_listened_at() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        with pytest.raises(SimulationError, match="add_host"):
            await loop.create_server(asyncio.Protocol, "nowhere.example.org", 80)

    run(main)


def test_a_certificate_is_checked_as_far_as_the_context_asks_for_it() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        host = loop.network.add_host(HOST)
        host.other_names = ("alias.example.com",)
        address = loop.network.listen(HOST, 443, asyncio.Protocol)[0]
        careful, careless = ssl.create_default_context(), ssl.create_default_context()
        careless.check_hostname = False
        careless.verify_mode = ssl.CERT_NONE

        async def attempt(context: Any, name: str) -> Any:
            try:
                transport, _ = await loop.create_connection(
                    asyncio.Protocol, address, 443, ssl=context, server_hostname=name
                )
            except ssl.SSLCertVerificationError as error:
                return error.verify_message
            transport.close()
            return "connected"

        names = (HOST, "alias.example.com", "other.example.com")
        seen = [await attempt(careful, name) for name in names]
        host.trusted = lambda client: False
        return [*seen, await attempt(True, HOST), await attempt(careless, "anything")]

    connected_, alias, mismatch, untrusted, unchecked = run(main)
    assert (connected_, alias, unchecked) == ("connected",) * 3
    assert "Hostname mismatch" in mismatch
    assert "self-signed" in untrusted


def test_a_tls_handshake_that_gets_no_answer_times_out() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        host = loop.network.add_host(HOST)
        host.connected = lambda connection: connection.change(swallowing=True)
        loop.network.listen(HOST, 443, asyncio.Protocol)
        began = loop.time()
        with pytest.raises(ConnectionAbortedError, match="SSL handshake is taking longer"):
            await loop.create_connection(asyncio.Protocol, HOST, 443, ssl=True)
        return round(loop.time() - began, 6)

    assert run(main) == 60.0


def test_closing_tls_on_a_dead_line_takes_as_long_as_asyncio_waits() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        client, _, connection = await connected(loop, ssl=True)
        connection.change(swallowing=True)
        client.transport.close()
        await asyncio.sleep(1)
        assert client.log == []
        client.transport.abort()
        await asyncio.sleep(0.1)
        return client.log

    assert run(main) == [(1.0, "lost", "NoneType")]


def test_a_socket_that_is_connected_and_then_dropped_is_closed() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        loop.network.add_host(HOST)
        server = Timed([], "server")
        loop.network.listen(HOST, 443, lambda: server)
        sock = socket.socket()
        sock.setblocking(False)
        await loop.sock_connect(sock, (loop.network.host(HOST).address, 443))
        await asyncio.sleep(1)
        sock.close()
        del sock
        await asyncio.sleep(1)
        return [entry[1] for entry in server.log], loop.network.connections

    assert run(main) == (["made", "eof", "lost"], {})


def test_models_that_make_no_sense_are_refused() -> None:
    for nonsense in (
        {"latency": -1.0},
        {"bandwidth": 0.0},
        {"pieces": 0},
        {"window": 0},
        {"cut_with": "scissors"},
    ):
        with pytest.raises(ValueError, match=r"."):
            LineModel(**nonsense)


@pytest.mark.parametrize(("sent", "held"), [(10, 0), (1000, 1)])
def test_a_socket_that_waits_for_a_peer_who_reads_nothing_is_held(sent: int, held: int) -> None:
    async def main(loop: SimulatedLoop) -> Any:
        client, server, connection = await connected(loop)
        connection.up.model = LineModel(window=100)
        assert loop.network.held(HOST, 443) == 1
        server.transport.pause_reading()
        client.transport.write(bytes(sent))
        client.transport.close()
        await asyncio.sleep(60.0)
        assert loop.network.held(HOST, 443) == held
        client.transport.abort()
        await asyncio.sleep(0.1)
        assert loop.network.held(HOST, 443) == 0

    run(main)
