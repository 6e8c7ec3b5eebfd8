"""Dialects: what each writes is what it documents, and it reads what its provider reads."""

from __future__ import annotations

import io
import json
import wave

import pytest

from sttkit import UsageError
from sttkit.dialects import dialect_names, load_dialect
from sttkit.dialects.model import Opening, Refusal, Request, View
from sttkit.dialects.wire import form_file, read_wav_body, sample_rate_of
from sttkit.events import (
    Audio,
    Config,
    EndOfStream,
    Final,
    Flush,
    Interim,
    Keepalive,
    Ready,
    SessionEnded,
    SpeechEnded,
    SpeechStarted,
    Unintelligible,
    Word,
)

WORDS = (Word("hello", 0.5, 0.8), Word("there", 0.84, 1.1))
CUSTOM = load_dialect("custom_stt")
DEEPGRAM = load_dialect("deepgram")
ASSEMBLYAI = load_dialect("assemblyai")
OPENAI = load_dialect("openai")
GNANI = load_dialect("gnani")
OPEN = View("session-0", {"type": "config", "language": "de"}, 3)

every_dialect = pytest.mark.parametrize("name", dialect_names())


@every_dialect
def test_a_dialect_is_loaded_by_its_name_and_says_where_its_facts_come_from(name: str) -> None:
    dialect = load_dialect(name)
    assert dialect.name == name
    assert dialect.source
    assert dialect.host
    assert dialect.errors
    assert all(failure.text for failure in dialect.errors.values())
    assert dialect.facts.bad_message is None or dialect.facts.bad_message in dialect.errors


@every_dialect
def test_messages_that_no_healthy_server_sends_explain_nothing_harmful(name: str) -> None:
    dialect = load_dialect(name)
    assert dialect.explain(dialect.unknown) is None
    for message in dialect.wrong_types:
        dialect.explain(message)


@every_dialect
def test_an_http_error_is_json(name: str) -> None:
    assert "busy" in json.dumps(load_dialect(name).http_error(503, "busy"))


@every_dialect
def test_what_a_dialect_is_said_to_tell_is_in_its_finals(name: str) -> None:
    dialect = load_dialect(name)
    view = View("session-0", {"include_timestamps": "true"}, 3)

    def messages(*, later: float = 0.0, confidence: float = 0.9) -> list[object]:
        words = tuple(Word(w.text, w.start + later, w.end + later) for w in WORDS)
        final = Final("hello there", 0.5 + later, 1.1 + later, words, confidence)
        return list(dialect.write(final, view))

    if dialect.facts.tells_times:
        assert messages() != messages(later=3.0)
    if dialect.facts.tells_confidence:
        assert messages() != messages(confidence=0.4)


def test_an_unknown_dialect_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="did you mean 'deepgram'"):
        load_dialect("deepgramm")


# --- custom_stt ---------------------------------------------------------------------------------


def test_custom_stt_writes_protocol_1() -> None:
    (ready,) = CUSTOM.write(Ready(), OPEN)
    assert json.loads(ready) == {
        "type": "ready",
        "message": "ready",
        "session_id": "session-0",
        "protocol": 1,
    }
    (final,) = CUSTOM.write(Final("hello there", 0.5, 1.1, WORDS, 0.9), OPEN)
    assert json.loads(final) == {
        "type": "final",
        "text": "hello there",
        "start": 0.5,
        "end": 1.1,
        "confidence": 0.9,
        "language": "de",
        "words": [
            {"word": "hello", "start": 0.5, "end": 0.8},
            {"word": "there", "start": 0.84, "end": 1.1},
        ],
        "seq": 3,
    }


@pytest.mark.parametrize(
    ("message", "event"),
    [
        ('{"type":"keepalive"}', Keepalive),
        ('{"type":"flush"}', Flush),
        ('{"type":"end_of_stream"}', EndOfStream),
        ('{"type":"config"}', Config),
        ('{"language":"en"}', Unintelligible),
        ('{"type":"KeepAlive"}', Unintelligible),
        ("", Unintelligible),
        ("null", Unintelligible),
        (b"\1\2", Audio),
        (b"", Audio),
        (b"\1", Unintelligible),
    ],
)
def test_custom_stt_reads_what_its_protocol_knows(message: str | bytes, event: type) -> None:
    assert type(CUSTOM.read(message, OPEN)) is event


def test_custom_stt_takes_a_first_message_without_a_type_for_the_configuration() -> None:
    assert CUSTOM.read('{"language":"en"}', View("s", {})) == Config(
        {"type": "config", "language": "en"}
    )
    assert isinstance(CUSTOM.read('{"type":"flush"}', View("s", {})), Unintelligible)
    assert isinstance(CUSTOM.read(b"\1\2", View("s", {})), Unintelligible)


def test_custom_stt_knows_partial_as_another_name_for_interim() -> None:
    assert CUSTOM.explain('{"type":"partial","text":"a"}') == Interim("a", confidence=0.0)


# --- deepgram -----------------------------------------------------------------------------------


def listen(**query: str) -> Request:
    return Request(
        "GET",
        "/v1/listen",
        {key: (value,) for key, value in query.items()},
        {"authorization": "Token x"},
    )


def test_deepgram_is_configured_by_its_query() -> None:
    opening = DEEPGRAM.open(listen(sample_rate="24000", model="nova-3"))
    assert opening == Opening({"sample_rate": "24000", "model": "nova-3"}, 24000)
    assert isinstance(opening, Opening)
    assert DEEPGRAM.rate_of(opening.config) == 24000


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (Request("GET", "/v2/listen"), 404),
        (Request("GET", "/v1/listen", {"sample_rate": ("16000",)}), 401),
        (listen(), 400),
        (listen(sample_rate="fast"), 400),
        (listen(sample_rate="16000", encoding="opus"), 400),
        (listen(sample_rate="16000", channels="2"), 400),
    ],
)
def test_deepgram_refuses_what_it_does_not_serve(request_: Request, status: int) -> None:
    answer = DEEPGRAM.open(request_)
    assert isinstance(answer, Refusal)
    assert answer.status == status


@pytest.mark.parametrize(
    ("message", "event"),
    [
        ('{"type":"KeepAlive"}', Keepalive),
        ('{"type":"Finalize"}', Flush),
        ('{"type":"CloseStream"}', EndOfStream),
        ('{"type":"keepalive"}', Unintelligible),
        ('{"type":"close_stream"}', Unintelligible),
        ("{}", Unintelligible),
        ("", Unintelligible),
        (b"", Audio),
        (b"\1\2\3", Unintelligible),
    ],
)
def test_deepgram_reads_only_its_documented_markers(message: str | bytes, event: type) -> None:
    assert type(DEEPGRAM.read(message, OPEN)) is event


def test_deepgram_says_the_end_of_speech_in_the_final() -> None:
    (final,) = DEEPGRAM.write(Final("a", 0.0, 1.0, endpoint=True, from_flush=True), OPEN)
    said = json.loads(final)
    assert (said["is_final"], said["speech_final"], said["from_finalize"]) == (True, True, True)
    assert DEEPGRAM.write(SpeechEnded(1.0), OPEN) == []


def test_deepgram_leaves_out_what_the_query_switches_off() -> None:
    quiet = View("s", {"vad_events": "false", "interim_results": "false"})
    assert DEEPGRAM.write(SpeechStarted(0.1), quiet) == []
    assert DEEPGRAM.write(Interim("a"), quiet) == []
    assert DEEPGRAM.write(SessionEnded(1.0), quiet)


# --- assemblyai ---------------------------------------------------------------------------------

CHUNK = bytes(1600)
"""50 ms at 16 kHz."""


def test_assemblyai_ends_a_turn_by_its_last_message() -> None:
    asked = View("s", {"speech_model": "universal-3-6-pro"}, utterance=2)
    (turn,) = ASSEMBLYAI.write(Final("hello there", 0.5, 1.1, WORDS, 0.9), asked)
    assert json.loads(turn) == {
        "type": "Turn",
        "turn_order": 2,
        "transcript": "hello there",
        "utterance": "hello there",
        "language_code": "en",
        "end_of_turn": True,
        "turn_is_formatted": True,
        "words": [
            {"text": "hello", "start": 500, "end": 800, "confidence": 0.9, "word_is_final": True},
            {"text": "there", "start": 840, "end": 1100, "confidence": 0.9, "word_is_final": True},
        ],
    }
    assert ASSEMBLYAI.write(SpeechEnded(1.1), asked) == []


def test_assemblyais_older_models_tell_no_start_and_format_a_turn_afterwards_if_asked() -> None:
    old = View("s", {"speech_model": "universal-streaming-english", "format_turns": "true"})
    assert ASSEMBLYAI.write(SpeechStarted(0.1), old) == []
    formatted = [json.loads(m)["turn_is_formatted"] for m in ASSEMBLYAI.write(Final("a"), old)]
    assert formatted == [False, True]


@pytest.mark.parametrize(
    ("before", "chunk", "error"),
    [
        (0, CHUNK, None),
        (1600, CHUNK, None),
        (1598, CHUNK, "input-duration"),
        (0, CHUNK[:1000], None),  # perhaps the last one
        (0, bytes(32_000), None),
        (0, bytes(32_002), "input-duration"),
    ],
)
def test_assemblyai_refuses_chunks_outside_of_50_to_1000_ms(
    before: int, chunk: bytes, error: str | None
) -> None:
    heard = ASSEMBLYAI.read(chunk, View("s", {"sample_rate": "16000"}, chunk_bytes=before))
    assert getattr(heard, "error", None) == error
    assert isinstance(heard, Audio if error is None else Unintelligible)


# --- openai -------------------------------------------------------------------------------------


def test_openai_takes_base64_and_nothing_binary() -> None:
    append = {"type": "input_audio_buffer.append", "audio": "AQACAA=="}
    assert OPENAI.read(json.dumps(append), OPEN) == Audio(b"\1\0\2\0")
    for wrong in ("!", "AQ", None, 7):
        message = json.dumps({**append, "audio": wrong})
        assert isinstance(OPENAI.read(message, OPEN), Unintelligible)
    assert isinstance(OPENAI.read(b"\1\0", OPEN), Unintelligible)


def test_openais_settings_are_known_by_dotted_names_so_that_an_update_keeps_the_others() -> None:
    update = {"audio": {"input": {"format": {"rate": 24000}, "transcription": {"language": "fr"}}}}
    heard = OPENAI.read(json.dumps({"type": "session.update", "session": update}), OPEN)
    assert heard == Config(
        {"audio.input.format.rate": 24000, "audio.input.transcription.language": "fr"}
    )


def test_openai_refuses_a_commit_of_less_than_100_ms() -> None:
    commit = '{"type":"input_audio_buffer.commit"}'
    assert OPENAI.read(commit, View("s", {}, unflushed_s=0.1)) == Flush()
    refused = OPENAI.read(commit, View("s", {}, unflushed_s=0.09))
    assert isinstance(refused, Unintelligible)
    assert refused.error == "input_audio_buffer_commit_empty"


def test_openai_tells_an_items_text_in_pieces_and_then_whole() -> None:
    messages = [json.loads(m) for m in OPENAI.write(Final("hello there", words=WORDS), OPEN)]
    assert [m["type"].rpartition(".")[2] for m in messages] == ["delta", "delta", "completed"]
    assert "".join(m["delta"] for m in messages[:2]) == messages[2]["transcript"]
    assert {m["item_id"] for m in messages} == {"item_0"}


# --- gnani --------------------------------------------------------------------------------------


def test_gnani_is_configured_by_headers_and_never_notes_the_key() -> None:
    headers = {"x-api-key-id": "secret", "lang_code": "hi-IN", "x-sample-rate": "8000"}
    assert GNANI.open(Request("GET", "/stt/v3/stream", {}, headers)) == Opening(
        {"lang_code": "hi-IN", "x-sample-rate": "8000"}, 8000
    )
    assert GNANI.open(Request("GET", "/stt/v3/stream")) == Refusal(401, "Invalid API key")


def test_gnani_says_no_interims_and_hears_nothing_but_audio() -> None:
    assert GNANI.write(Interim("a"), OPEN) == []
    assert isinstance(GNANI.read('{"type":"end"}', OPEN), Unintelligible)
    assert GNANI.read(b"\1\2", OPEN) == Audio(b"\1\2")


# --- shared pieces ------------------------------------------------------------------------------


def wav(pcm: bytes, *, rate: int = 16000, channels: int = 1) -> bytes:
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm)
    return held.getvalue()


def test_a_wav_body_is_read() -> None:
    assert read_wav_body(wav(b"\1\0\2\0", rate=8000)) == (b"\1\0\2\0", 8000)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"RIFF", 400),
        (b"hello, I am no WAV file at all, sorry", 400),
        (wav(b"\1\0\2\0", channels=2), 415),
        (wav(b"\1\0", rate=1), 415),
        (wav(b"\1\0", rate=2_000_000_000), 415),
    ],
)
def test_another_body_is_refused(body: bytes, status: int) -> None:
    answer = read_wav_body(body)
    assert isinstance(answer, Refusal)
    assert answer.status == status


@pytest.mark.parametrize(
    ("value", "rate"),
    [
        *((16000, 16000), ("8000", 8000), (44100.0, 44100), (3999, None), (192_001, None)),
        *((None, None), (True, None), ("", None), ([], None)),
        *((float("nan"), None), (float("inf"), None)),
    ],
)
def test_a_sample_rate_is_a_number_that_is_served(value: object, rate: int | None) -> None:
    assert sample_rate_of(value) == rate


def test_a_form_without_the_field_is_refused() -> None:
    headers = {"content-type": "multipart/form-data; boundary=b"}
    body = b'--b\r\nContent-Disposition: form-data; name="other"\r\n\r\nx\r\n--b--\r\n'
    assert form_file(Request("POST", "/", {}, headers, body), "file") == Refusal(
        400, "no field 'file' in the form"
    )
    assert form_file(Request("POST", "/"), "file") == Refusal(415, "multipart/form-data expected")
