"""Mutants by hand: for each *must* law, the mistake it was written against, made in the plugin.

What is replaced has to occur exactly once in its module, so an edit of the plugin that a mutant no
longer fits is found at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """In this module, what is taken out and what is put in its place."""

    module: str
    before: str
    after: str


@dataclass(frozen=True)
class ByHand:
    """A mistake, the law that it breaks, and the case that shows it."""

    law: str
    case: str
    how: str
    changes: tuple[Change, ...]

    def sources(self, original: Mapping[str, str]) -> Mapping[str, str]:
        """The modules with the mistake in them."""
        sources = dict(original)
        for change in self.changes:
            found = sources[change.module].count(change.before)
            assert found == 1, f"{self.how}: found {found} times: {change.before!r}"
            sources[change.module] = sources[change.module].replace(change.before, change.after)
        return sources


BY_HAND: dict[str, ByHand] = {}
"""By id: the law; a second way to break the same law has a word behind it."""


def _breaks(key: str, case: str, how: str, *changes: Change) -> None:
    assert key not in BY_HAND, key
    BY_HAND[key] = ByHand(key.partition(":")[0], case, how, changes)


def _stream(before: str, after: str) -> Change:
    return Change("_stream", before, after)


def _connection(before: str, after: str) -> Change:
    return Change("_connection", before, after)


def _events(before: str, after: str) -> Change:
    return Change("_events", before, after)


def _gives_up(after: str) -> Change:
    """What `SpeechStream._run` does when a session has failed and is to be retried."""
    return _stream("            raise\n\n    @property", f"{after}\n\n    @property")


_FINAL = "events.append(self._transcript(stt.SpeechEventType.FINAL_TRANSCRIPT, message))"
_FIRST_DONE = """\
        await asyncio.wait((receiving, feeding), return_when=asyncio.FIRST_COMPLETED)
        if receiving.done():
            return receiving.result()

        # aiohttp"""


# --- LIVE -----------------------------------------------------------------------------------------

_breaks(
    "LIVE-1",
    "reset@mid-utterance.2",
    "swallows the failure, and goes on taking audio that nobody hears",
    _gives_up("            async for _ in self._input_ch:\n                pass"),
)
_breaks(
    "LIVE-2",
    "half-open@mid-utterance.2",
    "sends no pings, so a silent line is as good as any",
    _connection("headers=server.headers, heartbeat=heartbeat", "headers=server.headers"),
)
_breaks(
    "LIVE-3",
    "no-answer@connecting",
    "waits for the handshake without a limit",
    _connection("timeout_at(deadline)", "timeout_at(deadline + 3600)"),
)
_breaks(
    "LIVE-4",
    "no-greeting@greeting",
    "waits for the server's ready message without a limit",
    _connection("                    await connection._shake_hands()", "                    pass"),
    _stream(
        "        # The server's times start over.",
        "        await connection._shake_hands()\n        # The server's times start over.",
    ),
)
_breaks(
    "LIVE-5",
    "http=503@connecting:each",
    "connects again at once, twenty times in a row",
    _gives_up(
        "            for _ in range(20):\n"
        "                with suppress(APIError):\n"
        "                    await self._run_session(0.0, loop.time() + 9.0)\n"
        "            raise"
    ),
)
_breaks(
    "LIVE-5:spins",
    "none@idle",
    "asks, instead of waiting, whether the session is over",
    _stream(
        _FIRST_DONE,
        "        while not (receiving.done() or feeding.done()):\n"
        "            await asyncio.sleep(0)\n" + _FIRST_DONE,
    ),
)
_breaks(
    "LIVE-5:hangs",
    "none@idle",
    "turns without awaiting anything",
    _stream(
        _FIRST_DONE,
        "        while not receiving.done():\n            pass\n" + _FIRST_DONE,
    ),
)
_breaks(
    "LIVE-7",
    "none@between-utterances+pause=180",
    "sends nothing while the caller is muted, and takes the idle close for final",
    _stream("                await connection.send_keepalive()", "                pass"),
    _connection("retryable=code != protocol.CLOSE_POLICY_VIOLATION", "retryable=reason != 'idle'"),
)
_breaks(
    "LIVE-8",
    "session-limit=180@upgraded:each+pause=3700",
    "counts drops over its whole life, and gives up after as many as there are retries",
    _gives_up(
        "            self._drops = getattr(self, '_drops', 0) + 1\n"
        "            error.retryable = self._drops <= self._conn_options.max_retry\n"
        "            raise"
    ),
)

# --- RETRY ----------------------------------------------------------------------------------------

_breaks(
    "RETRY-1",
    "close=1011@mid-utterance.2",
    "ends where it should try again",
    _gives_up("            return"),
)
_breaks(
    "RETRY-2",
    "http=503@connecting:each",
    "retries by itself, for ever",
    _gives_up("            await asyncio.sleep(0.3)\n            return await self._run()"),
)
_breaks(
    "RETRY-2:batch",
    "batch-http=503@batch:each",
    "tries a recording again by itself, for ever",
    Change(
        "_batch",
        "    raise failure\n",
        "    await asyncio.sleep(0.3)\n"
        "    return await recognize(http, server, config, buffer, conn_options)\n",
    ),
)
_breaks(
    "RETRY-3",
    "close=1011@mid-utterance.2",
    "waits a while of its own before it connects again",
    _stream("            if isinstance(error, RetryLaterError):\n", ""),
    _stream("loop.time() + error.retry_after", "loop.time() + 3.0"),
    _stream("    " * 4 + "self._not_before =", "    " * 3 + "self._not_before ="),
)
_breaks(
    "RETRY-4",
    "http=401@connecting",
    "tries a wrong key again",
    _connection("    if error.status < 400:", "    if error.status < 500:"),
)
_breaks(
    "RETRY-5",
    "refused@backoff.3/close=1011@between-utterances.3",
    "counts failures over the whole life of the stream, finals or not",
    _gives_up(
        "            self._failures = getattr(self, '_failures', 0) + 1\n"
        "            if self._failures > self._conn_options.max_retry:\n"
        "                error.retryable = False\n"
        "            raise"
    ),
)
_breaks(
    "RETRY-6",
    "none@idle",
    "reports an error where there is none",
    _stream(
        "        # The server's times start over.",
        "        self._emit_error(APIError('connected, just so you know'), recoverable=True)\n"
        "        # The server's times start over.",
    ),
)
_breaks(
    "RETRY-7",
    "reset@mid-utterance.2",
    "lets the WebSocket client's own error out",
    _connection(
        "                raise self._closed(reason=frame.extra)",
        "                raise aiohttp.ClientConnectionError('Connection lost')",
    ),
)
_breaks(
    "RETRY-8",
    "reset@mid-utterance.2+block-loop",
    "lets the error out that the sender meets first, and as it is",
    _connection("(aiohttp.ClientError, ConnectionError)", "()"),
    _stream(_FIRST_DONE, "        await feeding\n" + _FIRST_DONE),
)
_breaks(
    "RETRY-9",
    "close=1000@between-utterances",
    "takes a normal close by the server for the end of the stream",
    _connection(
        "                raise self._closed(reason=frame.extra)",
        "                if self._ws.close_code == 1000:\n"
        "                    self.end_sent = True\n"
        "                    return protocol.SessionEnded()\n"
        "                raise self._closed(reason=frame.extra)",
    ),
    _stream("                if self._input_exhausted:\n", ""),
    _stream("                    return\n", "                return\n"),
)
_breaks(
    "RETRY-11",
    "batch-http=503@batch",
    "makes a transcript out of an error answer to a recording",
    Change("_batch", "    if status != 200:\n", ""),
    Change(
        "_batch",
        "        reason = protocol.decode_failure(body) or",
        "    reason = protocol.decode_failure(body) or",
    ),
    Change(
        "_batch",
        "        raise status_error(server.redact(reason), status)\n"
        "    answer = protocol.decode_transcription(body)",
        "    answer = protocol.decode_transcription(body)\n"
        "    if status != 200:\n"
        "        answer = protocol.Transcription(reason)",
    ),
)
_breaks(
    "RETRY-11:raw",
    "batch-http=503@batch",
    "lets out an error of its own",
    Change(
        "_batch", "raise status_error(server.redact(reason), status)", "raise RuntimeError(reason)"
    ),
    Change("_batch", "    except Exception as error:", "    except OSError as error:"),
)
_breaks(
    "RETRY-12",
    "close=1011@mid-utterance.2+update-options",
    "connects again with the options that it was made with",
    _stream(
        "        self._server = server\n",
        "        self._server = server\n        self._first_config = config\n",
    ),
    _stream("self._server, self._config, deadline", "self._server, self._first_config, deadline"),
)
_breaks(
    "RETRY-15",
    "none@mid-utterance.2+update-options",
    "keeps changed options for the next time that it has to connect",
    _stream("            self._input_ch.send_nowait(self._OptionsChanged())", "            pass"),
)
_breaks(
    "RETRY-13",
    "reset@after-end",
    "after the end of the input it waits for ever on a line that is gone",
    _stream(
        "                error.retryable = False  #",
        "                await asyncio.Event().wait()  #",
    ),
)

# --- CLOSE ----------------------------------------------------------------------------------------

_breaks(
    "CLOSE-1",
    "half-open@mid-utterance.2+aclose",
    "does not leave before the server has answered its close frame",
    _connection("CLOSE_TIMEOUT = 1.0", "CLOSE_TIMEOUT = 60.0"),
)
_breaks(
    "CLOSE-2",
    "none@idle",
    "forgets a task",
    _stream("                receiving.cancel()\n", ""),
    _stream(
        "                await asyncio.gather(receiving, feeding, return_exceptions=True)",
        "                self._left = asyncio.create_task(asyncio.Event().wait())\n"
        "                _LEFT.append(self._left)",
    ),
    _stream("CHUNK = 0.05\n", "CHUNK = 0.05\n_LEFT = []\n"),
)
_breaks(
    "CLOSE-3",
    "none@mid-utterance.2+aclose",
    "reports its own closing as an error",
    _stream(
        "        except APIError as error:\n            self._emit(",
        "        except asyncio.CancelledError:\n"
        "            self._emit_error(APIConnectionError('closed'), recoverable=False)\n"
        "            raise\n"
        "        except APIError as error:\n            self._emit(",
    ),
)
_breaks(
    "CLOSE-4",
    "none@mid-utterance.2+aclose",
    "never wakes a consumer that waits while the stream is closed",
    _stream(
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
)
_breaks(
    "CLOSE-5",
    "none@mid-utterance.2+aclose-twice",
    "raises when it is closed again",
    _stream(
        "    async def _run(self) -> None:\n",
        "    async def aclose(self):\n"
        "        if hasattr(self, '_closed_once'):\n"
        "            raise RuntimeError('the stream is closed already')\n"
        "        self._closed_once = True\n"
        "        await super().aclose()\n\n"
        "    async def _run(self) -> None:\n",
    ),
)
_breaks(
    "CLOSE-5:unread",
    "none@idle+aclose-at-once",
    "closes what it has from its first connection on, whether it had one or not",
    _stream(
        "    async def _run(self) -> None:\n",
        "    async def aclose(self):\n"
        "        del self._line\n"
        "        await super().aclose()\n\n"
        "    async def _run(self) -> None:\n"
        "        self._line = None\n",
    ),
)
_breaks(
    "CLOSE-6",
    "none@mid-utterance.2+cancel-consumer",
    "makes the cancellation of a consumer an error of its own",
    _stream(
        "    async def _run(self) -> None:\n",
        "    async def __anext__(self):\n"
        "        try:\n"
        "            return await super().__anext__()\n"
        "        except asyncio.CancelledError:\n"
        "            raise APIConnectionError('the stream was interrupted') from None\n\n"
        "    async def _run(self) -> None:\n",
    ),
)
_breaks(
    "CLOSE-6:retried",
    "none@mid-utterance.2+aclose",
    "takes its own cancellation for a failure, and connects once more",
    _stream(
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
)
_breaks(
    "CLOSE-7",
    "none@mid-utterance.2+end",
    "stops listening when it has sent its last audio",
    _stream(
        "        while not receiving.done():\n            patience",
        "        return\n        while not receiving.done():\n            patience",
    ),
)
_breaks(
    "CLOSE-8",
    "mute-after-end@after-end",
    "after the end of the input it waits for the server's end, for ever if need be",
    _stream("SESSION_END_TIMEOUT = 10.0", "SESSION_END_TIMEOUT = 3600.0"),
)
_breaks(
    "CLOSE-9",
    "none@idle",
    "opens another session after a normal end",
    _stream(
        "                if self._input_exhausted:\n                    return",
        "                if self._input_exhausted and hasattr(self, '_again'):\n"
        "                    return\n"
        "                self._again = self._input_exhausted or None\n"
        "                if self._again is None:\n"
        "                    del self._again",
    ),
)
_breaks(
    "CLOSE-10",
    "none@idle",
    "takes audio when it is all over, and drops it",
    _stream(
        "        super().push_frame(_mono(frame))",
        "        if not self._input_ch.closed:\n            super().push_frame(_mono(frame))",
    ),
)
_breaks(
    "CLOSE-10:refused",
    "none@idle",
    "refuses audio once it has taken a second of it",
    _stream(
        "        super().push_frame(_mono(frame))",
        "        self._taken = getattr(self, '_taken', 0.0) + frame.duration\n"
        "        if self._taken > 1.0 and not self._input_ch.closed:\n"
        "            raise ValueError('enough')\n"
        "        super().push_frame(_mono(frame))",
    ),
)
_breaks(
    "CLOSE-10:flush",
    "none@mid-utterance.2+flush",
    "takes a flush for the end of the input",
    _stream(
        "    async def _run(self) -> None:\n",
        "    def flush(self):\n"
        "        super().flush()\n"
        "        self._input_ch.close()\n\n"
        "    async def _run(self) -> None:\n",
    ),
)
_breaks(
    "CLOSE-12",
    "none@idle+end-at-once",
    "throws away what was pushed before the first connection was up",
    _stream(
        "        # The server's times start over.",
        "        while not hasattr(self, '_listening') and not self._input_ch.empty():\n"
        "            self._input_ch.recv_nowait()\n"
        "        self._listening = True\n"
        "        # The server's times start over.",
    ),
)
_breaks(
    "CLOSE-13",
    "session-limit=30@upgraded:each+long-call=1600",
    "starts a watch over each session, and lets none of them go before it is closed",
    _stream(
        "        # The server's times start over.",
        "        self._watches = getattr(self, '_watches', [])\n"
        "        self._watches.append(asyncio.create_task(asyncio.sleep(36_000)))\n"
        "        # The server's times start over.",
    ),
    _stream(
        "    async def _run(self) -> None:\n",
        "    async def aclose(self):\n"
        "        for watch in self._watches:\n"
        "            watch.cancel()\n"
        "        await super().aclose()\n\n"
        "    async def _run(self) -> None:\n",
    ),
)
_breaks(
    "CLOSE-14",
    "none@mid-utterance.2+close-http-session",
    "retries on an HTTP session that the application has closed",
    _stream("            if self._http.closed:", "            if False:"),
)
_breaks(
    "ISOLATE-1",
    "reset@mid-utterance.2+second-stream",
    "closes the other streams of the STT with its own",
    _gives_up(
        "            for other in self._stt._streams:\n"
        "                if other is not self:\n"
        "                    other._task.cancel()\n"
        "            raise"
    ),
)

# --- ORDER ----------------------------------------------------------------------------------------

_breaks(
    "ORDER-1",
    "none@idle",
    "starts the speech again with each interim",
    _events(
        "        if self._speaking:\n            # The server",
        "        if self._speaking and not implied:\n            # The server",
    ),
)
_breaks(
    "ORDER-2",
    "none@idle",
    "ends the speech before the final that belongs to it",
    _events(
        _FINAL,
        "events += self._end()\n            " + _FINAL,
    ),
)
_breaks(
    "ORDER-3",
    "none@idle",
    "says each final twice",
    _events(
        _FINAL,
        f"{_FINAL}\n            {_FINAL}",
    ),
)
_breaks(
    "ORDER-3:batch",
    "none@batch",
    "takes the first segment of a recording for all of it",
    Change("_batch", "text=answer.text", "text=answer.segments[0].text"),
)
_breaks(
    "ORDER-4",
    "none@idle",
    "says an interim again after its final",
    _events(
        _FINAL,
        f"{_FINAL}\n            {_FINAL.replace('FINAL_', 'INTERIM_')}",
    ),
)
_breaks(
    "ORDER-5",
    "reset@mid-utterance.2",
    "leaves an utterance open when the line breaks in it, and starts the next",
    _stream(
        "            self._emit(self._utterances.end_session())\n            if self._http",
        "            self._utterances.end_session()\n            if self._http",
    ),
)
_breaks(
    "ORDER-7",
    "none@idle",
    "sends interims without an alternative in them",
    _events(
        "                    self._transcript(stt.SpeechEventType.INTERIM_TRANSCRIPT, message),",
        "                    self._event(stt.SpeechEventType.INTERIM_TRANSCRIPT),",
    ),
)
_breaks(
    "ORDER-9",
    "none@idle",
    "does not say when speech begins",
    _events(
        "        return [self._event(stt.SpeechEventType.START_OF_SPEECH)]",
        "        return []",
    ),
)

# --- AUDIO, USAGE, TIME ---------------------------------------------------------------------------

_SENT = "            await connection.send_audio(chunk.data.tobytes())\n"

_breaks(
    "AUDIO-1",
    "none@idle",
    "drops every tenth chunk",
    _stream(
        _SENT,
        "            self._sent_chunks = getattr(self, '_sent_chunks', 0) + 1\n"
        "            if self._sent_chunks % 10:\n    " + _SENT,
    ),
)
_breaks(
    "AUDIO-1:doubled",
    "none@idle",
    "sends every tenth chunk twice",
    _stream(
        _SENT,
        "            self._sent_chunks = getattr(self, '_sent_chunks', 0) + 1\n"
        "            if self._sent_chunks % 10 == 0:\n    " + _SENT + _SENT,
    ),
)
_breaks(
    "AUDIO-2",
    "none@mid-utterance.2+flush",
    "sends chunks of 0.37 s, and keeps the rest to itself at a flush and at the end",
    _stream("CHUNK = 0.05", "CHUNK = 0.37"),
    _stream("                await self._send(connection, self._chunks.flush())\n", ""),
)
_breaks(
    "AUDIO-7",
    "none@mid-utterance.2+flush",
    "says that it can be flushed, and does not tell the server",
    _stream("                    await connection.send_flush()\n", ""),
)
_breaks(
    "AUDIO-3",
    "close=1011@mid-utterance.2",
    "drops what it takes in the first second of a new session",
    _stream(
        _SENT,
        "            now = asyncio.get_running_loop().time()\n"
        "            if getattr(self, '_of', connection) is not connection:\n"
        "                if now < connection.heard_at + 1.0:\n"
        "                    continue\n"
        "            else:\n"
        "                self._of = connection\n" + _SENT,
    ),
)
_breaks(
    "AUDIO-5",
    "none@idle+stereo",
    "leaves stereo to the base class, whose resampler takes it for mono of double the length",
    _stream("super().push_frame(_mono(frame))", "super().push_frame(frame)"),
)
_breaks(
    "USAGE-1",
    "none@idle",
    "counts its audio twice",
    _stream("self._unreported += chunk.duration", "self._unreported += 2 * chunk.duration"),
)
_breaks(
    "USAGE-2",
    "none@idle",
    "reports the metrics that the base class makes of its usage once more",
    _stream(
        "            usage = stt.RecognitionUsage(audio_duration=self._unreported)\n",
        "            usage = stt.RecognitionUsage(audio_duration=self._unreported)\n"
        "            from livekit.agents.metrics import STTMetrics\n"
        "            self._stt.emit('metrics_collected', STTMetrics(\n"
        "                label=self._stt.label, request_id='', timestamp=0.0, duration=0.0,\n"
        "                audio_duration=self._unreported, streamed=True,\n"
        "            ))\n",
    ),
)
_breaks(
    "TIME-1",
    "close=1011@after-final",
    "passes on the times of each session as they are, from 0 again",
    _stream("language=connection.config.language, offset=offset", "language='en', offset=0.0"),
)
_breaks(
    "TIME-1:twice",
    "close=1011@after-final",
    "moves times on by twice what the stream was old when the session began",
    _stream(
        "language=connection.config.language, offset=offset", "language='en', offset=2 * offset"
    ),
)
_breaks(
    "TIME-2",
    "none@idle",
    "is surer than sure",
    _events("confidence=message.confidence or 0.0", "confidence=1.7"),
)

# --- INPUT, SECRET --------------------------------------------------------------------------------

_breaks(
    "INPUT-1",
    "not-json@mid-utterance.2",
    "dies of a message that is not JSON, and of a raw error",
    _connection(
        "            if isinstance(message, protocol.Malformed):\n",
        "            if isinstance(message, protocol.Malformed):\n"
        "                raise ValueError(message.reason)\n",
    ),
)
_breaks(
    "INPUT-1:deaf",
    "not-json@mid-utterance.2",
    "after a message that is not JSON it hears no other",
    _connection(
        "            if isinstance(message, protocol.Malformed):\n",
        "            if isinstance(message, protocol.Malformed):\n"
        "                self._offended = True\n"
        "            if hasattr(self, '_offended') and isinstance(message, protocol.Transcript):\n"
        "                continue\n"
        "            if isinstance(message, protocol.Malformed):\n",
    ),
)
_breaks(
    "INPUT-2",
    "rfc=rsv-bits@mid-utterance",
    "stops listening at a bad frame, and goes on sending into the void",
    _connection(
        "            elif frame.type is aiohttp.WSMsgType.ERROR:\n",
        "            elif frame.type is aiohttp.WSMsgType.ERROR:\n"
        "                await asyncio.Event().wait()\n",
    ),
    _connection(
        "        except (aiohttp.ClientError, ConnectionError) as error:\n"
        '            raise APIConnectionError(f"the connection was lost: {error}") from None',
        "        except (aiohttp.ClientError, ConnectionError):\n            pass",
    ),
)
_breaks(
    "INPUT-2:raw",
    "rfc=rsv-bits@mid-utterance",
    "lets the WebSocket client's complaint about a bad frame out as it is",
    _connection(
        'raise APIConnectionError(f"the connection was lost: {self._ws.exception()}")',
        "raise self._ws.exception()",
    ),
)
_breaks(
    "INPUT-3",
    "provider-error=bad_audio@mid-utterance.2",
    "keeps the server's errors to itself",
    _connection(
        "                if isinstance(message, protocol.Error):\n",
        "                if isinstance(message, protocol.Error):\n                    continue\n",
    ),
)
_breaks(
    "SECRET-1",
    "none@idle",
    "logs the key",
    _connection(
        "        failure: APIError\n        try:\n            async with timeout_at",
        "        failure: APIError\n"
        "        logger.warning('connecting with the key %s', server.api_key)\n"
        "        try:\n            async with timeout_at",
    ),
)
