"""Google Cloud Speech-to-Text, version 1, over gRPC.

The first request configures, all others bring audio; the client ends its audio by half-closing the
call, and the last response says what is billed. Speech events come only where they were asked for,
and the end of speech before its final. Interims carry a confidence here, as the newer models send
it, though the reference promises one for finals only.
"""

from __future__ import annotations

from collections.abc import Mapping

from sttkit.dialects.model import (
    Batch,
    Dialect,
    Facts,
    ProviderFailure,
    Refusal,
    Request,
    View,
)
from sttkit.dialects.protobuf import Field, Protobuf, Schema, decode, encode, misread
from sttkit.dialects.tables import Door, Ears, Saying, from_tables
from sttkit.dialects.template import Is, Slot, Template, asked, confidence, text, time, words
from sttkit.dialects.wire import sample_rate_of
from sttkit.events import (
    Config,
    EndOfStream,
    Final,
    Interim,
    ServerEvent,
    SessionEnded,
    SpeechEnded,
    SpeechStarted,
)

HOST = "speech.googleapis.com"
BEGIN, END = 2, 3
"""SPEECH_ACTIVITY_BEGIN and _END of the enum SpeechEventType, in both versions."""
_LIMIT_S = 305.0
_IDLE_S = 10.0


def word_schema(start: str, end: str) -> Schema:
    """The message WordInfo."""
    return {
        start: Field(1, "duration"),
        end: Field(2, "duration"),
        "word": Field(3, "text"),
        "confidence": Field(4, "float"),
    }


def result_schema(word: Schema, end: str) -> Schema:
    """The messages StreamingRecognitionResult and SpeechRecognitionResult."""
    alternative: Schema = {
        "transcript": Field(1, "text"),
        "confidence": Field(2, "float"),
        "words": Field(3, word, many=True),
    }
    return {
        "alternatives": Field(1, alternative, many=True),
        "is_final": Field(2, "bool"),
        "stability": Field(3, "float"),
        end: Field(4, "duration"),
        "channel_tag": Field(5, "int"),
        "language_code": Field(6, "text"),
    }


def result_template(*, final: bool, start: str, end: str, result_end: str, lang: Slot) -> Template:
    """A result of a stream."""
    alternative = {
        "transcript": text(),
        "confidence": confidence(),
        "words": words("word", start, end, confidence="confidence"),
    }
    return {
        "results": [
            {
                "alternatives": [alternative],
                "is_final": Is(final),
                "stability": 0.0 if final else 0.9,
                result_end: time("end"),
                "language_code": lang,
            }
        ]
    }


def status(code: int, text: str, *, retryable: bool | None = None) -> ProviderFailure:
    """An error, which is the status of the call."""
    return ProviderFailure(text, None, (4000 + code, text), retryable)


ERRORS = {
    "audio-timeout": status(
        11,
        "Audio Timeout Error: Long duration elapsed without audio. "
        "Audio should be sent close to real time.",
    ),
    "stream-duration": status(11, "Exceeded maximum allowed stream duration of 305 seconds."),
    "timed-out": status(10, "Stream timed out after receiving no more client requests."),
    "invalid-argument": status(3, "Request contains an invalid argument.", retryable=False),
    "resource-exhausted": status(8, "Quota exceeded for quota metric", retryable=True),
    "internal": status(13, "Internal error encountered.", retryable=True),
    "unavailable": status(14, "The service is currently unavailable.", retryable=True),
}
FACTS = Facts(
    flush_message=False,
    names_language=True,
    tells_times=True,
    tells_confidence=True,
    late_transcripts=True,
    usage="server-reported",
    idle_limit=_IDLE_S,
    idle_close=(4011, ERRORS["audio-timeout"].text),
    session_limit=(_LIMIT_S, "stream-duration"),
    bad_message="invalid-argument",
    # cloud.google.com/speech-to-text/docs/error-messages; a routine end is an end all the same.
    transient_closes=frozenset({4008, 4010, 4011, 4013, 4014}),
    final_closes=frozenset({4003, 4007, 4016}),
)

CONFIG: Schema = {
    "encoding": Field(1, "int"),
    "sample_rate_hertz": Field(2, "int"),
    "language_code": Field(3, "text"),
    "profanity_filter": Field(5, "bool"),
    "audio_channel_count": Field(7, "int"),
    "enable_word_time_offsets": Field(8, "bool"),
    "enable_automatic_punctuation": Field(11, "bool"),
    "model": Field(13, "text"),
    "enable_word_confidence": Field(15, "bool"),
    "alternative_language_codes": Field(18, "text", many=True),
}
STREAMING: Schema = {
    "config": Field(1, CONFIG),
    "single_utterance": Field(2, "bool"),
    "interim_results": Field(3, "bool"),
    "enable_voice_activity_events": Field(5, "bool"),
}
ASKS: Schema = {"streaming_config": Field(1, STREAMING), "audio_content": Field(2, "bytes")}
WORD = word_schema("start_time", "end_time")
RESULT = result_schema(WORD, "result_end_time")
ANSWERS: Schema = {
    "results": Field(2, RESULT, many=True),
    "speech_event_type": Field(4, "int"),
    "total_billed_time": Field(5, "duration"),
    "speech_event_time": Field(8, "duration"),
    "request_id": Field(10, "int"),
}
RECOGNIZE: Schema = {
    "config": Field(1, CONFIG),
    "audio": Field(2, {"content": Field(1, "bytes"), "uri": Field(2, "text")}),
}
RECOGNIZED: Schema = {
    "results": Field(
        2,
        {
            "alternatives": RESULT["alternatives"],
            "channel_tag": Field(2, "int"),
            "result_end_time": Field(4, "duration"),
            "language_code": Field(5, "text"),
        },
        many=True,
    ),
    "total_billed_time": Field(3, "duration"),
}


def asks_for(setting: str, event: ServerEvent, view: View) -> bool:
    """Whether the client's configuration asks for events of this kind."""
    return view.config.get(setting) is True


def read_recording(request: Request) -> tuple[bytes, int] | Refusal:
    """A recording that is asked to be recognised."""
    value = decode(RECOGNIZE, request.body)
    config = value.get("config") if value is not None else None
    audio = value.get("audio") if value is not None else None
    if not isinstance(config, Mapping) or not isinstance(audio, Mapping):
        return Refusal(400, "Invalid recognition 'config': bad encoding.")
    pcm, rate = audio["content"], sample_rate_of(config["sample_rate_hertz"])
    if not isinstance(pcm, bytes) or rate is None or len(pcm) % 2:
        return Refusal(400, "Invalid recognition 'config': bad sample rate hertz.")
    return pcm, rate


def billed(seconds: float) -> int:
    """Seconds as they are billed: whole ones."""
    return -int(-seconds // 1)


def recognised(final: Final, *, start: str, end: str, result_end: str) -> dict[str, object]:
    """What says the final of a whole recording: a result for each of its utterances."""
    results = [
        {
            "alternatives": [
                {
                    "transcript": one.text,
                    "confidence": one.confidence,
                    "words": [{"word": w.text, start: w.start, end: w.end} for w in one.words],
                }
            ],
            result_end: one.end,
            "language_code": "en-us",
        }
        for one in spaced(final)
    ]
    return {"results": results}


def spaced(final: Final) -> list[Final]:
    """The utterances of a recording; the text of all but the first begins with a space."""
    segments = final.segments or (final,)
    return [
        Final(f" {one.text}" if number else one.text, one.start, one.end, one.words, one.confidence)
        for number, one in enumerate(segments)
        if one.text
    ]


def _write_recognised(final: Final, seconds: float, request: Request) -> bytes:
    said = recognised(final, start="start_time", end="end_time", result_end="result_end_time")
    return encode(RECOGNIZED, {**said, "total_billed_time": billed(seconds)})


def _result(*, final: bool) -> Template:
    return result_template(
        final=final,
        start="start_time",
        end="end_time",
        result_end="result_end_time",
        lang=asked("config.language_code", "en-us"),
    )


def billed_time() -> Slot:
    """What is billed for the whole stream."""
    return Slot(
        lambda event, view: billed(getattr(event, "audio_s")),  # noqa: B009
        lambda value: {"audio_s": float(value)} if isinstance(value, (int, float)) else None,
    )


DIALECT: Dialect = from_tables(
    name="google",
    source="googleapis: google/cloud/speech/v1/cloud_speech.proto; livekit-plugins-google 1.8.9",
    host=HOST,
    carrier="grpc",
    door=Door("/google.cloud.speech.v1.Speech/StreamingRecognize", key=None, settings=()),
    ears=Ears(
        controls={"streaming_config": Config},
        kind_of=lambda said: "streaming_config" if "streaming_config" in said else "audio_content",
        bare={"": EndOfStream()},
        binary=False,
        base64={"audio_content": "audio_content"},
        first="streaming_config",
        settings="streaming_config",
        form=Protobuf(ASKS, ANSWERS),
    ),
    rate="config.sample_rate_hertz",
    sayings=(
        Saying(
            SpeechStarted,
            {"speech_event_type": Is(BEGIN), "speech_event_time": time("at")},
            when=lambda event, view: asks_for("enable_voice_activity_events", event, view),
        ),
        Saying(
            Interim,
            _result(final=False),
            when=lambda event, view: asks_for("interim_results", event, view),
        ),
        Saying(Final, _result(final=True)),
        Saying(
            SpeechEnded,
            {"speech_event_type": Is(END), "speech_event_time": time("at")},
            when=lambda event, view: asks_for("enable_voice_activity_events", event, view),
        ),
        Saying(SessionEnded, {"total_billed_time": billed_time()}),
    ),
    errors=ERRORS,
    http_error=lambda status, message: message,
    wrong_types=tuple(misread(ANSWERS)),
    unknown=encode({"mystery": Field(2000, "text")}, {"mystery": "value"}),
    facts=FACTS,
    batch=Batch(
        paths=("/google.cloud.speech.v1.Speech/Recognize",),
        read=read_recording,
        write=_write_recognised,
        form="",
    ),
)
