"""Plain clients of two libraries that speak protocol 1, and what they saw; in both worlds."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from sttkit.audio.synth import render
from sttkit.cassette.playing import Playing
from sttkit.cassette.tape import Tape
from sttkit.dialects import load_dialect
from sttkit.scripting.model import Script
from sttkit.server.fake import TEST_HOST, FakeServer, Listener
from sttkit.simulation import LineModel, simulated_loop
from sttkit.targets.model import Place
from sttkit.trace import Trace
from sttkit.worlds.simulated import listen

GIVE_UP_S = 1.5
CHUNK = 640
KEY = "a-key-that-nobody-may-see"


@dataclass
class Saw:
    """What a client saw, and how it ended."""

    messages: list[str] = field(default_factory=list)
    error: str | None = None
    code: int | None = None


@dataclass(frozen=True)
class Manners:
    """How a client behaves.

    Attributes:
        closes: it closes after the first final, instead of saying that its audio has ended.
        pace: seconds of audio pushed in a second, 0 for as fast as it goes.
        headers: it sends.
    """

    closes: bool = False
    pace: float = 1.0
    headers: tuple[tuple[str, str], ...] = (("Authorization", f"Bearer {KEY}"),)


Client = Callable[[str, bytes, Manners], Awaitable[Saw]]


async def with_aiohttp(base: str, pcm: bytes, manners: Manners) -> Saw:
    saw = Saw()
    async with aiohttp.ClientSession() as session:
        try:
            ws = await asyncio.wait_for(
                session.ws_connect(
                    base + "/ws/transcribe",
                    heartbeat=2.4,
                    timeout=aiohttp.ClientWSTimeout(ws_close=0.5),
                    headers=dict(manners.headers),
                ),
                GIVE_UP_S,
            )
        except (aiohttp.ClientError, asyncio.TimeoutError) as error:
            saw.error = type(error).__name__
            saw.code = getattr(error, "status", None)
            return saw
        sending = asyncio.ensure_future(
            _send(ws.send_str, ws.send_bytes, pcm, manners, lambda: not ws.closed)
        )
        async for message in ws:
            saw.messages.append(str(message.data))
            if manners.closes and '"final"' in message.data:
                break
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        failure = ws.exception()
        saw.error = type(failure).__name__ if failure is not None else None
        await ws.close()
        saw.code = ws.close_code
    return saw


async def with_websockets(base: str, pcm: bytes, manners: Manners) -> Saw:
    saw = Saw()
    try:
        ws = await connect(
            base + "/ws/transcribe",
            ping_interval=1.0,
            ping_timeout=1.2,
            close_timeout=0.5,
            open_timeout=GIVE_UP_S,
            additional_headers=dict(manners.headers),
            proxy=None,
        )
    except InvalidStatus as refused:
        return Saw(error="InvalidStatus", code=refused.response.status_code)
    except Exception as error:
        return Saw(error=type(error).__name__)
    sending = asyncio.ensure_future(_send(ws.send, ws.send, pcm, manners, lambda: True))
    try:
        while True:
            message = await ws.recv()
            saw.messages.append(str(message))
            if manners.closes and '"final"' in str(message):
                break
    except ConnectionClosed as error:
        saw.error = type(error).__name__
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    await ws.close()
    saw.code = ws.close_code
    return saw


CLIENTS: dict[str, Client] = {"aiohttp": with_aiohttp, "websockets": with_websockets}


async def _send(
    text: Callable[[str], Awaitable[None]],
    binary: Callable[[bytes], Awaitable[None]],
    pcm: bytes,
    manners: Manners,
    goes_on: Callable[[], bool],
) -> None:
    await text(json.dumps({"type": "config", "sample_rate": 16000, "language": "en"}))
    for start in range(0, len(pcm), CHUNK):
        if manners.pace:
            await asyncio.sleep(CHUNK / 32000 / manners.pace)
        if not goes_on():
            return
        await binary(pcm[start : start + CHUNK])
    if not manners.closes:
        await text(json.dumps({"type": "end_of_stream"}))


# --- the worlds ---------------------------------------------------------------------------


Meanwhile = Callable[[], Any]
"""Makes a context manager that is entered around the client."""


@dataclass
class Talked:
    saw: Saw
    playing: Playing | None


def in_simulation(
    client: Client, script: Script, tape: Tape | None, manners: Manners, meanwhile: Meanwhile
) -> Talked:
    """One session, in virtual time on a line without latency."""
    loop = simulated_loop(script.seed)

    async def main() -> Talked:
        listener = listen(script, load_dialect("custom_stt"), Trace(loop.time), tape)
        host = loop.network.host(listener.place.host)
        host.up = host.down = LineModel()
        with meanwhile():
            saw = await client(listener.place.ws, render(script.speech, 16000), manners)
        await listener.aclose()
        return Talked(saw, listener.line.playing)

    asyncio.set_event_loop(loop)
    try:
        talked: Talked = loop.run_until_complete(main())
        return talked
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def over_loopback(
    client: Client, script: Script, tape: Tape | None, manners: Manners, meanwhile: Meanwhile
) -> Talked:
    """One session over real sockets; `TEST_HOST` is a name that the server answers for."""

    async def main() -> Talked:
        server = FakeServer(Trace(asyncio.get_running_loop().time))
        listener = await server.listen(script, load_dialect("custom_stt"), tape=tape)
        assert isinstance(listener, Listener)
        place = Place(TEST_HOST, listener.place.port)
        with _resolving(listener), meanwhile():
            await listener.before_connect()
            saw = await client(place.ws, render(script.speech, 16000), manners)
        playing = listener.line.playing
        await server.aclose()
        return Talked(saw, playing)

    return asyncio.run(main())


@contextmanager
def _resolving(listener: Any) -> Iterator[None]:
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        if host != TEST_HOST:
            return real(host, port, *args, **options)
        if not listener.resolve(host):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", int(port)))]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", getaddrinfo)
        yield
