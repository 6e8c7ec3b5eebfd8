"""Simplismart's streaming speech to text (``/ws/audio``), which is not public, and its batch API.

Sources: ``livekit/plugins/simplismart/stt.py`` 1.8.9 (there is no documentation of the stream), and
docs.simplismart.ai on ``/predict``. The first message names the language; binary PCM up, and down
come binary messages that are the text of a segment and nothing else. The client says nothing but
audio, so the audio ends when it leaves.
"""

from __future__ import annotations

from sttkit.dialects.model import Batch, Facts, ProviderFailure, Refusal, Request
from sttkit.dialects.tables import Door, Ears, Saying, from_tables
from sttkit.dialects.template import binary_text
from sttkit.dialects.wire import base64_of, object_of, read_wav_body
from sttkit.events import Config, Final

_DENIED = "Invalid API key"


def _read_batch(request: Request) -> tuple[bytes, int] | Refusal:
    if not request.headers.get("authorization"):
        return Refusal(401, _DENIED)
    asked = object_of(request.body.decode("utf-8", "replace"))
    audio = base64_of(asked.get("audio_data")) if asked is not None else None
    return Refusal(422, "audio_data expected") if audio is None else read_wav_body(audio)


def _write_batch(final: Final, duration: float, request: Request) -> object:
    return {
        "request_id": "fake",
        "transcription": [one.text for one in final.segments],
        "timestamps": [[one.start, one.end] for one in final.segments],
        "info": {"language": "en", "duration": duration},
    }


DIALECT = from_tables(
    name="simplismart",
    source="livekit/plugins/simplismart/stt.py 1.8.9",
    host="api.simplismart.live",
    door=Door("/ws/audio", denied=_DENIED, settings=()),
    ears=Ears({"config": Config}, first="config"),
    sayings=(Saying(Final, binary_text()),),
    http_error=lambda status, message: {"detail": message},
    errors={
        "unavailable": ProviderFailure(
            "The model is unavailable", None, (1011, "The model is unavailable")
        ),
    },
    wrong_types=(b"\xff\xfe\xfd", {"transcription": None}, {"transcription": ["a", 7]}),
    facts=Facts(end_marker=False, flush_message=False, signals_start=False, signals_end=False),
    batch=Batch(("/predict",), _read_batch, _write_batch, form=""),
)
