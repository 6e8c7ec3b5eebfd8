"""The protocol of a self-hosted Whisper-like server, version 1 (the reference plugin speaks it).

HTTP: ``GET /health``, ``POST /transcribe`` (multipart ``file``), and the OpenAI-shaped alias
``POST /v1/audio/transcriptions``. WebSocket ``/ws/transcribe``: the client configures first, the
server answers ``ready``, then binary PCM up and JSON down, both keyed by ``type``.
"""

from __future__ import annotations

from sttkit.dialects.model import Batch, Facts, ProviderFailure, Refusal, Request, View
from sttkit.dialects.tables import Door, Ears, Saying, from_tables, unless
from sttkit.dialects.template import Is, asked, confidence, sequence, session, text, time, words
from sttkit.dialects.wire import form_file, form_text, read_wav_body, sample_rate_of, text_of
from sttkit.events import (
    ClientEvent,
    Config,
    EndOfStream,
    Final,
    Flush,
    Interim,
    Keepalive,
    Ready,
    SessionEnded,
    SpeechEnded,
    SpeechStarted,
    Unintelligible,
    Usage,
)

_OPENAI_ALIAS = "/v1/audio/transcriptions"

_TRANSCRIPT = {
    "text": text(),
    "start": time("start"),
    "end": time("end"),
    "confidence": confidence(),
    "language": asked("language", "en"),
    "words": words(),
    "seq": sequence(),
}
_READY = {
    "type": Is("ready"),
    "message": "ready",
    "session_id": session(),
    "protocol": 1,
}


def _refuses(event: ClientEvent, view: View) -> Unintelligible | None:
    if not isinstance(event, Config):
        return None
    asked_for = event.values
    if asked_for.get("encoding", "pcm_s16le") != "pcm_s16le" or asked_for.get("channels", 1) != 1:
        return Unintelligible("only mono pcm_s16le is served")
    if "sample_rate" in asked_for and sample_rate_of(asked_for["sample_rate"]) is None:
        return Unintelligible("a sample rate that is not served")
    return None


def _error(code: str, text: str, *, retryable: bool) -> str:
    return text_of({"type": "error", "message": text, "code": code, "retryable": retryable})


def _read_batch(request: Request) -> tuple[bytes, int] | Refusal:
    body = form_file(request, "file")
    return body if isinstance(body, Refusal) else read_wav_body(body)


def _write_batch(final: Final, duration: float, request: Request) -> object:
    language = request.first("language", "en")
    whole = {"text": final.text, "language": language, "duration": duration}
    if request.path.endswith(_OPENAI_ALIAS):
        if form_text(request, "response_format") != "verbose_json":
            return whole
        # https://platform.openai.com/docs/api-reference/audio/verbose-json-object
        return {
            **whole,
            "task": "transcribe",
            "segments": [
                {"id": number, "start": s.start, "end": s.end, "text": s.text}
                for number, s in enumerate(_segments(final))
            ],
            "words": [{"word": w.text, "start": w.start, "end": w.end} for w in final.words],
        }
    return {
        **whole,
        "segments": [
            {"start": s.start, "end": s.end, "text": s.text, "confidence": s.confidence}
            for s in _segments(final)
        ],
        "language_probability": 0.99,
    }


def _segments(final: Final) -> tuple[Final, ...]:
    return final.segments or ((final,) if final.text else ())


_OVERLOADED = "the recogniser is overloaded, try again"
_BAD_AUDIO = "the audio cannot be decoded"
_BAD_REQUEST = "the message was not understood"

DIALECT = from_tables(
    name="custom_stt",
    source="docs/protocol.md (protocol 1 of the reference plugin)",
    host="localhost",
    door=Door("*/ws/transcribe", key=None, settings=()),
    ears=Ears(
        # The first clients of this protocol sent their configuration without a type.
        first="config",
        controls={
            "config": Config,
            "keepalive": Keepalive(),
            "flush": Flush(),
            "end_of_stream": EndOfStream(),
        },
        refuses=_refuses,
    ),
    sayings=(
        Saying(Ready, _READY),
        Saying(SpeechStarted, {"type": Is("speech_started"), "start": time("at")}),
        Saying(
            Interim,
            {"type": Is("interim"), **_TRANSCRIPT},
            when=unless("interim_results", value=False),
        ),
        Saying(Final, {"type": Is("final"), **_TRANSCRIPT}),
        Saying(SpeechEnded, {"type": Is("speech_ended"), "end": time("at")}),
        Saying(Usage, {"type": Is("usage"), "audio_seconds": time("audio_s")}),
        Saying(SessionEnded, {"type": Is("session_ended"), "audio_seconds": time("audio_s")}),
    ),
    aliases={"partial": "interim"},
    http_error=lambda status, message: {"error": {"message": message, "code": status}},
    errors={
        "overloaded": ProviderFailure(
            _OVERLOADED, _error("overloaded", _OVERLOADED, retryable=True), retryable=True
        ),
        "bad_audio": ProviderFailure(
            _BAD_AUDIO, _error("bad_audio", _BAD_AUDIO, retryable=False), retryable=False
        ),
        "bad_request": ProviderFailure(
            _BAD_REQUEST,
            _error("bad_request", _BAD_REQUEST, retryable=False),
            close=(1008, "bad request"),
            retryable=False,
            explained=lambda reason: _error("bad_request", reason, retryable=False),
        ),
    },
    wrong_types=(
        {"type": "interim", "text": 7, "start": "soon", "words": None},
        {"type": "final", "text": None, "confidence": [], "words": {"a": 1}},
        {"type": "final"},
        {"type": 5},
    ),
    facts=Facts(
        greeting="on-config",
        greeting_required=True,
        answers_empty_flush=False,
        retracts=True,
        names_language=True,
        tells_times=True,
        tells_confidence=True,
        usage="client-audio",
        idle_limit=30.0,
        idle_close=(1001, "idle"),
        transient_closes=frozenset({4000}),
        final_closes=frozenset({1008}),
        bad_message="bad_request",
        overloaded="overloaded",
        limit_close=(4000, "session limit"),
    ),
    batch=Batch(("/transcribe", _OPENAI_ALIAS), _read_batch, _write_batch, form="file"),
    health=("/health", {"status": "ok", "model_loaded": True}),
    health_loading={"status": "ok", "model_loaded": False},
    volatile=frozenset({"session_id"}),
)
