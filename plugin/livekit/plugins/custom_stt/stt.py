"""The `STT` that an agent is given."""

from __future__ import annotations

import asyncio
import os
import weakref
from typing import Any

import aiohttp
from livekit.agents import (
    DEFAULT_API_CONNECT_OPTIONS,
    NOT_GIVEN,
    APIConnectOptions,
    NotGivenOr,
    stt,
    utils,
)
from livekit.agents.utils import AudioBuffer, is_given

from . import _batch, protocol
from ._compat import make
from ._connection import Server
from ._stream import SpeechStream, change
from .log import logger


class STT(stt.STT[Any]):
    """Speech-to-text by a server of your own.

    An agent takes it as it takes any other::

        session = AgentSession(stt=custom_stt.STT("http://localhost:8000", language="en"))
    """

    def __init__(
        self,
        api_url: str = "http://localhost:8000",
        *,
        language: str = "en",
        sample_rate: int = 16000,
        api_key: NotGivenOr[str] = NOT_GIVEN,
        model: NotGivenOr[str] = NOT_GIVEN,
        task: protocol.Task = "transcribe",
        interim_results: bool = True,
        http_session: aiohttp.ClientSession | None = None,
        keepalive_interval: float = 5.0,
        heartbeat: float = 5.0,
    ) -> None:
        """
        Args:
            api_url: where the server is: ``http``, ``https``, ``ws`` or ``wss``, any base path.
            language: of the speech, as the server calls it; what it names in its answers wins.
            sample_rate: in Hz, of the audio sent; what is pushed at another rate is converted.
            api_key: sent as a bearer token. Default: the environment variable
                ``CUSTOM_STT_API_KEY``; a server of your own may do without.
            model: left to the server if not given.
            task: ``transcribe``, or ``translate`` into English.
            interim_results: whether to be told text that may still change.
            http_session: yours to close. Default: that of the agent's job.
            keepalive_interval: seconds between messages that keep a muted session open.
            heartbeat: seconds between pings. A line that leaves one unanswered for half as long
                again is given up, so a dead one is noticed within 1.5 times this. That has to be
                less than ``conn_options.timeout``: the base class starts the retry budget over
                after a session that outlived it, and so never gives up a server that is dead again
                soon after each connect.
        """
        super().__init__(
            capabilities=make(
                stt.STTCapabilities,
                streaming=True,
                interim_results=interim_results,
                aligned_transcript="chunk",
                offline_recognize=True,
                manual_flush=True,
            )
        )
        key = api_key if is_given(api_key) else os.environ.get("CUSTOM_STT_API_KEY")
        self._server = Server.at(api_url, key or None)
        self._config = protocol.Config(
            language=language,
            sample_rate=sample_rate,
            task=task,
            model=model if is_given(model) else None,
            interim_results=interim_results,
        )
        self._http_session = http_session
        self._keepalive_interval = keepalive_interval
        self._heartbeat = heartbeat
        self._streams = weakref.WeakSet[SpeechStream]()
        self._prewarming: asyncio.Task[None] | None = None

    @property
    def model(self) -> str:
        return self._config.model or "unknown"

    @property
    def provider(self) -> str:
        return "custom_stt"

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> SpeechStream:
        """A stream with the options of now, and a ``language`` of its own if given."""
        stream = SpeechStream(
            stt=self,
            config=change(self._config, language=language),
            server=self._server,
            http_session=self._http(),
            conn_options=conn_options,
            keepalive_interval=self._keepalive_interval,
            heartbeat=self._heartbeat,
        )
        self._streams.add(stream)
        return stream

    async def _recognize_impl(
        self,
        buffer: AudioBuffer,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions,
    ) -> stt.SpeechEvent:
        config = change(self._config, language=language)
        return await _batch.recognize(self._http(), self._server, config, buffer, conn_options)

    def update_options(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        model: NotGivenOr[str] = NOT_GIVEN,
        task: NotGivenOr[protocol.Task] = NOT_GIVEN,
        interim_results: NotGivenOr[bool] = NOT_GIVEN,
    ) -> None:
        """Change the options of this STT and of the streams that it has open."""
        self._config = change(
            self._config,
            language=language,
            model=model,
            task=task,
            interim_results=interim_results,
        )
        for stream in self._streams:
            stream.update_options(
                language=language, model=model, task=task, interim_results=interim_results
            )

    def prewarm(self) -> None:
        """Ask for the server's health, in the background, so that the first stream finds a
        connection to upgrade and the server awake. A failure is left to that stream to find."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if self._prewarming is None:
            self._prewarming = loop.create_task(self._ask_health(), name="custom_stt.prewarm")

    async def _ask_health(self) -> None:
        try:
            request = self._http().get(
                self._server.http_url("health"),
                headers=self._server.headers,
                timeout=aiohttp.ClientTimeout(total=DEFAULT_API_CONNECT_OPTIONS.timeout),
            )
            async with request as response:
                await response.read()
        except Exception as error:
            logger.debug("prewarming failed: %s", type(error).__name__)

    async def aclose(self) -> None:
        """Close every stream of this STT. An ``http_session`` that was passed in stays open."""
        if self._prewarming is not None:
            await utils.aio.cancel_and_wait(self._prewarming)
        await asyncio.gather(*(stream.aclose() for stream in list(self._streams)))

    def _http(self) -> aiohttp.ClientSession:
        # Asked for anew every time: the framework may have closed and replaced the one of before.
        return self._http_session or utils.http_context.http_session()
