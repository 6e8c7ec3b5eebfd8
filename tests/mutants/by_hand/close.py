"""Mistakes at the end of a stream, and of one among several."""

from __future__ import annotations

from .model import breaks
from .places import connection, gives_up, stream

CLOSE = (
    breaks(
        "CLOSE-1",
        "half-open@mid-utterance.2+aclose",
        "does not leave before the server has answered its close frame",
        connection("CLOSE_TIMEOUT = 1.0", "CLOSE_TIMEOUT = 60.0"),
    ),
    breaks(
        "CLOSE-2",
        "none@idle",
        "forgets a task",
        stream("                receiving.cancel()\n", ""),
        stream(
            "                await asyncio.gather(receiving, feeding, return_exceptions=True)",
            "                self._left = asyncio.create_task(asyncio.Event().wait())\n"
            "                _LEFT.append(self._left)",
        ),
        stream("CHUNK = 0.05\n", "CHUNK = 0.05\n_LEFT = []\n"),
    ),
    breaks(
        "CLOSE-3",
        "none@mid-utterance.2+aclose",
        "reports its own closing as an error",
        stream(
            "        except APIError as error:\n            self._emit(",
            "        except asyncio.CancelledError:\n"
            "            self._emit_error(APIConnectionError('closed'), recoverable=False)\n"
            "            raise\n"
            "        except APIError as error:\n            self._emit(",
        ),
    ),
    breaks(
        "CLOSE-4",
        "none@mid-utterance.2+aclose",
        "never wakes a consumer that waits while the stream is closed",
        stream(
            "    async def _run(self) -> None:\n",
            "    async def aclose(self):\n"
            "        self._left_alone = True\n"
            "        await super().aclose()\n\n"
            "    async def __anext__(self):\n"
            "        try:\n"
            "            return await super().__anext__()\n"
            "        except StopAsyncIteration:\n"
            "            if hasattr(self, '_left_alone'):\n"
            "                await asyncio.Event().wait()\n"
            "            raise\n\n"
            "    async def _run(self) -> None:\n",
        ),
    ),
    breaks(
        "CLOSE-5",
        "none@mid-utterance.2+aclose-twice",
        "raises when it is closed again",
        stream(
            "    async def _run(self) -> None:\n",
            "    async def aclose(self):\n"
            "        if hasattr(self, '_closed_once'):\n"
            "            raise RuntimeError('the stream is closed already')\n"
            "        self._closed_once = True\n"
            "        await super().aclose()\n\n"
            "    async def _run(self) -> None:\n",
        ),
    ),
    breaks(
        "CLOSE-5:unread",
        "none@idle+aclose-at-once",
        "closes what it has from its first connection on, whether it had one or not",
        stream(
            "    async def _run(self) -> None:\n",
            "    async def aclose(self):\n"
            "        del self._line\n"
            "        await super().aclose()\n\n"
            "    async def _run(self) -> None:\n"
            "        self._line = None\n",
        ),
    ),
    breaks(
        "CLOSE-6",
        "none@mid-utterance.2+cancel-consumer",
        "makes the cancellation of a consumer an error of its own",
        stream(
            "    async def _run(self) -> None:\n",
            "    async def __anext__(self):\n"
            "        try:\n"
            "            return await super().__anext__()\n"
            "        except asyncio.CancelledError:\n"
            "            raise APIConnectionError('the stream was interrupted') from None\n\n"
            "    async def _run(self) -> None:\n",
        ),
    ),
    breaks(
        "CLOSE-6:retried",
        "none@mid-utterance.2+aclose",
        "takes its own cancellation for a failure, and connects once more",
        stream(
            "        except APIError as error:\n            self._emit(",
            "        except asyncio.CancelledError:\n"
            "            await asyncio.sleep(0.2)\n"
            "            again = await Connection.open(\n"
            "                self._http, self._server, self._config,\n"
            "                deadline=loop.time() + 1.0, heartbeat=self._heartbeat,\n"
            "            )\n"
            "            await again.aclose()\n"
            "            raise\n"
            "        except APIError as error:\n            self._emit(",
        ),
    ),
    breaks(
        "CLOSE-7",
        "none@mid-utterance.2+end",
        "stops listening when it has sent its last audio",
        stream(
            "        while not receiving.done():\n            patience",
            "        return\n        while not receiving.done():\n            patience",
        ),
    ),
    breaks(
        "CLOSE-8",
        "mute-after-end@after-end",
        "after the end of the input it waits for the server's end, for ever if need be",
        stream("SESSION_END_TIMEOUT = 10.0", "SESSION_END_TIMEOUT = 3600.0"),
    ),
    breaks(
        "CLOSE-9",
        "none@idle",
        "opens another session after a normal end",
        stream(
            "                if self._input_exhausted:\n                    return",
            "                if self._input_exhausted and hasattr(self, '_again'):\n"
            "                    return\n"
            "                self._again = self._input_exhausted or None\n"
            "                if self._again is None:\n"
            "                    del self._again",
        ),
    ),
    breaks(
        "CLOSE-10",
        "none@idle",
        "takes audio when it is all over, and drops it",
        stream(
            "        super().push_frame(_mono(frame))",
            "        if not self._input_ch.closed:\n            super().push_frame(_mono(frame))",
        ),
    ),
    breaks(
        "CLOSE-10:refused",
        "none@idle",
        "refuses audio once it has taken a second of it",
        stream(
            "        super().push_frame(_mono(frame))",
            "        self._taken = getattr(self, '_taken', 0.0) + frame.duration\n"
            "        if self._taken > 1.0 and not self._input_ch.closed:\n"
            "            raise ValueError('enough')\n"
            "        super().push_frame(_mono(frame))",
        ),
    ),
    breaks(
        "CLOSE-10:flush",
        "none@mid-utterance.2+flush",
        "takes a flush for the end of the input",
        stream(
            "    async def _run(self) -> None:\n",
            "    def flush(self):\n"
            "        super().flush()\n"
            "        self._input_ch.close()\n\n"
            "    async def _run(self) -> None:\n",
        ),
    ),
    breaks(
        "CLOSE-12",
        "none@idle+end-at-once",
        "throws away what was pushed before the first connection was up",
        stream(
            "        # The server's times start over.",
            "        while not hasattr(self, '_listening') and not self._input_ch.empty():\n"
            "            self._input_ch.recv_nowait()\n"
            "        self._listening = True\n"
            "        # The server's times start over.",
        ),
    ),
    breaks(
        "CLOSE-13",
        "session-limit=30@upgraded:each+long-call=1600",
        "starts a watch over each session, and lets none of them go before it is closed",
        stream(
            "        # The server's times start over.",
            "        self._watches = getattr(self, '_watches', [])\n"
            "        self._watches.append(asyncio.create_task(asyncio.sleep(36_000)))\n"
            "        # The server's times start over.",
        ),
        stream(
            "    async def _run(self) -> None:\n",
            "    async def aclose(self):\n"
            "        for watch in self._watches:\n"
            "            watch.cancel()\n"
            "        await super().aclose()\n\n"
            "    async def _run(self) -> None:\n",
        ),
    ),
    breaks(
        "CLOSE-14",
        "none@mid-utterance.2+close-http-session",
        "retries on an HTTP session that the application has closed",
        stream("            if self._http.closed:", "            if False:"),
    ),
    breaks(
        "ISOLATE-1",
        "reset@mid-utterance.2+second-stream",
        "closes the other streams of the STT with its own",
        gives_up(
            "            for other in self._stt._streams:\n"
            "                if other is not self:\n"
            "                    other._task.cancel()\n"
            "            raise"
        ),
    ),
)
