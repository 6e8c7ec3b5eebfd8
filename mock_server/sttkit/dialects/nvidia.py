"""NVIDIA's Riva speech recognition, as served by its NIMs and by NVCF, over gRPC.

The first request configures, all others bring audio; the client ends its audio by half-closing the
call. Each response holds one result; times of words are milliseconds. There is no message for the
start or the end of speech, and no error but a gRPC status.
"""

from __future__ import annotations

from sttkit.dialects.model import Facts, ProviderFailure
from sttkit.dialects.protobuf import Field, Protobuf, Schema, encode, misread
from sttkit.dialects.tables import Door, Ears, Saying, from_tables
from sttkit.dialects.template import Is, confidence, text, words
from sttkit.dialects.template import time as time_of
from sttkit.events import Config, EndOfStream, Final, Interim

CONFIG: Schema = {
    "encoding": Field(1, "int"),
    "sample_rate_hertz": Field(2, "int"),
    "language_code": Field(3, "text"),
    "max_alternatives": Field(4, "int"),
    "profanity_filter": Field(5, "bool"),
    "audio_channel_count": Field(7, "int"),
    "enable_word_time_offsets": Field(8, "bool"),
    "enable_automatic_punctuation": Field(11, "bool"),
    "model": Field(13, "text"),
}
ASKS: Schema = {
    "streaming_config": Field(1, {"config": Field(1, CONFIG), "interim_results": Field(2, "bool")}),
    "audio_content": Field(2, "bytes"),
}
WORD: Schema = {
    "start_time": Field(1, "int"),
    "end_time": Field(2, "int"),
    "word": Field(3, "text"),
    "confidence": Field(4, "float"),
}
ALTERNATIVE: Schema = {
    "transcript": Field(1, "text"),
    "confidence": Field(2, "float"),
    "words": Field(3, WORD, many=True),
}
ANSWERS: Schema = {
    "results": Field(
        1,
        {
            "alternatives": Field(1, ALTERNATIVE, many=True),
            "is_final": Field(2, "bool"),
            "stability": Field(3, "float"),
            "channel_tag": Field(5, "int"),
            "audio_processed": Field(6, "float"),
        },
        many=True,
    ),
}


def _result(*, final: bool) -> object:
    alternative = {
        "transcript": text(),
        "confidence": confidence(),
        "words": words("word", "start_time", "end_time", per_s=1000, confidence="confidence"),
    }
    return {
        "results": [
            {
                "alternatives": [alternative],
                "is_final": Is(final),
                "stability": 1.0 if final else 0.5,
                "channel_tag": 1,
                "audio_processed": time_of("end"),
            }
        ]
    }


def _status(code: int, text: str, *, retryable: bool) -> ProviderFailure:
    return ProviderFailure(text, None, (4000 + code, text), retryable)


DIALECT = from_tables(
    name="nvidia",
    source="docs.nvidia.com/deeplearning/riva: riva_asr.proto; livekit-plugins-nvidia 1.8.9",
    host="grpc.nvcf.nvidia.com",
    carrier="grpc",
    door=Door("/nvidia.riva.asr.RivaSpeechRecognition/StreamingRecognize", key=None, settings=()),
    ears=Ears(
        controls={"streaming_config": Config},
        kind_of=lambda asked: (
            "streaming_config" if "streaming_config" in asked else "audio_content"
        ),
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
            Interim,
            _result(final=False),
            when=lambda event, view: view.config.get("interim_results") is True,
        ),
        Saying(Final, _result(final=True)),
    ),
    errors={
        "invalid-argument": _status(
            3, "Error: Unavailable model requested given these parameters", retryable=False
        ),
        "resource-exhausted": _status(
            8, "Error: Maximum number of streams reached", retryable=True
        ),
        "internal": _status(13, "Error: Triton model failed during inference", retryable=True),
    },
    http_error=lambda status, message: message,
    wrong_types=tuple(misread(ANSWERS)),
    unknown=encode({"mystery": Field(2000, "text")}, {"mystery": "value"}),
    facts=Facts(
        flush_message=False,
        signals_start=False,
        signals_end=False,
        names_language=False,
        tells_times=True,
        tells_confidence=True,
        bad_message="invalid-argument",
        transient_closes=frozenset({4008, 4013, 4014}),
        final_closes=frozenset({4003}),
    ),
)
