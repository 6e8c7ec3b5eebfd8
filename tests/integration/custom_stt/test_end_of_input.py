"""The end of the input, and sessions that do not end as they should."""

from __future__ import annotations

import pytest
from aiohttp import web
from livekit.agents import APIConnectionError, APITimeoutError
from livekit.agents.stt import SpeechEventType as Kind

from livekit.plugins.custom_stt import _stream
from tests.integration.custom_stt.application import (
    CONN,
    ONCE,
    Launch,
    audio,
    error_of,
    events_of,
    next_of,
    texts,
)
from tests.integration.custom_stt.server import Peer, Server, serve_one

pytestmark = pytest.mark.asyncio


async def test_audio_pushed_and_ended_before_the_connection_is_sent(
    server: Server, launch: Launch
) -> None:
    server.refusals = [web.Response(status=503)]
    server.scripts = [serve_one]
    stream = launch().stt.stream(conn_options=CONN)
    stream.push_frame(audio(0.07))
    stream.end_input()
    assert texts(await events_of(stream)) == ["heard"]
    assert bytes(server.peers[0].pcm) == audio(0.07).data.tobytes()
    assert server.peers[0].texts == ["flush", "end_of_stream"]


async def test_a_drop_after_the_last_audio_is_not_retried(server: Server, launch: Launch) -> None:
    async def script(peer: Peer) -> None:
        await peer.ready()
        await peer.until_text("end_of_stream")
        peer.reset()

    server.scripts = [script]
    stream = launch().stt.stream(conn_options=ONCE)
    stream.push_frame(audio(0.05))
    stream.end_input()
    error = await error_of(stream)
    assert isinstance(error, APIConnectionError)
    assert not error.retryable


async def test_a_server_that_does_not_end_the_session_is_given_up(
    server: Server, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_stream, "SESSION_END_TIMEOUT", 0.1)

    async def script(peer: Peer) -> None:
        await peer.ready()
        await peer.until_text("end_of_stream")
        await peer.say("final", text="the last")
        await peer.until_gone()

    server.scripts = [script]
    stream = launch().stt.stream(conn_options=ONCE)
    stream.push_frame(audio(0.05))
    stream.end_input()
    assert await next_of(stream, Kind.FINAL_TRANSCRIPT)
    error = await error_of(stream)
    assert isinstance(error, APITimeoutError)
    assert not error.retryable
