"""Plugins that do not end, end too early, or leave something behind."""

from __future__ import annotations

import asyncio
from typing import ClassVar

import aiohttp
from livekit.agents import APIConnectionError, APIError

from .base import STT, Stream, breaks

_left_behind: list[object] = []


@breaks("CLOSE-1", "half-open@mid-utterance+aclose")
class Clinging(Stream):
    """Does not leave before the server has answered its close frame."""

    goodbye = 60.0


@breaks("CLOSE-2", "none@idle")
class TaskLeaker(Stream):
    """Starts a task for each session and forgets it."""

    async def _greet(self, ws, deadline):
        await super()._greet(ws, deadline)
        _left_behind.append(asyncio.create_task(asyncio.sleep(3600.0), name="left behind"))


@breaks("CLOSE-2:session", "none@idle")
class SessionLeaker(Stream):
    """Opens an HTTP session for each connection and never closes it."""

    async def _dial(self, deadline):
        session = aiohttp.ClientSession()
        _left_behind.append(session)
        response = await session.get(f"{self.setting.place.http}/health")
        await response.read()
        return await super()._dial(deadline)


@breaks("CLOSE-2:held", "none@mid-utterance+aclose")
class Pooling(Stream):
    """Keeps its connection for a next stream, and nobody closes it."""

    async def _hang_up(self, ws, transport, *, in_order):
        _left_behind.append(ws)


class Untidy(Stream):
    """Has an HTTP session of its own, which only its own aclose() closes."""

    own = None

    async def _dial(self, deadline):
        self.own = self.own or aiohttp.ClientSession()
        _left_behind.append(self.own)
        return await super()._dial(deadline)

    async def aclose(self):
        await super().aclose()
        if self.own is not None:
            await self.own.close()


@breaks("CLOSE-2:dropped", "http=401@connecting+drop-stream")
class Forgetful(STT):
    """Does not close streams that have ended by themselves, and have something left to close."""

    stream_class = Untidy


@breaks("CLOSE-2:kept", "none@idle")
class Careless(STT):
    """Keeps a task for each stream that fails, and never asks what became of it."""

    def stream(self, **options):
        self.failed = asyncio.create_task(self._fail(), name="refresh token")
        return super().stream(**options)

    async def _fail(self):
        raise ConnectionResetError("nobody will ever know")


@breaks("CLOSE-3", "none@mid-utterance+aclose")
class SoreLoser(Stream):
    """Reports its own closing as an error."""

    async def _run(self):
        try:
            await super()._run()
        except asyncio.CancelledError:
            self._emit_error(APIConnectionError("the connection was closed"), recoverable=False)
            raise


@breaks("CLOSE-4", "none@mid-utterance+aclose")
class SleepingBeauty(Stream):
    """Never wakes a consumer that waits while the stream is closed."""

    closed = False

    async def aclose(self):
        self.closed = True
        await super().aclose()

    async def __anext__(self):
        try:
            return await super().__anext__()
        except StopAsyncIteration:
            if self.closed:
                await asyncio.Event().wait()
            raise


@breaks("CLOSE-5", "none@mid-utterance+aclose-twice")
class OnceOnly(Stream):
    """Raises when it is closed again."""

    closed = False

    async def aclose(self):
        if self.closed:
            raise RuntimeError("the stream is closed already")
        self.closed = True
        await super().aclose()


@breaks("CLOSE-5:unread", "none@idle+aclose-at-once")
class Unprepared(Stream):
    """Closes what it has from its first connection on, whether it had one or not."""

    async def _run(self):
        self.line = object()
        await super()._run()

    async def aclose(self):
        del self.line
        await super().aclose()


@breaks("CLOSE-5:stt", "none@mid-utterance+aclose-twice")
class Resentful(STT):
    """Raises when it is closed and a stream of it was closed already."""

    async def aclose(self):
        if any(stream._task.done() for stream in self.streams):
            raise RuntimeError("a stream is closed already")
        await super().aclose()


@breaks("CLOSE-6", "none@mid-utterance+cancel-consumer")
class Translator(Stream):
    """Makes the cancellation of a consumer an error of its own."""

    async def __anext__(self):
        try:
            return await super().__anext__()
        except asyncio.CancelledError:
            raise APIConnectionError("the stream was interrupted") from None


@breaks("CLOSE-6:retried", "none@mid-utterance+aclose")
class Undead(Stream):
    """Takes its own cancellation for a failure, and connects once more."""

    cancelled = False

    async def _run(self):
        if self.cancelled:
            ws = await self._dial(asyncio.get_running_loop().time() + 1.0)
            await ws.close()
            return
        try:
            await super()._run()
        except asyncio.CancelledError:
            self.cancelled = True
            raise APIConnectionError("the stream was cancelled") from None


@breaks("CLOSE-7", "none@mid-utterance.2+end")
class Hasty(Stream):
    """Stops listening when it has sent its last audio."""

    async def _watch(self, receiving, feeding):
        await asyncio.wait((receiving, feeding), return_when=asyncio.FIRST_COMPLETED)
        if receiving.done() or feeding.exception():
            await super()._watch(receiving, feeding)


@breaks("CLOSE-8", "mute-after-end@after-end")
class Faithful(Stream):
    """After the end of the input it waits for the server's end, for ever if need be."""

    end_patience = 3600.0


@breaks("CLOSE-8:answered", "mute-after-end@after-end-answer")
class Trusting(Stream):
    """Once it has its finals, it waits for the server's end for ever."""

    async def _watch(self, receiving, feeding):
        await asyncio.wait((receiving, feeding), return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait((receiving,), timeout=1.0)
        if self._session_end_sent and self._session_last_final >= 0:
            await asyncio.wait((receiving,))
        await super()._watch(receiving, feeding)


@breaks("CLOSE-9", "none@idle")
class Returning(Stream):
    """Opens another session after a normal end."""

    async def _run(self):
        await super()._run()
        await super()._run()


@breaks("CLOSE-10", "none@idle")
class Hospitable(Stream):
    """Takes audio, flushes and ends when it is all over, and drops them."""

    def push_frame(self, frame):
        if not self._input_ch.closed:
            super().push_frame(frame)

    def flush(self):
        if not self._input_ch.closed:
            super().flush()


@breaks("CLOSE-10:push", "none@mid-utterance+flush")
class Picky(Stream):
    """Takes no audio while it could use it."""

    def push_frame(self, frame):
        if not self._input_ch.closed:
            raise ValueError("cannot work with this frame")
        super().push_frame(frame)


@breaks("CLOSE-10:flush", "none@mid-utterance+flush")
class FinalFlusher(Stream):
    """Takes a flush for the end of the input."""

    def flush(self):
        super().flush()
        self._input_ch.close()


@breaks("CLOSE-11", "none@mid-utterance+aclose")
class Rude(Stream):
    """Leaves without a word, by dropping the socket."""

    async def _send(self, ws, message):
        if isinstance(message, bytes) or "end_of_stream" not in message:
            await super()._send(ws, message)

    async def _hang_up(self, ws, transport, *, in_order):
        if transport is not None:
            transport.abort()
        await super()._hang_up(ws, transport, in_order=False)


@breaks("CLOSE-12", "none@idle+end-at-once")
class LateListener(Stream):
    """Throws away what was pushed before the first connection was up."""

    listening = False

    async def _greet(self, ws, deadline):
        await super()._greet(ws, deadline)
        while not self.listening and not self._input_ch.empty():
            self._input_ch.recv_nowait()
        self.listening = True


@breaks("CLOSE-14", "none@mid-utterance+close-http-session")
class Insistent(Stream):
    """Retries on an HTTP session that the application has closed."""

    async def _run(self):
        await super()._run()
        if self.setting.http_session.closed and not self._input_ch.closed:
            raise APIConnectionError("Session is closed")


@breaks("ISOLATE-1", "reset@mid-utterance+second-stream")
class Contagious(STT):
    """The failure of one stream ends all streams of the STT."""

    class _Stream(Stream):
        async def _run(self):
            try:
                await super()._run()
            except APIError:
                assert isinstance(self._stt, STT)
                for other in self._stt.streams:
                    if other is not self:
                        other._task.cancel()
                raise

    stream_class = _Stream


@breaks("ISOLATE-1:reconnects", "reset@mid-utterance+second-stream")
class Nervous(STT):
    """After the failure of one stream all streams of the STT connect again."""

    class _Stream(Stream):
        def _broken(self, error):
            assert isinstance(self._stt, STT)
            for other in self._stt.streams:
                if other is not self:
                    other._session_options = {**other._session_options, "anew": True}
            super()._broken(error)

    stream_class = _Stream


@breaks("CLOSE-13", "session-limit=30@upgraded:each+long-call=1600")
class Caretaker(Stream):
    """Starts a watch over each session, and lets none of them go."""

    def _begin_session(self):
        super()._begin_session()
        self.watches = [*getattr(self, "watches", []), asyncio.create_task(self._watch_over())]

    async def _watch_over(self):
        await asyncio.sleep(36_000)

    async def aclose(self):
        for watch in self.watches:
            watch.cancel()
        await super().aclose()


@breaks("CLOSE-13:objects", "session-limit=30@upgraded:each+long-call=1600")
class Historian(Stream):
    """Keeps every connection that it ever had."""

    async def _greet(self, ws, deadline):
        self.past = [*getattr(self, "past", []), ws]
        await super()._greet(ws, deadline)


@breaks("CLOSE-13:audio", "session-limit=30@upgraded:each+long-call=1600")
class Archivist(Stream):
    """Keeps all audio that it ever sent, in one piece."""

    sent = b""

    async def _send_audio(self, ws, pcm):
        self.sent += pcm
        await super()._send_audio(ws, pcm)


@breaks("CLOSE-13:messages", "session-limit=30@upgraded:each+long-call=1600")
class Chronicler(Stream):
    """Keeps every message that it ever got."""

    async def _next(self, ws):
        message = await super()._next(ws)
        self.said = [*getattr(self, "said", []), str(message)]
        return message


@breaks("CLOSE-13:class", "session-limit=30@upgraded:each+long-call=1600")
class Heirloom(Stream):
    """Hands all audio down to its class, which keeps it for streams to come."""

    chunks: ClassVar[list[bytes]] = []

    async def _send_audio(self, ws, pcm):
        self.chunks.append(pcm)
        await super()._send_audio(ws, pcm)


@breaks("CLOSE-13:task", "session-limit=30@upgraded:each+long-call=1600")
class Secretive(Stream):
    """Keeps all audio in a variable of a task."""

    def __init__(self, *args):
        super().__init__(*args)
        self.queue: asyncio.Queue[bytes] = asyncio.Queue()
        self.keeper = asyncio.create_task(self._keep())

    async def _keep(self):
        kept = []
        while True:
            kept.append(await self.queue.get())

    async def _send_audio(self, ws, pcm):
        self.queue.put_nowait(pcm)
        await super()._send_audio(ws, pcm)

    async def aclose(self):
        self.keeper.cancel()
        await super().aclose()
