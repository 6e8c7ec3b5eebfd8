"""A small plugin over the ``websockets`` client, since most released ones use aiohttp."""

from __future__ import annotations

import asyncio
from typing import Any

from livekit.agents import (
    DEFAULT_API_CONNECT_OPTIONS,
    APIConnectionError,
    APIConnectOptions,
    LanguageCode,
    stt,
    utils,
)
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError

from sttkit.controls import wire
from sttkit.targets.model import Context, Target


class PlainSTT(stt.STT[Any]):
    """Speech-to-text over ``websockets``."""

    def __init__(self, context: Context) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=True))
        self.url = f"{context.place.ws}/ws/transcribe"

    def stream(
        self,
        *,
        language: Any = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> PlainStream:
        return PlainStream(stt=self, conn_options=conn_options, sample_rate=16000)

    async def _recognize_impl(self, *args: Any, **options: Any) -> stt.SpeechEvent:
        # Abstract in the base class; the benchmarks have no recording recognised.
        raise NotImplementedError("streams only")


class PlainStream(stt.RecognizeStream):
    """Sends frames as they come, and hands on what comes back."""

    async def _run(self) -> None:
        assert isinstance(self._stt, PlainSTT)
        try:
            async with connect(self._stt.url, compression=None) as connection:
                await connection.send(wire.config(16000, {}))
                sender = asyncio.create_task(self._send(connection))
                try:
                    async for message in connection:
                        self._hand_on(message)
                finally:
                    await utils.aio.gracefully_cancel(sender)
        except (ConnectionClosedError, OSError) as error:
            raise APIConnectionError(str(error)) from error

    async def _send(self, connection: ClientConnection) -> None:
        async for frame in self._input_ch:
            if isinstance(frame, self._FlushSentinel):
                await connection.send(wire.FLUSH)
            else:
                await connection.send(bytes(frame.data))
        await connection.send(wire.END)

    def _hand_on(self, message: str | bytes) -> None:
        said = wire.message_in(message) if isinstance(message, str) else None
        kinds = {
            "interim": stt.SpeechEventType.INTERIM_TRANSCRIPT,
            "final": stt.SpeechEventType.FINAL_TRANSCRIPT,
        }
        kind = kinds.get(said["type"]) if said is not None else None
        if said is not None and kind is not None:
            data = stt.SpeechData(language=LanguageCode("en"), text=str(said["text"]))
            self._event_ch.send_nowait(stt.SpeechEvent(type=kind, alternatives=[data]))


TARGET = Target(name="plain", dialect="custom_stt", build=PlainSTT, batch=False)
