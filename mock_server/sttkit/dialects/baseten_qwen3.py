"""Baseten's streaming Qwen3-ASR: Whisper's transcripts, OpenAI's words for audio.

Sources: docs.baseten.co/reference/inference-api/predict-endpoints/streaming-transcription-api, and
``livekit/plugins/baseten/qwen3_stt.py`` 1.8.9. As `sttkit.dialects.baseten`, but the audio is
base64 at 16 kHz, and a commit is answered by a final that says so, with or without text: the one
after the last audio ends the session for the client.
"""

from __future__ import annotations

from sttkit.dialects.baseten import ERRORS, PARTIALS, PATH, TRANSCRIPTION, refuses
from sttkit.dialects.model import Facts
from sttkit.dialects.tables import Door, Ears, Saying, from_tables
from sttkit.dialects.template import Is, flag
from sttkit.events import Config, Final, Flush, Interim

DIALECT = from_tables(
    name="baseten_qwen3",
    source="docs.baseten.co/reference/inference-api/predict-endpoints/streaming-transcription-api",
    host="model-sttkit.api.baseten.co",
    door=Door(PATH, settings=()),
    ears=Ears(
        {"config": Config, "input_audio_buffer.commit": Flush()},
        binary=False,
        base64={"input_audio_buffer.append": "audio"},
        first="config",
        refuses=refuses,
    ),
    sayings=(
        Saying(Interim, {**TRANSCRIPTION, "is_final": Is(False)}, when=PARTIALS),
        Saying(
            Final,
            {**TRANSCRIPTION, "is_final": Is(True), "is_end_of_audio_flush": flag("from_flush")},
        ),
    ),
    errors=ERRORS,
    facts=Facts(
        end_marker=False,
        answers_empty_flush=True,
        signals_start=False,
        signals_end=False,
        names_language=True,
        tells_times=True,
        bad_message="invalid-input",
    ),
)
