"""Mistakes that make a stream go deaf, hang or spin."""

from __future__ import annotations

from .model import breaks
from .places import FIRST_DONE, connection, gives_up, stream

LIVE = (
    breaks(
        "LIVE-1",
        "reset@mid-utterance.2",
        "swallows the failure, and goes on taking audio that nobody hears",
        gives_up("            async for _ in self._input_ch:\n                pass"),
    ),
    breaks(
        "LIVE-2",
        "half-open@mid-utterance.2",
        "sends no pings, so a silent line is as good as any",
        connection("headers=server.headers, heartbeat=heartbeat", "headers=server.headers"),
    ),
    breaks(
        "LIVE-2:again",
        "close=1011@mid-utterance.2/half-open@mid-utterance.2",
        "sends pings on its first connection only",
        stream(
            "heartbeat=self._heartbeat\n        )\n",
            "heartbeat=self._heartbeat\n        )\n        self._heartbeat = None\n",
        ),
    ),
    breaks(
        "LIVE-3",
        "no-answer@connecting",
        "waits for the handshake without a limit",
        connection("timeout_at(deadline)", "timeout_at(deadline + 3600)"),
    ),
    breaks(
        "LIVE-4",
        "no-greeting@greeting",
        "waits for the server's ready message without a limit",
        connection(
            "                    await connection._shake_hands()", "                    pass"
        ),
        stream(
            "        # The server's times start over.",
            "        await connection._shake_hands()\n        # The server's times start over.",
        ),
    ),
    breaks(
        "LIVE-5",
        "http=503@connecting:each",
        "connects again at once, twenty times in a row",
        gives_up(
            "            for _ in range(20):\n"
            "                with suppress(APIError):\n"
            "                    await self._run_session(0.0, loop.time() + 9.0)\n"
            "            raise"
        ),
    ),
    breaks(
        "LIVE-5:spins",
        "none@idle",
        "asks, instead of waiting, whether the session is over",
        stream(
            FIRST_DONE,
            "        while not (receiving.done() or feeding.done()):\n"
            "            await asyncio.sleep(0)\n" + FIRST_DONE,
        ),
    ),
    breaks(
        "LIVE-5:hangs",
        "none@idle",
        "turns without awaiting anything",
        stream(
            FIRST_DONE,
            "        while not receiving.done():\n            pass\n" + FIRST_DONE,
        ),
    ),
    breaks(
        "LIVE-7",
        "none@between-utterances+pause=180",
        "sends nothing while the caller is muted, and takes the idle close for final",
        stream("                await connection.send_keepalive()", "                pass"),
        connection(
            "retryable=code != protocol.CLOSE_POLICY_VIOLATION", "retryable=reason != 'idle'"
        ),
    ),
    breaks(
        "LIVE-7:again",
        "close=1011@between-utterances+pause=180",
        "keeps only the first session alive, and takes the idle close for final",
        stream(
            "            while True:\n"
            "                await asyncio.sleep(self._keepalive_interval)\n",
            "            self._first = getattr(self, '_first', connection)\n"
            "            while connection is self._first:\n"
            "                await asyncio.sleep(self._keepalive_interval)\n",
        ),
        connection(
            "retryable=code != protocol.CLOSE_POLICY_VIOLATION", "retryable=reason != 'idle'"
        ),
    ),
    breaks(
        "LIVE-8",
        "session-limit=180@upgraded:each+pause=3700",
        "counts drops over its whole life, and gives up after as many as there are retries",
        gives_up(
            "            self._drops = getattr(self, '_drops', 0) + 1\n"
            "            error.retryable = self._drops <= self._conn_options.max_retry\n"
            "            raise"
        ),
    ),
)
