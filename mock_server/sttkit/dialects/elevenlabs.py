"""ElevenLabs' realtime API (``/v1/speech-to-text/realtime``): the model scribe_v2_realtime.

Sources: elevenlabs.io/docs/api-reference/speech-to-text/v-1-speech-to-text-realtime,
/docs/developers/guides/cookbooks/speech-to-text/realtime, and
``livekit/plugins/elevenlabs/stt.py`` 1.8.9. The query configures the session; JSON both ways, keyed
by ``message_type``, audio as base64. Finals are *commits*: with the server's voice detection, which
is all that is served here, by a pause, or when a chunk asks for one. Each is told twice where words
or the language are asked for. Nothing says that the audio has ended.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from sttkit.dialects.model import Batch, Facts, ProviderFailure, Refusal, Request, View
from sttkit.dialects.tables import Door, Ears, Saying, from_tables
from sttkit.dialects.template import Is, Slot, session, text
from sttkit.dialects.wire import form_file, read_wav_body, text_of
from sttkit.events import ClientEvent, Final, Flush, Interim, Ready, ServerEvent, Unintelligible

_KEY = "xi-api-key"
_BATCH = "/v1/speech-to-text"
_CHUNK = "input_audio_chunk"
_COMMIT = "commit"
_LEAST_COMMIT_S = 0.3
_TINY_S = 1e-6


def _kind(message: Mapping[str, object]) -> object:
    """A chunk that asks for a commit is one; audio in it would have to come before."""
    kind = message.get("message_type")
    if kind != _CHUNK or message.get("commit") is not True:
        return kind
    return "audio and a commit in one" if message.get("audio_base_64") else _COMMIT


def _refuses(event: ClientEvent, view: View) -> Unintelligible | None:
    if isinstance(event, Flush) and view.unflushed_s < _LEAST_COMMIT_S - _TINY_S:
        return Unintelligible("less than 0.3 s to commit", error="commit_throttled")
    return None


def _asks_for_more(event: ServerEvent, view: View) -> bool:
    asked = ("include_timestamps", "include_language_detection")
    return any(view.config.get(key) == "true" for key in asked)


def _words(event: ServerEvent, view: View) -> object:
    """With the logarithm of each word's probability."""
    assert isinstance(event, Final)
    return _worded(event)


def _worded(final: Final) -> list[dict[str, object]]:
    logprob = round(math.log(max(final.confidence, 1e-9)), 6)
    return [
        {"text": w.text, "start": w.start, "end": w.end, "type": "word", "logprob": logprob}
        for w in final.words
    ]


def _failure(name: str, text: str, *, close: tuple[int, str] | None = None) -> ProviderFailure:
    # The documentation says what each means, not whether to try again.
    return ProviderFailure(text, text_of({"message_type": name, "error": text}), close)


def _read_batch(request: Request) -> tuple[bytes, int] | Refusal:
    if not request.headers.get(_KEY):
        return Refusal(401, "Invalid API key")
    body = form_file(request, "file")
    return body if isinstance(body, Refusal) else read_wav_body(body)


def _write_batch(final: Final, duration: float, request: Request) -> object:
    return {
        "language_code": "eng",
        "language_probability": 0.99,
        "text": final.text,
        "words": _worded(final),
    }


DIALECT = from_tables(
    name="elevenlabs",
    source="elevenlabs.io/docs/api-reference/speech-to-text/v-1-speech-to-text-realtime",
    host="api.elevenlabs.io",
    door=Door(
        "/v1/speech-to-text/realtime",
        key=_KEY,
        only={"audio_format": ("pcm_16000",), "commit_strategy": ("vad",)},
    ),
    ears=Ears(
        {_COMMIT: Flush()},
        kind_of=_kind,
        binary=False,
        base64={_CHUNK: "audio_base_64"},
        refuses=_refuses,
    ),
    sayings=(
        Saying(Ready, {"message_type": Is("session_started"), "session_id": session()}),
        Saying(Interim, {"message_type": Is("partial_transcript"), "text": text()}),
        Saying(Final, {"message_type": Is("committed_transcript"), "text": text()}),
        Saying(
            Final,
            {
                "message_type": "committed_transcript_with_timestamps",
                "text": text(),
                "language_code": "en",
                "words": Slot(_words),
            },
            when=_asks_for_more,
            aside=True,
        ),
    ),
    http_error=lambda status, message: {"detail": {"status": "error", "message": message}},
    errors={
        "transcriber_error": _failure("transcriber_error", "The transcription failed."),
        "error": _failure("error", "An internal error occurred."),
        "input_error": _failure("input_error", "The message was not understood."),
        "rate_limited": _failure("rate_limited", "Too many requests."),
        "queue_overflow": _failure("queue_overflow", "The processing queue is full."),
        "resource_exhausted": _failure("resource_exhausted", "The system is at capacity."),
        "commit_throttled": _failure(
            "commit_throttled", "There is too little audio to commit.", close=(1008, "")
        ),
    },
    wrong_types=(
        {"message_type": "partial_transcript", "text": None},
        {"message_type": "committed_transcript", "text": {"a": 1}},
        {"message_type": "committed_transcript_with_timestamps", "text": 7, "words": "none"},
        {"message_type": 5},
    ),
    unknown={"message_type": "mystery", "value": 1},
    facts=Facts(
        greeting="on-connect",
        end_marker=False,
        signals_start=False,
        signals_end=False,
        names_language=True,
        tells_times=True,
        usage="client-audio",
        bad_message="input_error",
    ),
    batch=Batch((_BATCH,), _read_batch, _write_batch, form="file"),
    example="/v1/speech-to-text/realtime?model_id=scribe_v2_realtime&audio_format=pcm_16000"
    "&commit_strategy=vad",
)
