"""Plugins that lose audio, count it wrongly, or say when and how surely it was heard wrongly."""

from __future__ import annotations

import asyncio
import time
from collections import deque

from livekit import rtc
from livekit.agents import APIError, stt
from livekit.agents.metrics import STTMetrics
from livekit.agents.types import TimedString

from sttkit.controls import wire

from .base import Stream, breaks


@breaks("AUDIO-1", "none@idle")
class Lossy(Stream):
    """Drops every tenth frame."""

    frames = 0

    async def _send_audio(self, ws, pcm):
        self.frames += 1
        if self.frames % 10:
            await super()._send_audio(ws, pcm)


@breaks("AUDIO-1:doubled", "none@idle")
class Stutter(Stream):
    """Sends every tenth frame twice."""

    frames = 0

    async def _send_audio(self, ws, pcm):
        self.frames += 1
        await super()._send_audio(ws, pcm)
        if not self.frames % 10:
            await super()._send_audio(ws, pcm)


@breaks("AUDIO-2", "none@mid-utterance+flush")
class Hoarder(Stream):
    """Sends chunks of 0.37 s, and keeps the rest to itself at a flush and at the end."""

    rest = b""

    async def _send_audio(self, ws, pcm):
        self.rest += pcm
        size = 2 * 5921
        if len(self.rest) >= size:
            chunk, self.rest = self.rest[:size], self.rest[size:]
            await super()._send_audio(ws, chunk)


@breaks("AUDIO-3", "close=1011@mid-utterance")
class SlowStarter(Stream):
    """Drops what it takes in the first second of a new session."""

    sessions = 0

    async def _greet(self, ws, deadline):
        await super()._greet(ws, deadline)
        self.sessions += 1
        self.ready_at = asyncio.get_running_loop().time()

    async def _send_audio(self, ws, pcm):
        fresh = asyncio.get_running_loop().time() < self.ready_at + 1.0
        if self.sessions == 1 or not fresh:
            await super()._send_audio(ws, pcm)


@breaks("AUDIO-4", "close=1011@mid-utterance")
class Forgetter(Stream):
    """Throws away the two seconds of audio before a reconnect, which it had not sent yet."""

    held: deque[bytes]

    def _begin_session(self):
        super()._begin_session()
        self.held = deque()

    async def _send_audio(self, ws, pcm):
        self.held.append(pcm)
        if len(self.held) > 100:
            await super()._send_audio(ws, self.held.popleft())

    async def _hang_up(self, ws, transport, *, in_order):
        if in_order:
            for pcm in self.held:
                await super()._send_audio(ws, pcm)
        await super()._hang_up(ws, transport, in_order=in_order)


@breaks("AUDIO-5", "none@idle+stereo")
class OneEared(Stream):
    """Sends the samples of both channels one after the other, and calls it mono."""

    async def _feed(self, ws):
        async for item in self._input_ch:
            if isinstance(item, rtc.AudioFrame):
                await self._send_audio(ws, item.data.tobytes())
                self._count(item.duration)
            else:
                await self._send_flush(ws)
        self._session_end_sent = True
        await self._send(ws, wire.END)


@breaks("AUDIO-5:rate", "none@idle+input=48000")
class RateBlind(Stream):
    """Takes audio of any sample rate for its own."""

    def __init__(self, *args):
        super().__init__(*args)
        self._needed_sr = None


@breaks("AUDIO-6", "stop-reading@mid-utterance.2+burst=60")
class Hoarding(Stream):
    """Sends no pings, so that audio piles up for ever before a server that does not read."""

    heartbeat = None


@breaks("AUDIO-7", "none@mid-utterance.2+flush")
class Unasked(Stream):
    """Says that it can be flushed, and never tells the server."""

    async def _send_flush(self, ws):
        pass


@breaks("AUDIO-7:late", "none@mid-utterance.2+flush")
class Leisurely(Stream):
    """Tells the server of a flush two seconds after it."""

    due = float("inf")

    async def _send_flush(self, ws):
        self.due = asyncio.get_running_loop().time() + 2.0

    async def _send_audio(self, ws, pcm):
        if asyncio.get_running_loop().time() > self.due:
            self.due = float("inf")
            await super()._send_flush(ws)
        await super()._send_audio(ws, pcm)


@breaks("AUDIO-8", "none@mid-utterance.2+update-options")
class Impatient(Stream):
    """With new options it drops the session, and with it the half sentence that was heard."""

    async def _feed(self, ws):
        await super()._feed(ws)
        if self._held is not None:
            await ws.close()

    async def _send(self, ws, message):
        if message != wire.END or self._held is None:
            await super()._send(ws, message)

    async def _receive(self, ws):
        try:
            await super()._receive(ws)
        except APIError:
            if self._held is None:
                raise


@breaks("USAGE-1", "none@idle")
class DoubleEntry(Stream):
    """Counts its audio twice."""

    def _count(self, duration):
        super()._count(2 * duration)


@breaks("USAGE-2", "none@idle")
class DoubleBilling(Stream):
    """Reports the metrics that the base class makes of its usage once more."""

    def _report_usage(self):
        if self._unreported > 0:
            metrics = STTMetrics(
                label=self._stt.label,
                request_id="",
                timestamp=time.time(),
                duration=0.0,
                audio_duration=self._unreported,
                streamed=True,
            )
            self._stt.emit("metrics_collected", metrics)
        super()._report_usage()


@breaks("USAGE-2:lost", "none@idle")
class BackDoor(Stream):
    """Hands its usage to the consumer past the base class, which makes no metrics of it."""

    def __init__(self, *args):
        super().__init__(*args)
        self.past: deque[stt.SpeechEvent] = deque()

    def _report_usage(self):
        if self._unreported > 0:
            usage = stt.RecognitionUsage(audio_duration=self._unreported)
            self._unreported = 0.0
            self.past.append(
                stt.SpeechEvent(type=stt.SpeechEventType.RECOGNITION_USAGE, recognition_usage=usage)
            )

    async def __anext__(self):
        if self.past:
            return self.past.popleft()
        try:
            return await super().__anext__()
        except StopAsyncIteration:
            if self.past:
                return self.past.popleft()
            raise


@breaks("TIME-1", "close=1011@after-final")
class Restarting(Stream):
    """Passes on the times of each session as they are, from 0 again."""

    def _data(self, message, text):
        data = super()._data(message, text)
        offset = getattr(self, "start_time_offset", 0.0)
        data.start_time -= offset
        data.end_time -= offset
        return data


@breaks("TIME-1:twice", "close=1011@after-final")
class Premonition(Stream):
    """Moves the times of each session on by twice what the stream was old when it began."""

    def _data(self, message, text):
        data = super()._data(message, text)
        offset = getattr(self, "start_time_offset", 0.0)
        data.start_time += offset
        data.end_time += offset
        return data


@breaks("TIME-1:units", "none@idle")
class Milliseconds(Stream):
    """Takes seconds for milliseconds."""

    def _data(self, message, text):
        data = super()._data(message, text)
        data.start_time /= 1000
        data.end_time /= 1000
        return data


@breaks("TIME-1:words", "none@idle")
class Spelling(Stream):
    """Tells transcripts' times in seconds, and those of their single words in milliseconds."""

    def _data(self, message, text):
        data = super()._data(message, text)
        start, end = data.start_time * 1000, data.end_time * 1000
        data.words = [TimedString(word, start, end) for word in text.split()]
        return data


@breaks("TIME-1:start", "close=1011@mid-utterance.2")
class Nostalgic(Stream):
    """Counts from the first session when speech began, whichever session tells of it."""

    _first = None

    def _emit(self, kind, *data):
        if kind != stt.SpeechEventType.START_OF_SPEECH:
            return super()._emit(kind, *data)
        self._first = self._first or time.time()
        self._event_ch.send_nowait(stt.SpeechEvent(type=kind, speech_start_time=self._first))


@breaks("TIME-2", "none@idle")
class Overconfident(Stream):
    """Is surer than sure."""

    def _data(self, message, text):
        data = super()._data(message, text)
        data.confidence = 1.7
        return data


@breaks("TIME-2:lost", "none@idle")
class Doubtful(Stream):
    """Hands on no confidence, which then is 0."""

    def _data(self, message, text):
        data = super()._data(message, text)
        data.confidence = 0.0
        return data


@breaks("AUDIO-7:even", "none@mid-utterance+flush-twice")
class Pedantic(Stream):
    """Tells the server of a flush only along with audio that it had kept back."""

    kept = 0

    async def _send_audio(self, ws, pcm):
        self.kept = (self.kept + len(pcm)) % 1600
        await super()._send_audio(ws, pcm)

    async def _send_flush(self, ws):
        if self.kept:
            self.kept = 0
            await super()._send_flush(ws)
