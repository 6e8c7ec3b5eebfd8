"""Recording inside a process: what is seen, what is kept out, what is refused, what is undone."""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import connect

from sttkit import faults, script, speech
from sttkit.cassette.model import Cassette
from sttkit.deck.files import load_cassette
from sttkit.dialects import load_dialect
from sttkit.errors import UsageError
from sttkit.recording import recording
from sttkit.server.fake import FakeServer, Listener
from sttkit.simulation import SimulatedLoop
from sttkit.trace import Trace
from tests.support.talking import CLIENTS, Manners

SAID = script(speech("hello there"))
KIT = Path(__file__).parents[2] / "mock_server"
KEY = "planted-key-0123456789"


def with_a_server(talk: Callable[[Listener], Awaitable[Any]], *placed: str) -> Any:
    async def main() -> Any:
        server = FakeServer(Trace(asyncio.get_running_loop().time))
        played = script(speech("hello there"), *map(faults.parse_placed, placed))
        listener = await server.listen(played, load_dialect("custom_stt"))
        assert isinstance(listener, Listener)
        try:
            return await talk(listener)
        finally:
            await server.aclose()

    return asyncio.run(main())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "live.jsonl"


def ended(cassette: Cassette) -> list[str]:
    return [one.end.how if one.end else "goes on" for one in cassette.interactions()]


# --- what is seen -------------------------------------------------------------------------


def test_a_client_of_asyncio_streams_is_recorded_too(path: Path) -> None:
    async def talk(listener: Listener) -> None:
        with recording(path):
            reader, writer = await asyncio.open_connection(listener.place.host, listener.place.port)
            writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n")
            writer.write(b"\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            writer.close()
            await writer.wait_closed()

    with_a_server(talk)
    assert ended(load_cassette(path)) == ["answered"]


def test_a_file_that_the_kernel_would_send_unseen_is_refused(path: Path, tmp_path: Path) -> None:
    file = tmp_path / "rest"
    file.write_bytes(b"Host: x\r\n\r\n")

    async def talk(listener: Listener) -> None:
        with recording(path):
            reader, writer = await asyncio.open_connection(listener.place.host, listener.place.port)
            writer.write(b"GET /health HTTP/1.1\r\n")
            with file.open("rb") as rest:
                with pytest.raises(RuntimeError, match="sendfile is not supported"):
                    await asyncio.get_running_loop().sendfile(writer.transport, rest)
            writer.write(file.read_bytes())
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            writer.close()
            await writer.wait_closed()

    with_a_server(talk)
    assert ended(load_cassette(path)) == ["answered"]


def test_what_is_said_on_one_loop_after_another_is_as_far_apart_as_it_was(path: Path) -> None:
    async def say() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"x")
        await reader.read()
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()

    with recording(path):
        asyncio.run(say())
        began = time.monotonic()
        asyncio.run(asyncio.sleep(0.05))
        asyncio.run(say())
        took = time.monotonic() - began
    one, other = load_cassette(path).interactions()
    apart_s = (other.entries[0].at_us - one.entries[0].at_us) * 1e-6
    assert 0.05 <= apart_s < took + 5.0


def test_offers_of_compression_are_withdrawn_so_that_messages_can_be_read(path: Path) -> None:
    async def talk(listener: Listener) -> None:
        with recording(path, dialect="custom_stt"):
            # This library offers permessage-deflate by default.
            async with connect(listener.place.ws + "/ws/transcribe", proxy=None) as ws:
                assert ws.protocol.extensions == []
                await ws.send(json.dumps({"type": "config", "sample_rate": 16000}))
                await ws.recv()

    with_a_server(talk)
    text = path.read_text()
    assert "Sec-WebSocket-Extensions" not in text
    assert '"type":"ready"' in text


def test_a_kept_alive_connection_gives_an_interaction_for_each_request(path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError), closing(writer):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async def main() -> int:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with recording(path) as live:
            async with aiohttp.ClientSession() as session:
                for number in range(3):
                    async with session.get(f"http://127.0.0.1:{port}/{number}") as answer:
                        assert await answer.text() == "ok"
        server.close()
        return live.connections

    assert asyncio.run(main()) == 1
    interactions = load_cassette(path).interactions()
    assert [one.request.path for one in interactions if one.request] == ["/0", "/1", "/2"]
    assert ended(load_cassette(path)) == ["answered"] * 3


def test_several_addresses_of_a_name_are_one_attempt(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    def two(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        if host != "two.test":
            return real(host, port, *args, **options)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, int(port)))
            for address in ("127.0.0.2", "127.0.0.1")
        ]

    monkeypatch.setattr(socket, "getaddrinfo", two)

    async def talk(listener: Listener) -> None:
        port = listener.place.port
        with recording(path):
            async with aiohttp.ClientSession() as session:
                # The first address refuses: the server listens at the second.
                async with session.get(f"http://two.test:{port}/health") as answer:
                    assert answer.status == 200
                await listener.aclose()
                with pytest.raises(aiohttp.ClientConnectorError):
                    await session.get(f"http://two.test:{port}/health")

    with_a_server(talk)
    cassette = load_cassette(path)
    assert ended(cassette) == ["answered", "refused"]
    assert "http://two.test:" in path.read_text()


def test_a_tcp_connection_that_is_never_accepted_is_recorded_as_never_answered(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(loop: Any, sock: Any, address: Any) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(asyncio.SelectorEventLoop, "sock_connect", never)

    async def main() -> None:
        with recording(path):
            async with aiohttp.ClientSession() as session:
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(session.get("http://192.0.2.1/"), 0.2)

    asyncio.run(main())
    assert ended(load_cassette(path)) == ["no-answer"]


def test_two_clients_at_once_are_kept_apart(path: Path) -> None:
    async def talk(listener: Listener) -> list[Any]:
        with recording(path, dialect="custom_stt"):
            return await asyncio.gather(
                *(one(listener.place.ws, b"", Manners()) for one in CLIENTS.values())
            )

    saw = with_a_server(talk)
    assert [one.code for one in saw] == [1000, 1000]
    cassette = load_cassette(path)
    assert ended(cassette) == ["close", "close"]
    for one in cassette.interactions():
        messages = [e for e in one.entries if type(e).__name__ == "Message"]
        assert len(messages) == 4  # config, ready, end, ended


def test_loops_that_take_turns_do_not_turn_the_clock_back(path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    loops = [asyncio.new_event_loop() for _ in range(2)]
    with recording(path):
        lines = []
        for loop in loops:
            server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0))
            address = server.sockets[0].getsockname()
            connecting = asyncio.open_connection(*address)
            lines.append((server, *loop.run_until_complete(connecting)))
        for _ in range(3):
            for loop, (_, _, writer) in zip(loops, lines, strict=True):
                writer.write(b"no HTTP at all")
                loop.run_until_complete(asyncio.sleep(0.01))
        for loop, (server, reader, writer) in zip(loops, lines, strict=True):
            writer.write_eof()
            loop.run_until_complete(reader.read())
            writer.close()
            loop.run_until_complete(writer.wait_closed())
            server.close()
            loop.run_until_complete(server.wait_closed())
    for loop in loops:
        loop.close()
    assert len(load_cassette(path).interactions()) == 2  # with times that do not go back


def test_only_some_hosts_are_recorded_if_they_are_named(path: Path) -> None:
    async def talk(listener: Listener) -> None:
        with recording(path, hosts=["api.example.com"]):
            async with aiohttp.ClientSession() as session:
                async with session.get(listener.place.http + "/health") as answer:
                    assert answer.status == 200
            # Blocking sockets to anywhere else are nobody's business.
            socket.create_connection((listener.place.host, listener.place.port)).close()

    with_a_server(talk)
    assert load_cassette(path).interactions() == ()


def test_what_still_goes_on_at_the_end_has_no_end_and_is_not_disturbed(path: Path) -> None:
    async def talk(listener: Listener) -> str:
        async with aiohttp.ClientSession() as session:
            with recording(path, dialect="custom_stt"):
                ws = await session.ws_connect(listener.place.ws + "/ws/transcribe")
            await ws.send_json({"type": "config", "sample_rate": 16000})
            ready = await ws.receive_json()
            await ws.close()
        return str(ready["type"])

    assert with_a_server(talk) == "ready"
    assert ended(load_cassette(path)) == ["goes on"]
    assert "ready" not in path.read_text()


# --- what is kept out ---------------------------------------------------------------------


def test_a_key_reaches_no_file_and_no_log(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    said = json.dumps({"type": "config", "sample_rate": 16000, "api_key": KEY, "note": KEY})

    async def talk(listener: Listener) -> None:
        with recording(path, dialect="custom_stt"):
            url = f"{listener.place.ws}/ws/transcribe?api_key={KEY}"
            headers = {"Authorization": f"Bearer {KEY}", "Cookie": f"session={KEY}"}
            async with aiohttp.ClientSession() as session:
                ws = await session.ws_connect(url, headers=headers)
                await ws.send_str(said)
                await ws.send_bytes(b"\x00\x01" + KEY.encode() + b"\x02\x03")
                await ws.ping(KEY.encode())
                await ws.close(code=4000, message=f"wrong key {KEY}".encode())

    with_a_server(talk)
    for file in path.parent.iterdir():
        assert KEY.encode() not in file.read_bytes()
    assert KEY not in caplog.text
    assert path.read_text().count("[redacted]") >= 5


def test_a_secret_that_cannot_be_removed_ends_the_recording_and_not_the_client(
    path: Path,
) -> None:
    hidden = "looks-harmless-1234"

    async def talk(listener: Listener) -> str:
        async with aiohttp.ClientSession() as session:
            url = listener.place.ws + f"/ws/transcribe?{hidden}=1"
            async with session.ws_connect(url) as ws:
                await ws.send_json({"type": "config", "sample_rate": 16000})
                return str((await ws.receive_json())["type"])

    async def recorded(listener: Listener) -> str:
        with pytest.raises(UsageError, match="a secret would be written") as told:
            with recording(path, secrets=[hidden]):
                answers.append(await talk(listener))
        return str(told.value)

    answers: list[str] = []
    assert hidden not in with_a_server(recorded)
    assert answers == ["ready"]
    assert hidden not in path.read_text()


# --- what is refused ----------------------------------------------------------------------


def test_a_blocking_client_is_refused_aloud_with_its_place(path: Path) -> None:
    with pytest.raises(UsageError, match=r"test_recording\.py:\d+, in .*unrecorded"):
        with recording(path):
            http.client.HTTPConnection("127.0.0.1", 9, timeout=1).request("GET", "/")


def test_it_is_an_error_at_the_end_even_if_the_client_swallowed_it(path: Path) -> None:
    def swallowing() -> None:
        with recording(path), suppress(UsageError):
            socket.create_connection(("127.0.0.1", 9), timeout=1)

    with pytest.raises(UsageError, match=r"a socket would go to 127\.0\.0\.1 unrecorded"):
        swallowing()


def test_a_loop_in_another_thread_is_refused(path: Path) -> None:
    async def talk(listener: Listener) -> None:
        async def ask() -> int:
            async with aiohttp.ClientSession() as session:
                async with session.get(listener.place.http + "/health") as answer:
                    return answer.status

        with recording(path):
            assert await ask() == 200
            failed: list[BaseException] = []

            def elsewhere() -> None:
                try:
                    asyncio.run(ask())
                except UsageError as error:
                    failed.append(error)

            thread = threading.Thread(target=elsewhere, name="other")
            thread.start()
            await asyncio.to_thread(thread.join)
            assert "an event loop in thread 'other'" in str(failed[0])

    with pytest.raises(UsageError, match="'other'"):
        with_a_server(talk)


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_foreign_event_loop_is_refused_whenever_it_is_imported(path: Path, when: str) -> None:
    def foreign() -> Any:
        class Loop(asyncio.AbstractEventLoop):
            async def create_connection(self, *args: Any, **options: Any) -> Any:
                return "live"

        return Loop()  # type: ignore[abstract]

    loop: Any = foreign() if when == "before" else None

    def connect() -> None:
        nonlocal loop
        with recording(path):
            loop = loop or foreign()
            loop.create_connection(None, "127.0.0.1", 9).send(None)

    with pytest.raises(UsageError, match=r"a connection of .*Loop would go to"):
        connect()
    with pytest.raises(StopIteration, match="live"):
        loop.create_connection(None, "127.0.0.1", 9).send(None)


def test_only_one_recording_at_a_time(path: Path) -> None:
    with recording(path), pytest.raises(UsageError, match="is being recorded already"):
        with recording(path.with_name("other.jsonl")):
            pass


# --- what is undone -----------------------------------------------------------------------


def test_everything_is_as_before_afterwards(path: Path) -> None:
    owners = (
        asyncio.AbstractEventLoop,
        asyncio.BaseEventLoop,
        asyncio.SelectorEventLoop.__mro__[1],
        SimulatedLoop.__mro__[1],
        socket.socket,
    )
    before = [dict(vars(owner)) for owner in owners]
    with recording(path):
        assert vars(socket.socket) != before[-1]
    assert [dict(vars(owner)) for owner in owners] == before


def test_a_crash_loses_at_most_the_last_second(path: Path) -> None:
    program = f"""
    import asyncio, os, signal, aiohttp
    from sttkit.recording import recording

    async def serve(reader, writer):
        while await reader.readuntil(b"\\r\\n\\r\\n"):
            writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")

    async def main():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with recording({str(path)!r}):
            async with aiohttp.ClientSession() as session:
                await (await session.get(f"http://127.0.0.1:{{port}}/early")).read()
                await asyncio.sleep(1.3)
                await (await session.get(f"http://127.0.0.1:{{port}}/late")).read()
                os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(main())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**os.environ, "PYTHONPATH": str(KIT)},
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL
    interactions = load_cassette(path).interactions()
    assert [one.request.path for one in interactions if one.request] == ["/early"]
