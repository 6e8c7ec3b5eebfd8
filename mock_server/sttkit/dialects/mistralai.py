"""Mistral's realtime transcription (``/v1/audio/transcriptions/realtime``).

Sources: docs.mistral.ai/studio/audio/speech-to-text/transcribe-in-realtime, ``mistralai`` 2.10.1
(``extra/realtime``), github.com/mistralai/client-python/issues/357 (the last word, error 3804), and
``livekit/plugins/mistralai/stt.py`` 1.8.9. The query names the model; the server speaks first. JSON
both ways, audio as base64, text in deltas. Nothing but the client ends a segment: its flush, or the
end of the audio; until then the last word is held back.
"""

from __future__ import annotations

import math

from sttkit.dialects.model import Facts, ProviderFailure, View
from sttkit.dialects.tables import Door, Ears, Saying, from_tables
from sttkit.dialects.template import Is, Slot, asked, session, text
from sttkit.dialects.wire import text_of
from sttkit.events import (
    Acknowledged,
    ClientEvent,
    Config,
    EndOfStream,
    Final,
    Flush,
    Interim,
    Ready,
    ServerEvent,
    Unintelligible,
)

_MODEL = "voxtral-mini-transcribe-realtime-2602"
_SESSION = {
    "request_id": session(),
    "model": asked("model", _MODEL),
    "audio_format": {"encoding": "pcm_s16le", "sample_rate": 16000},
}


def _is_of_config(event: ServerEvent, view: View) -> bool:
    return isinstance(event, Acknowledged) and event.what == "config"


def _known(text: str) -> str:
    """What is told of a text while it goes on."""
    return text.rpartition(" ")[0]


def _new(event: ServerEvent, view: View) -> str:
    assert isinstance(event, (Interim, Final))
    told = event.text if isinstance(event, Final) else _known(event.text)
    return told.removeprefix(_known(view.said))


def _tells(event: ServerEvent, view: View) -> bool:
    # What no interim has begun is told by the message that it is done, and by that alone.
    return bool((isinstance(event, Interim) or view.said) and _new(event, view))


def _begins(event: ServerEvent, view: View) -> bool:
    return bool(_new(event, view)) and not _known(view.said)


def _seconds(event: ServerEvent, view: View) -> int:
    assert isinstance(event, Final)
    return math.ceil(event.end - event.start)


def _refuses(event: ClientEvent, view: View) -> Unintelligible | None:
    if not isinstance(event, Config):
        return None
    if view.heard_s:
        return Unintelligible("settings after the first audio")
    audio_format = (
        event.values.get("audio_format.encoding", "pcm_s16le"),
        event.values.get("audio_format.sample_rate", 16000),
    )
    if audio_format != ("pcm_s16le", 16000):
        return Unintelligible("only pcm_s16le of 16 kHz is served here")
    return None


_LANGUAGE = {"type": "transcription.language", "audio_language": "en"}
_DELTA = {
    "type": Is("transcription.text.delta"),
    "text": Slot(_new, lambda value: {"text": "" if value is None else str(value)}),
}


def _failure(code: int, text: str, close: tuple[int, str] | None = None) -> ProviderFailure:
    # What to do about them is not documented.
    error = {"message": text, "code": code}
    return ProviderFailure(text, text_of({"type": "error", "error": error}), close)


DIALECT = from_tables(
    name="mistralai",
    source="docs.mistral.ai/studio/audio/speech-to-text/transcribe-in-realtime",
    host="api.mistral.ai",
    door=Door("/v1/audio/transcriptions/realtime", denied="Unauthorized"),
    ears=Ears(
        {
            "session.update": Config,
            "input_audio.flush": Flush(),
            "input_audio.end": EndOfStream(),
        },
        binary=False,
        base64={"input_audio.append": "audio"},
        settings="session",
        refuses=_refuses,
    ),
    sayings=(
        Saying(Ready, {"type": Is("session.created"), "session": _SESSION}),
        Saying(
            Acknowledged,
            {"type": "session.updated", "session": _SESSION},
            when=_is_of_config,
            aside=True,
        ),
        Saying(Interim, _LANGUAGE, when=_begins, aside=True),
        Saying(Interim, _DELTA, when=_tells),
        Saying(Final, _LANGUAGE, when=_begins, aside=True),
        Saying(Final, _DELTA, when=_tells, aside=True),
        Saying(
            Final,
            {
                "type": Is("transcription.done"),
                "model": asked("model", _MODEL),
                "text": text(),
                "language": "en",
                "segments": [],
                "usage": {
                    "prompt_audio_seconds": Slot(_seconds),
                    "prompt_tokens": 0,
                    "completion_tokens": 0,
                    "total_tokens": 0,
                },
            },
        ),
    ),
    errors={
        "3804": _failure(3804, "Timeout waiting for response from streaming transcription."),
        "internal": _failure(3000, "Internal server error", (1011, "")),
        "invalid": _failure(3001, "The message was not understood"),
    },
    wrong_types=(
        {"type": "transcription.text.delta", "text": None},
        {"type": "transcription.done", "text": 7, "usage": "none"},
        {"type": "transcription.language", "audio_language": []},
        {"type": 5},
    ),
    facts=Facts(
        greeting="on-connect",
        greeting_required=True,
        signals_start=False,
        signals_end=False,
        late_transcripts=True,  # they follow the flush, and so the end that led to it
        endpointing=False,
        usage="server-reported",
        bad_message="invalid",
    ),
    example=f"/v1/audio/transcriptions/realtime?model={_MODEL}",
)
