"""Plugins that go deaf, wait for ever or run in circles."""

from __future__ import annotations

import asyncio
import time

from livekit.agents import APIError

from .base import Stream, breaks

NEVER = 3600.0


@breaks("LIVE-1", "reset@mid-utterance")
class Deaf(Stream):
    """Swallows the failure, and goes on taking audio that nobody hears."""

    async def _run(self):
        try:
            await super()._run()
        except APIError:
            async for _ in self._input_ch:
                pass


@breaks("LIVE-2", "half-open@mid-utterance")
class Trusting(Stream):
    """Sends no pings, so a silent line is as good as any."""

    heartbeat = None


@breaks("LIVE-3", "no-answer@connecting")
class PatientCaller(Stream):
    """Waits for the handshake without a limit."""

    async def _dial(self, deadline):
        return await super()._dial(deadline + NEVER)


@breaks("LIVE-4", "no-greeting@greeting")
class PatientGuest(Stream):
    """Waits for the server's ready message without a limit."""

    async def _greet(self, ws, deadline):
        await super()._greet(ws, deadline + NEVER)


@breaks("LIVE-5", "http=503@backoff.9")
class Storm(Stream):
    """Connects again at once, twenty times in a row."""

    async def _run(self):
        for _ in range(20):
            try:
                return await super()._run()
            except APIError:
                continue
        await super()._run()


@breaks("LIVE-5:blocks", "none@idle")
class Blocker(Stream):
    """Computes for 2 s inside the event loop."""

    async def _greet(self, ws, deadline):
        await super()._greet(ws, deadline)
        time.sleep(2)


@breaks("LIVE-5:spins", "none@idle")
class Spinner(Stream):
    """Asks, instead of waiting, whether the session is over."""

    async def _watch(self, receiving, feeding):
        while not receiving.done() and not feeding.done():  # noqa: ASYNC110
            await asyncio.sleep(0)
        await super()._watch(receiving, feeding)


@breaks("LIVE-6", "stall@mid-utterance")
class Unobservant(Stream):
    """Does not mind a server that says nothing while audio flows."""

    def _stalled(self):
        pass


@breaks("LIVE-7", "none@between-utterances+pause=180")
class Unkept(Stream):
    """Sends nothing to keep a muted session open, and takes the idle close for the end."""

    keepalive = NEVER

    def _lost(self, kind, data, reason):
        self.idle = reason == "idle"
        return super()._lost(kind, data, reason)

    async def _run(self):
        self.idle = False
        try:
            await super()._run()
        except APIError:
            if not self.idle:
                raise


@breaks("LIVE-8", "session-limit=180@upgraded:each+pause=3700")
class Counting(Stream):
    """Counts drops over its whole life, and gives up after as many as there are retries."""

    drops = 0

    async def _run(self):
        try:
            await super()._run()
        except APIError as error:
            self.drops += 1
            error.retryable = self.drops <= self._conn_options.max_retry
            raise
