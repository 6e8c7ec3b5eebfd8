"""A whole recording, recognised by one HTTP request."""

from __future__ import annotations

import asyncio

import aiohttp
from livekit import rtc
from livekit.agents import APIConnectionError, APIConnectOptions, APIError, APITimeoutError, stt
from livekit.agents.utils import AudioBuffer

from . import protocol
from ._compat import make
from ._connection import Server, status_error

REQUEST_TIMEOUT = 30.0
"""Seconds for the whole request. ``conn_options.timeout`` is for the connecting alone."""


async def recognize(
    http: aiohttp.ClientSession,
    server: Server,
    config: protocol.Config,
    buffer: AudioBuffer,
    conn_options: APIConnectOptions,
) -> stt.SpeechEvent:
    """``POST /transcribe``: the recording as a WAV file, so any rate and channels will do."""
    form = aiohttp.FormData()
    form.add_field(
        "file",
        rtc.combine_audio_frames(buffer).to_wav_bytes(),
        filename="audio.wav",
        content_type="audio/wav",
    )
    query = {"language": config.language, "task": config.task}
    if config.model:
        query["model"] = config.model

    failure: APIError
    try:
        async with http.post(
            server.http_url("transcribe"),
            params=query,
            data=form,
            headers=server.headers,
            timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT, sock_connect=conn_options.timeout),
        ) as response:
            return _event(server, config, response.status, await response.text(errors="replace"))
    except APIError as error:
        failure = error
    except asyncio.TimeoutError:
        failure = APITimeoutError("the server did not answer in time")
    except Exception as error:
        # As with the WebSocket: aiohttp's exceptions hold the headers, and so the key.
        detail = error if isinstance(error, OSError) else type(error).__name__
        failure = APIConnectionError(f"the request failed: {detail}", retryable=not http.closed)
    raise failure


def _event(server: Server, config: protocol.Config, status: int, body: str) -> stt.SpeechEvent:
    if status != 200:
        reason = protocol.decode_failure(body) or "the server refused the recording"
        raise status_error(server.redact(reason), status)
    answer = protocol.decode_transcription(body)
    if isinstance(answer, protocol.Malformed):
        raise APIError(f"the server's answer was malformed: {answer.reason}")

    heard = [s.confidence for s in answer.segments if s.confidence is not None]
    data = make(
        stt.SpeechData,
        language=answer.language or config.language,
        text=answer.text,
        start_time=min((s.start for s in answer.segments), default=0.0),
        end_time=max((s.end for s in answer.segments), default=0.0),
        confidence=sum(heard) / len(heard) if heard else 0.0,
    )
    return stt.SpeechEvent(type=stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[data])
