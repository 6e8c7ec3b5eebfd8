"""SLNG's gateway to the models of others: its *Unmute Bridge* for speech to text.

Sources: docs.slng.ai/api-reference/unified-api/unmute-stt-bridge, docs.slng.ai/reference/errors,
``livekit/plugins/slng/stt.py`` and ``gateway_adapter.py`` 1.8.9. The path names the model; the
first message configures the session, and audio is welcome when the server is ready. Binary PCM up,
JSON keyed by ``type`` down.
"""

from __future__ import annotations

from sttkit.dialects.model import Facts, ProviderFailure, View
from sttkit.dialects.tables import Door, Ears, Saying, from_tables, unless
from sttkit.dialects.template import Is, Slot, asked, confidence, session, text, time, words
from sttkit.dialects.wire import text_of
from sttkit.events import (
    Config,
    EndOfStream,
    Final,
    Flush,
    Interim,
    Keepalive,
    Ready,
    ServerEvent,
    SpeechEnded,
    Transcript,
)

_PATH = "/v1/bridges/unmute/stt/"
_PARTIALS = "enable_partials"


def _duration(event: ServerEvent, view: View) -> object:
    assert isinstance(event, Transcript)
    return round(event.end - event.start, 3)


def _failure(code: str, text: str, *, retryable: bool | None = None) -> ProviderFailure:
    frame = text_of({"type": "error", "code": code, "message": text})
    return ProviderFailure(text, frame, retryable=retryable)


DIALECT = from_tables(
    name="slng",
    source="docs.slng.ai/api-reference/unified-api/unmute-stt-bridge",
    host="api.slng.ai",
    door=Door(f"{_PATH}*", settings=()),
    ears=Ears(
        {
            "init": Config,
            "finalize": Flush(),
            "close": EndOfStream(),
            "keepalive": Keepalive(),
        },
        base64={"audio": "data"},
        first="init",
        settings="config",
    ),
    sayings=(
        Saying(Ready, {"type": Is("ready"), "session_id": session()}),
        Saying(
            Interim,
            {"type": Is("partial_transcript"), "transcript": text(), "confidence": confidence()},
            when=unless(_PARTIALS, value=False),
        ),
        Saying(
            Final,
            {
                "type": Is("final_transcript"),
                "transcript": text(),
                "confidence": confidence(),
                "language": asked("language", "en"),
                "duration": Slot(_duration),
                "words": words(),
            },
        ),
        Saying(SpeechEnded, {"type": Is("utterance_end"), "last_word_end": time("at")}),
    ),
    http_error=lambda status, message: {"error": message, "code": "auth_error"},
    errors={
        "provider_error": _failure("provider_error", "Upstream service unavailable"),
        # "Back off and retry with exponential delay"; "retry or use a fallback".
        "rate_limit": _failure("rate_limit", "Too many concurrent connections", retryable=True),
        "backend_connection_failed": _failure(
            "backend_connection_failed", "Could not connect to upstream model", retryable=True
        ),
        "config_error": _failure("config_error", "Invalid session configuration", retryable=False),
    },
    facts=Facts(
        greeting="on-config",
        greeting_required=True,
        signals_start=False,
        names_language=True,
        tells_times=True,
        tells_confidence=True,
        usage="client-audio",
        bad_message="config_error",
    ),
    example=f"{_PATH}deepgram/nova:3",
)
