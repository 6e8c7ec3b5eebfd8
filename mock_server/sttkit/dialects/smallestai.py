"""Smallest AI's Pulse (``/waves/v1/stt/live``), and its batch endpoint.

Sources: docs.smallest.ai/waves/api-reference/api-reference/speech-to-text/speech-to-text (control
messages, the last transcript), /waves/changelog/general/2026/6/23 (``vad_events``), and
``livekit/plugins/smallestai/stt.py`` 1.8.9. The query configures the session; binary PCM up, JSON
keyed by ``type`` down. The answer to the end is a transcript that is marked as the last.
"""

from __future__ import annotations

from sttkit.dialects.model import Batch, Facts, ProviderFailure, Refusal, Request, View
from sttkit.dialects.tables import Door, Ears, Saying, from_tables
from sttkit.dialects.template import Is, asked, flag, session, text, time, words
from sttkit.dialects.wire import read_wav_body, text_of
from sttkit.events import (
    Acknowledged,
    EndOfStream,
    Final,
    Flush,
    Interim,
    Keepalive,
    ServerEvent,
    SessionEnded,
    SpeechEnded,
    SpeechStarted,
)

_BATCH = "/waves/v1/stt/"
_OLDER = "/waves/v1/pulse/get_text"
"""What releases of the plugin before 1.7 ask for; both kinds are served there."""
_DENIED = "Invalid API key"


def _tells_speech(event: ServerEvent, view: View) -> bool:
    return "true" in (view.config.get("vad_events"), view.config.get("vad"))


def _is_of_keepalive(event: ServerEvent, view: View) -> bool:
    return isinstance(event, Acknowledged) and event.what == "keepalive"


_TRANSCRIPTION = {
    "type": Is("transcription"),
    "status": "success",
    "session_id": session(),
    "language": asked("language", "en"),
}
_WORDS = words(confidence="confidence")


def _failure(text: str) -> ProviderFailure:
    # The documentation has the frame, but neither a list of errors nor what to do about them.
    return ProviderFailure(text, text_of({"type": "error", "status": "error", "message": text}))


def _read_batch(request: Request) -> tuple[bytes, int] | Refusal:
    if not request.headers.get("authorization"):
        return Refusal(401, _DENIED)
    return read_wav_body(request.body)


def _write_batch(final: Final, duration: float, request: Request) -> object:
    return {
        "status": "success",
        "transcription": final.text,
        "audio_length": duration,
        "language": request.first("language", "en"),
        "words": [
            {"word": w.text, "start": w.start, "end": w.end, "confidence": final.confidence}
            for w in final.words
        ],
    }


DIALECT = from_tables(
    name="smallestai",
    source="docs.smallest.ai/waves/api-reference/api-reference/speech-to-text/speech-to-text",
    host="api.smallest.ai",
    door=Door(
        "/waves/v1/stt/live",
        denied=_DENIED,
        only={"model": ("pulse",), "encoding": ("linear16",)},
        older=(_OLDER,),
    ),
    ears=Ears(
        {"finalize": Flush(), "keepalive": Keepalive(), "close_stream": EndOfStream()},
    ),
    sayings=(
        Saying(Acknowledged, {"type": "pong"}, when=_is_of_keepalive, aside=True),
        Saying(
            SpeechStarted,
            {"type": Is("speech_started"), "session_id": session(), "timestamp": time("at")},
            when=_tells_speech,
        ),
        Saying(
            Interim,
            {**_TRANSCRIPTION, "transcript": text(), "is_final": Is(False), "is_last": False},
        ),
        Saying(
            Final,
            {
                **_TRANSCRIPTION,
                "transcript": text(),
                "is_final": Is(True),
                "is_last": Is(False),
                "from_finalize": flag("from_flush"),
                "words": _WORDS,
            },
        ),
        Saying(
            SpeechEnded,
            {"type": Is("speech_ended"), "session_id": session(), "timestamp": time("at")},
            when=_tells_speech,
        ),
        Saying(
            SessionEnded,
            {**_TRANSCRIPTION, "transcript": "", "is_final": True, "is_last": Is(True)},
        ),
    ),
    errors={
        "unavailable": _failure("The transcription service is unavailable"),
        "bad-audio": _failure("The audio could not be processed"),
    },
    wrong_types=(
        {"type": "transcription", "transcript": None, "is_final": "yes"},
        {"type": "transcription", "transcript": 7, "is_final": True, "words": [{"word": 7}]},
        {"type": "transcription", "transcript": "", "is_final": True, "words": "none"},
        {"type": "speech_started", "timestamp": None},
        {"type": 5},
    ),
    facts=Facts(
        answers_empty_flush=True, names_language=True, tells_times=True, usage="client-audio"
    ),
    batch=Batch((_BATCH, _OLDER), _read_batch, _write_batch),
    example="/waves/v1/stt/live?model=pulse&encoding=linear16&sample_rate=16000",
)
