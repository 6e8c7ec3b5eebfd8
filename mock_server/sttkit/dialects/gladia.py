"""Gladia's live API, version 2: ``POST /v2/live``, then a WebSocket at the URL it answers.

Sources: docs.gladia.io/api-reference/v2/live/init, /api-reference/v2/live/websocket,
/api-reference/v2/live/action/stop-recording, and ``livekit/plugins/gladia/stt.py`` 1.8.9. The POST
configures the session; its URL, which has no meaning to a client, carries the settings here. JSON
both ways, keyed by ``type``, audio as base64 or binary. Whoever stops the recording is told the
rest, and the session is over: nothing asks for pending finals only.
"""

from __future__ import annotations

import json
from urllib.parse import urlencode

from sttkit.dialects.model import Facts, ProviderFailure, Refusal, Request, View
from sttkit.dialects.tables import Door, Ears, Saying, from_tables, unless
from sttkit.dialects.template import Is, confidence, session, text, time, utterance, words
from sttkit.dialects.wire import flat, object_of, sample_rate_of, socket_url, text_of
from sttkit.events import (
    EndOfStream,
    Final,
    Interim,
    ServerEvent,
    SessionEnded,
    SpeechEnded,
    SpeechStarted,
)

_PATH = "/v2/live"


def _begin(request: Request) -> object | Refusal:
    """Answer the request for a session."""
    if request.method != "POST":
        return Refusal(405, f"{request.method} is not allowed")
    if not request.headers.get("x-gladia-key"):
        return Refusal(401, "gladia key not found")
    settings = object_of(request.body.decode("utf-8", "replace"))
    if settings is None:
        return Refusal(400, "a JSON object expected")
    served = {"encoding": "wav/pcm", "bit_depth": 16, "channels": 1}
    for key, value in served.items():
        if settings.get(key, value) != value:
            return Refusal(400, f"{key} {settings[key]!r} is not served here")
    if sample_rate_of(settings.get("sample_rate", 16000)) is None:
        return Refusal(400, f"sample_rate {settings['sample_rate']!r} is not served here")
    asked = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in flat(settings).items()
    }
    query = urlencode({**asked, "token": "fake"})
    return {"id": "fake", "url": socket_url(request, f"{_PATH}?{query}")}


def _asked_for_partials(event: ServerEvent, view: View) -> bool:
    return view.config.get("messages_config.receive_partial_transcripts") == "true"


def _transcript(*, final: bool) -> dict[str, object]:
    return {
        "type": Is("transcript"),
        "session_id": session(),
        "data": {
            "id": utterance("00_{:08}"),
            "is_final": Is(final),
            "utterance": {
                "text": text(),
                "start": time("start"),
                "end": time("end"),
                "language": "en",
                "confidence": confidence(),
                "channel": 0,
                "words": words(confidence="confidence"),
            },
        },
    }


def _speech(kind: str) -> dict[str, object]:
    return {"type": Is(kind), "session_id": session(), "data": {"time": time("at"), "channel": 0}}


_TELLS_SPEECH = unless("messages_config.receive_speech_events", "false")


def _failure(text: str, close: tuple[int, str] | None = None) -> ProviderFailure:
    # The documentation says what each means, not whether to try again.
    frame = {"type": "error", "acknowledged": False, "error": {"message": text}, "data": None}
    return ProviderFailure(text, text_of(frame), close)


DIALECT = from_tables(
    name="gladia",
    source="docs.gladia.io/api-reference/v2/live/websocket",
    host="api.gladia.io",
    door=Door(_PATH, key="?token", denied="no such session"),
    ears=Ears({"stop_recording": EndOfStream()}, base64={"audio_chunk": "data.chunk"}),
    sayings=(
        Saying(SpeechStarted, _speech("speech_start"), when=_TELLS_SPEECH),
        Saying(Interim, _transcript(final=False), when=_asked_for_partials),
        Saying(Final, _transcript(final=True)),
        Saying(SpeechEnded, _speech("speech_end"), when=_TELLS_SPEECH),
        Saying(
            SessionEnded,
            {
                "type": Is("post_final_transcript"),
                "session_id": session(),
                "data": {"metadata": {"audio_duration": time("audio_s")}},
            },
        ),
    ),
    http_error=lambda status, message: {"statusCode": status, "message": message},
    errors={
        "internal": _failure("The audio could not be processed"),
        "bad-message": _failure("The message was not understood"),
    },
    facts=Facts(
        flush_message=False,
        names_language=True,
        tells_times=True,
        tells_confidence=True,
        usage="client-audio",
        bad_message="bad-message",
    ),
    steps={_PATH: _begin},
    example=f"{_PATH}?token=fake&messages_config.receive_partial_transcripts=true",
)
