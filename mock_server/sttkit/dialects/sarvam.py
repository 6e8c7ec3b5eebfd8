"""Sarvam's streaming speech to text (``/speech-to-text/ws``), and its batch endpoint.

Sources: docs.sarvam.ai/api-reference-docs/speech-to-text/transcribe/ws, docs.sarvam.ai on best
practices for speech to text, and ``livekit/plugins/sarvam/stt.py`` 1.8.9. The query configures the
session; JSON both ways, audio as base64, which has no kind of its own. No interims: a segment's
text follows the end of its speech.
"""

from __future__ import annotations

from collections.abc import Mapping

from sttkit.dialects.model import Batch, Facts, ProviderFailure, Refusal, Request, View
from sttkit.dialects.tables import Door, Ears, Saying, from_tables, only_if
from sttkit.dialects.template import Is, Slot, asked, session, text
from sttkit.dialects.wire import form_file, read_wav_body, text_of
from sttkit.events import (
    EndOfStream,
    Final,
    Flush,
    ServerEvent,
    SpeechEnded,
    SpeechStarted,
    Transcript,
)

_KEY = "api-subscription-key"
_DENIED = "Invalid or missing API subscription key"
_SIGNALS = only_if("vad_signals", "true")


def _kind_of(message: Mapping[str, object]) -> object:
    return message.get("type", "audio" if "audio" in message else None)


def _duration(event: ServerEvent, view: View) -> object:
    assert isinstance(event, Transcript)
    return round(event.end - event.start, 3)


def _signal(kind: str) -> dict[str, object]:
    return {"type": Is("events"), "data": {"event_type": "VAD", "signal_type": Is(kind)}}


def _failure(code: str, text: str) -> ProviderFailure:
    # The documentation has the message and the codes, not whether to try again.
    frame = {"type": "error", "data": {"error": text, "code": code}}
    return ProviderFailure(text, text_of(frame))


def _read_batch(request: Request) -> tuple[bytes, int] | Refusal:
    if not request.headers.get(_KEY):
        return Refusal(403, _DENIED)
    body = form_file(request, "file")
    return body if isinstance(body, Refusal) else read_wav_body(body)


def _write_batch(final: Final, duration: float, request: Request) -> object:
    return {"request_id": "fake", "transcript": final.text, "language_code": "en-IN"}


DIALECT = from_tables(
    name="sarvam",
    source="docs.sarvam.ai/api-reference-docs/speech-to-text/transcribe/ws",
    host="api.sarvam.ai",
    door=Door("/speech-to-text/ws", key=_KEY, denied=_DENIED),
    ears=Ears(
        {"flush": Flush(), "end_of_stream": EndOfStream()},
        kind_of=_kind_of,
        binary=False,
        base64={"audio": "audio.data"},
    ),
    sayings=(
        Saying(SpeechStarted, _signal("START_SPEECH"), when=_SIGNALS),
        Saying(SpeechEnded, _signal("END_SPEECH"), when=_SIGNALS),
        Saying(
            Final,
            {
                "type": Is("data"),
                "data": {
                    "request_id": session(),
                    "transcript": text(),
                    "language_code": asked("language-code", "en-IN"),
                    "metrics": {"audio_duration": Slot(_duration), "processing_latency": 0.1},
                },
            },
        ),
    ),
    http_error=lambda status, message: {
        "error": {"message": message, "code": f"http_{status}", "request_id": "fake"}
    },
    errors={
        "internal_server_error": _failure(
            "internal_server_error", "Something went wrong on our side"
        ),
        "rate_limit_exceeded_error": _failure("rate_limit_exceeded_error", "Rate limit exceeded"),
    },
    facts=Facts(
        # There is a flush, but a plugin sends it only if asked to.
        flush_message=False,
        late_transcripts=True,
        names_language=True,
        usage="finals",
        idle_limit=60.0,
    ),
    batch=Batch(("/speech-to-text",), _read_batch, _write_batch, form="file"),
    example="/speech-to-text/ws?language-code=en-IN&model=saaras:v3&vad_signals=true",
)
