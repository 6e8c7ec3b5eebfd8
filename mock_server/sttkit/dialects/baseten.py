"""Baseten's streaming Whisper (a deployment's ``/environments/production/websocket``).

Sources: docs.baseten.co/reference/inference-api/predict-endpoints/streaming-transcription-api, and
``livekit/plugins/baseten/stt.py`` 1.8.9. The first message configures, has no type of its own, may
hold nothing but what is known, and is not answered; binary PCM up, JSON down. Every deployment has
a host name of its own. Speech is told by nothing but transcripts, and the end of the audio by the
client's leaving.
"""

from __future__ import annotations

from sttkit.dialects.model import Facts, ProviderFailure, View
from sttkit.dialects.tables import Door, Ears, Saying, from_tables, unless
from sttkit.dialects.template import Is, confidence, text, time, words
from sttkit.dialects.wire import text_of
from sttkit.events import ClientEvent, Config, Final, Interim, Unintelligible

PATH = "/environments/production/websocket"
PARTS = ("whisper_params", "streaming_params", "streaming_vad_config")
"""Of the first message."""
TRANSCRIPTION = {
    "type": Is("transcription"),
    "transcript": text(),
    "language_code": "en",
    "confidence": confidence(),
    "segments": [
        {
            "text": text(),
            "start_time": time("start"),
            "end_time": time("end"),
            "word_timestamps": words("word", "start_time", "end_time"),
        }
    ],
}
PARTIALS = unless("streaming_params.enable_partial_transcripts", value=False)


def refuses(event: ClientEvent, view: View) -> Unintelligible | None:
    """A configuration with parts that are not known, or in another encoding."""
    if not isinstance(event, Config):
        return None
    if view.config:
        return Unintelligible("a second configuration", error="invalid-input")
    parts = {key.partition(".")[0] for key in event.values} - {"type"}
    if unknown := sorted(parts - set(PARTS)):
        return Unintelligible(f"unknown {unknown[0]!r}", error="invalid-input")
    if event.values.get("streaming_params.encoding", "pcm_s16le") != "pcm_s16le":
        return Unintelligible("only pcm_s16le is served", error="invalid-input")
    return None


def failure(text: str, close: tuple[int, str] | None = None) -> ProviderFailure:
    """An error frame, of which the documentation says neither what helps nor what follows."""
    return ProviderFailure(text, text_of({"type": "error", "message": text}), close)


ERRORS = {
    "internal": failure("The model failed to process the audio", (1011, "")),
    "invalid-input": failure("The input does not match the schema", (1008, "")),
}

DIALECT = from_tables(
    name="baseten",
    source="docs.baseten.co/reference/inference-api/predict-endpoints/streaming-transcription-api",
    host="model-sttkit.api.baseten.co",
    door=Door(PATH, settings=()),
    ears=Ears({"config": Config}, first="config", refuses=refuses),
    sayings=(
        Saying(Interim, {**TRANSCRIPTION, "is_final": Is(False)}, when=PARTIALS),
        Saying(Final, {**TRANSCRIPTION, "is_final": Is(True)}),
    ),
    errors=ERRORS,
    facts=Facts(
        end_marker=False,
        flush_message=False,
        signals_start=False,
        signals_end=False,
        names_language=True,
        tells_times=True,
        tells_confidence=True,
        bad_message="invalid-input",
    ),
    rate="streaming_params.sample_rate",
)
