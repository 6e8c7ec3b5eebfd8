"""Gnani's Vachana streaming API (``/stt/v3/stream``), and its batch endpoint.

Sources: docs.gnani.ai/vachana/STT/stt-websocket, /vachana/STT/stt-rest, and
``livekit/plugins/gnani/stt.py`` 1.8.9. Headers of the upgrade configure the session, and the server
speaks first. Binary PCM up in chunks of 1024 bytes, JSON keyed by ``type`` down: no interims, and
each segment's text follows the end of its speech. The client says nothing but audio, so the audio
ends when it leaves.
"""

from __future__ import annotations

from sttkit.dialects.model import Batch, Facts, ProviderFailure, Refusal, Request
from sttkit.dialects.tables import Door, Ears, Saying, from_tables
from sttkit.dialects.template import Is, text, utterance
from sttkit.dialects.wire import form_file, read_wav_body, text_of
from sttkit.events import Final, Ready, SpeechEnded, SpeechStarted

_KEY = "x-api-key-id"
_DENIED = "Invalid API key"


def _failure(text: str) -> ProviderFailure:
    # The documentation has the frame, but neither a list of errors nor what to do about them.
    return ProviderFailure(text, text_of({"type": "error", "message": text}))


def _read_batch(request: Request) -> tuple[bytes, int] | Refusal:
    if not request.headers.get(_KEY):
        return Refusal(401, _DENIED)
    body = form_file(request, "audio_file")
    return body if isinstance(body, Refusal) else read_wav_body(body)


def _write_batch(final: Final, duration: float, request: Request) -> object:
    return {"success": True, "request_id": "fake", "transcript": final.text}


DIALECT = from_tables(
    name="gnani",
    source="docs.gnani.ai/vachana/STT/stt-websocket",
    host="api.vachana.ai",
    door=Door(
        "/stt/v3/stream",
        key=_KEY,
        denied=_DENIED,
        settings=("lang_code", "x-sample-rate", "x-format", "preferred_language"),
    ),
    ears=Ears({}),
    sayings=(
        Saying(
            Ready,
            {
                "type": Is("connected"),
                "message": "STT service ready",
                "config": {"chunk_size": 512},
            },
        ),
        Saying(SpeechStarted, {"type": Is("speech_start")}),
        Saying(SpeechEnded, {"type": Is("speech_end")}),
        Saying(SpeechEnded, {"type": Is("processing"), "message": "processing"}, aside=True),
        Saying(
            Final, {"type": Is("transcript"), "text": text(), "segment_id": utterance("segment-{}")}
        ),
    ),
    http_error=lambda status, message: {"success": False, "message": message},
    errors={
        "unavailable": _failure("The transcription service is unavailable"),
        "bad-audio": _failure("The audio could not be processed"),
    },
    wrong_types=(
        {"type": "transcript", "text": None, "segment_id": 7},
        {"type": "transcript", "text": {"a": 1}},
        {"type": "processing", "message": []},
        {"type": 5},
        {"type": None},
    ),
    facts=Facts(
        greeting="on-connect",
        greeting_required=True,
        end_marker=False,
        flush_message=False,
        late_transcripts=True,
    ),
    rate="x-sample-rate",
    batch=Batch(("/stt/v3",), _read_batch, _write_batch, form="audio_file"),
)
