"""Microsoft AI's realtime transcription (MAI-Transcribe): OpenAI's vocabulary, manual commits.

Sources: the README of livekit-plugins-microsoft-ai 1.8.9 ("STT contract and lifecycle"; there is no
public reference, and endpoints are given out one by one), and ``livekit/plugins/microsoft_ai/
stt.py`` 1.8.9. JSON both ways, audio as base64 at 16 kHz. The server speaks first and answers the
configuration; nothing but the client's commit ends an item, and each is answered by ``committed``
and ``completed``, with or without text. There is no message that ends the audio.
"""

from __future__ import annotations

from sttkit.dialects.model import Facts, ProviderFailure, View
from sttkit.dialects.tables import Door, Ears, Saying, from_tables
from sttkit.dialects.template import Is, segment, sequence, session, text
from sttkit.dialects.wire import text_of
from sttkit.events import (
    Acknowledged,
    ClientEvent,
    Config,
    Final,
    Flush,
    Interim,
    Ready,
    ServerEvent,
    Unintelligible,
)

_TRANSCRIPTION = "conversation.item.input_audio_transcription"
_INPUT = "audio.input"


def _event(kind: str, **parts: object) -> dict[str, object]:
    return {"type": Is(kind), "event_id": sequence("event_{}"), **parts}


_SESSION = {"type": "transcription", "id": session("sess_{}")}
_ITEM = segment("item_{}")


def _is_of_config(event: ServerEvent, view: View) -> bool:
    return isinstance(event, Acknowledged) and event.what == "config"


def _is_of_commit(event: ServerEvent, view: View) -> bool:
    return isinstance(event, Acknowledged) and event.what == "flush"


def _refuses(event: ClientEvent, view: View) -> Unintelligible | None:
    if not isinstance(event, Config):
        return None
    asked_for = event.values
    if not asked_for.get(f"{_INPUT}.transcription.model"):
        return Unintelligible("no model")
    if asked_for.get(f"{_INPUT}.format.rate") != 16000:
        return Unintelligible("only 16 kHz is served")
    if any(asked_for[key] is not None for key in asked_for if "turn_detection" in key):
        return Unintelligible("turn detection is not served")
    return None


def _failure(code: str, text: str, status: int | None = None) -> ProviderFailure:
    # The contract has some codes and statuses, and does not say what helps.
    error = {"code": code, "message": text, **({"status_code": status} if status else {})}
    return ProviderFailure(text, text_of({"type": "error", "error": error}))


DIALECT = from_tables(
    name="microsoft_ai",
    source="the README of livekit-plugins-microsoft-ai 1.8.9",
    host="stt.example.invalid",  # the README's own stand-in
    door=Door("/v1/realtime"),
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
            Acknowledged,
            _event("input_audio_buffer.committed", item_id=_ITEM),
            when=_is_of_commit,
            aside=True,
        ),
        Saying(
            Interim, _event(f"{_TRANSCRIPTION}.intermediate", item_id=_ITEM, intermediate=text())
        ),
        Saying(Final, _event(f"{_TRANSCRIPTION}.completed", item_id=_ITEM, transcript=text())),
    ),
    errors={
        "server_error": _failure("server_error", "The server had an error.", 500),
        "rate_limit_exceeded": _failure("rate_limit_exceeded", "Too many requests."),
        "invalid_request": _failure("invalid_request", "The message was not understood."),
        "content_filter": _failure("content_filter", "The content was filtered."),
    },
    wrong_types=(
        {"type": f"{_TRANSCRIPTION}.intermediate", "item_id": 3, "intermediate": None},
        {"type": f"{_TRANSCRIPTION}.completed", "item_id": "item_0", "transcript": 7},
        {"type": "input_audio_buffer.committed", "item_id": []},
        {"type": 5},
    ),
    facts=Facts(
        greeting="on-connect",
        greeting_required=True,
        end_marker=False,
        answers_empty_flush=True,
        signals_start=False,
        signals_end=False,
        endpointing=False,
        usage="client-audio",
        bad_message="invalid_request",
    ),
    rate="audio.input.format.rate",
    example="/v1/realtime?intent=transcription",
)
