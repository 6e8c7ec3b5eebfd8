"""Wire protocol 1: what is written is what is documented, and anything at all can be read."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livekit.plugins.custom_stt import protocol
from livekit.plugins.custom_stt.protocol import (
    Config,
    Error,
    Final,
    Interim,
    Malformed,
    Ready,
    SessionEnded,
    SpeechEnded,
    SpeechStarted,
    Transcription,
    Unknown,
    Usage,
    Word,
)

READABLE = (Ready, SpeechStarted, Interim, Final, SpeechEnded, Usage, Error, SessionEnded)
TYPES = [
    "ready",
    "speech_started",
    "interim",
    "partial",
    "final",
    "speech_ended",
    "usage",
    "error",
    "session_ended",
]
FIELDS = [
    "type",
    "text",
    "start",
    "end",
    "confidence",
    "language",
    "words",
    "word",
    "seq",
    "message",
    "code",
    "retryable",
    "session_id",
    "protocol",
    "audio_seconds",
    "segments",
    "error",
]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(FIELDS) | st.text(), inner),
    max_leaves=12,
)
near_misses = st.builds(
    lambda kind, body: {**body, "type": kind},
    st.sampled_from(TYPES),
    st.dictionaries(st.sampled_from(FIELDS), json_values),
)


def decode(**message: Any) -> object:
    return protocol.decode(json.dumps(message))


def check(message: object) -> None:
    """Whatever was read can be logged, added to a clock, and written out as UTF-8."""
    assert isinstance(message, (*READABLE, Unknown, Malformed))
    for field in fields(message):
        value = getattr(message, field.name)
        if isinstance(value, str):
            value.encode("utf-8")
        if isinstance(value, float):
            assert math.isfinite(value)
    if isinstance(message, Interim | Final):
        spans = [message, *message.words]
        assert all(0 <= span.start <= span.end for span in spans)
        assert message.confidence is None or 0 <= message.confidence <= 1


@given(st.text() | st.binary())
@example("")
@example("[" * 100_000)
@example("9" * 5_000)
@example("null")
def test_anything_can_be_decoded(message: str | bytes) -> None:
    check(protocol.decode(message))


@given(json_values | near_misses)
@example({"type": "final", "text": "\ud800", "start": 10**400})
@example({"type": "final", "text": "x", "end": math.nan})
@example({"type": "final", "text": "x", "confidence": -(10**300)})
@example({"type": "interim", "text": "x", "words": [{"word": "x", "start": 2, "end": 1}]})
@example({"type": "error", "code": None})
def test_any_json_can_be_decoded(value: object) -> None:
    check(protocol.decode(json.dumps(value)))


@given(st.text() | json_values.map(json.dumps) | near_misses.map(json.dumps))
def test_any_body_can_be_decoded(body: str) -> None:
    assert isinstance(protocol.decode_transcription(body), Transcription | Malformed)
    assert isinstance(protocol.decode_failure(body), str | None)


@given(
    text=st.text(st.characters(codec="utf-8")),
    start=st.floats(0, 1e6),
    length=st.floats(0, 1e3),
    confidence=st.floats(0, 1),
    seq=st.integers(0),
)
def test_a_final_is_read_as_it_was_written(
    text: str, start: float, length: float, confidence: float, seq: int
) -> None:
    said = {"text": text, "start": start, "end": start + length}
    read = decode(type="final", **said, confidence=confidence, language="de", seq=seq)
    assert read == Final(**said, confidence=confidence, language="de", seq=seq)  # type: ignore[arg-type]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_confidence_is_a_probability(value: float) -> None:
    message = decode(type="final", text="x", confidence=value)
    assert isinstance(message, Final)
    assert message.confidence is not None
    assert 0 <= message.confidence <= 1


def test_a_negative_confidence_is_a_log_probability() -> None:
    message = decode(type="final", text="x", confidence=-0.5)
    assert message == Final("x", confidence=math.exp(-0.5))


def test_partial_is_another_name_for_interim() -> None:
    assert decode(type="partial", text="hel") == Interim("hel")


def test_words_are_optional_and_read() -> None:
    message = decode(type="final", text="hi", words=[{"word": "hi", "start": 0.5, "end": 1}])
    assert message == Final("hi", words=(Word("hi", 0.5, 1.0),))


@pytest.mark.parametrize("kind", ["ready", "speech_started", "speech_ended", "session_ended"])
def test_only_the_type_of_a_control_message_matters(kind: str) -> None:
    everything_wrong = {"start": "soon", "end": [], "audio_seconds": {}, "session_id": 7}
    assert isinstance(decode(type=kind, **everything_wrong), READABLE)


@pytest.mark.parametrize(
    "fault",
    [
        {"text": 7},
        {"text": None},
        {"start": "soon"},
        {"end": True},
        {"confidence": []},
        {"language": 1},
        {"words": {"a": 1}},
        {"words": [1]},
        {"words": [{"start": 1}]},
        {"seq": 1.5},
    ],
)
def test_a_transcript_has_to_be_right_in_every_field(fault: dict[str, object]) -> None:
    assert isinstance(decode(**{"type": "final", "text": "x", **fault}), Malformed)


def test_an_error_is_an_error_whatever_its_fields_are() -> None:
    assert decode(type="error", message="busy", code=7, retryable=False) == Error(
        "busy", "7", retryable=False
    )
    assert decode(type="error", message=None, code={}, retryable="no") == Error(
        "the server reported an error", None, retryable=True
    )


def test_a_reason_quotes_nothing_of_the_message() -> None:
    message = decode(type="final", text="x", language=["secret"])
    assert message == Malformed("final: language is not text")


def test_an_unknown_type_is_told_from_a_malformed_message() -> None:
    assert decode(type="mystery", value=1) == Unknown("mystery")
    assert isinstance(decode(type=5), Malformed)


def test_the_configuration_leaves_out_what_was_not_chosen() -> None:
    message = json.loads(protocol.encode_config(Config(language="de"), session_id="s1"))
    assert message == {
        "type": "config",
        "language": "de",
        "sample_rate": 16000,
        "task": "transcribe",
        "interim_results": True,
        "encoding": "pcm_s16le",
        "channels": 1,
        "session_id": "s1",
    }


def test_client_messages_are_their_type() -> None:
    written = [
        protocol.encode_keepalive(),
        protocol.encode_flush(),
        protocol.encode_end_of_stream(),
    ]
    assert [json.loads(message) for message in written] == [
        {"type": "keepalive"},
        {"type": "flush"},
        {"type": "end_of_stream"},
    ]


def test_a_batch_answer_is_read_with_its_segments() -> None:
    body = {
        "text": "hello",
        "segments": [{"start": 0, "end": 1.5, "text": "hello", "confidence": -0.1}],
        "language": "en",
        "duration": 2.0,
    }
    answer = protocol.decode_transcription(json.dumps(body))
    assert isinstance(answer, Transcription)
    assert (answer.text, answer.language) == ("hello", "en")
    assert answer.segments == (protocol.Segment("hello", 0.0, 1.5, math.exp(-0.1)),)


def test_an_error_body_is_never_a_transcript() -> None:
    body = '{"error": {"message": "model loading", "code": 503}}'
    assert isinstance(protocol.decode_transcription(body), Malformed)
    assert protocol.decode_failure(body) == "model loading"
