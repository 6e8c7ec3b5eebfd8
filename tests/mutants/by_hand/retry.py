"""Mistakes in what is tried again, when, and with which error."""

from __future__ import annotations

from .model import breaks
from .places import FIRST_DONE, batch, connection, gives_up, stream

RETRY = (
    breaks(
        "RETRY-1",
        "close=1011@mid-utterance.2",
        "ends where it should try again",
        gives_up("            return"),
    ),
    breaks(
        "RETRY-2",
        "http=503@connecting:each",
        "retries by itself, for ever",
        gives_up("            await asyncio.sleep(0.3)\n            return await self._run()"),
    ),
    breaks(
        "RETRY-2:batch",
        "batch-http=503@batch:each",
        "tries a recording again by itself, for ever",
        batch(
            "    raise failure\n",
            "    await asyncio.sleep(0.3)\n"
            "    return await recognize(http, server, config, buffer, conn_options)\n",
        ),
    ),
    breaks(
        "RETRY-3",
        "close=1011@mid-utterance.2",
        "waits a while of its own before it connects again",
        stream("            if isinstance(error, RetryLaterError):\n", ""),
        stream("loop.time() + error.retry_after", "loop.time() + 3.0"),
        stream("    " * 4 + "self._not_before =", "    " * 3 + "self._not_before ="),
    ),
    breaks(
        "RETRY-4",
        "http=401@connecting",
        "tries a wrong key again",
        connection("    if error.status < 400:", "    if error.status < 500:"),
    ),
    breaks(
        "RETRY-5",
        "refused@backoff.3/close=1011@between-utterances.3",
        "counts failures over the whole life of the stream, finals or not",
        gives_up(
            "            self._failures = getattr(self, '_failures', 0) + 1\n"
            "            if self._failures > self._conn_options.max_retry:\n"
            "                error.retryable = False\n"
            "            raise"
        ),
    ),
    breaks(
        "RETRY-6",
        "none@idle",
        "reports an error where there is none",
        stream(
            "        # The server's times start over.",
            "        self._emit_error(APIError('connected, just so you know'), recoverable=True)\n"
            "        # The server's times start over.",
        ),
    ),
    breaks(
        "RETRY-7",
        "reset@mid-utterance.2",
        "lets the WebSocket client's own error out",
        connection(
            "                raise self._closed(reason=frame.extra)",
            "                raise aiohttp.ClientConnectionError('Connection lost')",
        ),
    ),
    breaks(
        "RETRY-8",
        "reset@mid-utterance.2+block-loop",
        "lets the error out that the sender meets first, and as it is",
        connection("(aiohttp.ClientError, ConnectionError)", "()"),
        stream(FIRST_DONE, "        await feeding\n" + FIRST_DONE),
    ),
    breaks(
        "RETRY-9",
        "close=1000@between-utterances",
        "takes a normal close by the server for the end of the stream",
        connection(
            "                raise self._closed(reason=frame.extra)",
            "                if self._ws.close_code == 1000:\n"
            "                    self.end_sent = True\n"
            "                    return protocol.SessionEnded()\n"
            "                raise self._closed(reason=frame.extra)",
        ),
        stream("                if self._input_exhausted:\n", ""),
        stream("                    return\n", "                return\n"),
    ),
    breaks(
        "RETRY-11",
        "batch-http=503@batch",
        "makes a transcript out of an error answer to a recording",
        batch("    if status != 200:\n", ""),
        batch(
            "        reason = protocol.decode_failure(body) or",
            "    reason = protocol.decode_failure(body) or",
        ),
        batch(
            "        raise status_error(server.redact(reason), status)\n"
            "    answer = protocol.decode_transcription(body)",
            "    answer = protocol.decode_transcription(body)\n"
            "    if status != 200:\n"
            "        answer = protocol.Transcription(reason)",
        ),
    ),
    breaks(
        "RETRY-11:raw",
        "batch-http=503@batch",
        "lets out an error of its own",
        batch("raise status_error(server.redact(reason), status)", "raise RuntimeError(reason)"),
        batch("    except Exception as error:", "    except OSError as error:"),
    ),
    breaks(
        "RETRY-12",
        "close=1011@mid-utterance.2+update-options",
        "connects again with the options that it was made with",
        stream(
            "        self._server = server\n",
            "        self._server = server\n        self._first_config = config\n",
        ),
        stream(
            "self._server, self._config, deadline", "self._server, self._first_config, deadline"
        ),
    ),
    breaks(
        "RETRY-15",
        "none@mid-utterance.2+update-options",
        "keeps changed options for the next time that it has to connect",
        stream(
            "            self._input_ch.send_nowait(self._OptionsChanged())", "            pass"
        ),
    ),
    breaks(
        "RETRY-15:connecting",
        "slow-handshake@connecting+update-options",
        "drops what is changed while it connects",
        stream(
            "            self._input_ch.send_nowait(self._OptionsChanged())",
            "            if hasattr(self, '_up'):\n"
            "                self._input_ch.send_nowait(self._OptionsChanged())",
        ),
        stream(
            "        # The server's times start over.",
            "        self._up = True\n        # The server's times start over.",
        ),
    ),
    breaks(
        "RETRY-13",
        "reset@after-end",
        "after the end of the input it waits for ever on a line that is gone",
        stream(
            "                error.retryable = False  #",
            "                await asyncio.Event().wait()  #",
        ),
    ),
)
