"""AssemblyAI's streaming API, version 3 (``/v3/ws``).

Sources: assemblyai.com/docs/streaming/message-sequence, /docs/streaming/common-session-errors-and-
closures, /docs/api-reference/streaming-api, and ``livekit/plugins/assemblyai/stt.py`` 1.8.9. The
query configures the session; binary PCM up in chunks of 50 to 1000 ms, JSON keyed by ``type`` down,
times in ms. A *turn* is an utterance: its end rides on its last message. An error is told by a
frame, and by the close frame that follows at once with the same code.
"""

from __future__ import annotations

from sttkit.dialects.model import Facts, ProviderFailure, View
from sttkit.dialects.tables import Door, Ears, Saying, from_tables
from sttkit.dialects.template import Is, session, text, time, utterance, words
from sttkit.dialects.wire import sample_rate_of, text_of
from sttkit.events import (
    Audio,
    ClientEvent,
    Config,
    EndOfStream,
    Final,
    Flush,
    Interim,
    Keepalive,
    Ready,
    ServerEvent,
    SessionEnded,
    SpeechStarted,
    Unintelligible,
)

_SHORTEST_S, _LONGEST_S = 0.05, 1.0
_MAX_SESSION_S = 3 * 3600.0
_PER_S = 1000


_TURN = {
    "type": Is("Turn"),
    "turn_order": utterance(),
    "transcript": text(),
    "language_code": "en",
    "words": words(
        "text", per_s=_PER_S, confidence="confidence", more=lambda word: {"word_is_final": True}
    ),
}


def _tells_starts(event: ServerEvent, view: View) -> bool:
    """Only the models of the third generation do."""
    model = str(view.config.get("speech_model", ""))
    return model.startswith(("u3", "universal-3"))


def _formats_late(event: ServerEvent, view: View) -> bool:
    """Older models say a turn's end at once, and again when it is formatted, if asked to."""
    return view.config.get("format_turns") == "true" and not _tells_starts(event, view)


def _refuses(event: ClientEvent, view: View) -> Unintelligible | None:
    """A chunk that is too long, or one too short in mid-stream.

    What becomes of a short rest just before the end of the audio is not documented, so nothing is
    made of it: a chunk is found too short when another one follows.
    """
    if not isinstance(event, Audio):
        return None
    bytes_per_s = 2 * (sample_rate_of(view.config.get("sample_rate")) or 16000)
    if len(event.pcm) > _LONGEST_S * bytes_per_s:
        return Unintelligible("a chunk that is too long", error="input-duration")
    if 0 < view.chunk_bytes < _SHORTEST_S * bytes_per_s:
        return Unintelligible("audio after a chunk that was too short", error="input-duration")
    return None


def _failure(code: int, text: str) -> ProviderFailure:
    frame = text_of({"type": "Error", "error_code": code, "error": text})
    # The documentation says what each means, not whether to try again.
    return ProviderFailure(text, frame, (code, text))


DIALECT = from_tables(
    name="assemblyai",
    source="assemblyai.com/docs/streaming/message-sequence",
    host="streaming.assemblyai.com",
    door=Door("/v3/ws", only={"encoding": ("pcm_s16le",)}),
    ears=Ears(
        {
            "UpdateConfiguration": Config,
            "ForceEndpoint": Flush(),
            "KeepAlive": Keepalive(),
            "Terminate": EndOfStream(),
        },
        refuses=_refuses,
    ),
    sayings=(
        Saying(Ready, {"type": Is("Begin"), "id": session(), "expires_at": 1893456000}),
        Saying(
            SpeechStarted,
            {"type": Is("SpeechStarted"), "timestamp": time("at", per_s=_PER_S)},
            when=_tells_starts,
        ),
        Saying(
            Interim,
            {**_TURN, "utterance": "", "end_of_turn": Is(False), "turn_is_formatted": False},
        ),
        Saying(
            Final,
            {**_TURN, "utterance": "", "end_of_turn": Is(True), "turn_is_formatted": Is(False)},
            when=_formats_late,
        ),
        Saying(
            Final,
            {
                **_TURN,
                "utterance": text(),
                "end_of_turn": Is(True),
                "turn_is_formatted": Is(True),
            },
        ),
        Saying(
            SessionEnded,
            {"type": Is("Termination"), "audio_duration_seconds": time("audio_s")},
        ),
    ),
    http_error=lambda status, message: {"error": message},
    errors={
        "session-cancelled": _failure(3005, "Session Cancelled: An error occurred"),
        "invalid-message": _failure(3006, "Invalid Message Type"),
        "input-duration": _failure(
            3007, "Input duration violation. Expected between 50 and 1000 ms"
        ),
        "session-expired": _failure(3008, "Session Expired: Maximum session duration exceeded"),
        "too-many-sessions": _failure(
            3009, "Unauthorized Connection: Too many concurrent sessions"
        ),
    },
    wrong_types=(
        {"type": "Turn", "words": None, "transcript": 7, "end_of_turn": "yes"},
        {"type": "Turn", "words": [{"text": None, "start": "soon"}], "end_of_turn": True},
        {"type": "SpeechStarted", "timestamp": "now"},
        {"type": "Begin", "id": None, "expires_at": "never"},
        {"type": None},
    ),
    facts=Facts(
        greeting="on-connect",
        # There is ForceEndpoint, but a plugin's flush() sends only the rest of the audio.
        flush_message=False,
        signals_end=False,
        names_language=True,
        tells_times=True,
        usage="client-audio",
        bad_message="invalid-message",
        session_limit=(_MAX_SESSION_S, "session-expired"),
    ),
    default_rate=None,
    example="/v3/ws?sample_rate=16000&speech_model=universal-3-6-pro",
)
