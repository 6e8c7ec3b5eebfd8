"""Fireworks' streaming speech to text (``/v1/audio/transcriptions/streaming``).

Sources: docs.fireworks.ai/api-reference/audio-streaming-transcriptions, the cookbook's
audio_streaming_speech_to_text in github.com/fw-ai/cookbook, and
``livekit/plugins/fireworksai/stt.py`` 1.8.9. The query configures the session; binary PCM at 16 kHz
up. Messages have no kind: a transcript is a map of segments, of which a later message changes what
it names. Each word of a segment says whether it is final. A checkpoint of the client's is answered
when all audio before it has been transcribed.
"""

from __future__ import annotations

from collections.abc import Mapping

from sttkit.dialects.model import Facts, ProviderFailure, View
from sttkit.dialects.tables import Door, Ears, Saying, from_tables
from sttkit.dialects.template import Fields, Is, Slot, asked, text, utterance
from sttkit.events import EndOfStream, Final, Interim, ServerEvent, SessionEnded, Transcript

_END = "final"


def _words(*, final: bool) -> Slot:
    """The words of a segment; they say whether it is final."""

    def put(event: ServerEvent, view: View) -> object:
        assert isinstance(event, Transcript)
        said = [word.text for word in event.words] or [event.text]
        return [
            {"word": word, "language": "en", "probability": event.confidence, "is_final": final}
            for word in said
        ]

    def take(value: object) -> Fields | None:
        last = value[-1] if isinstance(value, list) and value else None
        is_final = isinstance(last, Mapping) and last.get("is_final") is True
        return {} if is_final is final else None

    return Slot(put, take)


def _transcript(*, final: bool) -> dict[str, object]:
    segment = {"id": utterance(), "text": text(), "words": _words(final=final)}
    return {
        "task": Is("transcribe"),
        "language": asked("language", "en"),
        "text": text(),
        "segments": [segment],
    }


def _kind_of(message: Mapping[str, object]) -> object:
    return f"checkpoint {message['checkpoint_id']}" if "checkpoint_id" in message else None


DIALECT = from_tables(
    name="fireworksai",
    source="docs.fireworks.ai/api-reference/audio-streaming-transcriptions",
    host="audio-streaming.us-virginia-1.direct.fireworks.ai",
    door=Door("/v1/audio/transcriptions/streaming", only={"response_format": ("verbose_json",)}),
    ears=Ears({f"checkpoint {_END}": EndOfStream()}, kind_of=_kind_of),
    sayings=(
        Saying(Interim, _transcript(final=False)),
        Saying(Final, _transcript(final=True)),
        Saying(SessionEnded, {"checkpoint_id": Is(_END)}),
    ),
    errors={
        # No error message is documented.
        "internal": ProviderFailure("Internal error", None, (1011, "Internal error")),
    },
    wrong_types=(
        {"segments": [{"id": None, "text": 7, "words": "many"}]},
        {"segments": [{"text": "no id"}]},
        {"segments": {"id": 0}},
        {"segments": [7], "text": None},
    ),
    facts=Facts(
        flush_message=False,
        signals_start=False,
        signals_end=False,
        tells_end=False,
        usage="client-audio",
    ),
)
