"""The stream of the framework probe: one attempt after the other, and what is said in between.

Each step is a method of its own: the kit's deliberately broken plugins change one each.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import suppress
from typing import Any

import aiohttp
from livekit import rtc
from livekit.agents import (
    APIConnectionError,
    APIConnectOptions,
    APIError,
    APIStatusError,
    APITimeoutError,
    stt,
)

if sys.version_info >= (3, 11):
    from asyncio import timeout, timeout_at
else:  # aiohttp brings it along where asyncio has none
    from async_timeout import timeout, timeout_at

from sttkit.controls import wire
from sttkit.targets.model import Context

logger = logging.getLogger("framework_probe")  # not "sttkit": that is the kit speaking

SAMPLE_RATE = 16000

ATTEMPT_SHARE = 0.95
"""How much of ``conn_options.timeout`` connecting and getting ready may take together. The base
class (1.8.3 and newer) starts the retry budget over after an attempt that outlived the timeout."""

LAST_WORDS = 0.5
"""Seconds to read what is still on its way when the session is over or the sender failed."""

SETTLE_TURNS = 3
"""Turns of the loop that an event takes to reach the base class's own reader. A final starts the
retry budget over, and must do so before the failure behind it is counted."""


class Stream(stt.RecognizeStream):
    """One attempt after the other; the attributes outlive an attempt, ``_session_*`` do not."""

    heartbeat: float | None = 4.0
    """Seconds between pings; an unanswered one ends the connection half as long after it."""
    keepalive: float = 5.0
    """Seconds between messages that keep a muted session open."""
    stalled: float = 5.0
    """Seconds of audio without a word from the server that are worth a line in the log."""
    end_patience: float = 10.0
    """Seconds that the server has for its last words after the end of the audio."""
    goodbye: float = 1.0
    """Seconds for the closing handshake."""

    def __init__(
        self,
        owner: stt.STT[Any],
        setting: Context,
        options: dict[str, object],
        conn_options: APIConnectOptions,
    ) -> None:
        super().__init__(stt=owner, conn_options=conn_options, sample_rate=SAMPLE_RATE)
        self.setting = setting
        self.options = options
        self._speaking = False
        self._start_implied = False
        self._unreported = 0.0
        self._not_before = 0.0
        self._elapsed = 0.0
        self._held: rtc.AudioFrame | None = None
        self._begin_session()

    def _begin_session(self) -> None:
        self._session_end_sent = False
        self._session_last_final = -1
        self._session_unheard = 0.0
        self._session_options = dict(self.options)

    # -- one attempt ---------------------------------------------------------------------------

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        began, self._elapsed = loop.time(), 0.0
        deadline = began + ATTEMPT_SHARE * self._conn_options.timeout
        try:
            await asyncio.sleep(max(0.0, self._not_before - loop.time()))
            await self._session(await self._dial(deadline), deadline)
            while self._held is not None:
                self._settle()
                self._elapsed = loop.time() - began
                deadline = loop.time() + ATTEMPT_SHARE * self._conn_options.timeout
                await self._session(await self._dial(deadline), deadline)
        except APIError as error:
            self._broken(error)
            if self.setting.http_session.closed:
                return  # by the application, which is its way to say that it is over
            for _ in range(SETTLE_TURNS):
                await asyncio.sleep(0)
            raise
        self._settle()

    def _broken(self, error: APIError) -> None:
        """The line broke: close what is open, and say whether another attempt makes sense."""
        if self._input_ch.closed and self._input_ch.empty() and self._held is None:
            error.retryable = False  # another session would have nothing to transcribe
        self._settle()

    def _settle(self) -> None:
        self._end_speech()
        self._report_usage()

    async def _dial(self, deadline: float) -> aiohttp.ClientWebSocketResponse[bool]:
        failure: APIError
        try:
            async with timeout_at(deadline):
                # autoclose would answer a close frame inside receive(), without a limit of time.
                return await self.setting.http_session.ws_connect(
                    f"{self.setting.place.ws}/ws/transcribe",
                    headers=headers_of(self.setting),
                    heartbeat=self.heartbeat,
                    autoclose=False,
                )
        except asyncio.TimeoutError:
            failure = APITimeoutError("the server did not answer in time")
        except aiohttp.WSServerHandshakeError as error:
            failure = self._refused(error)
        except Exception as error:
            failure = APIConnectionError(f"cannot connect: {type(error).__name__}")
        raise failure

    def _refused(self, error: aiohttp.WSServerHandshakeError) -> APIError:
        after = error.headers.get("Retry-After", "") if error.headers else ""
        if after.isdecimal():
            # At most half the timeout, so that the attempt that waits for it does not outlive it.
            wait = min(float(after), self._conn_options.timeout / 2)
            self._not_before = asyncio.get_running_loop().time() + wait
        return status_error(error.status)

    async def _session(self, ws: aiohttp.ClientWebSocketResponse[bool], deadline: float) -> None:
        # aiohttp has no public way to give a connection up at once, see _hang_up().
        connection = ws._response.connection
        transport = connection.transport if connection else None
        tasks: list[asyncio.Task[None]] = []
        in_order = False
        try:
            self._begin_session()
            await self._greet(ws, deadline)
            tasks = [
                asyncio.create_task(self._receive(ws), name="probe.receive"),
                asyncio.create_task(self._feed(ws), name="probe.feed"),
                asyncio.create_task(self._tick(ws), name="probe.tick"),
            ]
            await self._watch(tasks[0], tasks[1])
            in_order = True
        except asyncio.CancelledError:
            in_order = True
            raise
        finally:
            for task in tasks[1:]:
                task.cancel()
            try:
                # Before the receiver is cancelled: aiohttp skips the closing handshake after that.
                await self._hang_up(ws, transport, in_order=in_order)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _greet(self, ws: aiohttp.ClientWebSocketResponse[bool], deadline: float) -> None:
        try:
            async with timeout_at(deadline):
                await self._send(ws, wire.config(SAMPLE_RATE, self._session_options))
                while (await self._next(ws))["type"] != "ready":
                    logger.warning("the server spoke before it was ready")
                return
        except asyncio.TimeoutError:
            failure = APITimeoutError("the server did not get ready in time")
        raise failure

    async def _watch(self, receiving: asyncio.Task[None], feeding: asyncio.Task[None]) -> None:
        """Wait for the end of the session; the receiver alone knows whether it was a good one.

        The sender often sees a drop first, but what the server said before it is still to be read.
        """
        await asyncio.wait((receiving, feeding), return_when=asyncio.FIRST_COMPLETED)
        # aiohttp cancels its own ping, and with it a sender that waits for the same drain.
        failed = feeding.done() and (feeding.cancelled() or feeding.exception() is not None)
        if not receiving.done():
            patience = LAST_WORDS if failed else self.end_patience
            await asyncio.wait((receiving,), timeout=patience)
        if receiving.done():
            receiving.result()
        elif failed:
            raise APIConnectionError("the connection was lost while sending")
        else:
            raise APITimeoutError("the server did not end the session")

    async def _hang_up(
        self,
        ws: aiohttp.ClientWebSocketResponse[bool],
        transport: asyncio.Transport | None,
        *,
        in_order: bool,
    ) -> None:
        """Say goodbye; briefly if the line broke, so that the attempt does not outlive its time."""
        try:
            with suppress(asyncio.TimeoutError, aiohttp.ClientError, OSError):
                async with timeout(self.goodbye if in_order else 0.05):
                    if in_order and not self._session_end_sent:
                        await ws.send_str(wire.END)
                    await ws.close()
        finally:
            # close() leaves a transport that first wants to get rid of what it has buffered. With
            # a server that stopped reading that is never, and the socket would stay for ever.
            if transport is not None:
                transport.abort()

    # -- to the server -------------------------------------------------------------------------

    async def _feed(self, ws: aiohttp.ClientWebSocketResponse[bool]) -> None:
        if self._held is not None:
            held, self._held = self._held, None
            await self._send_frame(ws, held)
        async for item in self._input_ch:
            if isinstance(item, rtc.AudioFrame):
                if self.options != self._session_options:
                    self._held = item  # for another session, which has the new options
                    break
                await self._send_frame(ws, item)
            else:
                await self._send_flush(ws)
        self._session_end_sent = True
        await self._send(ws, wire.END)

    async def _send_frame(
        self, ws: aiohttp.ClientWebSocketResponse[bool], frame: rtc.AudioFrame
    ) -> None:
        await self._send_audio(ws, wire.mono(frame.data.tobytes(), frame.num_channels))
        self._count(frame.duration)

    async def _send_audio(self, ws: aiohttp.ClientWebSocketResponse[bool], pcm: bytes) -> None:
        await self._send(ws, pcm)

    async def _send_flush(self, ws: aiohttp.ClientWebSocketResponse[bool]) -> None:
        await self._send(ws, wire.FLUSH)

    async def _send(self, ws: aiohttp.ClientWebSocketResponse[bool], message: str | bytes) -> None:
        try:
            await (ws.send_str(message) if isinstance(message, str) else ws.send_bytes(message))
            return
        except (aiohttp.ClientError, OSError) as error:
            failure = APIConnectionError(f"the connection was lost: {type(error).__name__}")
        raise failure

    async def _tick(self, ws: aiohttp.ClientWebSocketResponse[bool]) -> None:
        """Keep the session open. A failure ends this task alone: the receiver sees it too."""
        while True:
            await asyncio.sleep(self.keepalive)
            if self._session_end_sent:
                return
            await self._send(ws, wire.KEEPALIVE)
            if self._session_unheard >= self.stalled:
                self._stalled()

    def _stalled(self) -> None:
        logger.warning("no word from the server for %.1f s of audio", self._session_unheard)
        self._session_unheard = 0.0

    def _count(self, duration: float) -> None:
        self._session_unheard += duration
        self._unreported += duration
        if self._unreported >= 0.5:
            self._report_usage()

    # -- from the server -----------------------------------------------------------------------

    async def _receive(self, ws: aiohttp.ClientWebSocketResponse[bool]) -> None:
        while (message := await self._next(ws))["type"] != "session_ended":
            self._take(message)
        if not self._session_end_sent:
            raise APIConnectionError("the server ended the session of its own accord")
        with suppress(APIError, asyncio.TimeoutError):
            async with timeout(LAST_WORDS):
                while True:
                    self._take(await self._next(ws))

    async def _next(self, ws: aiohttp.ClientWebSocketResponse[bool]) -> dict[str, Any]:
        """The next message that makes sense."""
        while True:
            try:
                frame = await ws.receive()
            except (aiohttp.ClientError, OSError):  # from the pong that aiohttp sends in there
                break
            if frame.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                raise self._lost(frame.type, frame.data, frame.extra)
            message = self._parse(frame.data)
            if message is None:
                logger.warning("skipped a message that makes no sense")
                continue
            self._session_unheard = 0.0
            if message["type"] == "error":
                raise self._reported(message)
            return message
        raise APIConnectionError("the connection was lost while answering a ping")

    def _lost(self, kind: aiohttp.WSMsgType, data: Any, reason: object) -> Exception:
        if kind is aiohttp.WSMsgType.CLOSE:
            said = self._redact(f"code {data or 1005} {reason or ''}".rstrip())
            # 1008 is about this client: the next connection would be closed like this one.
            return APIConnectionError(f"the server closed: {said}", retryable=data != 1008)
        what = type(data).__name__ if isinstance(data, Exception) else "no close frame"
        return APIConnectionError(f"the connection was lost: {what}")

    def _parse(self, data: str | bytes) -> dict[str, Any] | None:
        return wire.message_in(data) if isinstance(data, str) else None

    def _reported(self, message: dict[str, Any]) -> APIError:
        return APIError(
            self._redact(str(message.get("message") or "the server reported an error")),
            body={"code": self._redact(str(message.get("code")))},
            retryable=message.get("retryable") is not False,
        )

    def _redact(self, text: str) -> str:
        key = self.setting.api_key
        return text.replace(key, "***") if key else text

    # -- events --------------------------------------------------------------------------------

    def _take(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "speech_started":
            self._start_speech(implied=False)
        elif kind == "speech_ended":
            self._end_speech()
        elif kind in ("interim", "partial", "final"):
            text, seq = message.get("text"), message.get("seq")
            if not isinstance(text, str) or not text.strip():
                return  # nothing was said
            if kind == "final":
                self._session_last_final = seq if isinstance(seq, int) else -1
                self._final(self._data(message, text))
            elif not isinstance(seq, int) or seq > self._session_last_final:
                self._interim(self._data(message, text))

    def _data(self, message: dict[str, Any], text: str) -> stt.SpeechData:
        # The server's times start over with each session; releases before 1.3.9 have no offset.
        offset: float = getattr(self, "start_time_offset", 0.0) + self._elapsed
        start = wire.number(message.get("start"))
        named = message.get("language")
        language = named if isinstance(named, str) and named else self._session_options["language"]
        return stt.SpeechData(
            language=language_code(language),
            text=text,
            start_time=start + offset,
            end_time=max(start, wire.number(message.get("end"))) + offset,
            confidence=wire.probability(message.get("confidence")),
        )

    def _start_speech(self, *, implied: bool) -> None:
        self._start_implied = implied and (self._start_implied or not self._speaking)
        if not self._speaking:
            self._speaking = True
            self._emit(stt.SpeechEventType.START_OF_SPEECH)

    def _interim(self, data: stt.SpeechData) -> None:
        self._start_speech(implied=True)
        self._emit(stt.SpeechEventType.INTERIM_TRANSCRIPT, data)

    def _final(self, data: stt.SpeechData) -> None:
        self._start_speech(implied=True)
        self._emit(stt.SpeechEventType.FINAL_TRANSCRIPT, data)
        if self._start_implied:
            self._end_speech()

    def _end_speech(self) -> None:
        if self._speaking:
            self._speaking = False
            self._emit(stt.SpeechEventType.END_OF_SPEECH)

    def _emit(self, kind: stt.SpeechEventType, *data: stt.SpeechData) -> None:
        self._event_ch.send_nowait(stt.SpeechEvent(type=kind, alternatives=list(data)))

    def _report_usage(self) -> None:
        if self._unreported > 0:
            usage = stt.RecognitionUsage(audio_duration=self._unreported)
            self._unreported = 0.0
            self._event_ch.send_nowait(
                stt.SpeechEvent(type=stt.SpeechEventType.RECOGNITION_USAGE, recognition_usage=usage)
            )


def headers_of(setting: Context) -> dict[str, str]:
    return {"Authorization": f"Bearer {setting.api_key}"}


def language_code(value: object) -> Any:
    # A str in old releases, made a LanguageCode by SpeechData itself in new ones.
    return str(value)


def status_error(status: int) -> APIStatusError:
    # Releases differ in which statuses pass, so say it; below 400 is an upgrade gone wrong.
    passes = status in (408, 429) or not 400 <= status < 500
    return APIStatusError(f"the server answered {status}", status_code=status, retryable=passes)
