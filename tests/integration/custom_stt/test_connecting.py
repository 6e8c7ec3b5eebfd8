"""Where the plugin connects, with which key, and connections that do not come about."""

from __future__ import annotations

import contextlib
import socket
import time

import pytest
from aiohttp import web
from livekit.agents import APIConnectOptions, APIStatusError, APITimeoutError
from livekit.agents.stt import SpeechEventType as Kind
from livekit.plugins import custom_stt

from tests.integration.custom_stt.application import (
    CONN,
    KEY,
    ONCE,
    Launch,
    audio,
    error_of,
    events_of,
    next_of,
    secrets_in,
)
from tests.integration.custom_stt.server import Peer, Server, serve_one

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize(
    ("api_url", "streams_at", "health_at"),
    [
        ("http://h:8000", "ws://h:8000/ws/transcribe", "http://h:8000/health"),
        ("https://h/base/", "wss://h/base/ws/transcribe", "https://h/base/health"),
        ("ws://h", "ws://h/ws/transcribe", "http://h/health"),
        ("wss://h/a/b", "wss://h/a/b/ws/transcribe", "https://h/a/b/health"),
    ],
)
async def test_addresses_are_joined_to_any_base(
    api_url: str, streams_at: str, health_at: str
) -> None:
    server = custom_stt.STT(api_url)._server
    assert (str(server.stream_url), str(server.http_url("health"))) == (streams_at, health_at)


@pytest.mark.parametrize("api_url", ["localhost:8000", "ftp://h", "", "http://"])
async def test_a_url_that_cannot_work_is_refused_at_once(api_url: str) -> None:
    with pytest.raises(ValueError, match="api_url"):
        custom_stt.STT(api_url)


async def test_the_key_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOM_STT_API_KEY", KEY)
    server = custom_stt.STT()._server
    assert server.headers == {"Authorization": f"Bearer {KEY}"}
    assert KEY not in repr(server)


async def test_prewarming_opens_the_connection_that_the_stream_takes(
    server: Server, launch: Launch
) -> None:
    server.scripts = [serve_one]
    app = launch()
    app.stt.prewarm()
    assert app.stt._prewarming is not None
    await app.stt._prewarming
    stream = app.stt.stream(conn_options=CONN)
    stream.push_frame(audio(0.05))
    await next_of(stream, Kind.FINAL_TRANSCRIPT)
    stream.end_input()
    await events_of(stream)
    assert [request.path for request in server.requests] == ["/health", "/ws/transcribe"]
    assert server.requests[0].transport is server.requests[1].transport


async def test_a_wrong_key_is_not_retried_and_not_told(server: Server, launch: Launch) -> None:
    server.refusals = [web.json_response({"echo": KEY}, status=401)]
    app = launch()
    error = await error_of(app.stt.stream(conn_options=ONCE))
    assert isinstance(error, APIStatusError)
    assert (error.status_code, error.retryable) == (401, False)
    assert not secrets_in(error)


async def test_a_busy_server_is_left_alone_for_as_long_as_it_asks(
    server: Server, launch: Launch
) -> None:
    server.refusals = [web.Response(status=503, headers={"Retry-After": "1"})]
    server.scripts = [serve_one]
    app = launch()
    stream = app.stt.stream(
        conn_options=APIConnectOptions(max_retry=1, retry_interval=0.0, timeout=0.6)
    )
    stream.push_frame(audio(0.05))
    started = time.monotonic()
    await next_of(stream, Kind.FINAL_TRANSCRIPT)
    assert time.monotonic() - started >= 0.3, "half the timeout is the most it waits"
    stream.end_input()
    await events_of(stream)


@pytest.mark.parametrize("stage", ["http", "ready"])
async def test_a_server_that_never_gets_ready_times_out(
    server: Server, launch: Launch, stage: str
) -> None:
    async def script(peer: Peer) -> None:
        await peer.until_gone()

    server.scripts = [script]
    timeout = 0.3
    with contextlib.ExitStack() as stack:
        app = launch()
        if stage == "http":
            # The kernel takes the connection, and nobody ever answers.
            silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            port = silent.getsockname()[1]
            app.stt._server = type(app.stt._server).at(f"http://127.0.0.1:{port}", KEY)
        started = time.monotonic()
        error = await error_of(
            app.stt.stream(conn_options=APIConnectOptions(max_retry=0, timeout=timeout))
        )
        # That it is less than the time-out is seen in virtual time, by LIVE-3 and LIVE-4.
        assert time.monotonic() - started >= 0.95 * timeout - 0.01
    assert isinstance(error, APITimeoutError)
    assert error.retryable
