"""The kit's own Protocol Buffers, held against the real library in the plugins' packages."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sttkit.dialects import google, google_v2, load_dialect, nvidia
from sttkit.dialects.model import View
from sttkit.dialects.protobuf import Field, Schema, decode, encode
from sttkit.events import Final, Word

SAID = Final("hello there", 0.5, 1.25, (Word("hello", 0.5, 0.8), Word("there", 0.84, 1.25)), 0.9)
SCHEMA: Schema = {
    "text": Field(1, "text"),
    "raw": Field(2, "bytes"),
    "yes": Field(3, "bool"),
    "count": Field(1000, "int"),
    "share": Field(5, "float"),
    "after": Field(6, "duration"),
    "inside": Field(7, {"names": Field(1, "text", many=True)}),
}


def real(dialect: str) -> Any:
    """The generated module of a service."""
    if dialect == "nvidia":
        return pytest.importorskip("riva.client.proto.riva_asr_pb2")
    version = "v2" if dialect == "google_v2" else "v1"
    return pytest.importorskip(f"google.cloud.speech_{version}.types.cloud_speech")


def parsed(kind: Any, message: bytes) -> Any:
    return kind.deserialize(message) if hasattr(kind, "deserialize") else kind.FromString(message)


@pytest.mark.parametrize("dialect", ["google", "google_v2", "nvidia"])
def test_the_real_library_reads_what_a_dialect_writes(dialect: str) -> None:
    (message,) = load_dialect(dialect).write(SAID, View("session-0", {}))
    assert isinstance(message, bytes)
    response = parsed(real(dialect).StreamingRecognizeResponse, message)
    (result,) = response.results
    (alternative,) = result.alternatives
    assert result.is_final
    assert alternative.transcript == SAID.text
    assert alternative.confidence == pytest.approx(0.9)
    assert [word.word for word in alternative.words] == ["hello", "there"]


def test_times_are_what_the_real_library_makes_of_them() -> None:
    (message,) = google.DIALECT.write(SAID, View("session-0", {}))
    response = parsed(real("google").StreamingRecognizeResponse, bytes(message))  # type: ignore[arg-type]
    assert response.results[0].alternatives[0].words[1].end_time.total_seconds() == 1.25
    (message,) = nvidia.DIALECT.write(SAID, View("session-0", {}))
    riva = parsed(real("nvidia").StreamingRecognizeResponse, bytes(message))  # type: ignore[arg-type]
    assert riva.results[0].alternatives[0].words[1].end_time == 1250


def test_a_dialect_reads_what_the_real_library_writes() -> None:
    types = real("google_v2")
    request = types.StreamingRecognizeRequest(
        recognizer="r",
        streaming_config=types.StreamingRecognitionConfig(
            config=types.RecognitionConfig(
                explicit_decoding_config=types.ExplicitDecodingConfig(sample_rate_hertz=8000),
                language_codes=["en-US", "fr-FR"],
            )
        ),
    )
    raw = types.StreamingRecognizeRequest.serialize(request)
    value = decode(google_v2.ASKS, raw)
    assert value is not None
    config: Any = value["streaming_config"]
    assert config["config"]["explicit_decoding_config"]["sample_rate_hertz"] == 8000
    assert config["config"]["language_codes"] == ["en-US", "fr-FR"]


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "text": st.text(max_size=20),
            "raw": st.binary(max_size=20),
            "yes": st.booleans(),
            "count": st.integers(0, 2**40),
            "share": st.floats(width=32, allow_nan=False, allow_infinity=False),
            "after": st.integers(0, 10**10).map(lambda ms: ms / 1000),
            "inside": st.fixed_dictionaries({"names": st.lists(st.text(max_size=5), max_size=3)}),
        },
    )
)
def test_a_message_comes_back_as_it_was(value: dict[str, object]) -> None:
    told = decode(SCHEMA, encode(SCHEMA, value))
    assert told is not None
    for name, held in value.items():
        assert told[name] == pytest.approx(held) if isinstance(held, float) else told[name] == held


@given(st.binary(max_size=60))
def test_any_bytes_are_a_message_or_none(raw: bytes) -> None:
    decode(SCHEMA, raw)


@pytest.mark.parametrize(
    "raw", [b"\x00\x01", b"\x0a\x05ab", b"\x0a\x02\xff\xfe", b"\x0b", b"\xff" * 11, b"\x2d\x00"]
)
def test_what_no_parser_takes_is_none(raw: bytes) -> None:
    assert decode(SCHEMA, raw) is None


def test_a_field_of_another_wire_type_or_number_is_passed_over() -> None:
    other: Schema = {"text": Field(1, "int"), "new": Field(99, "text")}
    raw = encode(other, {"text": 7, "new": "x"}) + encode(SCHEMA, {"yes": True})
    told = decode(SCHEMA, raw)
    assert told is not None
    assert (told["text"], told["yes"]) == ("", True)


@pytest.mark.parametrize("value", [{"text": 7}, {"count": "7"}, {"share": "x"}, {"after": None}])
def test_a_value_of_another_kind_is_an_error(value: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        encode(SCHEMA, value)
