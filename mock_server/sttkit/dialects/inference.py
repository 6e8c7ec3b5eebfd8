"""LiveKit's own gateway to many providers (``/v1/stt``).

Sources: docs.livekit.io/agents/models/stt, and ``livekit/agents/inference/stt.py`` 1.8.9: the
protocol has no documentation of its own. A signed token lets in, the first message configures;
JSON both ways, keyed by ``type``, audio as base64. No message says that an utterance has ended.
What asks for pending finals is also what is said after the last audio; the session is closed apart.
"""

from __future__ import annotations

from sttkit.dialects.model import Facts, ProviderFailure, View
from sttkit.dialects.tables import Door, Ears, Saying, from_tables
from sttkit.dialects.template import (
    Is,
    asked,
    confidence,
    duration,
    session,
    text,
    time,
    words,
)
from sttkit.dialects.wire import sample_rate_of, text_of
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
    SessionEnded,
    SpeechStarted,
    Unintelligible,
)

_RATE = "settings.sample_rate"


def _transcript(kind: str) -> dict[str, object]:
    return {
        "type": Is(kind),
        "session_id": session(),
        "transcript": text(),
        "start": time("start"),
        "duration": duration(),
        "confidence": confidence(),
        "language": asked("settings.language", "en"),
        "words": words(),
    }


def _is_of_flush(event: ServerEvent, view: View) -> bool:
    return isinstance(event, Acknowledged) and event.what == "flush"


def _refuses(event: ClientEvent, view: View) -> Unintelligible | None:
    if not isinstance(event, Config):
        return None
    asked_for = {**view.config, **event.values}
    if asked_for.get("settings.encoding") != "pcm_s16le":
        return Unintelligible("only pcm_s16le is served")
    if sample_rate_of(asked_for.get(_RATE)) is None:
        return Unintelligible("a sample rate that is not served")
    return None


def _failure(code: int, text: str) -> ProviderFailure:
    return ProviderFailure(text, text_of({"type": "error", "code": code, "message": text}))


DIALECT = from_tables(
    name="inference",
    source="livekit/agents/inference/stt.py 1.8.9",
    host="agent-gateway.livekit.cloud",
    door=Door("/v1/stt", settings=()),
    ears=Ears(
        {
            "session.create": Config,
            "session.update": Config,
            "session.finalize": Flush(),
            "session.close": EndOfStream(),
        },
        binary=False,
        base64={"input_audio": "audio"},
        first="session.create",
        refuses=_refuses,
    ),
    sayings=(
        Saying(Ready, {"type": Is("session.created"), "session_id": session()}),
        Saying(SpeechStarted, {"type": Is("start_of_speech"), "session_id": session()}),
        Saying(Interim, _transcript("interim_transcript")),
        Saying(Final, _transcript("final_transcript")),
        Saying(
            Acknowledged,
            {"type": "session.finalized", "session_id": session()},
            when=_is_of_flush,
            aside=True,
        ),
        Saying(SessionEnded, {"type": Is("session.closed"), "session_id": session()}),
    ),
    errors={
        "provider": _failure(500, "the provider failed"),
        "bad-message": _failure(400, "the message was not understood"),
    },
    facts=Facts(
        greeting="on-config",
        # There is session.finalize, but a plugin's flush() sends only the rest of the audio.
        flush_message=False,
        names_language=True,
        tells_times=True,
        tells_confidence=True,
        usage="client-audio",
        bad_message="bad-message",
    ),
    rate=_RATE,
)
