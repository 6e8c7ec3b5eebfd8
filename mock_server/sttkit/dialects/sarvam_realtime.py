"""Sarvam's realtime speech to text (``/speech-to-text-realtime/ws``).

Sources: docs.sarvam.ai/api-reference/speech-to-text/transcribe/realtime/ws, docs.sarvam.ai on
realtime streaming, and ``livekit/plugins/sarvam/stt_streaming.py`` 1.8.9. The query configures the
session, and a message may change it; binary PCM up, JSON keyed by ``event`` down. With the server's
own voice detection, which is all that is served here, an utterance's text follows its end.
"""

from __future__ import annotations

from sttkit.dialects.model import Facts, ProviderFailure, View
from sttkit.dialects.tables import Door, Ears, Saying, from_tables
from sttkit.dialects.template import Is, asked, session, text, time, utterance
from sttkit.dialects.wire import text_of
from sttkit.events import (
    Acknowledged,
    Config,
    EndOfStream,
    Final,
    Interim,
    Keepalive,
    Ready,
    ServerEvent,
    SessionEnded,
    SpeechEnded,
    SpeechStarted,
)

_KEY = "api-subscription-key"


def _event(kind: str, **parts: object) -> dict[str, object]:
    return {"event": Is(kind), **parts}


def _transcript(kind: str) -> dict[str, object]:
    return _event(
        kind,
        text=text(),
        utterance_idx=utterance(),
        language=asked("language_code", "en-IN"),
    )


def _is_of_config(event: ServerEvent, view: View) -> bool:
    return isinstance(event, Acknowledged) and event.what == "config"


def _is_of_keepalive(event: ServerEvent, view: View) -> bool:
    return isinstance(event, Acknowledged) and event.what == "keepalive"


def _failure(code: str, status: int, text: str, close: int, *, retryable: bool) -> ProviderFailure:
    frame = {
        "event": "error",
        "is_fatal": True,
        "code": code,
        "status_code": status,
        "message": text,
    }
    return ProviderFailure(text, text_of(frame), (close, text), retryable)


DIALECT = from_tables(
    name="sarvam_realtime",
    source="docs.sarvam.ai/api-reference/speech-to-text/transcribe/realtime/ws",
    host="api.sarvam.ai",
    door=Door(
        "/speech-to-text-realtime/ws",
        key=_KEY,
        denied="Invalid or missing API subscription key",
        only={"endpointing": ("vad",), "encoding": ("linear16",)},
    ),
    ears=Ears(
        {"config.update": Config, "end": EndOfStream(), "ping": Keepalive()},
        kind_of=lambda message: message.get("event"),
    ),
    sayings=(
        Saying(
            Ready,
            _event(
                "session.begin",
                session_id=session(),
                request_id=session("request-{}"),
                config={"language_code": asked("language_code", "en-IN")},
            ),
        ),
        Saying(Acknowledged, _event("config.updated", applied=[]), when=_is_of_config, aside=True),
        Saying(Acknowledged, _event("pong"), when=_is_of_keepalive, aside=True),
        Saying(SpeechStarted, _event("vad.speech_start", utterance_idx=utterance())),
        Saying(Interim, _transcript("transcript.partial")),
        Saying(SpeechEnded, _event("vad.speech_end", utterance_idx=utterance())),
        Saying(Final, _transcript("transcript.final")),
        Saying(SessionEnded, _event("session.end", audio_duration_s=time("audio_s"))),
    ),
    http_error=lambda status, message: {
        "error": {"message": message, "code": f"http_{status}", "request_id": "fake"}
    },
    errors={
        "model_unavailable": _failure(
            "model_unavailable", 503, "The model is unavailable", 1013, retryable=True
        ),
        "session_timeout": _failure(
            "session_timeout",
            408,
            "The session exceeded its maximum duration",
            1008,
            retryable=False,
        ),
    },
    unknown={"event": "mystery", "value": 1},
    facts=Facts(
        greeting="on-connect",
        flush_message=False,
        late_transcripts=True,
        names_language=True,
        usage="client-audio",
        transient_closes=frozenset({1013}),
        final_closes=frozenset({1003, 1008, 4000}),
    ),
    example="/speech-to-text-realtime/ws?language_code=en-IN&sample_rate=16000",
)
