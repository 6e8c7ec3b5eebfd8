"""A small server and a small plugin to try the driver with: no fake server, no real plugin."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from livekit.agents import (
    DEFAULT_API_CONNECT_OPTIONS,
    NOT_GIVEN,
    APIConnectionError,
    APIConnectOptions,
    APIStatusError,
    stt,
    utils,
)
from websockets.asyncio.server import Server, ServerConnection, serve

from sttkit.audio.locate import Locator
from sttkit.audio.speech import Speech
from sttkit.audio.synth import render
from sttkit.targets.model import Context, Place, Target
from sttkit.trace import Trace

RATE = 16000
STUBBORN_S = 2.5
_RESET = struct.pack("ii", 1, 0)


@dataclass
class TinyServer:
    """Says the final of each utterance when it has heard it; resets where it is told to.

    Attributes:
        resets: position at which a connection is reset, by number of the connection.
        refusals: how many attempts are refused before TCP.
    """

    trace: Trace
    tracks: Mapping[str, Speech]
    resets: dict[int, float] = field(default_factory=dict)
    unknown: int = 0
    host: str = "127.0.0.1"
    connections: int = 0
    configs: list[dict[str, Any]] = field(default_factory=list)
    told: int = 0
    rearmed: int = 0
    server: Server | None = None

    async def __aenter__(self) -> TinyServer:
        self.server = await serve(self._serve, "127.0.0.1", 0, ping_interval=None)
        self.port = next(iter(self.server.sockets)).getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self.server is not None
        self.server.close()
        await self.server.wait_closed()

    @property
    def place(self) -> Place:
        return Place(self.host, self.port)

    def before_connect(self) -> None:
        self.told += 1

    def resolve(self, host: str) -> bool:
        self.unknown -= 1
        return self.unknown < 0

    def open_connections(self) -> int:
        assert self.server is not None
        return len(self.server.connections)

    def rearm(self, trace: Trace) -> None:
        self.trace = trace
        self.connections = 0
        self.rearmed += 1

    async def _serve(self, ws: ServerConnection) -> None:
        number = self.connections
        self.connections += 1
        trace = self.trace
        locator = Locator({n: render(s, RATE) for n, s in self.tracks.items()}, RATE)
        said: set[tuple[str, int]] = set()
        async for message in ws:
            if isinstance(message, bytes):
                for span in locator.feed(message):
                    if span.track is None:
                        continue
                    if span.end >= self.resets.get(number, 1e9):
                        self._reset(ws, trace, number, span.track)
                        return
                    await self._hear(ws, span.track, span.end, said)
                continue
            what = json.loads(message)
            if what["type"] == "config":
                self.configs.append(what)
                await ws.send(json.dumps({"type": "ready"}))
            elif what["type"] == "flush":
                trace.note("server", "control", number, None, what="flush", text=message)
                trace.note("server", "point", number, None, point="flush", n=1)
            elif what["type"] == "end_of_stream":
                await ws.close()

    def _reset(self, ws: ServerConnection, trace: Trace, number: int, track: str) -> None:
        point = {"point": "mid-utterance", "n": 1}
        trace.note("server", "point", number, track, **point)
        trace.note(
            "server", "fault", number, track, fault="reset", id="reset", breaks=True, deaf=False,
            **point,
        )  # fmt: skip
        raw = ws.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        ws.transport.abort()
        trace.note("server", "lost", number, track, by="server", how="reset")

    async def _hear(
        self, ws: ServerConnection, track: str, end: float, said: set[tuple[str, int]]
    ) -> None:
        for index, utterance in enumerate(self.tracks[track].utterances):
            if utterance.end + 0.1 <= end <= utterance.end + 0.6 and (track, index) not in said:
                said.add((track, index))
                await ws.send(json.dumps({"type": "final", "text": utterance.text}))


class TinySTT(stt.STT[Any]):
    """A sound plugin; ``vice`` makes it do one thing wrong."""

    def __init__(self, context: Context, vice: str) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=False))
        self.context = context
        self.vice = vice
        self.language = "en"
        self.kept: list[Any] = []

    async def _recognize_impl(
        self, buffer: Any, *, language: Any = NOT_GIVEN, conn_options: APIConnectOptions
    ) -> stt.SpeechEvent:
        if self.vice == "status":
            raise APIStatusError(f"no, {self.context.api_key}", status_code=401, retryable=False)
        return _final(f"{len(buffer.data)} samples")

    def stream(
        self,
        *,
        language: Any = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> TinyStream:
        if self.vice == "no stream":
            raise TypeError("stream() got an unexpected key: " + self.context.api_key)
        return TinyStream(stt=self, conn_options=conn_options, sample_rate=RATE)

    def update_options(self, *, language: str) -> None:
        self.language = language


class TinyStream(stt.RecognizeStream):
    def push_frame(self, frame: Any) -> None:
        while self._stt.vice == "spin":  # type: ignore[attr-defined]
            sum(range(100))
        if self._stt.vice == "refuse":  # type: ignore[attr-defined]
            self.taken = getattr(self, "taken", 0.0) + frame.duration
            if self.taken > 1.05:
                raise ValueError("no more audio, please")
        super().push_frame(frame)

    async def aclose(self) -> None:
        try:
            if self._stt.vice == "cling":  # type: ignore[attr-defined]
                await asyncio.sleep(STUBBORN_S)
        finally:
            await super().aclose()

    async def _run(self) -> None:
        plugin = self._stt
        assert isinstance(plugin, TinySTT)
        key, vice = plugin.context.api_key, plugin.vice
        if vice == "leak":
            plugin.kept.append(asyncio.create_task(asyncio.sleep(3600)))
        if vice == "tell":
            logging.getLogger("livekit.plugins.tiny").debug("connecting", extra={"headers": key})
        if vice == "block":
            time.sleep(2.0)
        session = plugin.context.http_session
        if vice == "own session":
            session = utils.http_context.http_session()
        try:
            ws = await session.ws_connect(
                plugin.context.place.ws, headers={"Authorization": f"Bearer {key}"}
            )
        except aiohttp.ClientError as error:
            raise APIConnectionError("not connected") from error
        try:
            await ws.send_json({"type": "config", "language": plugin.language})
            await ws.receive_json(timeout=2)
            sender = asyncio.create_task(self._send(ws))
            receiver = asyncio.create_task(self._receive(ws))
            try:
                await asyncio.wait({sender, receiver}, return_when=asyncio.FIRST_EXCEPTION)
                for task in (sender, receiver):
                    if task.done():
                        task.result()
            finally:
                await utils.aio.gracefully_cancel(sender, receiver)
        finally:
            if vice == "hang":
                await _stubborn()
            await ws.close()

    async def _send(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        try:
            async for data in self._input_ch:
                if isinstance(data, self._FlushSentinel):
                    await ws.send_json({"type": "flush"})
                else:
                    await ws.send_bytes(bytes(data.data))
            await ws.send_json({"type": "end_of_stream"})
        except aiohttp.ClientError as error:
            raise APIConnectionError("the sender saw it") from error

    async def _receive(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        async for message in ws:
            if message.type is aiohttp.WSMsgType.TEXT:
                text = json.loads(message.data)["text"]
                self._event_ch.send_nowait(_final(text))
                if self._stt.vice == "usage":  # type: ignore[attr-defined]
                    self._event_ch.send_nowait(
                        stt.SpeechEvent(
                            type=stt.SpeechEventType.RECOGNITION_USAGE,
                            recognition_usage=stt.RecognitionUsage(audio_duration=1.5),
                        )
                    )
        if ws.close_code != 1000:
            raise APIConnectionError("the receiver saw it")


def _final(text: str) -> stt.SpeechEvent:
    return stt.SpeechEvent(
        type=stt.SpeechEventType.FINAL_TRANSCRIPT,
        alternatives=[stt.SpeechData(language="en", text=text, confidence=0.9)],  # type: ignore[arg-type]
    )


async def _stubborn() -> None:
    """Longer than the driver waits, but not for ever: the test's own loop has to end as well."""
    until = time.monotonic() + STUBBORN_S
    while (wait := until - time.monotonic()) > 0:
        try:
            await asyncio.sleep(wait)
        except asyncio.CancelledError:
            continue


def tiny(vice: str = "", **more: Any) -> Target:
    """A target that builds a `TinySTT`."""
    return Target("tiny", "custom_stt", lambda context: TinySTT(context, vice), **more)
