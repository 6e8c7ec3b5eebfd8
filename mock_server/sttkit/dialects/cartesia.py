"""Cartesia's streaming API with turn detection (``/stt/turns/websocket``): the model ink-2.

Sources: docs.cartesia.ai/api-reference/stt/turns/websocket, /use-the-api/stt/troubleshooting, and
``livekit/plugins/cartesia/_recognize_streams/auto_finalize_recognize_stream.py`` 1.8.9. The query
configures the session; binary PCM up, JSON keyed by ``type`` down. A *turn* is an utterance: each
message has its whole text so far, none has times, and its end rides on the last one. Nothing asks
for pending finals.
"""

from __future__ import annotations

from sttkit.dialects.model import Facts, ProviderFailure
from sttkit.dialects.tables import Door, Ears, Saying, from_tables
from sttkit.dialects.template import Is, session, text
from sttkit.dialects.wire import text_of
from sttkit.events import Config, EndOfStream, Final, Interim, Ready, SpeechStarted


def _turn(kind: str, **parts: object) -> dict[str, object]:
    return {"type": Is(kind), "request_id": session(), **parts}


def _failure(status: int, code: str, title: str, text: str) -> ProviderFailure:
    frame = {
        "type": "error",
        "title": title,
        "message": text,
        "error_code": code,
        "status_code": status,
    }
    # The documentation says what each means, not whether to try again.
    return ProviderFailure(text, text_of(frame))


DIALECT = from_tables(
    name="cartesia",
    source="docs.cartesia.ai/api-reference/stt/turns/websocket",
    host="api.cartesia.ai",
    door=Door("/stt/turns/websocket", key="x-api-key", only={"encoding": ("pcm_s16le",)}),
    ears=Ears({"config": Config, "close": EndOfStream()}),
    sayings=(
        Saying(Ready, _turn("connected")),
        Saying(SpeechStarted, _turn("turn.start")),
        Saying(Interim, _turn("turn.update", transcript=text())),
        Saying(Final, _turn("turn.end", transcript=text())),
    ),
    errors={
        "internal": _failure(
            500, "internal_error", "Internal error", "The transcription failed, please try again."
        ),
        "bad-request": _failure(
            400, "invalid_request", "Invalid request", "The message was not understood."
        ),
    },
    facts=Facts(
        greeting="on-connect",
        flush_message=False,
        signals_end=False,
        usage="client-audio",
        bad_message="bad-request",
    ),
    default_rate=None,
    example="/stt/turns/websocket?model=ink-2&encoding=pcm_s16le&sample_rate=16000",
)
