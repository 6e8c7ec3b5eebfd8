"""Unmodified aiohttp and websockets, clients and servers, on the simulated loop."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sttkit.simulation import Answer, Connection, LineModel, SimulatedLoop
from tests.unit.simulation.both_worlds import LOCAL, World, in_both_worlds, run

aiohttp = pytest.importorskip("aiohttp")
web = pytest.importorskip("aiohttp.web")
websockets = pytest.importorskip("websockets")
from websockets.asyncio.client import connect  # noqa: E402
from websockets.asyncio.server import serve  # noqa: E402

HOST = "api.example.com"
URL = f"wss://{HOST}/v1/listen"
KIT = Path(__file__).parents[2] / "mock_server"


async def echo(ws: Any) -> None:
    async for message in ws:
        await ws.send(message)


async def with_websockets(url: str = URL) -> Any:
    async with connect(url, ping_interval=None) as ws:
        await ws.send("text")
        await ws.send(b"bytes" * 1000)
        answers = [await ws.recv(), await ws.recv()]
    return answers, ws.close_code


async def with_aiohttp(url: str = URL) -> Any:
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as ws:
        await ws.send_str("text")
        await ws.send_bytes(b"bytes" * 1000)
        answers = [(await ws.receive()).data, (await ws.receive()).data]
        await ws.close()
    return answers, ws.close_code


CLIENTS = [with_aiohttp, with_websockets]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_talks_to_a_websockets_server_at_the_production_address(client: Any) -> None:
    async def main(loop: SimulatedLoop) -> Any:
        loop.network.add_host(HOST, up=LineModel(latency=0.05), down=LineModel(latency=0.05))
        async with serve(echo, HOST, 443, ping_interval=None) as server:
            assert server.sockets
            began = loop.time()
            outcome = await client()
            return outcome, 0.4 < loop.time() - began < 0.7

    assert run(main) == ((["text", b"bytes" * 1000], 1000), True)


async def start_aiohttp_server(host: str, port: int) -> Any:
    async def upgrade(request: Any) -> Any:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            if message.type is aiohttp.WSMsgType.TEXT:
                await ws.send_str(message.data)
            else:
                await ws.send_bytes(message.data)
        return ws

    async def index(request: Any) -> Any:
        return web.Response(text=f"{request.scheme} {request.remote}")

    async def page(request: Any) -> Any:
        return web.FileResponse(__file__)

    app = web.Application()
    app.add_routes([web.get("/v1/listen", upgrade), web.get("/", index), web.get("/page", page)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_talks_to_an_aiohttp_server(client: Any) -> None:
    async def main(loop: SimulatedLoop) -> Any:
        loop.network.add_host(HOST)
        runner = await start_aiohttp_server(HOST, 443)
        outcome = await client()
        await runner.cleanup()
        return outcome

    assert run(main) == (["text", b"bytes" * 1000], 1000)


def test_http_requests_and_files_work() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        loop.network.add_host(HOST)
        runner = await start_aiohttp_server(HOST, 80)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://{HOST}/") as response:
                index = await response.text()
            async with session.get(f"http://{HOST}/page") as response:
                page = await response.read()
        await runner.cleanup()
        return index, page == Path(__file__).read_bytes()

    assert run(main) == ("http 192.0.2.254", True)


def test_aiohttps_own_test_server_works_with_the_socket_it_binds() -> None:
    test_utils = pytest.importorskip("aiohttp.test_utils")

    async def main(_: SimulatedLoop) -> Any:
        async def index(request: Any) -> Any:
            return web.Response(text="hello")

        app = web.Application()
        app.router.add_get("/", index)
        async with test_utils.TestClient(test_utils.TestServer(app)) as client:
            return await (await client.get("/")).text()

    assert run(main) == "hello"


def test_an_hour_of_talk_takes_seconds() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        heard = 0

        async def listen(ws: Any) -> None:
            nonlocal heard
            async for _ in ws:
                heard += 1
                if heard % 10 == 0:
                    await ws.send('{"type": "interim"}')

        async def read(ws: Any) -> None:
            async for _ in ws:
                pass

        loop.network.add_host(HOST)
        async with serve(listen, HOST, 443, ping_interval=None):
            async with aiohttp.ClientSession() as session:
                async with session.ws_connect(URL, heartbeat=30) as ws:
                    reading = asyncio.ensure_future(read(ws))  # old versions need it for pongs
                    began = loop.time()
                    while loop.time() < began + 3600:
                        await ws.send_bytes(bytes(640))
                        await asyncio.sleep(1)
                    assert not reading.done()
                await reading
        return heard

    assert 3600 <= run(main) <= 3601


def test_a_heartbeat_notices_a_half_open_line_and_a_reset_is_noticed_at_once() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        loop.network.add_host(HOST)
        seen = []

        async def until_broken(change: Callable[[Connection], None]) -> None:
            async with aiohttp.ClientSession() as session:
                # Without TLS, whose close takes its time, and for ever in Python 3.10.
                async with session.ws_connect(f"ws://{HOST}/", heartbeat=30) as ws:
                    await asyncio.sleep(10)
                    began = loop.time()
                    for connection in loop.network.connections.values():
                        change(connection)
                    message = await ws.receive()
                    seen.append((message.type.name, loop.time() - began))

        async with serve(echo, HOST, 80, ping_interval=None):
            await until_broken(lambda connection: connection.change(swallowing=True))
            await until_broken(lambda connection: connection.cut("reset"))
            await until_broken(lambda connection: connection.cut("fin"))
        return seen

    (half_open, after), (reset, at_once), (fin, too) = run(main)
    assert half_open in ("ERROR", "CLOSED")
    assert 20 < after < 50
    assert {reset, fin} <= {"ERROR", "CLOSED"}
    assert at_once == too == 0


def test_websockets_keepalive_notices_a_half_open_line() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        loop.network.add_host(HOST)
        async with serve(echo, HOST, 443, ping_interval=None):
            async with connect(URL, ping_interval=20, ping_timeout=20) as ws:
                [connection] = loop.network.connections.values()
                began = loop.time()
                connection.change(swallowing=True)
                with pytest.raises(websockets.ConnectionClosedError, match="keepalive"):
                    await ws.recv()
                return round(loop.time() - began)

    assert run(main) in (40, 50)  # with the time-out of the closing handshake, or without


def test_clients_report_what_goes_wrong_while_connecting() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        host = loop.network.add_host(HOST)
        seen: dict[str, list[str]] = {}

        async def attempt(what: str) -> None:
            for client in CLIENTS:
                try:
                    await asyncio.wait_for(client(), 300)
                except Exception as error:
                    seen.setdefault(what, []).append(type(error).__name__)

        async with serve(echo, HOST, 443, ping_interval=None):
            host.resolves = lambda: False
            await attempt("does not resolve")
            host.resolves = lambda: True
            host.answers = lambda: Answer.REFUSE
            await attempt("refuses")
            host.answers = lambda: Answer.NEVER
            await attempt("never answers")
            host.answers = lambda: Answer.ACCEPT
            host.trusted = lambda client: False
            await attempt("is not trusted")
        return seen

    seen = run(main)
    assert seen["refuses"][0] == "ClientConnectorError"
    assert seen["refuses"][1] in ("ConnectionRefusedError", "OSError")
    assert seen["does not resolve"][0] in ("ClientConnectorDNSError", "ClientConnectorError")
    assert seen["does not resolve"][1] == "gaierror"
    assert seen["is not trusted"][0] == "ClientConnectorCertificateError"
    assert seen["is not trusted"][1] == "SSLCertVerificationError"
    assert seen["never answers"][1] == "TimeoutError"


UPGRADE = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: %s\r\n\r\n"
)


class Raw(asyncio.Protocol):
    """Completes the handshake, says hello, and then does something rude."""

    def __init__(self, rude: Callable[[Any], Any]) -> None:
        self.rude = rude
        self.request = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        from websockets.utils import accept_key

        if b"\r\n\r\n" in self.request:
            return
        self.request += data
        if b"\r\n\r\n" in self.request:
            [key] = [
                line.partition(b":")[2].strip().decode()
                for line in self.request.splitlines()
                if line.lower().startswith(b"sec-websocket-key")
            ]
            self.transport.write(UPGRADE % accept_key(key).encode() + b"\x81\x05hello")
            asyncio.get_running_loop().call_later(0.05, self.rude, self.transport)


def reset(transport: Any) -> None:
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


RUDE: dict[str, Callable[[Any], Any]] = {
    "resets": reset,
    "ends": lambda transport: transport.close(),
    "closes with 1011": lambda transport: (
        transport.write(b"\x88\x02\x03\xf3"),
        transport.close(),
    ),
    "breaks a frame off": lambda transport: (transport.write(b"\x81\x7d par"), transport.close()),
    "sends garbage": lambda transport: (transport.write(b"\xff\xff\xff\xff"), transport.close()),
}


async def heard_by_aiohttp(url: str) -> list[Any]:
    heard: list[Any] = []
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as ws:
        while True:
            message = await ws.receive()
            heard.append((message.type.name, message.data if message.type.value == 1 else None))
            if message.type.name in ("CLOSE", "CLOSED", "ERROR"):
                break
        heard.append((ws.close_code, type(ws.exception()).__name__))
        try:
            await ws.send_str("anybody there?")
        except Exception as error:
            heard.append(type(error).__name__)
    return heard


async def heard_by_websockets(url: str) -> list[Any]:
    heard: list[Any] = []
    async with connect(url, ping_interval=None, compression=None) as ws:
        try:
            while True:
                heard.append(await ws.recv())
        except websockets.ConnectionClosed as error:
            heard.append((type(error).__name__, type(error.__cause__).__name__, str(error)))
        heard.append(ws.close_code)
    return heard


@pytest.mark.parametrize("rude", RUDE)
@pytest.mark.parametrize("client", [heard_by_aiohttp, heard_by_websockets])
def test_clients_hear_the_same_in_the_simulation_and_over_real_sockets(
    client: Callable[[str], Awaitable[Any]], rude: str
) -> None:
    async def body(world: World) -> Any:
        made: list[Raw] = []

        def make() -> Raw:
            made.append(Raw(RUDE[rude]))
            return made[-1]

        world.server = await world.loop.create_server(make, LOCAL, 0)
        port = world.server.sockets[0].getsockname()[1]
        heard = await asyncio.wait_for(client(f"ws://{LOCAL}:{port}/"), 20)
        for server in made:
            server.transport.abort()
        return heard

    real, simulated = in_both_worlds(body)
    assert simulated == real
    assert simulated[0]


PROGRAM = textwrap.dedent(
    """
    import asyncio, hashlib, random, sys
    import aiohttp
    from websockets.asyncio.client import connect
    from websockets.asyncio.server import serve
    from sttkit.simulation import LineModel, simulated_loop
    from sttkit.simulation.transport import SimulatedTransport

    loop = simulated_loop(int(sys.argv[1]))
    line = LineModel(latency=0.02, jitter=0.01, pieces=50, bandwidth=1e6)
    host = loop.network.add_host("api.example.com", up=line, down=line)
    digest = hashlib.sha256()
    write = SimulatedTransport.write

    def noted(transport, data):
        digest.update(f"{loop.time()!r} {transport.get_extra_info('sockname')}".encode())
        digest.update(bytes(data))
        write(transport, data)

    SimulatedTransport.write = noted

    async def echo(ws):
        async for message in ws:
            await asyncio.sleep(random.random())
            await ws.send(message)

    async def talk(ws, send, receive):
        for word in {"one", "two", "three"} and ("one", "two", "three"):
            await send(word + str(random.random()))
            await receive()

    async def main():
        async with serve(echo, "api.example.com", 443):
            async with aiohttp.ClientSession() as session:
                async def first():
                    async with session.ws_connect("wss://api.example.com/a", heartbeat=1) as ws:
                        await talk(ws, ws.send_str, ws.receive)
                async def second(number):
                    async with connect(f"wss://api.example.com/{number}") as ws:
                        await talk(ws, ws.send, ws.recv)
                await asyncio.wait({asyncio.ensure_future(c) for c in
                                    [first(), *map(second, range(4))]})
                spare = {asyncio.ensure_future(first()) for _ in range(4)}
                await asyncio.sleep(0.3)
                for task in spare:  # in the order of a set
                    task.cancel()
                await asyncio.wait(spare)

    loop.run_until_complete(main())
    print(digest.hexdigest(), loop.time())
    """
)


def test_a_program_does_the_same_in_every_process() -> None:
    def outcome(seed: int, hash_seed: int) -> str:
        environment = {
            **os.environ,
            "PYTHONHASHSEED": str(hash_seed),
            "PYTHONPATH": str(KIT),
            "PADDING": "x" * 1000 * hash_seed,  # moves things in memory
        }
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(seed)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    outcomes = {outcome(1, hash_seed) for hash_seed in range(4)}
    assert len(outcomes) == 1
    assert outcome(2, 0) not in outcomes


def test_pytest_asyncio_runs_tests_on_simulated_loops(tmp_path: Path) -> None:
    pytest.importorskip("pytest_asyncio", minversion="1.5")
    (tmp_path / "conftest.py").write_text(
        textwrap.dedent(
            """
            from sttkit.simulation import simulated_loop

            def pytest_asyncio_loop_factories(config, item):
                return {"simulated": simulated_loop}
            """
        )
    )
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
    )
    (tmp_path / "test_it.py").write_text(
        textwrap.dedent(
            """
            import asyncio, time
            import pytest, pytest_asyncio
            from hypothesis import given, settings, strategies as st

            @pytest_asyncio.fixture
            async def server():
                loop = asyncio.get_running_loop()
                host = loop.network.add_host("api.example.com")
                yield await asyncio.start_server(lambda r, w: w.close(), "api.example.com", 80)
                await asyncio.sleep(60)

            async def test_an_hour_passes(server):
                before = time.monotonic()
                await asyncio.sleep(3600)
                assert time.monotonic() - before == 3600
                reader, writer = await asyncio.open_connection("api.example.com", 80)
                assert await reader.read() == b""
                writer.close()

            @settings(max_examples=20)
            @given(st.integers(0, 10**6))
            async def test_with_hypothesis(seconds):
                await asyncio.sleep(seconds)
            """
        )
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(KIT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
