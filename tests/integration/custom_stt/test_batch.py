"""Recordings that are recognised in one request."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web
from livekit.agents import APIError, APIStatusError
from livekit.agents.stt import SpeechEventType as Kind

from tests.integration.custom_stt.application import CONN, KEY, ONCE, Launch, audio, secrets_in
from tests.integration.custom_stt.server import Server

pytestmark = pytest.mark.asyncio


async def test_a_recording_is_recognised_in_one_request(server: Server, launch: Launch) -> None:
    server.refusals = [web.Response(status=503)]
    server.batch_answer = {
        "text": "hello there",
        "segments": [
            {"start": 0.1, "end": 0.5, "text": "hello", "confidence": 0.5},
            {"start": 0.5, "end": 0.9, "text": "there", "confidence": 1.0},
        ],
        "language": "en",
    }
    app = launch(model="small")
    event = await app.stt.recognize([audio(0.5), audio(0.5)], language="en-GB", conn_options=CONN)
    heard = event.alternatives[0]
    assert event.type is Kind.FINAL_TRANSCRIPT
    assert (heard.text, heard.language) == ("hello there", "en")
    assert (heard.start_time, heard.end_time, heard.confidence) == (0.1, 0.9, 0.75)
    query = {"language": "en-GB", "task": "transcribe", "model": "small"}
    assert dict(server.requests[1].query) == query
    assert server.requests[1].headers["Authorization"] == f"Bearer {KEY}"
    assert server.uploads[0][:4] == b"RIFF"
    assert server.uploads[0].endswith(audio(0.5).data.tobytes())
    assert [error.recoverable for error in app.errors] == [True]


@pytest.mark.parametrize(
    ("response", "status", "retryable"),
    [
        ({"status": 401}, 401, False),
        ({"status": 413}, 413, False),
        ({"status": 429}, 429, True),
        ({"status": 503}, 503, True),
        ({"status": 500, "text": '{"text": "not a transcript"}'}, 500, True),
        ({"status": 200, "text": "<html>"}, None, True),
        ({"status": 200, "text": '{"error": {"message": "x"}}'}, None, True),
    ],
)
async def test_an_error_answer_is_never_a_transcript(
    server: Server, launch: Launch, response: dict[str, Any], status: int | None, retryable: bool
) -> None:
    server.refusals = [web.Response(**response)]
    with pytest.raises(APIError) as caught:
        await launch().stt.recognize(audio(0.1), conn_options=ONCE)
    assert getattr(caught.value, "status_code", None) == status
    assert caught.value.retryable is retryable
    assert not secrets_in(caught.value)


async def test_the_reason_of_a_refused_recording_is_told(server: Server, launch: Launch) -> None:
    server.refusals = [
        web.json_response({"error": {"message": f"loading; hello {KEY}", "code": 1}}, status=503)
    ]
    with pytest.raises(APIStatusError, match=r"loading; hello \*\*\*"):
        await launch().stt.recognize(audio(0.1), conn_options=ONCE)
