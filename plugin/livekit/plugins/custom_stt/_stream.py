"""A LiveKit stream: sessions with the server, one after the other.

The base class owns the queues, the task and the retries; `SpeechStream._run` is one attempt. It
raises an `APIError` where the line broke, and the base class calls it again or gives up. It returns
where the stream is over.

Audio that was taken from the queue is never sent twice. Audio still in the queue waits there for
the next session, so nothing that is pushed during an outage is lost.
"""

from __future__ import annotations

import asyncio
import dataclasses
from contextlib import suppress
from typing import Any

import aiohttp
import numpy as np
from livekit import rtc
from livekit.agents import (
    NOT_GIVEN,
    APIConnectionError,
    APIConnectOptions,
    APIError,
    APITimeoutError,
    NotGivenOr,
    stt,
)
from livekit.agents.utils import aio, audio, is_given

from . import protocol
from ._connection import Connection, RetryLaterError, Server
from ._events import Utterances
from .log import logger

CHUNK = 0.05
"""Seconds of audio in a message."""

USAGE_INTERVAL = 5.0
"""Seconds of audio in a usage report; shorter at a flush and at the end of a session."""

ATTEMPT_SHARE = 0.95
"""How much of ``conn_options.timeout`` an attempt has until the server is ready.

Less than all of it, since the base class (1.8.3 and newer) takes an attempt that outlived the
timeout for one that had connected, and starts the retry budget over: for ever, if every attempt
times out at exactly the timeout."""

SESSION_END_TIMEOUT = 10.0
"""Seconds of silence, after ``end_of_stream``, in which ``session_ended`` has to come."""

LAST_WORDS_TIMEOUT = 1.0
"""Seconds to read what had arrived on a connection that turned out to be lost on sending."""


class SpeechStream(stt.RecognizeStream):
    """A stream of `STT`; made by `STT.stream`.

    Usage is counted here, as the audio that was sent: what the server says about it is ignored.
    """

    class _OptionsChanged(stt.RecognizeStream._FlushSentinel):
        """Marks, between the audio, where new options begin to apply."""

    def __init__(
        self,
        *,
        stt: stt.STT[Any],
        config: protocol.Config,
        server: Server,
        http_session: aiohttp.ClientSession,
        conn_options: APIConnectOptions,
        keepalive_interval: float,
        heartbeat: float,
    ) -> None:
        super().__init__(stt=stt, conn_options=conn_options, sample_rate=config.sample_rate)
        self._config = config
        self._server = server
        self._http = http_session
        self._keepalive_interval = keepalive_interval
        self._heartbeat = heartbeat

        # These outlive a connection: the rest of a chunk goes to the next one, and an utterance
        # that was cut has still to be ended.
        self._chunks = audio.AudioByteStream(
            config.sample_rate, 1, samples_per_channel=round(config.sample_rate * CHUNK)
        )
        self._utterances = Utterances()
        self._sent_until = 0.0
        self._unreported = 0.0
        self._not_before = 0.0
        self._held: rtc.AudioFrame | None = None

    def update_options(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        model: NotGivenOr[str] = NOT_GIVEN,
        task: NotGivenOr[protocol.Task] = NOT_GIVEN,
        interim_results: NotGivenOr[bool] = NOT_GIVEN,
    ) -> None:
        """Change the options for the audio that is pushed from here on.

        The protocol has no message for it, so with the next audio the session is brought to its
        end, finals and all, and another one is opened. Audio pushed meanwhile waits.
        """
        self._config = change(
            self._config,
            language=language,
            model=model,
            task=task,
            interim_results=interim_results,
        )
        if not self._input_ch.closed:
            self._input_ch.send_nowait(self._OptionsChanged())

    def push_frame(self, frame: rtc.AudioFrame) -> None:
        """Push audio of any rate. Several channels are mixed down to one."""
        # Before the base class sees it, whose resampler takes stereo for mono of double the length.
        super().push_frame(_mono(frame))

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            await self._heed_retry_after()
            deadline = started + ATTEMPT_SHARE * self._conn_options.timeout
            while True:
                await self._run_session(loop.time() - started, deadline)
                if self._input_exhausted:
                    return
                deadline = loop.time() + ATTEMPT_SHARE * self._conn_options.timeout
        except APIError as error:
            self._emit(self._utterances.end_session())
            if self._http.closed:
                logger.debug("the HTTP session was closed, so the stream is over")
                return
            if self._input_exhausted:
                error.retryable = False  # another session would have nothing to transcribe
            if isinstance(error, RetryLaterError):
                self._not_before = loop.time() + error.retry_after
            raise

    @property
    def _input_exhausted(self) -> bool:
        return self._held is None and self._input_ch.closed and self._input_ch.empty()

    async def _heed_retry_after(self) -> None:
        # Up to half the timeout, so that what is left is enough to connect.
        wait = self._not_before - asyncio.get_running_loop().time()
        if wait > 0:
            await asyncio.sleep(min(wait, self._conn_options.timeout / 2))

    async def _run_session(self, elapsed: float, deadline: float) -> None:
        """One connection, until the server has said all there is to say."""
        connection = await Connection.open(
            self._http, self._server, self._config, deadline=deadline, heartbeat=self._heartbeat
        )
        # The server's times start over. Releases before 1.3.9 have no offset for that, and the one
        # there is counts the time that passed, which lags behind when queued audio is sent fast.
        offset = max(getattr(self, "start_time_offset", 0.0) + elapsed, self._sent_until)
        self._sent_until = offset
        self._utterances.begin_session(
            session_id=connection.session_id, language=connection.config.language, offset=offset
        )
        receiving = asyncio.create_task(self._receive(connection), name="custom_stt.receive")
        feeding = asyncio.create_task(self._feed(connection), name="custom_stt.feed")
        try:
            await self._watch(connection, receiving, feeding)
            self._emit(self._utterances.end_session())
        finally:
            self._report_usage(connection)
            feeding.cancel()
            try:
                # Before the receiver is cancelled: aiohttp leaves out the closing handshake then.
                await connection.aclose()
            finally:
                receiving.cancel()
                await asyncio.gather(receiving, feeding, return_exceptions=True)

    async def _watch(
        self, connection: Connection, receiving: asyncio.Task[None], feeding: asyncio.Task[None]
    ) -> None:
        """Wait for the end of the session.

        The receiver alone says how it ended, good or bad. The sender often sees a drop first, but
        what the server said before it is still to be read.
        """
        loop = asyncio.get_running_loop()
        await asyncio.wait((receiving, feeding), return_when=asyncio.FIRST_COMPLETED)
        if receiving.done():
            return receiving.result()

        # aiohttp cancels its own ping, and with it any sender that waits for the same drain: so a
        # cancelled sender is a lost connection like any other, not a cancelled stream.
        if feeding.cancelled() or feeding.exception():
            await asyncio.wait((receiving,), timeout=LAST_WORDS_TIMEOUT)
            if receiving.done():
                return receiving.result()
            if not feeding.cancelled():
                return feeding.result()
            raise APIConnectionError("the connection was lost while sending")

        while not receiving.done():
            patience = connection.heard_at + SESSION_END_TIMEOUT - loop.time()
            if patience <= 0:
                raise APITimeoutError("the server did not end the session")
            await asyncio.wait((receiving,), timeout=patience)
        return receiving.result()

    async def _feed(self, connection: Connection) -> None:
        """Send the audio, then its end. Returns early at audio for which the options changed."""
        keepalive = asyncio.create_task(self._keep_alive(connection), name="custom_stt.keepalive")
        try:
            outdated = False
            if self._held is not None:
                held, self._held = self._held, None
                await self._send(connection, self._chunks.write(held.data.tobytes()))
            async for item in self._input_ch:
                if isinstance(item, rtc.AudioFrame):
                    if outdated:
                        self._held = item
                        break
                    await self._send(connection, self._chunks.write(item.data.tobytes()))
                    continue
                await self._send(connection, self._chunks.flush())
                if isinstance(item, self._OptionsChanged):
                    outdated = connection.config != self._config
                else:
                    await connection.send_flush()
                    self._report_usage(connection)
        finally:
            await aio.cancel_and_wait(keepalive)
        await connection.send_end()

    async def _send(self, connection: Connection, chunks: list[rtc.AudioFrame]) -> None:
        for chunk in chunks:
            await connection.send_audio(chunk.data.tobytes())
            duration = chunk.duration
            self._sent_until += duration
            self._unreported += duration
            if self._unreported >= USAGE_INTERVAL:
                self._report_usage(connection)

    async def _keep_alive(self, connection: Connection) -> None:
        # A failure is no news: the receiver sees the same.
        with suppress(APIConnectionError):
            while True:
                await asyncio.sleep(self._keepalive_interval)
                await connection.send_keepalive()

    async def _receive(self, connection: Connection) -> None:
        """Pass on what the server says. Returns at the end that was asked for."""
        while not isinstance(message := await connection.receive(), protocol.SessionEnded):
            self._emit(self._utterances.translate(message))
        if not connection.end_sent:
            raise APIConnectionError("the server ended the session of its own accord")

    def _emit(self, events: list[stt.SpeechEvent]) -> None:
        for event in events:
            self._event_ch.send_nowait(event)

    def _report_usage(self, connection: Connection) -> None:
        if self._unreported > 0:
            usage = stt.RecognitionUsage(audio_duration=self._unreported)
            self._unreported = 0.0
            self._event_ch.send_nowait(
                stt.SpeechEvent(
                    type=stt.SpeechEventType.RECOGNITION_USAGE,
                    request_id=connection.session_id,
                    recognition_usage=usage,
                )
            )


def change(config: protocol.Config, **options: Any) -> protocol.Config:
    """The configuration with those options that are given."""
    given = {name: value for name, value in options.items() if is_given(value)}
    return dataclasses.replace(config, **given)


def _mono(frame: rtc.AudioFrame) -> rtc.AudioFrame:
    if frame.num_channels == 1:
        return frame
    samples = np.frombuffer(frame.data, dtype=np.int16).reshape(-1, frame.num_channels)
    return rtc.AudioFrame(
        data=samples.mean(axis=1).astype(np.int16).tobytes(),
        sample_rate=frame.sample_rate,
        num_channels=1,
        samples_per_channel=frame.samples_per_channel,
    )
