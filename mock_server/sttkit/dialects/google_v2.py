"""Google Cloud Speech-to-Text, version 2, over gRPC: the first version's ways under other names.

Which recogniser and which model is said in the first request; telephony and the chirp models are
served here. See `sttkit.dialects.google`.
"""

from __future__ import annotations

from collections.abc import Mapping

from sttkit.dialects.google import (
    BEGIN,
    END,
    ERRORS,
    FACTS,
    HOST,
    asks_for,
    billed,
    billed_time,
    recognised,
    result_schema,
    result_template,
    word_schema,
)
from sttkit.dialects.model import Batch, Dialect, Refusal, Request, View
from sttkit.dialects.protobuf import Field, Protobuf, Schema, decode, encode, misread
from sttkit.dialects.tables import Door, Ears, Saying, from_tables
from sttkit.dialects.template import Is, Slot, Template, time
from sttkit.dialects.wire import sample_rate_of
from sttkit.events import (
    Config,
    EndOfStream,
    Final,
    Interim,
    SessionEnded,
    SpeechEnded,
    SpeechStarted,
)

_DECODING: Schema = {
    "encoding": Field(1, "int"),
    "sample_rate_hertz": Field(2, "int"),
    "audio_channel_count": Field(3, "int"),
}
_CONFIG: Schema = {
    "features": Field(
        2,
        {
            "profanity_filter": Field(1, "bool"),
            "enable_word_time_offsets": Field(2, "bool"),
            "enable_word_confidence": Field(3, "bool"),
            "enable_automatic_punctuation": Field(4, "bool"),
        },
    ),
    "explicit_decoding_config": Field(8, _DECODING),
    "model": Field(9, "text"),
    "language_codes": Field(10, "text", many=True),
}
_STREAMING: Schema = {
    "config": Field(1, _CONFIG),
    "streaming_features": Field(
        2, {"enable_voice_activity_events": Field(1, "bool"), "interim_results": Field(2, "bool")}
    ),
}
ASKS: Schema = {
    "recognizer": Field(3, "text"),
    "audio": Field(5, "bytes"),
    "streaming_config": Field(6, _STREAMING),
}
_RESULT = result_schema(word_schema("start_offset", "end_offset"), "result_end_offset")
_METADATA: Schema = {
    "total_billed_duration": Field(6, "duration"),
    "request_id": Field(9, "text"),
}
ANSWERS: Schema = {
    "speech_event_type": Field(3, "int"),
    "metadata": Field(5, _METADATA),
    "results": Field(6, _RESULT, many=True),
    "speech_event_offset": Field(7, "duration"),
}
RECOGNIZE: Schema = {
    "config": Field(1, _CONFIG),
    "recognizer": Field(3, "text"),
    "content": Field(5, "bytes"),
}
RECOGNIZED: Schema = {
    "metadata": Field(2, _METADATA),
    "results": Field(
        3,
        {
            "alternatives": _RESULT["alternatives"],
            "channel_tag": Field(2, "int"),
            "result_end_offset": Field(4, "duration"),
            "language_code": Field(5, "text"),
        },
        many=True,
    ),
}


def _result(*, final: bool) -> Template:
    return result_template(
        final=final,
        start="start_offset",
        end="end_offset",
        result_end="result_end_offset",
        lang=Slot(lambda event, view: _first_language(view)),
    )


def _first_language(view: View) -> str:
    codes = view.config.get("config.language_codes")
    return str(codes[0]) if isinstance(codes, list) and codes else "en-us"


def _read_recording(request: Request) -> tuple[bytes, int] | Refusal:
    value = decode(RECOGNIZE, request.body)
    config = value.get("config") if value is not None else None
    decoding = config.get("explicit_decoding_config") if isinstance(config, Mapping) else None
    if value is None or not isinstance(decoding, Mapping):
        return Refusal(400, "Request contains an invalid argument.")
    pcm, rate = value["content"], sample_rate_of(decoding["sample_rate_hertz"])
    if not isinstance(pcm, bytes) or rate is None or len(pcm) % 2:
        return Refusal(400, "Audio can't be decoded.")
    return pcm, rate


def _write_recognised(final: Final, seconds: float, request: Request) -> bytes:
    said = recognised(final, start="start_offset", end="end_offset", result_end="result_end_offset")
    return encode(RECOGNIZED, {**said, "metadata": {"total_billed_duration": billed(seconds)}})


DIALECT: Dialect = from_tables(
    name="google_v2",
    source="googleapis: google/cloud/speech/v2/cloud_speech.proto; livekit-plugins-google 1.8.9",
    host=HOST,
    carrier="grpc",
    door=Door("/google.cloud.speech.v2.Speech/StreamingRecognize", key=None, settings=()),
    ears=Ears(
        controls={"streaming_config": Config},
        kind_of=lambda said: "streaming_config" if "streaming_config" in said else "audio",
        bare={"": EndOfStream()},
        binary=False,
        base64={"audio": "audio"},
        first="streaming_config",
        settings="streaming_config",
        form=Protobuf(ASKS, ANSWERS),
    ),
    rate="config.explicit_decoding_config.sample_rate_hertz",
    sayings=(
        Saying(
            SpeechStarted,
            {"speech_event_type": Is(BEGIN), "speech_event_offset": time("at")},
            when=lambda event, view: asks_for(
                "streaming_features.enable_voice_activity_events", event, view
            ),
        ),
        Saying(
            Interim,
            _result(final=False),
            when=lambda event, view: asks_for("streaming_features.interim_results", event, view),
        ),
        Saying(Final, _result(final=True)),
        Saying(
            SpeechEnded,
            {"speech_event_type": Is(END), "speech_event_offset": time("at")},
            when=lambda event, view: asks_for(
                "streaming_features.enable_voice_activity_events", event, view
            ),
        ),
        Saying(SessionEnded, {"metadata": {"total_billed_duration": billed_time()}}),
    ),
    errors=ERRORS,
    http_error=lambda status, message: message,
    wrong_types=tuple(misread(ANSWERS)),
    unknown=encode({"mystery": Field(2000, "text")}, {"mystery": "value"}),
    facts=FACTS,
    batch=Batch(
        paths=("/google.cloud.speech.v2.Speech/Recognize",),
        read=_read_recording,
        write=_write_recognised,
        form="",
    ),
)
