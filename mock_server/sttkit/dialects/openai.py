"""OpenAI's realtime API in transcription mode, and its batch endpoint.

Sources: platform.openai.com/docs/guides/realtime-transcription, /docs/api-reference/realtime-
server-events, /docs/guides/error-codes, and ``livekit/plugins/openai/stt.py`` 1.8.9. JSON both
ways, audio as base64 at 24 kHz. Each utterance is an *item*: with the server's own voice detection
it is transcribed when its speech has stopped, so its text comes in pieces after its end. There is
no message that ends the audio; a session ends when the client leaves, or after an hour. Errors
are frames, and most leave the session open.
"""

from __future__ import annotations

from sttkit.dialects.model import Batch, Facts, ProviderFailure, Refusal, Request, View
from sttkit.dialects.tables import Door, Ears, Saying, from_tables, word_by_word
from sttkit.dialects.template import Is, sequence, session, text, time, utterance
from sttkit.dialects.wire import form_file, read_wav_body, text_of
from sttkit.events import (
    Acknowledged,
    ClientEvent,
    Config,
    Final,
    Flush,
    Ready,
    ServerEvent,
    SpeechEnded,
    SpeechStarted,
    Unintelligible,
)

_BATCH = "/v1/audio/transcriptions"
_DENIED = "Incorrect API key provided."
_LEAST_COMMIT_S = 0.1
_MAX_SESSION_S = 3600.0
_COMMITTED_ONLY = ("gpt-realtime-whisper", "gpt-live-transcribe")
"""Models without the server's voice detection, which is all that is served here."""


def _event(kind: str, **parts: object) -> dict[str, object]:
    return {"type": Is(kind), "event_id": sequence(), **parts}


_ITEM = utterance("item_{}")
_SESSION = {"type": "transcription", "id": session("sess_{}")}
_COMMITTED = _event("input_audio_buffer.committed", item_id=_ITEM)
_TRANSCRIPTION = "conversation.item.input_audio_transcription"


def _is_of_config(event: ServerEvent, view: View) -> bool:
    return isinstance(event, Acknowledged) and event.what == "config"


def _is_asked_for(event: ServerEvent, view: View) -> bool:
    return isinstance(event, Final) and event.from_flush


def _refuses(event: ClientEvent, view: View) -> Unintelligible | None:
    if isinstance(event, Flush) and view.unflushed_s < _LEAST_COMMIT_S:
        return Unintelligible("less than 100 ms to commit", "input_audio_buffer_commit_empty")
    if isinstance(event, Config):
        model = str(event.values.get("audio.input.transcription.model", ""))
        if model.startswith(_COMMITTED_ONLY):
            return Unintelligible(f"{model} is not served here")
    return None


def _failure(
    code: str,
    text: str,
    *,
    kind: str = "invalid_request_error",
    close: tuple[int, str] | None = None,
    retryable: bool | None = None,
) -> ProviderFailure:
    error = {"type": kind, "code": code, "message": text, "param": None, "event_id": None}
    frame = text_of({"type": "error", "event_id": "event_error", "error": error})
    return ProviderFailure(text, frame, close, retryable)


def _read_batch(request: Request) -> tuple[bytes, int] | Refusal:
    if not request.headers.get("authorization"):
        return Refusal(401, _DENIED)
    body = form_file(request, "file")
    return body if isinstance(body, Refusal) else read_wav_body(body)


DIALECT = from_tables(
    name="openai",
    source="platform.openai.com/docs/guides/realtime-transcription",
    host="api.openai.com",
    door=Door("/v1/realtime", denied=_DENIED, only={"intent": ("transcription",)}),
    ears=Ears(
        {"session.update": Config, "input_audio_buffer.commit": Flush()},
        binary=False,
        base64={"input_audio_buffer.append": "audio"},
        settings="session",
        refuses=_refuses,
    ),
    sayings=(
        Saying(Ready, _event("session.created", session=_SESSION)),
        Saying(
            Acknowledged,
            _event("session.updated", session=_SESSION),
            when=_is_of_config,
            aside=True,
        ),
        Saying(
            SpeechStarted,
            _event(
                "input_audio_buffer.speech_started",
                audio_start_ms=time("at", per_s=1000),
                item_id=_ITEM,
            ),
        ),
        Saying(
            SpeechEnded,
            _event(
                "input_audio_buffer.speech_stopped",
                audio_end_ms=time("at", per_s=1000),
                item_id=_ITEM,
            ),
        ),
        Saying(SpeechEnded, _COMMITTED, aside=True),
        Saying(Final, _COMMITTED, when=_is_asked_for, aside=True),
        Saying(
            Final,
            _event(f"{_TRANSCRIPTION}.delta", item_id=_ITEM, delta=text()),
            each=word_by_word,
            aside=True,
        ),
        Saying(
            Final,
            _event(
                f"{_TRANSCRIPTION}.completed", item_id=_ITEM, content_index=0, transcript=text()
            ),
        ),
    ),
    http_error=lambda status, message: {
        "error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    },
    errors={
        # The guide to error codes: "retry your request after a brief wait".
        "server_error": _failure(
            "server_error",
            "The server had an error while processing your request. Sorry about that!",
            kind="server_error",
            retryable=True,
        ),
        "invalid_value": _failure(
            "invalid_value", "Invalid value: the event was not understood.", retryable=False
        ),
        "input_audio_buffer_commit_empty": _failure(
            "input_audio_buffer_commit_empty",
            "Error committing input audio buffer: buffer too small. Expected at least 100ms of "
            "audio.",
        ),
        "session_expired": _failure(
            "session_expired",
            "Your session hit the maximum duration of 60 minutes.",
            close=(1001, ""),
        ),
    },
    wrong_types=(
        {"type": f"{_TRANSCRIPTION}.delta", "item_id": 3, "delta": None},
        {"type": f"{_TRANSCRIPTION}.delta", "item_id": None, "delta": {"text": "x"}},
        {"type": f"{_TRANSCRIPTION}.completed", "item_id": [], "transcript": None, "usage": 7},
        {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": "late"},
        {"type": 5},
    ),
    facts=Facts(
        greeting="on-connect",
        end_marker=False,
        # There is a commit, but with the server's voice detection a client sends none.
        flush_message=False,
        late_transcripts=True,
        retracts=True,
        usage="utterances",
        bad_message="invalid_value",
        session_limit=(_MAX_SESSION_S, "session_expired"),
    ),
    rate="audio.input.format.rate",
    default_rate=24000,
    batch=Batch(
        (_BATCH,),
        _read_batch,
        lambda final, duration, request: {"text": final.text},
        form="file",
    ),
    example="/v1/realtime?intent=transcription",
)
