"""The fake server on real sockets: healthy sessions, listening, and leaving nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket

import aiohttp
import pytest
from websockets.asyncio.client import connect

from sttkit import UsageError, script, silence, speech
from sttkit.dialects import load_dialect
from sttkit.events import Final
from sttkit.server import listening
from sttkit.server.fake import TEST_HOST, FakeServer
from sttkit.trace import Trace
from tests.support.caller import SAID
from tests.support.network import Place, descriptors, served, until
from tests.support.tongues import TONGUES

every_dialect = pytest.mark.parametrize("dialect", TONGUES)
FRAME_BYTES = 640


def finals_of(dialect: str, messages: list[str | bytes]) -> list[str]:
    explained = [load_dialect(dialect).explain(message) for message in messages]
    return [event.text for event in explained if isinstance(event, Final)]


async def talk_with_aiohttp(place: Place) -> tuple[list[str | bytes], int | None]:
    tongue = place.tongue
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(place.ws, headers=dict(tongue.headers)) as ws:
            if tongue.config:
                assert isinstance(tongue.config, str)
                await ws.send_str(tongue.config)
            for at in range(0, len(place.pcm), FRAME_BYTES):
                await ws.send_bytes(place.pcm[at : at + FRAME_BYTES])
            assert isinstance(tongue.end, str)
            await ws.send_str(tongue.end)
            messages = [message.data async for message in ws]
            return messages, ws.close_code


async def talk_with_websockets(place: Place) -> tuple[list[str | bytes], int | None]:
    tongue = place.tongue
    async with connect(place.ws, additional_headers=dict(tongue.headers)) as ws:
        if tongue.config:
            await ws.send(tongue.config)
        for at in range(0, len(place.pcm), FRAME_BYTES):
            await ws.send(place.pcm[at : at + FRAME_BYTES])
        await ws.send(tongue.end)
        messages = [message async for message in ws]
        return messages, ws.close_code


@every_dialect
@pytest.mark.parametrize("talk", [talk_with_aiohttp, talk_with_websockets])
async def test_a_healthy_session_says_what_was_said(dialect: str, talk) -> None:
    async with served(dialect=dialect) as place:
        messages, code = await talk(place)
        assert finals_of(dialect, messages) == [*SAID]
        assert code == 1000
        lost = await place.noted("lost")
        assert lost.data == {"by": "server", "how": "close"}
        assert place.listener.open_connections() == 0


async def test_many_connections_at_once_are_served_side_by_side() -> None:
    async with served(said=speech("hello")) as place:
        answers = await asyncio.gather(*(talk_with_websockets(place) for _ in range(100)))
        assert all(finals_of("custom_stt", messages) == ["hello"] for messages, _ in answers)
        assert len(place.records("attempt", outcome="accepted")) == 100
        assert {record.conn for record in place.records("ready")} == set(range(100))


async def test_a_server_listens_on_this_machine_only() -> None:
    async with served() as place:
        assert place.listener.place.host == "127.0.0.1"
        server = place.listener._server
        assert server is not None
        (bound,) = {sock.getsockname()[0] for sock in server.sockets}
        assert bound == "127.0.0.1"


async def test_a_port_in_use_is_a_usage_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = FakeServer(Trace(lambda: 0.0))
        with pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1:{port}"):
            await server.listen(script(), load_dialect("custom_stt"), port=port)
        await server.aclose()


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70_000), ("203.0.113.1", 0)])
async def test_an_address_that_is_none_of_ours_is_a_usage_error(host: str, port: int) -> None:
    server = FakeServer(Trace(lambda: 0.0))
    with pytest.raises(UsageError, match="cannot listen"):
        await server.listen(script(), load_dialect("custom_stt"), host=host, port=port)


async def test_closing_the_server_leaves_no_descriptor_and_no_task() -> None:
    async with aiohttp.ClientSession():
        pass  # what the first use of a loop opens for good
    before, tasks = descriptors(), asyncio.all_tasks()
    async with served("half-open@before-audio:each") as place:
        readers = [await asyncio.open_connection(*place.address) for _ in range(20)]
        await until(lambda: len(place.records("attempt")) == 20)
        assert place.listener.open_connections() == 20
    for _reader, writer in readers:
        writer.close()
        await writer.wait_closed()
    assert descriptors() == before
    assert asyncio.all_tasks() == tasks
    assert place.listener.open_connections() == 0


async def test_closing_twice_and_without_listeners_is_no_error() -> None:
    server = FakeServer(Trace(lambda: 0.0))
    await server.aclose()
    listener = await server.listen(script(), load_dialect("custom_stt"))
    await server.aclose()
    await listener.aclose()
    await server.aclose()


async def test_a_refused_attempt_gets_a_real_refusal_and_the_port_comes_back() -> None:
    async with served("refused@backoff.2") as place:
        for _ in range(2):
            await place.listener.before_connect()
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(*place.address)
        await place.listener.before_connect()
        messages, code = await talk_with_aiohttp(place)
        assert (finals_of("custom_stt", messages), code) == ([*SAID], 1000)
        outcomes = [record.data["outcome"] for record in place.records("attempt")]
        assert outcomes == ["refused", "refused", "accepted"]


async def test_nobody_else_gets_the_port_while_it_refuses() -> None:
    async with served("refused@connecting") as place:
        await place.listener.before_connect()
        with socket.socket() as other:
            with pytest.raises(OSError):
                other.bind(place.address)


async def test_refusing_leaves_open_connections_as_they_are() -> None:
    async with served("refused@connecting.2") as place:
        await place.listener.before_connect()
        async with connect(place.ws) as ws:
            await ws.send(place.tongue.config or "")
            await place.listener.before_connect()
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(*place.address)
            assert json.loads(await ws.recv())["type"] == "ready"


async def test_a_name_is_unknown_only_as_often_as_the_script_says() -> None:
    async with served("unknown-host@connecting") as place:
        assert not place.listener.resolve("elsewhere.sttkit.test")
        assert not place.listener.resolve(TEST_HOST)
        assert place.listener.resolve(TEST_HOST)
        assert [r.data["outcome"] for r in place.records("attempt")] == ["unknown-host"]


async def test_a_crowd_beyond_the_limit_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "MAX_CONNECTIONS", 2)
    async with served() as place:
        crowd = [await asyncio.open_connection(*place.address) for _ in range(3)]
        reader, _ = crowd[2]
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read(1) == b""
        assert len(place.records("attempt")) == 2
        for _, writer in crowd:
            writer.close()


async def test_a_client_that_drops_the_socket_is_noted_as_the_one_who_did() -> None:
    async with served(said=silence(1.0)) as place:
        ws = await connect(place.ws)
        ws.transport.abort()
        lost = await place.noted("lost")
        assert lost.data["by"] == "client"
        await until(lambda: place.listener.open_connections() == 0)


async def test_script_and_trace_can_be_started_over_on_the_same_port() -> None:
    async with served("http=503@connecting") as place:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await talk_with_aiohttp(place)
        again = Trace(asyncio.get_running_loop().time)
        place.listener.rearm(again)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await talk_with_aiohttp(place)
        _, code = await talk_with_aiohttp(place)
        assert code == 1000
        assert len([r for r in again if r.kind == "attempt"]) == 2
        assert len(place.records("attempt")) == 1


async def test_two_listeners_of_a_server_play_their_own_scripts() -> None:
    async with served("http=503@connecting") as place:
        other = await place.server.listen(script(speech("other")), load_dialect("custom_stt"))
        assert other.place.port != place.listener.place.port
        reader, writer = await asyncio.open_connection(other.place.host, other.place.port)
        writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.bind(("::1", 0))
    except OSError:
        return False
    return True


# Asked of the machine, not of the server: a server that cannot listen there must not skip the test.
@pytest.mark.skipif(not has_ipv6(), reason="containers may have no IPv6 loopback")
async def test_an_ipv6_address_can_be_listened_on() -> None:
    server = FakeServer(Trace(lambda: 0.0))
    listener = await server.listen(script(), load_dialect("custom_stt"), host="::1")
    reader, writer = await asyncio.open_connection("::1", listener.place.port)
    writer.close()
    await server.aclose()
    del reader
