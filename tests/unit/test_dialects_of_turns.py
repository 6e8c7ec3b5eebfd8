"""Dialects of providers of turns, segments and commits: what makes each unlike the others."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

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
    ServerEvent,
    SpeechEnded,
    SpeechStarted,
    Unintelligible,
    Word,
)

WORDS = (Word("hello", 0.5, 0.8), Word("there", 0.84, 1.1))
HELLO = Final("hello there", 0.5, 1.1, WORDS, 0.9)
OPEN = View("session-0", {"type": "config"}, 3)


def written(name: str, event: ServerEvent, view: View = OPEN) -> list[dict[str, object]]:
    return [json.loads(message) for message in load_dialect(name).write(event, view)]


def asked(path: str, headers: Mapping[str, str], **query: str) -> Request:
    return Request("GET", path, {key: (value,) for key, value in query.items()}, headers)


# --- what the client says -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "message", "event"),
    [
        ("deepgram_flux", '{"type":"CloseStream"}', EndOfStream),
        ("deepgram_flux", '{"type":"ForceEndTurn"}', Flush),
        ("deepgram_flux", '{"type":"Configure","thresholds":{}}', Config),
        ("deepgram_flux", '{"type":"KeepAlive"}', Unintelligible),
        ("deepgram_flux", '{"type":"Finalize"}', Unintelligible),
        ("soniox", "", EndOfStream),
        ("soniox", b"", EndOfStream),
        ("soniox", '{"type":"keepalive"}', Keepalive),
        ("soniox", '{"type":"finalize"}', Flush),
        ("soniox", "finalize", Unintelligible),
        ("cartesia", '{"type":"close"}', EndOfStream),
        ("cartesia", "close", Unintelligible),
        ("cartesia", '{"type":"finalize"}', Unintelligible),
        ("cartesia_whisper", "finalize", Flush),
        ("cartesia_whisper", "close", EndOfStream),
        ("cartesia_whisper", '{"type":"close"}', Unintelligible),
        ("cartesia_whisper", b"", Audio),
        ("gladia", '{"type":"stop_recording"}', EndOfStream),
        ("gladia", '{"type":"audio_chunk","data":{"chunk":"AQA="}}', Audio),
        ("gladia", '{"type":"audio_chunk","chunk":"AQA="}', Unintelligible),
        ("gladia", b"\1\0", Audio),
        ("speechmatics", '{"message":"EndOfStream","last_seq_no":3}', EndOfStream),
        ("speechmatics", '{"message":"ForceEndOfUtterance"}', Flush),
        ("speechmatics", '{"type":"EndOfStream"}', Unintelligible),
        ("inference", '{"type":"input_audio","audio":"AQA="}', Audio),
        ("inference", '{"type":"session.finalize"}', Flush),
        ("inference", '{"type":"session.close"}', EndOfStream),
        ("inference", b"\1\0", Unintelligible),
    ],
)
def test_only_what_a_provider_documents_is_understood(
    name: str, message: Message, event: type
) -> None:
    assert type(load_dialect(name).read(message, OPEN)) is event


@pytest.mark.parametrize("name", ["soniox", "speechmatics", "inference"])
def test_nothing_is_understood_before_the_configuration(name: str) -> None:
    for message in (b"\1\0", '{"type":"keepalive"}', '{"message":"EndOfStream"}'):
        assert isinstance(load_dialect(name).read(message, View("s", {})), Unintelligible)


def test_elevenlabs_takes_an_empty_chunk_for_a_commit_if_it_says_so() -> None:
    dialect = load_dialect("elevenlabs")
    chunk = {"message_type": "input_audio_chunk", "audio_base_64": "", "commit": False}
    enough = View("s", {}, unflushed_s=0.3)
    assert dialect.read(json.dumps(chunk), enough) == Audio(b"")
    assert dialect.read(json.dumps({**chunk, "commit": True}), enough) == Flush()
    sound = {**chunk, "audio_base_64": base64.b64encode(b"\1\0").decode()}
    assert dialect.read(json.dumps(sound), enough) == Audio(b"\1\0")
    assert isinstance(dialect.read(json.dumps({**sound, "commit": True}), enough), Unintelligible)


def test_elevenlabs_ends_a_session_that_commits_less_than_300_ms() -> None:
    dialect = load_dialect("elevenlabs")
    commit = '{"message_type":"input_audio_chunk","audio_base_64":"","commit":true}'
    refused = dialect.read(commit, View("s", {}, unflushed_s=0.28))
    assert isinstance(refused, Unintelligible)
    assert refused.error is not None
    assert dialect.errors[refused.error].close is not None


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({}, None),
        ({"audio_format": {"encoding": "mulaw", "sample_rate": 16000}}, "invalid_audio_type"),
        ({"audio_format": {"encoding": "pcm_s16le", "sample_rate": 8000}}, "invalid_audio_type"),
    ],
)
def test_speechmatics_serves_16_khz_pcm_only(
    change: Mapping[str, object], error: str | None
) -> None:
    start = {
        "message": "StartRecognition",
        "audio_format": {"encoding": "pcm_s16le", "sample_rate": 16000},
        **change,
    }
    heard = load_dialect("speechmatics").read(json.dumps(start), View("s", {}))
    assert getattr(heard, "error", None) == error
    assert isinstance(heard, Config if error is None else Unintelligible)


def test_speechmatics_is_started_once() -> None:
    start = '{"message":"StartRecognition","audio_format":{}}'
    again = load_dialect("speechmatics").read(start, OPEN)
    assert isinstance(again, Unintelligible)
    assert again.error == "protocol_error"


def test_the_gateways_settings_are_kept_where_an_update_does_not_name_them() -> None:
    dialect = load_dialect("inference")
    create = {"settings.encoding": "pcm_s16le", "settings.sample_rate": "16000"}
    update = '{"type":"session.update","settings":{"language":"fr"}}'
    heard = dialect.read(update, View("s", create))
    assert heard == Config({"type": "session.update", "settings.language": "fr"})
    assert isinstance(dialect.read(update, View("s", {"type": "none"})), Unintelligible)


# --- what the server says -----------------------------------------------------------------------


def test_fluxs_turns_are_one_kind_of_message() -> None:
    view = View("session-0", {}, utterance=2)
    events = (SpeechStarted(0.5), Interim("hello", 0.5, 0.8, WORDS[:1], 0.9), HELLO)
    turns = [written("deepgram_flux", event, view)[0] for event in events]
    assert [turn["type"] for turn in turns] == ["TurnInfo"] * 3
    assert [turn["event"] for turn in turns] == ["StartOfTurn", "Update", "EndOfTurn"]
    assert [turn["turn_index"] for turn in turns] == [2, 2, 2]
    assert written("deepgram_flux", SpeechEnded(1.1), view) == []
    assert [m["type"] for m in written("deepgram_flux", Acknowledged("config"))] == [
        "ConfigureSuccess"
    ]


@pytest.mark.parametrize(("from_flush", "marker"), [(False, "<end>"), (True, "<fin>")])
def test_soniox_says_in_a_token_why_all_others_are_final(from_flush: bool, marker: str) -> None:
    final = Final("hello there", 0.5, 1.1, WORDS, 0.9, from_flush=from_flush)
    (message,) = written("soniox", final, View("s", {}, heard_s=1.5))
    assert message["total_audio_proc_ms"] == 1500
    tokens = message["tokens"]
    assert isinstance(tokens, list)
    assert [(t["text"], t["is_final"]) for t in tokens] == [
        ("hello", True),
        (" there", True),
        (marker, True),
    ]
    (interim,) = written("soniox", Interim("hello there", 0.5, 1.1, WORDS))
    unfinished = interim["tokens"]
    assert isinstance(unfinished, list)
    assert [t["is_final"] for t in unfinished] == [False, False]


def test_ink_whispers_transcripts_cover_the_audio_since_the_one_before() -> None:
    (message,) = written("cartesia_whisper", HELLO, View("s", {}, heard_s=2.0, told_s=0.6))
    assert (message["is_final"], message["duration"]) == (True, 1.4)
    flushed = Final("hello", from_flush=True)
    assert [m["type"] for m in written("cartesia_whisper", flushed)] == ["transcript", "flush_done"]


def test_elevenlabs_tells_a_commit_twice_where_more_than_its_text_is_asked_for() -> None:
    kinds = [m["message_type"] for m in written("elevenlabs", HELLO)]
    assert kinds == ["committed_transcript"]
    view = View("s", {"include_language_detection": "true"})
    _, second = written("elevenlabs", HELLO, view)
    assert second["message_type"] == "committed_transcript_with_timestamps"
    words = second["words"]
    assert isinstance(words, list)
    assert all(word["logprob"] < 0 for word in words)
    # It is one commit all the same.
    explain = load_dialect("elevenlabs").explain
    told = [explain(m) for m in load_dialect("elevenlabs").write(HELLO, view)]
    assert [type(event) for event in told] == [Final, type(None)]


# --- the door -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "request_", "status"),
    [
        ("cartesia", asked("/stt/turns/websocket", {}, sample_rate="16000"), 401),
        (
            "cartesia",
            asked("/stt/turns/websocket", {"x-api-key": "k"}, encoding="pcm_f32le"),
            400,
        ),
        ("elevenlabs", asked("/v1/speech-to-text/realtime", {}), 401),
        (
            "elevenlabs",
            asked("/v1/speech-to-text/realtime", {"xi-api-key": "k"}, audio_format="ulaw_8000"),
            400,
        ),
        (
            "elevenlabs",
            asked("/v1/speech-to-text/realtime", {"xi-api-key": "k"}, commit_strategy="manual"),
            400,
        ),
        ("gladia", asked("/v2/live", {"x-gladia-key": "k"}), 401),
        ("speechmatics", asked("/v2", {"authorization": "Bearer k"}), 404),
        ("inference", asked("/v1/stt", {}), 401),
    ],
)
def test_what_is_not_served_is_refused(name: str, request_: Request, status: int) -> None:
    answer = load_dialect(name).open(request_)
    assert isinstance(answer, Refusal)
    assert answer.status == status


def test_gladia_hands_out_an_address_that_carries_the_settings() -> None:
    dialect = load_dialect("gladia")
    body = json.dumps({"sample_rate": 8000, "language_config": {"languages": ["fr"]}}).encode()
    headers = {"x-gladia-key": "k", "host": "api.gladia.io"}
    answer = dialect.steps["/v2/live"](Request("POST", "/v2/live", {}, headers, body))
    assert isinstance(answer, dict)
    assert str(answer["url"]).startswith("wss://api.gladia.io/v2/live?")
    query = dict(part.split("=") for part in str(answer["url"]).partition("?")[2].split("&"))
    opening = dialect.open(asked("/v2/live", {}, **query))
    assert isinstance(opening, Opening)
    assert opening.sample_rate == 8000


@pytest.mark.parametrize(
    ("method", "key", "body", "status"),
    [
        ("GET", "k", b"{}", 405),
        ("POST", "", b"{}", 401),
        ("POST", "k", b"hello", 400),
        ("POST", "k", b'{"encoding":"wav/alaw"}', 400),
        ("POST", "k", b'{"sample_rate":"fast"}', 400),
    ],
)
def test_gladia_begins_no_session_for_a_bad_request(
    method: str, key: str, body: bytes, status: int
) -> None:
    request = Request(method, "/v2/live", {}, {"x-gladia-key": key}, body)
    answer = load_dialect("gladia").steps["/v2/live"](request)
    assert isinstance(answer, Refusal)
    assert answer.status == status
