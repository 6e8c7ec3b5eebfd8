"""Deepgram's conversational API, version 2 (``/v2/listen``): Flux.

Sources: developers.deepgram.com/docs/flux/state, /docs/flux/configure, /docs/flux/force-end-turn,
/reference/speech-to-text/listen-flux, and ``livekit/plugins/deepgram/stt_v2.py`` 1.8.9. The query
configures the session and a message may change it; binary PCM up, JSON keyed by ``type`` down. A
*turn* is an utterance: all that is said of it is one kind of message, told apart by ``event``, with
the whole text each time, and its end rides on the last one. There is no keepalive.
"""

from __future__ import annotations

from sttkit.dialects.model import Facts, ProviderFailure, View
from sttkit.dialects.tables import Door, Ears, Saying, from_tables
from sttkit.dialects.template import Is, sequence, session, text, time, utterance, words
from sttkit.dialects.wire import text_of
from sttkit.events import (
    Acknowledged,
    Config,
    EndOfStream,
    Final,
    Flush,
    Interim,
    Ready,
    ServerEvent,
    SpeechStarted,
)


def _turn(event: str, **parts: object) -> dict[str, object]:
    return {
        "type": Is("TurnInfo"),
        "event": Is(event),
        "request_id": session(),
        "sequence_id": sequence(),
        "turn_index": utterance(),
        **parts,
    }


_SAID = {
    "audio_window_start": time("start"),
    "audio_window_end": time("end"),
    "transcript": text(),
    "words": words(confidence="confidence"),
}
_STARTED = {
    "audio_window_start": time("at"),
    "audio_window_end": time("at"),
    "transcript": "",
    "words": [],
}


def _is_of_config(event: ServerEvent, view: View) -> bool:
    return isinstance(event, Acknowledged) and event.what == "config"


_INTERNAL = "An internal error occurred while processing the audio."

DIALECT = from_tables(
    name="deepgram_flux",
    source="developers.deepgram.com/docs/flux/state",
    host="api.deepgram.com",
    door=Door("/v2/listen", denied="Invalid credentials.", only={"encoding": ("linear16",)}),
    ears=Ears({"Configure": Config, "ForceEndTurn": Flush(), "CloseStream": EndOfStream()}),
    sayings=(
        Saying(
            Ready, {"type": Is("Connected"), "request_id": session(), "sequence_id": sequence()}
        ),
        Saying(
            Acknowledged,
            {"type": "ConfigureSuccess", "request_id": session(), "sequence_id": sequence()},
            when=_is_of_config,
            aside=True,
        ),
        Saying(SpeechStarted, _turn("StartOfTurn", **_STARTED, end_of_turn_confidence=0.05)),
        Saying(Interim, _turn("Update", **_SAID, end_of_turn_confidence=0.1)),
        Saying(Final, _turn("EndOfTurn", **_SAID, end_of_turn_confidence=0.9)),
    ),
    http_error=lambda status, message: {
        "err_code": f"HTTP_{status}",
        "err_msg": message,
        "request_id": "fake",
    },
    errors={
        # A fatal error: the documentation says what it means, not whether to try again.
        "internal": ProviderFailure(
            _INTERNAL,
            text_of(
                {
                    "type": "Error",
                    "sequence_id": 0,
                    "code": "INTERNAL_SERVER_ERROR",
                    "description": _INTERNAL,
                }
            ),
            (1011, "internal server error"),
        ),
    },
    wrong_types=(
        {"type": "TurnInfo", "event": "Update", "transcript": None, "words": 7},
        {"type": "TurnInfo", "event": "EndOfTurn", "transcript": [], "words": [{"word": None}]},
        {"type": "TurnInfo", "event": {"a": 1}},
        {"type": None},
    ),
    facts=Facts(
        greeting="on-connect",
        # There is ForceEndTurn, but a plugin's flush() sends only the rest of the audio.
        flush_message=False,
        signals_end=False,
        tells_times=True,
        usage="client-audio",
    ),
    default_rate=None,
    example="/v2/listen?model=flux-general-en&encoding=linear16&sample_rate=16000",
)
