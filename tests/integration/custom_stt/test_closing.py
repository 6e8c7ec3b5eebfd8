"""Streams that the application closes, in whatever state they are."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiohttp import web
from livekit import rtc
from livekit.agents import APIConnectOptions
from livekit.agents.stt import SpeechEventType as Kind

from tests.integration.custom_stt.application import (
    CONN,
    PATIENCE,
    Launch,
    audio,
    events_of,
    next_of,
    speech,
)
from tests.integration.custom_stt.server import Peer, Script, Server, serve_one

pytestmark = pytest.mark.asyncio


async def test_closing_the_shared_http_session_is_an_end(server: Server, launch: Launch) -> None:
    async def script(peer: Peer) -> None:
        await peer.ready()
        await peer.say("speech_started")
        await peer.until_gone()

    server.scripts = [script]
    app = launch()
    stream = app.stt.stream(conn_options=CONN)
    await next_of(stream, Kind.START_OF_SPEECH)
    await app.http.close()
    assert speech(await events_of(stream)) == [Kind.END_OF_SPEECH]
    assert app.errors == []


async def connecting(peer: Peer) -> None:
    await peer.until_gone()


async def streaming(peer: Peer) -> None:
    await peer.ready()
    await peer.say("interim", text="well")
    await peer.until_gone()


async def not_answering_the_close(peer: Peer) -> None:
    await peer.ready()
    await peer.say("interim", text="well")
    await asyncio.Event().wait()


async def not_reading(peer: Peer) -> None:
    await peer.ready()
    assert peer.request.transport is not None
    peer.request.transport.pause_reading()
    await peer.say("interim", text="well")
    await asyncio.Event().wait()


@pytest.mark.parametrize("script", [connecting, streaming, not_answering_the_close, not_reading])
async def test_aclose_is_prompt_in_every_state(
    server: Server, launch: Launch, script: Script
) -> None:
    server.scripts = [script]
    app = launch()
    stream = app.stt.stream(conn_options=CONN)
    for _ in range(400 if script is not_reading else 1):
        stream.push_frame(rtc.AudioFrame(bytes(32000), 16000, 1, 16000))
    if script is not connecting:
        await next_of(stream, Kind.INTERIM_TRANSCRIPT)
    sockets = open_sockets(server)
    started = time.monotonic()
    await asyncio.gather(stream.aclose(), stream.aclose())
    assert time.monotonic() - started < 2.0
    # Old releases deliver what was queued; there was nothing but usage.
    assert speech(await events_of(stream)) == []
    assert app.errors == []
    if script is not connecting:
        assert sockets == 1
    await asyncio.sleep(0)
    assert open_sockets(server) == 0
    if script is streaming:
        assert server.peers[0].texts[-1] == "end_of_stream"


def open_sockets(server: Server) -> int:
    """This process's connected client sockets to the server."""
    psutil = pytest.importorskip("psutil")
    port = int(server.url.rsplit(":", 1)[1])
    connections = psutil.Process().net_connections("tcp")
    return sum(1 for c in connections if c.raddr and c.raddr.port == port and c.fd != -1)


async def test_nothing_is_delivered_of_what_the_server_says_to_aclose(
    server: Server, launch: Launch
) -> None:
    async def script(peer: Peer) -> None:
        await peer.ready()
        await peer.say("interim", text="well")
        await peer.until_text("end_of_stream")
        await peer.say("final", text="too late")
        await peer.until_gone()

    server.scripts = [script]
    stream = launch().stt.stream(conn_options=CONN)
    await next_of(stream, Kind.INTERIM_TRANSCRIPT)
    consumer = asyncio.create_task(events_of(stream))
    await asyncio.sleep(0)
    await stream.aclose()
    assert speech(await consumer) == []


async def test_aclose_in_the_back_off_opens_no_connection(server: Server, launch: Launch) -> None:
    server.refusals = [web.Response(status=503) for _ in range(9)]
    app = launch()
    failed = asyncio.Event()
    app.stt.on("error", lambda _: failed.set())
    stream = app.stt.stream(conn_options=APIConnectOptions(max_retry=3, retry_interval=9.0))
    await asyncio.wait_for(failed.wait(), PATIENCE)
    await stream.aclose()
    with pytest.raises(RuntimeError):
        stream.push_frame(audio(0.02))
    assert len(server.requests) == 1


async def test_one_stream_leaves_its_siblings_alone(server: Server, launch: Launch) -> None:
    server.scripts = [streaming, serve_one]
    app = launch()
    first = app.stt.stream(conn_options=CONN)
    await next_of(first, Kind.INTERIM_TRANSCRIPT)
    second = app.stt.stream(language="fr", conn_options=CONN)
    second.push_frame(audio(0.05))
    await next_of(second, Kind.FINAL_TRANSCRIPT)
    await first.aclose()
    second.end_input()
    await events_of(second)
    assert [peer.config["language"] for peer in server.peers] == ["en", "fr"]
