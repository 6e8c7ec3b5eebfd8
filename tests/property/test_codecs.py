"""Codecs: what is written is understood again, and anything at all can be read."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from sttkit.dialects import dialect_names, load_dialect
from sttkit.dialects.model import Dialect, Opening, Refusal, Request, View
from sttkit.dialects.template import delta
from sttkit.dialects.wire import form_file, read_wav_body
from sttkit.events import (
    Final,
    Interim,
    Ready,
    ServerEvent,
    SessionEnded,
    SpeechEnded,
    SpeechStarted,
    Transcript,
    Usage,
    Word,
)

DIALECTS = [load_dialect(name) for name in dialect_names()]
every_dialect = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
BY_WORD = {"gradium"}
"""They say texts word by word, and by a final only that this was all."""
KEEPING_BACK = {"mistralai"}
"""They say of an interim what surely stays: the last word may go on."""
OPEN = View("session-0", {"type": "config", "language": "en"}, 1, heard_s=1.25)
UNCONFIGURED = View("session-0", {}, 0)

times = st.integers(0, 7_200_000).map(lambda ms: ms / 1000)
texts = st.text(st.characters(codec="utf-8"), max_size=40)
words = st.builds(Word, texts, times, times)


@st.composite
def transcripts(draw: st.DrawFn) -> Transcript:
    start, length = draw(times), draw(times)
    made: type[Transcript] = draw(st.sampled_from([Interim, Final]))
    return made(
        draw(texts),
        start,
        round(start + length, 3),
        tuple(draw(st.lists(words, max_size=4))),
        draw(st.floats(0, 1)),
    )


events: st.SearchStrategy[ServerEvent] = st.one_of(
    st.just(Ready()),
    st.builds(SpeechStarted, times),
    transcripts(),
    st.builds(SpeechEnded, times),
    st.builds(SessionEnded, times),
)
shapes = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = [
    "type",
    "text",
    "start",
    "end",
    "confidence",
    "words",
    "word",
    "language",
    "channel",
    "alternatives",
    "transcript",
    "is_final",
    "speech_final",
    "from_finalize",
    "duration",
    "timestamp",
    "metadata",
    "sample_rate",
    "encoding",
    "channels",
    "code",
    "session",
    "audio",
    "audio.input.format.rate",
    "x-sample-rate",
    "end_of_turn",
    "turn_is_formatted",
    "item_id",
    "audio_start_ms",
    "error_code",
]
TYPES = [
    "config",
    "ready",
    "speech_started",
    "interim",
    "partial",
    "final",
    "speech_ended",
    "usage",
    "session_ended",
    "error",
    "keepalive",
    "flush",
    "end_of_stream",
    "Results",
    "Metadata",
    "SpeechStarted",
    "UtteranceEnd",
    "Error",
    "KeepAlive",
    "Turn",
    "Begin",
    "Termination",
    "UpdateConfiguration",
    "session.update",
    "input_audio_buffer.append",
    "input_audio_buffer.commit",
    "input_audio_buffer.speech_stopped",
    "conversation.item.input_audio_transcription.completed",
    "transcript",
    "speech_start",
    "connected",
]
lookalikes = st.dictionaries(st.sampled_from(KEYS), shapes, max_size=6).flatmap(
    lambda body: st.sampled_from(TYPES).map(lambda kind: json.dumps({**body, "type": kind}))
)
messages = st.text() | st.binary() | shapes.map(json.dumps) | lookalikes


@every_dialect
@settings(deadline=None)
@given(event=events)
@example(event=Interim("so "))
@example(event=Interim("so it is"))
def test_what_a_dialect_writes_it_can_explain(dialect: Dialect, event: ServerEvent) -> None:
    written = dialect.write(event, OPEN)
    explained = [dialect.explain(message) for message in written]
    telling = [told for told in explained if told is not None]
    kinds = {type(told) for told in telling}
    # That a session ends may be told by the count of its audio, and the close.
    assert not written or type(event) in kinds or (type(event), kinds) == (SessionEnded, {Usage})
    for told in telling:
        if isinstance(told, Usage):  # may go with any event; it says how much was heard
            heard_s = event.audio_s if isinstance(event, SessionEnded) else OPEN.heard_s
            assert told.audio_s == pytest.approx(heard_s)
            continue
        assert type(told) is type(event)
        # Not every provider tells everything; what it does tell is not lost, nor anything added.
        begun = isinstance(told, Interim) and dialect.name in KEEPING_BACK
        again = [dialect.explain(message) for message in dialect.write(told, OPEN)]
        assert begun or told in again
        if isinstance(event, Transcript):
            assert isinstance(told, Transcript)
            by_word = isinstance(told, Final) and dialect.name in BY_WORD
            assert told.text == event.text or by_word or begun
            assert not begun or event.text.startswith(told.text)
            for name in ("start", "end", "confidence"):
                value = getattr(told, name)
                assert value == pytest.approx(getattr(event, name)) or value == _untold(name)
            told_words = [word.text for word in told.words]
            assert told_words in ([word.text for word in event.words], [])


def _untold(name: str) -> float:
    return float(getattr(Final(""), name))


@every_dialect
@settings(deadline=None)
@given(said=st.lists(texts, min_size=1, max_size=6))
@example(said=["hello there", "friend"])
def test_texts_that_are_told_in_pieces_add_up(dialect: Dialect, said: list[str]) -> None:
    """Whether a dialect repeats a segment or says only what is new, its text comes out whole.

    One may keep back the last piece until the final, and say it then, before the final itself.
    """
    assume(dialect.name not in BY_WORD or all(said))
    growing = [" ".join(said[: count + 1]) for count in range(len(said))]
    before, told = "", []
    for text in growing:
        for message in dialect.write(Interim(text), replace(OPEN, said=before)):
            event = dialect.explain(message)
            if event is not None:  # else it accompanies the one that tells
                assert isinstance(event, Interim)
                told.append(event.text)
        before = text
    for message in dialect.write(Final(before), replace(OPEN, said=before)):
        event = dialect.explain(message)
        if isinstance(event, Interim):
            told.append(event.text)
    # One that says only what is new has a final that ends the segment, and need not repeat it.
    between = " " if dialect.name in BY_WORD else ""
    assert told in ([], growing) or between.join(told) == growing[-1]


def test_a_delta_says_what_is_new_and_no_more() -> None:
    slot = delta()
    assert slot.put(Interim("hello there"), View("s", {}, said="hello")) == " there"
    assert slot.put(Interim("hello there"), View("s", {})) == "hello there"
    # A recogniser that thinks again says all of it: nothing can be taken back.
    assert slot.put(Interim("hallo"), View("s", {}, said="hello")) == "hallo"
    assert slot.take(" there") == {"text": " there"}


@every_dialect
@settings(deadline=None)
@given(message=messages)
@example(message="[" * 100_000)
@example(message='{"type":"config","sample_rate":1e999}')
@example(message='{"type":"config","sample_rate":NaN}')
@example(message='{"type":{}}')
def test_any_message_can_be_read_and_explained(dialect: Dialect, message: str | bytes) -> None:
    for view in (OPEN, UNCONFIGURED):
        dialect.read(message, view)
    dialect.explain(message)


@every_dialect
@settings(deadline=None)
@given(config=st.dictionaries(st.sampled_from(KEYS), shapes, max_size=6))
def test_a_sample_rate_is_found_in_any_configuration(
    dialect: Dialect, config: dict[str, object]
) -> None:
    assert 4000 <= dialect.rate_of(config) <= 192_000


@every_dialect
@settings(deadline=None)
@given(
    path=st.sampled_from([*(dialect.example.partition("?")[0] for dialect in DIALECTS), "/"]),
    query=st.dictionaries(
        st.sampled_from([*KEYS, "model", "channels", "encoding"]),
        st.lists(st.text(max_size=8), min_size=1, max_size=2).map(tuple),
        max_size=5,
    ),
)
def test_any_request_is_let_in_or_refused(
    dialect: Dialect, path: str, query: dict[str, tuple[str, ...]]
) -> None:
    headers = {"authorization": "x", "x-api-key-id": "x", "x-sample-rate": "fast"}
    answer = dialect.open(Request("GET", path, query, headers))
    assert isinstance(answer, (Opening, Refusal))


@settings(deadline=None)
@given(
    body=st.binary(max_size=400)
    | st.binary(max_size=200).map(lambda b: b"RIFF\0\0\0\0WAVE" + b)
    | st.binary(max_size=200).map(lambda b: b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0" + b)
)
def test_any_body_is_a_recording_or_a_refusal(body: bytes) -> None:
    answer = read_wav_body(body)
    assert isinstance(answer, (tuple, Refusal))


@settings(deadline=None)
@given(content=st.binary(max_size=300), kind=st.text(max_size=30))
@example(content=b"\r", kind="")
@example(content=b"\n", kind="")
@example(content=b"\r\n\r\n--", kind="")
def test_a_file_in_a_form_arrives_byte_by_byte(content: bytes, kind: str) -> None:
    body = (
        b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n'
        b"Content-Type: audio/wav\r\n\r\n" + content + b"\r\n--xyz--\r\n"
    )
    headers = {"content-type": "multipart/form-data; boundary=xyz"}
    assert form_file(Request("POST", "/", {}, headers, body), "file") == content
    # And whatever the header says, there is an answer.
    form_file(
        Request("POST", "/", {}, {"content-type": f"multipart/form-data{kind}"}, body), "file"
    )
