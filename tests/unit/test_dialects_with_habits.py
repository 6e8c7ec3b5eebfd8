"""Dialects that are unlike the others: in how messages are told apart, framed, or left unsaid."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sttkit.dialects import load_dialect
from sttkit.dialects.model import Message, Opening, Refusal, Request, View
from sttkit.events import (
    Acknowledged,
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
from tests.support.tongues import wav_header

FIREWORKS = load_dialect("fireworksai")
GRADIUM = load_dialect("gradium")
RTZR = load_dialect("rtzr")
SARVAM = load_dialect("sarvam")
REALTIME = load_dialect("sarvam_realtime")
SIMPLISMART = load_dialect("simplismart")
SLNG = load_dialect("slng")
TELNYX = load_dialect("telnyx")
XAI = load_dialect("xai")

WORDS = (Word("hello", 0.5, 0.8), Word("there", 0.84, 1.1))
OPEN = View("session-0", {"language": "en"})
FINAL = Final("hello there", 0.5, 1.1, WORDS, 0.9)


def said(messages: list[Message]) -> list[Any]:
    return [json.loads(message) for message in messages]


# --- telnyx: a WAV file without an end ----------------------------------------------------------


def telnyx(engine: str = "Telnyx", **config: object) -> View:
    return View("s", {"transcription_engine": engine, **config})


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_telnyx_learns_the_sample_rate_from_the_wav_header(rate: int) -> None:
    assert TELNYX.read(wav_header(rate), telnyx()) == Config({"sample_rate": rate})
    assert TELNYX.rate_of({"sample_rate": rate}) == rate


def test_telnyx_refuses_audio_without_a_wav_header_before_it() -> None:
    refused = TELNYX.read(b"\1\2", telnyx())
    assert isinstance(refused, Unintelligible)
    assert refused.error == "unsupported-format"
    assert TELNYX.read(b"\1\2", telnyx(sample_rate=16000)) == Audio(b"\1\2")


@pytest.mark.parametrize("header", [b"RIFF", wav_header(16000)[:40], wav_header(16000) + b"\1\0"])
def test_telnyx_takes_nothing_else_for_a_header(header: bytes) -> None:
    assert isinstance(TELNYX.read(header, telnyx()), Unintelligible)


@pytest.mark.parametrize(
    ("engine", "kind", "event"),
    [
        ("Deepgram", "Finalize", Flush),
        ("Deepgram", "KeepAlive", Keepalive),
        ("Soniox", "CloseStream", EndOfStream),
        ("telnyx", "Finalize", Unintelligible),
        ("telnyx", "KeepAlive", Unintelligible),
        ("Telnyx", "CloseStream", Unintelligible),
    ],
)
def test_telnyx_knows_controls_only_for_engines_that_have_them(
    engine: str, kind: str, event: type
) -> None:
    assert type(TELNYX.read(json.dumps({"type": kind}), telnyx(engine))) is event


def test_telnyx_says_interims_only_if_asked_and_not_with_every_engine() -> None:
    assert TELNYX.write(Interim("a"), telnyx("Deepgram")) == []
    assert TELNYX.write(Interim("a"), telnyx("Telnyx", interim_results="true")) == []
    assert TELNYX.write(Interim("a"), telnyx("Deepgram", interim_results="true"))


# --- simplismart: nothing but text --------------------------------------------------------------


def test_simplismart_answers_in_binary_messages_that_are_the_text() -> None:
    assert SIMPLISMART.write(Final("ça va", 0.5, 1.1), OPEN) == ["ça va".encode()]
    assert SIMPLISMART.explain("ça va".encode()) == Final("ça va")
    assert SIMPLISMART.explain("ça va") is None
    assert SIMPLISMART.write(SpeechStarted(0.1), OPEN) == []


def test_simplismart_hears_nothing_before_the_language() -> None:
    unconfigured = View("s", {})
    assert isinstance(SIMPLISMART.read(b"\1\2", unconfigured), Unintelligible)
    heard = SIMPLISMART.read('{"language":"en"}', unconfigured)
    assert heard == Config({"language": "en", "type": "config"})


# --- rtzr: a token, then a session for each segment ---------------------------------------------


def test_rtzr_gives_a_token_for_an_id_and_a_secret() -> None:
    authenticate = RTZR.steps["/v1/authenticate"]
    form = b"client_id=a&client_secret=b"
    token = authenticate(Request("POST", "/v1/authenticate", {}, {}, form))
    assert isinstance(token, dict)
    assert token["access_token"]
    for missing in (b"", b"client_id=a", b"client_id=&client_secret=b"):
        answer = authenticate(Request("POST", "/v1/authenticate", {}, {}, missing))
        assert isinstance(answer, Refusal)
        assert answer.status == 401


def test_rtzr_ends_the_audio_at_a_bare_word() -> None:
    assert RTZR.read("EOS", OPEN) == EndOfStream()
    assert isinstance(RTZR.read('{"type":"EOS"}', OPEN), Unintelligible)


def test_rtzr_counts_in_milliseconds_and_has_words_within_the_alternative() -> None:
    (result,) = said(RTZR.write(FINAL, OPEN))
    assert (result["start_at"], result["duration"], result["final"]) == (500, 600, True)
    (alternative,) = result["alternatives"]
    assert [(w["text"], w["start_at"], w["duration"]) for w in alternative["words"]] == [
        ("hello", 500, 300),
        ("there", 840, 260),
    ]


# --- fireworksai: a map of segments -------------------------------------------------------------


def test_fireworks_says_by_its_words_whether_a_segment_is_final() -> None:
    for event, final in ((Interim("hello there", words=WORDS), False), (FINAL, True)):
        (message,) = FIREWORKS.write(event, View("s", {}, utterance=3))
        (segment,) = json.loads(message)["segments"]
        assert (segment["id"], segment["text"]) == (3, "hello there")
        assert [w["is_final"] for w in segment["words"]] == [final, final]
        assert type(FIREWORKS.explain(message)) is type(event)


def test_fireworks_answers_the_last_checkpoint_only() -> None:
    assert FIREWORKS.read('{"checkpoint_id":"final"}', OPEN) == EndOfStream()
    assert isinstance(FIREWORKS.read('{"checkpoint_id":"7"}', OPEN), Unintelligible)
    assert said(FIREWORKS.write(SessionEnded(1.0), OPEN)) == [{"checkpoint_id": "final"}]


# --- gradium: words, then silence that is expected ----------------------------------------------


def test_gradium_says_each_word_once() -> None:
    growing = View("s", {"type": "setup"}, said="hello")
    text, end = said(GRADIUM.write(Interim("hello there", 0.5, 1.1, WORDS), growing))
    assert (text["type"], text["text"], text["start_s"]) == ("text", "there", 0.84)
    assert (end["type"], end["stop_s"]) == ("end_text", 1.1)


def test_gradium_expects_silence_for_as_long_as_it_lags_behind_and_one_step_more() -> None:
    (ready,) = said(GRADIUM.write(Ready(), OPEN))
    steps = said(GRADIUM.write(FINAL, OPEN))
    assert len(steps) == ready["delay_in_frames"] + 1
    assert all(step["vad"][2]["inactivity_prob"] > 0.9 for step in steps)
    told = [GRADIUM.explain(message) for message in GRADIUM.write(FINAL, OPEN)]
    assert [event for event in told if event is not None] == [Final("")]


def test_gradium_wants_its_setup_first_and_audio_at_24_khz() -> None:
    unconfigured = View("s", {})
    audio = '{"type":"audio","audio":"AQI="}'
    assert isinstance(GRADIUM.read(audio, unconfigured), Unintelligible)
    assert isinstance(GRADIUM.read('{"type":"setup","input_format":"wav"}', OPEN), Unintelligible)
    heard = GRADIUM.read('{"type":"setup","input_format":"pcm"}', unconfigured)
    assert isinstance(heard, Config)
    assert GRADIUM.rate_of(heard.values) == 24000
    assert GRADIUM.read(audio, OPEN) == Audio(b"\1\2")


# --- sarvam: signals, and texts that follow them ------------------------------------------------


def test_sarvam_takes_audio_without_a_kind() -> None:
    audio = {"audio": {"data": "AQI=", "encoding": "audio/wav", "sample_rate": 16000}}
    assert SARVAM.read(json.dumps(audio), OPEN) == Audio(b"\1\2")
    assert SARVAM.read(json.dumps({**audio, "type": "end_of_stream"}), OPEN) == EndOfStream()
    assert isinstance(SARVAM.read("{}", OPEN), Unintelligible)


def test_sarvam_signals_speech_only_if_asked_to() -> None:
    asked = View("s", {"vad_signals": "true"})
    (start,) = said(SARVAM.write(SpeechStarted(0.1), asked))
    assert start["data"]["signal_type"] == "START_SPEECH"
    assert SARVAM.write(SpeechEnded(0.1), OPEN) == []


def test_sarvam_tells_how_long_what_it_transcribed_was() -> None:
    (data,) = said(SARVAM.write(FINAL, OPEN))
    assert data["data"]["metrics"]["audio_duration"] == 0.6


def test_sarvam_realtime_is_told_by_events_and_acknowledges_new_settings() -> None:
    update = REALTIME.read('{"event":"config.update","prompt":"rivers"}', OPEN)
    assert isinstance(update, Config)
    assert update.values["prompt"] == "rivers"
    (updated,) = said(REALTIME.write(Acknowledged("config"), OPEN))
    (pong,) = said(REALTIME.write(Acknowledged("keepalive"), OPEN))
    assert (updated["event"], pong["event"]) == ("config.updated", "pong")
    assert isinstance(REALTIME.read('{"type":"end"}', OPEN), Unintelligible)
    assert json.loads(REALTIME.unknown)["event"]


# --- slng and xai -------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["deepgram/nova:3", "slng/openai/whisper:large-v3"])
def test_slngs_path_names_the_model(model: str) -> None:
    headers = {"authorization": "Bearer x"}
    path = f"/v1/bridges/unmute/stt/{model}"
    assert isinstance(SLNG.open(Request("GET", path, {}, headers)), Opening)
    refused = SLNG.open(Request("GET", f"/v1/stt/{model}", {}, headers))
    assert isinstance(refused, Refusal)
    assert refused.status == 404


def test_slng_keeps_partial_transcripts_to_itself_if_told_to() -> None:
    assert SLNG.write(Interim("a"), View("s", {"enable_partials": False})) == []
    assert SLNG.write(Interim("a"), OPEN)


def test_xais_finals_are_partial_and_say_the_end_of_speech() -> None:
    asked = View("s", {"interim_results": "true"})
    (interim,) = said(XAI.write(Interim("hello"), asked))
    (chunk,) = said(XAI.write(Final("hello there", 0.5, 1.1, WORDS), asked))
    (end,) = said(XAI.write(Final("hello there", 0.5, 1.1, WORDS, endpoint=True), asked))
    assert {m["type"] for m in (interim, chunk, end)} == {"transcript.partial"}
    assert [(m["is_final"], m["speech_final"]) for m in (interim, chunk, end)] == [
        (False, False),
        (True, False),
        (True, True),
    ]
    assert XAI.write(Interim("hello"), OPEN) == []
