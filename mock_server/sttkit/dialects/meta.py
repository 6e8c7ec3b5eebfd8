"""Meta's Muse Voice Transcribe (``/v1/asr/realtime``) in the mode ENDPOINTING.

Sources: docs.livekit.io/agents/models/stt/meta, the README of livekit-plugins-meta 1.8.9 (which
follow dev.meta.ai/docs/api-reference/voice/realtime), and ``livekit/plugins/meta/stt.py`` 1.8.9.
The first message configures, holds the key, has no type and is answered by the session's id; binary
PCM at 24 kHz up, JSON keyed by ``type`` down. What belongs to a *turn* has its id, its final comes
after its end, and the server says how much audio it has processed. A session lasts an hour at most.
"""

from __future__ import annotations

from sttkit.dialects.model import Facts, ProviderFailure, View
from sttkit.dialects.tables import Door, Ears, Saying, from_tables
from sttkit.dialects.template import Is, Slot, heard, text, time, utterance
from sttkit.dialects.wire import text_of
from sttkit.events import (
    ClientEvent,
    Config,
    EndOfStream,
    Final,
    Interim,
    Ready,
    SessionEnded,
    SpeechEnded,
    SpeechStarted,
    Unintelligible,
    Usage,
)

_MAX_SESSION_S = 3600.0
_TURN = utterance("turn-{}")
_SESSION = Slot(
    lambda event, view: view.session_id, lambda value: {} if isinstance(value, str) else None
)
_PROGRESS = {"type": Is("audioProgress")}


def _refuses(event: ClientEvent, view: View) -> Unintelligible | None:
    if not isinstance(event, Config):
        return None
    asked_for = event.values
    if not str(asked_for.get("authorization.accessToken", "")).startswith("Bearer "):
        return Unintelligible("no access token", error="unauthorized")
    if asked_for.get("audioEncoding") != "PCM_24KHZ":
        return Unintelligible("only PCM_24KHZ is served here")
    if asked_for.get("mode") != "ENDPOINTING" or asked_for.get("partialMode") != "CUMULATIVE":
        return Unintelligible("only ENDPOINTING with cumulative partials is served here")
    return None


def _failure(text: str, close: tuple[int, str], *, retryable: bool) -> ProviderFailure:
    return ProviderFailure(text, text_of({"type": "error", "message": text}), close, retryable)


DIALECT = from_tables(
    name="meta",
    source="dev.meta.ai/docs/api-reference/voice/realtime, as the plugin's README has it",
    host="api.meta.ai",
    door=Door("/v1/asr/realtime", key=None, settings=()),
    ears=Ears(
        {"handshake": Config, "endStream": EndOfStream()}, first="handshake", refuses=_refuses
    ),
    sayings=(
        Saying(Ready, {"sessionId": _SESSION}),
        Saying(SpeechStarted, {"type": Is("speechStart"), "turnId": _TURN}),
        Saying(Interim, {"type": Is("transcript"), "turnId": _TURN, "transcript": text()}),
        Saying(SpeechEnded, {**_PROGRESS, "audioProcessedMs": heard(per_s=1000)}, aside=True),
        Saying(SpeechEnded, {"type": Is("speechEnd"), "turnId": _TURN}),
        Saying(Final, {"type": Is("speechComplete"), "turnId": _TURN, "transcript": text()}),
        Saying(Usage, {**_PROGRESS, "audioProcessedMs": time("audio_s", per_s=1000)}),
        Saying(
            SessionEnded,
            {**_PROGRESS, "audioProcessedMs": time("audio_s", per_s=1000)},
            aside=True,
        ),
    ),
    errors={
        "internal": _failure("Internal error", (1011, "internal error"), retryable=True),
        "busy": _failure("Try again later", (1013, "try again later"), retryable=True),
        "invalid": _failure("Invalid request", (1008, "invalid request"), retryable=False),
        "unauthorized": _failure("Unauthorized", (1008, "unauthorized"), retryable=False),
        # That there is a limit is documented, the close code is not.
        "session-limit": ProviderFailure(
            "Maximum session duration reached", None, (1001, "Maximum session duration reached")
        ),
    },
    wrong_types=(
        {"type": "transcript", "turnId": "turn-0", "transcript": None},
        {"type": "speechComplete", "turnId": None, "transcript": 7},
        {"type": "audioProgress", "audioProcessedMs": "soon"},
        {"type": 5},
    ),
    facts=Facts(
        greeting="on-config",
        greeting_required=True,
        flush_message=False,
        late_transcripts=True,
        usage="server-reported",
        transient_closes=frozenset({1011, 1013}),
        final_closes=frozenset({1008}),
        bad_message="invalid",
        session_limit=(_MAX_SESSION_S, "session-limit"),
        overloaded="busy",
    ),
    default_rate=24000,
)
