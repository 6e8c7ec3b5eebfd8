"""xAI's streaming speech to text (``/v1/stt``), and its batch endpoint on the same path.

Sources: docs.x.ai/developers/rest-api-reference/inference/speech-to-text, docs.x.ai/developers/
model-capabilities/audio/speech-to-text, and ``livekit/plugins/xai/stt.py`` 1.8.9. The query
configures the session, and the client has to wait until the server has created it. Binary PCM up,
JSON keyed by ``type`` down. A transcript is *partial*, even one that is final: the end of speech
rides on its ``speech_final``. The answer to ``audio.done`` holds what no final has said before.
"""

from __future__ import annotations

from sttkit.dialects.model import Batch, Facts, ProviderFailure, Refusal, Request
from sttkit.dialects.tables import Door, Ears, Saying, from_tables, only_if
from sttkit.dialects.template import Is, asked, duration, flag, session, text, time, words
from sttkit.dialects.wire import form_file, read_wav_body, text_of
from sttkit.events import EndOfStream, Final, Interim, Ready, SessionEnded

_PATH = "/v1/stt"
_DENIED = "Incorrect API key provided."

_PARTIAL = {
    "type": Is("transcript.partial"),
    "text": text(),
    "words": words("text"),
    "start": time("start"),
    "duration": duration(),
    "language": asked("language", "en"),
}


def _read_batch(request: Request) -> tuple[bytes, int] | Refusal:
    if not request.headers.get("authorization"):
        return Refusal(401, _DENIED)
    body = form_file(request, "file")
    return body if isinstance(body, Refusal) else read_wav_body(body)


def _write_batch(final: Final, duration: float, request: Request) -> object:
    said = [{"text": w.text, "start": w.start, "end": w.end} for w in final.words]
    return {"text": final.text, "language": "en", "duration": round(duration, 2), "words": said}


def _failure(text: str) -> ProviderFailure:
    # The documentation has the message, but neither a list of errors nor what to do about them.
    return ProviderFailure(text, text_of({"type": "error", "message": text}))


DIALECT = from_tables(
    name="xai",
    source="docs.x.ai/developers/rest-api-reference/inference/speech-to-text",
    host="api.x.ai",
    door=Door(_PATH, denied=_DENIED, only={"encoding": ("pcm",)}),
    ears=Ears({"audio.done": EndOfStream()}),
    sayings=(
        Saying(Ready, {"type": Is("transcript.created"), "id": session()}),
        Saying(
            Interim,
            {**_PARTIAL, "is_final": Is(False), "speech_final": False},
            when=only_if("interim_results", "true"),
        ),
        Saying(Final, {**_PARTIAL, "is_final": Is(True), "speech_final": flag("endpoint")}),
        Saying(
            SessionEnded,
            {
                "type": Is("transcript.done"),
                "text": "",
                "words": [],
                "language": "en",
                "duration": time("audio_s"),
            },
        ),
    ),
    http_error=lambda status, message: {"code": str(status), "error": message},
    errors={
        "internal": _failure("Internal error while transcribing"),
        "bad-message": _failure("The message was not understood"),
    },
    facts=Facts(
        greeting="on-connect",
        greeting_required=True,
        flush_message=False,
        signals_start=False,
        signals_end=False,
        names_language=True,
        tells_times=True,
        usage="client-audio",
        bad_message="bad-message",
    ),
    batch=Batch((_PATH,), _read_batch, _write_batch, form="file"),
    example=f"{_PATH}?sample_rate=16000&interim_results=true",
)
