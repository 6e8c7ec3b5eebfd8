"""The protocol of a self-hosted Whisper-like server, version 1 (the reference plugin speaks it).

HTTP: ``GET /health``, ``POST /transcribe`` (multipart ``file``), and the OpenAI-shaped alias
``POST /v1/audio/transcriptions``. WebSocket ``/ws/transcribe``: the client configures first, the
server answers ``ready``, then binary PCM up and JSON down, both keyed by ``type``.
"""

from __future__ import annotations

from collections.abc import Mapping

from sttkit.dialects.model import (
    Batch,
    Dialect,
    Facts,
    Message,
    Opening,
    ProviderFailure,
    Refusal,
    Request,
    View,
)
from sttkit.dialects.wire import (
    form_file,
    form_text,
    number,
    object_of,
    read_wav_body,
    sample_rate_of,
    text_of,
    words_of,
)
from sttkit.events import (
    Audio,
    ClientEvent,
    Config,
    EndOfStream,
    Final,
    Flush,
    Interim,
    Keepalive,
    ProviderError,
    Ready,
    ServerEvent,
    SessionEnded,
    SpeechEnded,
    SpeechStarted,
    Unintelligible,
    Usage,
)

_OPENAI_ALIAS = "/v1/audio/transcriptions"


def _open(request: Request) -> Opening | Refusal:
    if not request.path.endswith("/ws/transcribe"):
        return Refusal(404, f"nothing at {request.path}")
    return Opening(config={})


def _rate_of(config: Mapping[str, object]) -> int:
    return sample_rate_of(config.get("sample_rate")) or 16000


def _read(message: Message, view: View) -> ClientEvent:
    if isinstance(message, bytes):
        if not view.config:
            return Unintelligible("audio before the configuration")
        if len(message) % 2:
            return Unintelligible("an odd number of bytes of 16-bit audio")
        return Audio(message)
    value = object_of(message)
    if value is None:
        return Unintelligible("not a JSON object")
    # The first clients of this protocol sent their configuration without a type.
    kind = value.get("type", None if view.config else "config")
    if kind == "config":
        if value.get("encoding", "pcm_s16le") != "pcm_s16le" or value.get("channels", 1) != 1:
            return Unintelligible("only mono pcm_s16le is served")
        if "sample_rate" in value and sample_rate_of(value["sample_rate"]) is None:
            return Unintelligible("a sample rate that is not served")
        # With its type, so that a configuration is never empty.
        return Config({**value, "type": "config"})
    if not view.config:
        return Unintelligible(f"{kind!r} before the configuration")
    if kind == "keepalive":
        return Keepalive()
    if kind == "flush":
        return Flush()
    if kind == "end_of_stream":
        return EndOfStream()
    return Unintelligible(f"unknown type {kind!r}")


def _write(event: ServerEvent, view: View) -> list[Message]:
    if isinstance(event, Ready):
        return [
            text_of(
                {"type": "ready", "message": "ready", "session_id": view.session_id, "protocol": 1}
            )
        ]
    if isinstance(event, SpeechStarted):
        return [text_of({"type": "speech_started", "start": event.at})]
    if isinstance(event, Interim) and view.config.get("interim_results") is False:
        return []
    if isinstance(event, (Interim, Final)):
        return [
            text_of(
                {
                    "type": "final" if isinstance(event, Final) else "interim",
                    "text": event.text,
                    "start": event.start,
                    "end": event.end,
                    "confidence": event.confidence,
                    "language": str(view.config.get("language") or "en"),
                    "words": [
                        {"word": w.text, "start": w.start, "end": w.end} for w in event.words
                    ],
                    "seq": view.sequence,
                }
            )
        ]
    if isinstance(event, SpeechEnded):
        return [text_of({"type": "speech_ended", "end": event.at})]
    if isinstance(event, Usage):
        return [text_of({"type": "usage", "audio_seconds": event.audio_s})]
    if isinstance(event, SessionEnded):
        return [text_of({"type": "session_ended", "audio_seconds": event.audio_s})]
    return []


def _explain(message: Message) -> ServerEvent | None:
    value = object_of(message)
    if value is None:
        return None
    kind = value.get("type")
    if kind == "ready":
        return Ready()
    if kind == "speech_started":
        return SpeechStarted(number(value.get("start")))
    if kind in ("interim", "partial", "final"):
        made = Final if kind == "final" else Interim
        return made(
            text=str(value.get("text", "")),
            start=number(value.get("start")),
            end=number(value.get("end")),
            words=words_of(value.get("words")),
            confidence=number(value.get("confidence")),
        )
    if kind == "speech_ended":
        return SpeechEnded(number(value.get("end")))
    if kind == "usage":
        return Usage(number(value.get("audio_seconds")))
    if kind == "session_ended":
        return SessionEnded(number(value.get("audio_seconds")))
    if kind == "error":
        return ProviderError(str(value.get("code", "")))
    return None


def _error(code: str, text: str, *, retryable: bool) -> str:
    return text_of({"type": "error", "message": text, "code": code, "retryable": retryable})


def _http_error(status: int, message: str) -> object:
    return {"error": {"message": message, "code": status}}


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

DIALECT = Dialect(
    name="custom_stt",
    source="docs/protocol.md (protocol 1 of the reference plugin)",
    host="localhost",
    open=_open,
    read=_read,
    write=_write,
    explain=_explain,
    http_error=_http_error,
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
    unknown=text_of({"type": "mystery", "value": 1}),
    wrong_types=(
        text_of({"type": "interim", "text": 7, "start": "soon", "words": None}),
        text_of({"type": "final", "text": None, "confidence": [], "words": {"a": 1}}),
        text_of({"type": "final"}),
        text_of({"type": 5}),
    ),
    facts=Facts(
        greeting="on-config",
        greeting_required=True,
        answers_empty_flush=False,
        names_language=True,
        usage="client-audio",
        idle_limit=30.0,
        idle_close=(1001, "idle"),
        transient_closes=frozenset({4000}),
        final_closes=frozenset({1008}),
        bad_message="bad_request",
        overloaded="overloaded",
        limit_close=(4000, "session limit"),
    ),
    rate_of=_rate_of,
    batch=Batch(("/transcribe", _OPENAI_ALIAS), _read_batch, _write_batch),
    health=("/health", {"status": "ok", "model_loaded": True}),
    health_loading={"status": "ok", "model_loaded": False},
    example="/ws/transcribe",
)
