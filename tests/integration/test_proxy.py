"""The recording proxy: what passes, what is rewritten, how connections end, how it is started."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sttkit import faults, script, speech
from sttkit.audio.synth import render
from sttkit.cassette.tape import compiled
from sttkit.cli import main as sttkit
from sttkit.deck.files import load_cassette
from sttkit.deck.recorder import Recorder, Terms
from sttkit.dialects import load_dialect
from sttkit.errors import UsageError
from sttkit.proxy import relay
from sttkit.proxy.heads import Upstream
from sttkit.proxy.serving import Proxy
from sttkit.server.fake import FakeServer, Listener
from sttkit.trace import Trace
from tests.support.talking import CLIENTS, KEY, Manners, Saw

SAID = script(speech("hello there", "how are you"))
PCM = render(SAID.speech, 16000)
ROOT = Path(__file__).parents[2]
ENDINGS = {
    "healthy": ("none@idle", "close"),
    "close-1011": ("close=1011@after-final", "close"),
    "fin": ("fin@after-final", "fin"),
    "reset": ("reset@after-final", "reset"),
    "silence": ("half-open@after-final", "silence"),
    "status": ("http=503@connecting", "status"),
    "no-answer": ("no-answer@connecting", "no-answer"),
    "close-not-answered": ("no-close-reply@closing", None),
    "broken-frame": ("rfc=bad-utf8@mid-utterance", None),
}


@asynccontextmanager
async def proxied(
    url: str, path: Path, told: list[str] | None = None, context: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """A proxy before ``url``; gives its own ``host:port``."""
    recorder = Recorder.begin(path, Terms("custom_stt"), asyncio.get_running_loop().time)
    say = told.append if told is not None else lambda text: None
    proxy = Proxy(Upstream.parse(url), recorder, context=context, on_trouble=say)
    host, port = await proxy.start()
    try:
        yield f"{host}:{port}"
    finally:
        await proxy.aclose()
        recorder.close()


def ended(path: Path) -> list[str]:
    return [one.end.how if one.end else "goes on" for one in load_cassette(path).interactions()]


def with_a_server(talk: Callable[[str], Awaitable[Any]], fault: str = "none@idle") -> Any:
    async def main() -> Any:
        server = FakeServer(Trace(asyncio.get_running_loop().time))
        played = script(speech("hello there", "how are you"), faults.parse_placed(fault))
        listener = await server.listen(played, load_dialect("custom_stt"))
        assert isinstance(listener, Listener)
        await listener.before_connect()
        try:
            return await talk(listener.place.ws)
        finally:
            await server.aclose()

    return asyncio.run(main())


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("client", CLIENTS)
def test_the_client_sees_through_the_proxy_what_it_sees_without(
    tmp_path: Path, client: str, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "GIVEN_UP_S", 0.2)
    fault, how = ENDINGS[ending]
    manners = Manners(closes=ending == "close-not-answered", pace=8.0)
    path = tmp_path / "proxied.jsonl"

    async def direct(url: str) -> Saw:
        return await CLIENTS[client](url, PCM, manners)

    async def through(url: str) -> Saw:
        async with proxied(url, path) as address:
            saw = await CLIENTS[client](f"ws://{address}", PCM, manners)
            await asyncio.sleep(0.4)  # both sides of the proxy have to notice
            return saw

    assert with_a_server(through, fault) == with_a_server(direct, fault)
    cassette = load_cassette(path)
    assert KEY.encode() not in path.read_bytes()
    if how is not None:
        assert ended(path) == [how]
    compiled(cassette)


@pytest.mark.parametrize("how", ["refused", "unknown-host"])
def test_a_server_that_cannot_be_reached_is_a_reset_at_once(tmp_path: Path, how: str) -> None:
    path = tmp_path / "none.jsonl"

    async def main() -> None:
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))  # and nobody listens
            port = bound.getsockname()[1]
            host = "127.0.0.1" if how == "refused" else "nowhere.invalid"
            async with proxied(f"ws://{host}:{port}", path) as address:
                reader, writer = await asyncio.open_connection(*address.split(":"))
                with pytest.raises(ConnectionResetError):
                    await reader.read(1)
                writer.close()

    asyncio.run(main())
    assert ended(path) == [how]


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def raw_server(handler: Handler) -> tuple[asyncio.Server, int]:
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


def test_a_half_closed_line_passes_in_the_other_direction(tmp_path: Path) -> None:
    async def echo_at_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = await reader.read()
        writer.write(b"you said " + said)
        writer.close()

    async def main() -> bytes:
        server, port = await raw_server(echo_at_the_end)
        async with server, proxied(f"ws://127.0.0.1:{port}", tmp_path / "a.jsonl") as address:
            reader, writer = await asyncio.open_connection(*address.split(":"))
            writer.write(b"something else than HTTP")
            writer.write_eof()
            heard = await reader.read()
            writer.close()
        return heard

    assert asyncio.run(main()) == b"you said something else than HTTP"


def test_a_reset_of_the_client_reaches_the_server(tmp_path: Path) -> None:
    async def main() -> BaseException:
        failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

        async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await reader.read(100)
                await reader.read(100)
            except ConnectionError as error:
                failed.set_result(error)
            writer.close()

        server, port = await raw_server(wait)
        async with server, proxied(f"ws://127.0.0.1:{port}", tmp_path / "a.jsonl") as address:
            _, writer = await asyncio.open_connection(*address.split(":"))
            writer.write(b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.1)
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return await asyncio.wait_for(failed, 5)

    assert isinstance(asyncio.run(main()), ConnectionResetError)


def test_a_server_that_stops_reading_holds_up_the_client(tmp_path: Path) -> None:
    most = 40_000_000

    async def main() -> int:
        done = asyncio.Event()

        async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            assert isinstance(writer.transport, asyncio.Transport)
            writer.transport.pause_reading()
            await done.wait()
            writer.close()

        server, port = await raw_server(deaf)
        taken = 0
        async with server, proxied(f"ws://127.0.0.1:{port}", tmp_path / "a.jsonl") as address:
            _, writer = await asyncio.open_connection(*address.split(":"))
            chunk = bytes(100_000)
            while taken < most:
                writer.write(chunk)
                try:
                    await asyncio.wait_for(writer.drain(), 0.5)
                except asyncio.TimeoutError:
                    break
                taken += len(chunk)
            writer.transport.abort()
            done.set()
        return taken

    assert asyncio.run(main()) < most


def test_requests_on_one_connection_get_path_host_and_origin_of_the_upstream(
    tmp_path: Path,
) -> None:
    path = tmp_path / "kept.jsonl"
    heads: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                heads.append(head)
                length = re.search(r"(?i)content-length: (\d+)", head)
                if length:
                    await reader.readexactly(int(length[1]))
                elif "chunked" in head.lower():
                    await reader.readuntil(b"0\r\n\r\n")
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        except asyncio.IncompleteReadError:
            writer.close()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"POST /not HTTP/1.1\r\n\r\n"
        yield b"a request"

    async def main() -> int:
        server, port = await raw_server(serve)
        async with server, proxied(f"http://127.0.0.1:{port}/v1/", path) as address:
            async with aiohttp.ClientSession(headers={"Origin": "http://here"}) as session:
                for data in (b"GET /not HTTP/1.1\r\n\r\n", pieces(), None):
                    async with session.post(f"http://{address}/transcribe?a=1", data=data) as said:
                        assert await said.text() == "ok"
        return port

    port = asyncio.run(main())
    assert [head.split("\r\n")[0] for head in heads] == ["POST /v1/transcribe?a=1 HTTP/1.1"] * 3
    assert all(f"Host: 127.0.0.1:{port}\r\n" in head for head in heads)
    assert all(f"Origin: http://127.0.0.1:{port}\r\n" in head for head in heads)
    assert all("Accept-Encoding: identity\r\n" in head for head in heads)
    cassette = load_cassette(path)
    # Recorded is what the client asked for, so that a replay knows it again.
    assert [one.request.path for one in cassette.interactions() if one.request] == [
        "/transcribe"
    ] * 3
    assert ended(path) == ["answered"] * 3


def test_two_hundred_connections_at_once(tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl"

    async def talk(url: str) -> int:
        async with proxied(url, path) as address, aiohttp.ClientSession() as session:

            async def one() -> str:
                async with session.ws_connect(f"ws://{address}/ws/transcribe") as ws:
                    await ws.send_json({"type": "config", "sample_rate": 16000})
                    return str((await ws.receive_json())["type"])

            return (await asyncio.gather(*(one() for _ in range(200)))).count("ready")

    assert with_a_server(talk) == 200
    assert len(load_cassette(path).interactions()) == 200


@pytest.mark.parametrize("is_trusted", [True, False])
def test_the_certificate_of_the_upstream_is_verified(tmp_path: Path, is_trusted: bool) -> None:
    pytest.importorskip("trustme")
    from sttkit.tls import test_certificate

    ours, authority = test_certificate("localhost")
    context = ssl.create_default_context()
    if is_trusted:
        context.load_verify_locations(cadata=authority.decode())
    told: list[str] = []
    path = tmp_path / "tls.jsonl"

    async def main() -> Saw:
        server = FakeServer(Trace(asyncio.get_running_loop().time), ssl_context=ours)
        listener = await server.listen(SAID, load_dialect("custom_stt"))
        url = f"wss://localhost:{listener.place.port}"
        async with proxied(url, path, told, context) as address:
            saw = await CLIENTS["aiohttp"](f"ws://{address}", PCM, Manners(pace=0))
        await server.aclose()
        return saw

    saw = asyncio.run(main())
    if is_trusted:
        assert saw.code == 1000
        assert ended(path) == ["close"]
    else:
        assert saw.error is not None
        assert "CERTIFICATE_VERIFY_FAILED" in told[0]
        assert saw.messages == []


# --- the command --------------------------------------------------------------------------


def test_the_command_records_until_it_is_interrupted(tmp_path: Path) -> None:
    path = tmp_path / "cli.jsonl"

    async def talk(url: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "sttkit", "record", url, str(path), "--listen", "127.0.0.1:0"),
            *("--dialect", "custom_stt", "--audio", "drop", "--truth", "hello there"),
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT / "mock_server")},
        )
        assert process.stderr is not None
        said = ""
        while "HTTP " not in said:
            said += (await process.stderr.readline()).decode()
        address = re.search(r"ws://(\S+:\d+)\n", said)
        assert address is not None
        saw = await CLIENTS["websockets"](f"ws://{address[1]}", PCM, Manners(pace=0))
        assert saw.code == 1000
        process.send_signal(signal.SIGINT)
        said += (await process.stderr.read()).decode()
        return await process.wait(), said

    status, said = with_a_server(talk)
    assert status == 0
    assert "cli.jsonl: 1 connection, " in said
    assert "\r" not in said  # no progress in a pipe
    cassette = load_cassette(path)
    assert cassette.header.audio == "dropped"
    assert cassette.header.truth == ("hello there",)
    assert ended(path) == ["close"]
    assert not path.with_suffix(".audio").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ftp://a", "b.jsonl"], "ftp://a: not a URL of a server"),
        (["wss://k:secret@a/b", "b.jsonl"], "wss://a: what belongs to single requests"),
        (["wss://a", "b.yaml"], "expected NAME.jsonl"),
        (["wss://a", "b.jsonl", "--listen", "x"], "the address 'x'"),
        (["wss://a", "there.jsonl"], "there.jsonl: is there already; --overwrite replaces it"),
        (["wss://a", "b.jsonl", "--dialect", "nope"], "unknown dialect 'nope'"),
        (["wss://a", "no/b.jsonl"], "no/b.jsonl: cannot be written"),
    ],
)
def test_what_is_not_understood_is_told_in_a_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.jsonl").write_text("")
    assert sttkit(["record", *arguments]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "secret" not in said
    assert not (tmp_path / "b.jsonl").exists()


def test_an_upstream_knows_its_usual_port() -> None:
    assert Upstream.parse("wss://api.example.com").origin == "wss://api.example.com"
    assert Upstream.parse("ws://[::1]:9000/v1/").authority == "[::1]:9000"
    with pytest.raises(UsageError):
        Upstream.parse("ws://a:70000")
