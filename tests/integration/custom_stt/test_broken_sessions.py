"""Sessions that break, by the line or by the server's word, and what comes after."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from livekit.agents import APIConnectionError, APIConnectOptions, stt
from livekit.agents.stt import SpeechEventType as Kind

from livekit.plugins.custom_stt._connection import Connection
from tests.integration.custom_stt.application import (
    CONN,
    KEY,
    ONCE,
    Launch,
    audio,
    error_of,
    events_of,
    next_of,
    speech,
    texts,
)
from tests.integration.custom_stt.server import Peer, Script, Server, serve_one

pytestmark = pytest.mark.asyncio


def cut(how: Callable[[Peer], Any]) -> Script:
    """A session that is cut in the middle of an utterance."""

    async def script(peer: Peer) -> None:
        await peer.ready()
        await peer.until_audio(1600)
        await peer.say("speech_started", start=0.0)
        await peer.say("interim", text="hal")
        await peer.until_text("keepalive")  # by now the interim has been read
        result = how(peer)
        if result is not None:
            await result

    return script


@pytest.mark.parametrize(
    "how",
    [
        pytest.param(lambda peer: peer.reset(), id="reset"),
        pytest.param(lambda peer: peer.request.transport.close(), id="no close frame"),
        pytest.param(lambda peer: peer.ws.close(code=1000), id="1000"),
        pytest.param(lambda peer: peer.ws.close(code=1001, message=b"idle"), id="1001"),
        pytest.param(lambda peer: peer.ws.close(code=1011), id="1011"),
        pytest.param(lambda peer: peer.say("error", message="busy", code=None), id="error"),
        pytest.param(lambda peer: peer.say("session_ended"), id="session ended unasked"),
    ],
)
async def test_a_cut_session_is_followed_by_another(
    server: Server, launch: Launch, how: Callable[[Peer], Any]
) -> None:
    server.scripts = [cut(how), serve_one]
    app = launch(keepalive_interval=0.02)
    stream = app.stt.stream(conn_options=CONN)
    stream.push_frame(audio(0.05))
    events = [
        await next_of(stream, Kind.START_OF_SPEECH),
        await next_of(stream, Kind.END_OF_SPEECH),
    ]
    stream.push_frame(audio(0.05))
    stream.end_input()
    events += await events_of(stream)

    assert speech(events) == [
        Kind.START_OF_SPEECH,
        Kind.END_OF_SPEECH,
        Kind.START_OF_SPEECH,
        Kind.FINAL_TRANSCRIPT,
        Kind.END_OF_SPEECH,
    ]
    assert [error.recoverable for error in app.errors] == [True]
    assert [peer.config["language"] for peer in server.peers] == ["en", "en"]
    [final] = [event for event in events if event.type is Kind.FINAL_TRANSCRIPT]
    assert final.alternatives[0].start_time >= 0.05, "times do not start over"


async def test_a_half_open_line_is_noticed(server: Server, launch: Launch) -> None:
    async def deaf(peer: Peer) -> None:
        await peer.ready()
        assert peer.request.transport is not None
        peer.request.transport.pause_reading()
        await asyncio.Event().wait()

    server.scripts = [deaf, serve_one]
    app = launch(heartbeat=0.1)
    stream = app.stt.stream(conn_options=CONN)
    async with feeding(stream):
        await next_of(stream, Kind.FINAL_TRANSCRIPT)
    stream.end_input()
    await events_of(stream)
    assert len(app.errors) == 1


@contextlib.asynccontextmanager
async def feeding(stream: stt.RecognizeStream) -> AsyncIterator[None]:
    """Audio at real pace, as from a microphone."""

    async def push() -> None:
        while True:
            stream.push_frame(audio(0.02))
            await asyncio.sleep(0.02)

    task = asyncio.create_task(push())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_drop_seen_first_by_the_sender_is_like_any_other(
    server: Server, launch: Launch
) -> None:
    async def script(peer: Peer) -> None:
        await peer.ready()
        await peer.until_audio(1600)
        # In one turn of the loop, so that the next thing to run is the sender, on a closed line.
        peer.reset()
        stream.push_frame(audio(1.0))
        time.sleep(0.02)

    server.scripts = [script, serve_one]
    app = launch()
    stream = app.stt.stream(conn_options=CONN)
    async with feeding(stream):
        await next_of(stream, Kind.FINAL_TRANSCRIPT)
    assert [type(error.error) for error in app.errors] == [APIConnectionError]
    assert [error.recoverable for error in app.errors] == [True]


async def test_what_was_said_before_the_sender_saw_the_drop_is_still_read(
    server: Server, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = asyncio.Event()

    async def fail(self: Connection, pcm: bytes) -> None:
        failed.set()
        raise APIConnectionError("the sender saw it first")

    async def script(peer: Peer) -> None:
        await peer.ready()
        await failed.wait()
        monkeypatch.undo()
        await peer.say("final", text="last words")
        await peer.ws.close(code=1011)

    monkeypatch.setattr(Connection, "send_audio", fail)
    server.scripts = [script, serve_one]
    app = launch()
    stream = app.stt.stream(conn_options=CONN)
    stream.push_frame(audio(0.05))
    await next_of(stream, Kind.FINAL_TRANSCRIPT)
    stream.push_frame(audio(0.05))
    stream.end_input()
    assert texts(await events_of(stream)) == ["heard"]
    assert ["1011" in str(error.error) for error in app.errors] == [True]


@pytest.mark.parametrize("audio_flows", [True, False])
async def test_a_final_that_comes_with_the_failure_starts_the_retry_budget_over(
    server: Server, launch: Launch, audio_flows: bool
) -> None:
    async def script(peer: Peer) -> None:
        await peer.ready()
        if audio_flows:
            await peer.until_audio(1600)
        # Both in one segment, and so read in one turn of the plugin's loop.
        assert peer.request.transport is not None
        said = json.dumps({"type": "final", "text": "said"}).encode()
        peer.request.transport.write(bytes([0x81, len(said)]) + said + b"\x88\x02\x03\xf3")
        await peer.until_gone()

    server.scripts = [script]
    stream = launch().stt.stream(
        conn_options=APIConnectOptions(max_retry=1, retry_interval=0.0, timeout=1.0)
    )
    async with feeding(stream) if audio_flows else contextlib.nullcontext():
        for _ in range(5):
            await next_of(stream, Kind.FINAL_TRANSCRIPT)
    await stream.aclose()


async def test_the_provider_s_error_reaches_the_application(server: Server, launch: Launch) -> None:
    async def script(peer: Peer) -> None:
        await peer.ready()
        await peer.say("error", message=f"no GPU for {KEY}", code="gpu", retryable=False)
        await peer.until_gone()

    server.scripts = [script]
    error = await error_of(launch().stt.stream(conn_options=ONCE))
    assert (error.message, error.body, error.retryable) == (
        "no GPU for ***",
        {"code": "gpu"},
        False,
    )


async def test_a_policy_violation_is_not_retried(server: Server, launch: Launch) -> None:
    async def script(peer: Peer) -> None:
        await peer.ready()
        await peer.ws.close(code=1008, message=b"key expired")

    server.scripts = [script]
    error = await error_of(launch().stt.stream(conn_options=ONCE))
    assert isinstance(error, APIConnectionError)
    assert "1008" in error.message
    assert "key expired" in error.message
    assert not error.retryable
