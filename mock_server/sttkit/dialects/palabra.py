"""Palabra's realtime speech-to-text (``/asr/v1/speech-to-text/stream``).

Sources: platform.palabra.ai/docs/speech-to-text/realtime-stt, ``palabra_ai`` 2.2.1 (``stt.py``,
``client.py``), and ``livekit/plugins/palabra/stt.py`` 1.8.9. The query configures the session and
holds the key; binary PCM up, JSON keyed by ``message_type`` down. Each utterance has an id; its end
rides on its last message. The client says nothing but audio, so the audio ends when it leaves.
"""

from __future__ import annotations

from sttkit.dialects.model import Facts, ProviderFailure
from sttkit.dialects.tables import Door, Ears, Saying, from_tables
from sttkit.dialects.template import Is, Slot, asked, delta, text, time, utterance
from sttkit.dialects.wire import text_of
from sttkit.events import Final, Interim

_TRANSCRIPTION = {
    "message_type": Is("transcription"),
    "transcription_id": utterance("transcription-{}"),
    "language": asked("language", "en"),
    "segment": {"text": text(), "start_time": time("start"), "end_time": time("end")},
    "delta": {"text": Slot(delta().put)},
}


def _failure(code: str, text: str) -> ProviderFailure:
    # Which of them trying again helps against is not documented.
    error = {"code": code, "desc": text}
    return ProviderFailure(code, text_of({"message_type": "error", "data": error}))


DIALECT = from_tables(
    name="palabra",
    source="platform.palabra.ai/docs/speech-to-text/realtime-stt",
    host="stream.palabra.ai",
    door=Door("/asr/v1/speech-to-text/stream", key="?token", only={"format": ("pcm_s16le",)}),
    ears=Ears({}),
    sayings=(
        Saying(Interim, {**_TRANSCRIPTION, "is_eos": Is(False)}),
        Saying(Final, {**_TRANSCRIPTION, "is_eos": Is(True)}),
    ),
    errors={
        "SERVICE_UNAVAILABLE": _failure("SERVICE_UNAVAILABLE", "The service is unavailable"),
        "RATE_LIMIT_EXCEEDED": _failure("RATE_LIMIT_EXCEEDED", "Too many requests"),
        "VALIDATION_ERROR": _failure("VALIDATION_ERROR", "The settings are not valid"),
    },
    unknown={"message_type": "mystery", "value": 1},
    facts=Facts(
        end_marker=False,
        flush_message=False,
        signals_start=False,
        signals_end=False,
        names_language=True,
        tells_times=True,
    ),
    example="/asr/v1/speech-to-text/stream?token=x&format=pcm_s16le",
)
