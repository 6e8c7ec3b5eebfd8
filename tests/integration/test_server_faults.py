"""Faults on real sockets: what the kernel makes of them is what the catalogue says."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus
from websockets.frames import Frame, Opcode

from sttkit import silence
from tests.support.caller import SAID
from tests.support.network import PATIENCE_S, Place, served, until


@asynccontextmanager
async def session(place: Place) -> AsyncIterator[ClientConnection]:
    async with connect(place.ws, ping_interval=None, close_timeout=0.2) as ws:
        await ws.send(place.tongue.config or "")
        yield ws


async def speak(place: Place, ws: ClientConnection, seconds: float) -> None:
    await ws.send(place.pcm[: round(32000 * seconds)])


async def heard_to_the_end(ws: ClientConnection) -> None:
    while True:
        await ws.recv()


class RawClient(asyncio.Protocol):
    """A client that notes each read, and how it ended."""

    def __init__(self) -> None:
        self.reads: list[bytes] = []
        self.eof = False
        self.error: Exception | None = None
        self.done = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def write(self, frame: Frame) -> None:
        assert self.transport is not None
        self.transport.write(frame.serialize(mask=True))

    def data_received(self, data: bytes) -> None:
        self.reads.append(data)

    def eof_received(self) -> bool:
        self.eof = True
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.error = exc
        self.done.set_result(None)


UPGRADE = (
    b"GET /ws/transcribe HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


async def raw_client(place: Place) -> RawClient:
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(RawClient, *place.address)
    assert client.transport is not None
    client.transport.write(UPGRADE)
    return client


async def test_a_reset_is_econnreset() -> None:
    async with served("reset@upgraded") as place:
        client = await raw_client(place)
        await asyncio.wait_for(client.done, PATIENCE_S)
        assert isinstance(client.error, ConnectionResetError)
        assert b"".join(client.reads).startswith(b"HTTP/1.1 101")


async def test_what_was_sent_before_a_reset_arrives_before_it() -> None:
    async with served("reset@after-final") as place:
        client = await raw_client(place)
        client.write(Frame(Opcode.TEXT, b'{"type":"config"}'))
        client.write(Frame(Opcode.BINARY, place.pcm[: 32000 * 5 // 2]))
        await asyncio.wait_for(client.done, PATIENCE_S)
        assert isinstance(client.error, ConnectionResetError)
        assert SAID[0].encode() in b"".join(client.reads)


async def test_websockets_sees_no_close_frame_on_a_reset() -> None:
    async with served("reset@after-final") as place, session(place) as ws:
        await speak(place, ws, 2.5)
        with pytest.raises(ConnectionClosedError) as closed:
            await heard_to_the_end(ws)
        assert closed.value.rcvd is None
        assert ws.close_code == 1006


async def test_aiohttp_sees_1006_on_a_reset() -> None:
    async with served("reset@mid-utterance") as place:
        async with aiohttp.ClientSession() as http, http.ws_connect(place.ws) as ws:
            await ws.send_str(place.tongue.config or "")
            await ws.send_bytes(place.pcm)
            kinds = [message.type async for message in ws]
            assert ws.close_code == 1006
            assert aiohttp.WSMsgType.TEXT in kinds


async def test_fin_is_an_end_without_a_close_frame() -> None:
    async with served("fin@upgraded") as place:
        client = await raw_client(place)
        await until(lambda: client.eof)
        assert b"".join(client.reads).startswith(b"HTTP/1.1 101")
        assert client.error is None
        assert (await place.noted("lost")).data == {"by": "server", "how": "fin"}
        assert client.transport is not None
        client.transport.close()


async def test_half_close_keeps_the_servers_socket_until_the_client_goes() -> None:
    async with served("half-close@upgraded") as place:
        client = await raw_client(place)
        await until(lambda: client.eof)
        assert not place.records("lost")
        assert place.listener.open_connections() == 1
        assert client.transport is not None
        client.transport.close()
        await place.noted("lost")
        await until(lambda: place.listener.open_connections() == 0)


async def test_half_open_swallows_what_is_sent_and_answers_nothing() -> None:
    async with served("half-open@before-audio") as place:
        async with session(place) as ws:
            assert json.loads(await ws.recv())["type"] == "ready"
            await place.noted("fault")
            await ws.send(place.pcm)
            pong = asyncio.ensure_future(await ws.ping())
            client = ws.transport.get_extra_info("socket")
            await until(lambda: place.listener.open_connections() == 0)
            # All that was sent left the client: only the answer is missing.
            await until(lambda: not ws.transport.get_write_buffer_size())
            assert client.fileno() >= 0
            assert not pong.done()
            pong.cancel()
            assert not place.records("lost")
            assert not place.records("audio")


async def test_a_half_open_server_does_not_answer_a_fin() -> None:
    async with served("half-open@upgraded") as place:
        client = await raw_client(place)
        await place.noted("fault")
        assert client.transport is not None
        client.transport.write_eof()
        for _ in range(50):
            await asyncio.sleep(0)
        assert not client.eof
        client.transport.abort()


async def test_no_answer_accepts_and_then_says_nothing() -> None:
    async with served("no-answer@connecting") as place:
        client = await raw_client(place)
        await place.noted("fault")
        for _ in range(50):
            await asyncio.sleep(0)
        assert not client.reads
        assert not client.done.done()
        assert client.transport is not None
        client.transport.abort()


async def test_a_server_that_stops_reading_fills_the_clients_window() -> None:
    async with served("stop-reading@before-audio", said=silence(1.0)) as place:
        async with session(place) as ws:
            await place.noted("fault")
            sock = ws.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
            ws.transport.set_write_buffer_limits(high=1 << 30)
            for _ in range(20):
                await ws.send(bytes(1 << 20))
            await until(lambda: ws.transport.get_write_buffer_size() > 1 << 20)
            assert not place.records("audio")
            assert place.listener.open_connections() == 0
            ws.transport.abort()


@pytest.mark.parametrize("code", [1000, 1001, 1011, 4000])
async def test_a_close_code_arrives_with_its_reason(code: int) -> None:
    async with served(f"close={code}@before-audio") as place:
        async with session(place) as ws:
            await ws.recv()
            with pytest.raises((ConnectionClosedError, ConnectionClosedOK)):
                await ws.recv()
            assert ws.close_code == code
            assert ws.close_reason
        assert (await place.noted("lost")).data == {"by": "server", "how": "close"}


@pytest.mark.parametrize("status", [401, 429, 503])
async def test_a_handshake_is_refused_with_a_status(status: int) -> None:
    async with served(f"http={status}@connecting") as place:
        with pytest.raises(InvalidStatus) as refused:
            await connect(place.ws)
        assert refused.value.response.status_code == status
        assert ("Retry-After" in refused.value.response.headers) == (status == 429)


async def test_small_pieces_are_read_one_by_one() -> None:
    async with served("fragment=1@upgraded") as place:
        client = await raw_client(place)
        assert client.transport is not None
        client.write(Frame(Opcode.TEXT, b"{}"))
        await until(lambda: b'"protocol":1}' in b"".join(client.reads))
        head, *pieces = client.reads
        assert head.startswith(b"HTTP/1.1 101")
        assert max(map(len, pieces)) <= 2
        assert len(pieces) > 20  # the first ones may come with the answer to the handshake
        client.transport.abort()


async def test_small_pieces_add_up_to_a_whole_session() -> None:
    async with served("fragment=1@upgraded") as place, session(place) as ws:
        await ws.send(place.pcm)
        await ws.send(place.tongue.end)
        messages = [json.loads(message) async for message in ws]
        assert [m["text"] for m in messages if m["type"] == "final"] == [*SAID]
        assert ws.close_code == 1000


async def test_a_frame_is_cut_in_the_middle() -> None:
    async with served("cut@mid-utterance") as place, session(place) as ws:
        await ws.send(place.pcm)
        with pytest.raises(ConnectionClosedError) as closed:
            await heard_to_the_end(ws)
        assert closed.value.rcvd is None


async def test_a_close_frame_is_never_answered() -> None:
    async with served("no-close-reply@closing") as place:
        async with session(place) as ws:
            await ws.recv()
        # The client waited for its own close timeout, and then went.
        assert ws.close_code == 1006
        assert place.records("close-received", code=1000)
        assert (await place.noted("lost")).data["by"] == "client"


async def test_delays_are_those_of_the_loops_clock() -> None:
    async with served("slow-handshake=0.05@connecting") as place:
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with connect(place.ws):
            assert loop.time() - began >= 0.05
