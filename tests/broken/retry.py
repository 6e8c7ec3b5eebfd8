"""Plugins that retry what they should not, or not as they should."""

from __future__ import annotations

import asyncio
import json

import aiohttp
from livekit.agents import APIConnectionError, APIError, APIStatusError, APITimeoutError, stt

from sttkit.controls.probe_stream import language_code

from .base import STT, Stream, breaks


@breaks("RETRY-1", "close=1011@mid-utterance")
class Quitter(Stream):
    """Ends where it should try again."""

    async def _run(self):
        try:
            await super()._run()
        except APIError:
            return


@breaks("RETRY-2", "http=503@backoff.6")
class Stubborn(Stream):
    """Retries by itself, for ever."""

    async def _run(self):
        while True:
            try:
                return await super()._run()
            except APIError:
                await asyncio.sleep(0.3)


@breaks("RETRY-3", "close=1011@mid-utterance")
class Sleeper(Stream):
    """Waits a while of its own before it connects again."""

    tried = False

    async def _run(self):
        if self.tried:
            await asyncio.sleep(2.0)
        self.tried = True
        await super()._run()


@breaks("RETRY-4", "http=401@connecting")
class Hopeful(Stream):
    """Tries a wrong key again."""

    def _refused(self, error):
        return APIConnectionError("cannot connect")


@breaks("RETRY-5", "http=503@backoff.3/close=1011@between-utterances.3")
class Bookkeeper(Stream):
    """Counts failures over the whole life of the stream, finals or not."""

    failures = 0

    async def _run(self):
        try:
            await super()._run()
        except APIError as error:
            self.failures += 1
            if self.failures > self._conn_options.max_retry:
                error.retryable = False
                self._num_retries = self._conn_options.max_retry  # before 1.6.10
            raise


@breaks("RETRY-6", "none@idle")
class Alarmist(Stream):
    """Reports an error where there is none."""

    async def _greet(self, ws, deadline):
        await super()._greet(ws, deadline)
        self._emit_error(APIConnectionError("connected, just so you know"), recoverable=True)


@breaks("RETRY-7", "reset@mid-utterance")
class RawReceiver(Stream):
    """Lets the WebSocket client's own error out."""

    def _lost(self, kind, data, reason):
        return aiohttp.ClientConnectionError("Connection lost")


@breaks("RETRY-8", "reset@mid-utterance+block-loop")
class RawSender(Stream):
    """Lets the error out that the sender meets first, and as it is."""

    async def _send_audio(self, ws, pcm):
        await ws.send_bytes(pcm)

    async def _watch(self, receiving, feeding):
        await asyncio.wait((receiving, feeding), return_when=asyncio.FIRST_COMPLETED)
        if feeding.done():
            feeding.result()
        await super()._watch(receiving, feeding)


@breaks("RETRY-9", "close=1000@mid-utterance")
class PoliteLeaver(Stream):
    """Takes a normal close by the server for the end of the stream."""

    normal = False

    def _lost(self, kind, data, reason):
        self.normal = kind is aiohttp.WSMsgType.CLOSE and data == 1000
        return super()._lost(kind, data, reason)

    async def _watch(self, receiving, feeding):
        try:
            await super()._watch(receiving, feeding)
        except APIError:
            if not self.normal:
                raise


@breaks("RETRY-10", "http=429@connecting")
class Impatient(Stream):
    """Does not read Retry-After."""

    def _refused(self, error):
        failure = super()._refused(error)
        self._not_before = 0.0
        return failure


@breaks("RETRY-11", "batch-http=503@batch")
class Reciter(STT):
    """Makes a transcript out of an error answer to a recording."""

    def _batch_event(self, status, body, language):
        answer = json.loads(body)
        text = answer.get("text") or answer["error"]["message"]
        data = stt.SpeechData(language=language_code(language), text=text)
        return stt.SpeechEvent(type=stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[data])


@breaks("RETRY-11:raw", "batch-http=503@batch")
class RawBatch(STT):
    """Does not retry a recording, and lets out an error of its own."""

    async def _recognize_impl(self, buffer, *, language=None, conn_options):
        try:
            return await super()._recognize_impl(
                buffer, language=language, conn_options=conn_options
            )
        except APIStatusError as error:
            raise RuntimeError(f"status {error.status_code}") from None


@breaks("RETRY-11:refused", "refused@connecting/none@batch")
class RawRefusal(STT):
    """Lets out the HTTP client's own error where a recording finds nobody to take it."""

    async def _recognize_impl(self, buffer, *, language=None, conn_options):
        async with self.setting.http_session.get(f"{self.setting.place.http}/health"):
            pass
        return await super()._recognize_impl(buffer, language=language, conn_options=conn_options)


@breaks("RETRY-11:patient", "no-answer@connecting/none@batch")
class Patient(STT):
    """Waits for the answer to a recording for ever."""

    async def _recognize_impl(self, buffer, *, language=None, conn_options):
        try:
            return await super()._recognize_impl(
                buffer, language=language, conn_options=conn_options
            )
        except APITimeoutError:
            await asyncio.Event().wait()


@breaks("RETRY-2:batch", "batch-http=503@batch:each")
class Doubling(STT):
    """Tries each of the base class's attempts at a recording twice."""

    async def _recognize_impl(self, buffer, *, language=None, conn_options):
        try:
            return await super()._recognize_impl(
                buffer, language=language, conn_options=conn_options
            )
        except APIError:
            return await super()._recognize_impl(
                buffer, language=language, conn_options=conn_options
            )


@breaks("RETRY-12", "close=1011@mid-utterance+update-options")
class Forgetful(STT):
    """Keeps options that were changed for new streams; an open one connects again with the old."""

    def update_options(self, *, language):
        self.options["language"] = language


@breaks("RETRY-12:model", "reset@mid-utterance.2")
class Settler(Stream):
    """Asks for its model once, and takes whatever later sessions give it."""

    asked = False

    async def _send(self, ws, message):
        if isinstance(message, str) and '"config"' in message and not self.asked:
            self.asked = True
            message = json.dumps({**json.loads(message), "model_id": "large"})
        await super()._send(ws, message)


@breaks("RETRY-13", "reset@after-end")
class Mourner(Stream):
    """After the end of the input it waits for ever on a line that is gone."""

    def _broken(self, error):
        super()._broken(error)
        self.hopeless = not error.retryable

    async def _run(self):
        try:
            await super()._run()
        except APIError:
            if self.hopeless:
                await asyncio.Event().wait()
            raise


@breaks("RETRY-14", "reset@flush/none@mid-utterance.2+end")
class Optimist(Stream):
    """After the end of the input a lost line is an end like any other."""

    def _broken(self, error):
        super()._broken(error)
        self.hopeless = not error.retryable

    async def _run(self):
        try:
            await super()._run()
        except APIError:
            if not self.hopeless:
                raise


class AtNextSession(Stream):
    """Asks what the options are whenever it begins a session."""

    def __init__(self, owner, *args):
        self.owner = owner
        super().__init__(owner, *args)

    def _begin_session(self):
        self.options = dict(self.owner.options)
        super()._begin_session()


@breaks("RETRY-15", "none@mid-utterance.2+update-options")
class Procrastinator(STT):
    """Keeps changed options for the next time that an open stream has to connect."""

    stream_class = AtNextSession

    def update_options(self, *, language):
        self.options["language"] = language


@breaks("RETRY-15:raises", "none@after-end+update-options")
class Touchy(STT):
    """Flushes open streams before it changes their options, whether input has ended or not."""

    def update_options(self, *, language):
        for stream in self.streams:
            stream.flush()
        super().update_options(language=language)
