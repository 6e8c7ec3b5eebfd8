"""The negative control: a stream that manages itself instead of letting the base class do it.

This is how a plugin looks that was written against the protocol rather than against LiveKit: its
own queues, its own task, its own iteration, and a ``_run`` that only satisfies the abstract class.
It passes every test on a healthy line. What it lacks is left out on purpose, and must stay so:
no retry, no error events, no metrics, no deadlines, no bound on the wait for the server's end.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from typing import Any

import aiohttp
from livekit import rtc
from livekit.agents import (
    DEFAULT_API_CONNECT_OPTIONS,
    NOT_GIVEN,
    APIConnectOptions,
    NotGivenOr,
    stt,
)
from livekit.agents.utils import AudioBuffer, is_given

from sttkit.targets.model import Context

logger = logging.getLogger("self_managed")  # not "sttkit": that is the kit speaking

SAMPLE_RATE = 16000

_FLUSH = object()


class STT(stt.STT[Any]):
    """Speech-to-text over a self-managed stream."""

    def __init__(self, context: Context) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=True))
        self._context = context
        self._language = "en"

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> SpeechStream:
        return SpeechStream(
            stt=self,
            context=self._context,
            language=language if is_given(language) else self._language,
            conn_options=conn_options,
        )

    def update_options(self, *, language: str) -> None:
        self._language = language

    async def _recognize_impl(
        self,
        buffer: AudioBuffer,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions,
    ) -> stt.SpeechEvent:
        form = aiohttp.FormData()
        wav = rtc.combine_audio_frames(buffer).to_wav_bytes()
        form.add_field("file", wav, filename="audio.wav", content_type="audio/wav")
        async with self._context.http_session.post(
            f"{self._context.place.http}/transcribe",
            params={"language": language if is_given(language) else self._language},
            data=form,
            headers={"Authorization": f"Bearer {self._context.api_key}"},
        ) as response:
            response.raise_for_status()
            result = await response.json()
        return _transcript(stt.SpeechEventType.FINAL_TRANSCRIPT, result)


class SpeechStream(stt.RecognizeStream):
    """Queues and a task of its own, side by side with those of the base class."""

    def __init__(
        self, *, stt: STT, context: Context, language: str, conn_options: APIConnectOptions
    ) -> None:
        super().__init__(stt=stt, conn_options=conn_options)
        self._setting = context
        self._language = language
        self._audio_queue: asyncio.Queue[Any] = asyncio.Queue()
        self._event_queue: asyncio.Queue[Any] = asyncio.Queue()
        self._audio_seconds = 0.0
        self._recognize_task = asyncio.create_task(self._recognize())

    async def _run(self) -> None:
        """The base class insists on one; the work is done in `_recognize`."""

    # -- input -----------------------------------------------------------------------------------

    def push_frame(self, frame: rtc.AudioFrame) -> None:
        self._audio_queue.put_nowait(frame)

    def flush(self) -> None:
        self._audio_queue.put_nowait(_FLUSH)

    def end_input(self) -> None:
        self._audio_queue.put_nowait(None)

    async def aclose(self) -> None:
        self._recognize_task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._recognize_task

    # -- output ----------------------------------------------------------------------------------

    def __aiter__(self) -> SpeechStream:
        return self

    async def __anext__(self) -> stt.SpeechEvent:
        event = await self._event_queue.get()
        if event is None:
            raise StopAsyncIteration
        assert isinstance(event, stt.SpeechEvent)
        return event

    # -- the work --------------------------------------------------------------------------------

    async def _recognize(self) -> None:
        try:
            async with self._setting.http_session.ws_connect(
                f"{self._setting.place.ws}/ws/transcribe",
                headers={"Authorization": f"Bearer {self._setting.api_key}"},
            ) as ws:
                await ws.send_json(
                    {"type": "config", "language": self._language, "sample_rate": SAMPLE_RATE}
                )
                ready = await ws.receive_json()
                if ready["type"] != "ready":
                    raise RuntimeError(f"unexpected answer: {ready['type']}")
                await asyncio.gather(self._send_loop(ws), self._receive_loop(ws))
        except Exception as e:
            logger.error("transcription failed: %s", type(e).__name__)
        finally:
            usage = stt.RecognitionUsage(audio_duration=self._audio_seconds)
            self._event_queue.put_nowait(
                stt.SpeechEvent(type=stt.SpeechEventType.RECOGNITION_USAGE, recognition_usage=usage)
            )
            self._event_queue.put_nowait(None)

    async def _send_loop(self, ws: aiohttp.ClientWebSocketResponse[bool]) -> None:
        while True:
            item = await self._audio_queue.get()
            try:
                if item is None:
                    await ws.send_json({"type": "end_of_stream"})
                    return
                if item is _FLUSH:
                    await ws.send_json({"type": "flush"})
                else:
                    await ws.send_bytes(item.data.tobytes())
                    self._audio_seconds += item.duration
            except ConnectionError:
                logger.debug("audio was not sent, the connection is closed")
                if item is None:
                    return

    async def _receive_loop(self, ws: aiohttp.ClientWebSocketResponse[bool]) -> None:
        async for message in ws:
            if message.type != aiohttp.WSMsgType.TEXT:
                continue
            try:
                self._on_message(json.loads(message.data))
            except Exception as e:
                logger.error("bad message: %s", type(e).__name__)
        logger.info("connection closed")

    def _on_message(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "speech_started":
            event = stt.SpeechEvent(type=stt.SpeechEventType.START_OF_SPEECH)
        elif kind == "interim":
            event = _transcript(stt.SpeechEventType.INTERIM_TRANSCRIPT, message)
        elif kind == "final":
            event = _transcript(stt.SpeechEventType.FINAL_TRANSCRIPT, message)
        elif kind == "speech_ended":
            event = stt.SpeechEvent(type=stt.SpeechEventType.END_OF_SPEECH)
        elif kind == "error":
            logger.error("server error: %s", message["message"])
            return
        else:
            return
        self._event_queue.put_nowait(event)


def _transcript(kind: stt.SpeechEventType, message: dict[str, Any]) -> stt.SpeechEvent:
    data = stt.SpeechData(
        language=message["language"],
        text=message["text"],
        start_time=message.get("start", 0.0),
        end_time=message.get("end", message.get("duration", 0.0)),
        confidence=message.get("confidence", 0.0),
    )
    return stt.SpeechEvent(type=kind, alternatives=[data])
