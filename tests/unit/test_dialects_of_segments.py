"""Dialects of providers that tell turns, commits and ids: what each writes, and what it refuses."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from sttkit import faults, speech
from sttkit.dialects import load_dialect
from sttkit.dialects.model import Message, Opening, Refusal, Request, View
from sttkit.events import (
    Acknowledged,
    Audio,
    ClientEvent,
    Config,
    EndOfStream,
    Final,
    Flush,
    Interim,
    Keepalive,
    Ready,
    ServerEvent,
    SessionEnded,
    SpeechEnded,
    SpeechStarted,
    Unintelligible,
    Usage,
    Word,
)
from tests.support.caller import Stage

WORDS = (Word("hello", 0.5, 0.8), Word("there", 0.84, 1.1))
AUDIO = base64.b64encode(b"\1\0\2\0").decode()


def written(name: str, event: ServerEvent, view: View | None = None) -> list[dict[str, Any]]:
    messages = load_dialect(name).write(event, view or View("session-0", {"x": 1}))
    return [json.loads(message) for message in messages]


def read(name: str, message: object, **config: object) -> ClientEvent:
    known: Message = message if isinstance(message, bytes) else json.dumps(message)
    return load_dialect(name).read(known, View("session-0", config))


def refusal(name: str, message: object, **config: object) -> str | None:
    event = read(name, message, **config)
    assert isinstance(event, Unintelligible), event
    return event.error or load_dialect(name).facts.bad_message


# --- inworld ------------------------------------------------------------------------------------

SETTINGS = {"audioEncoding": "LINEAR16", "sampleRateHertz": 8000, "numberOfChannels": 1}


def test_inworlds_messages_are_told_apart_by_their_one_key() -> None:
    config = read("inworld", {"transcribeConfig": SETTINGS})
    assert config == Config(SETTINGS)
    assert load_dialect("inworld").rate_of(SETTINGS) == 8000
    assert read("inworld", {"audioChunk": {"content": AUDIO}}, x=1) == Audio(b"\1\0\2\0")
    assert read("inworld", {"endTurn": {}}, x=1) == Flush()
    assert read("inworld", {"closeStream": {}}, x=1) == EndOfStream()
    assert isinstance(read("inworld", {"endTurn": {}, "closeStream": {}}, x=1), Unintelligible)


def test_inworld_takes_its_configuration_first_and_once() -> None:
    assert isinstance(read("inworld", {"endTurn": {}}), Unintelligible)
    again = refusal("inworld", {"transcribeConfig": SETTINGS}, x=1)
    other = refusal("inworld", {"transcribeConfig": {**SETTINGS, "audioEncoding": "MP3"}})
    assert again == other == "invalid-argument"


def test_inworlds_empty_objects_are_understood_by_being_there() -> None:
    explain = load_dialect("inworld").explain
    assert explain('{"result":{"speechStarted":{}}}') == SpeechStarted()
    assert explain('{"result":{"speechStopped":{}}}') == SpeechEnded()
    assert explain('{"result":{"speechStarted":null}}') is None
    assert explain('{"result":{}}') is None


# --- smallestai ---------------------------------------------------------------------------------


def test_smallestai_tells_speech_only_if_asked_to() -> None:
    asked = View("s", {"vad_events": "true"})
    assert written("smallestai", SpeechStarted(0.5), asked)[0]["timestamp"] == 0.5
    assert written("smallestai", SpeechEnded(1.5), View("s", {"vad_events": "false"})) == []


def test_smallestai_answers_a_keepalive_and_ends_with_the_last_transcript() -> None:
    assert read("smallestai", {"type": "keepalive"}) == Keepalive()
    assert written("smallestai", Acknowledged("keepalive")) == [{"type": "pong"}]
    assert written("smallestai", Acknowledged("flush")) == []
    (last,) = written("smallestai", SessionEnded(4.0))
    assert (last["transcript"], last["is_final"], last["is_last"]) == ("", True, True)


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/waves/v1/stt/live", {"model": "pulse"}, None),
        ("/waves/v1/pulse/get_text", {}, None),  # releases before 1.7
        ("/waves/v1/stt/live", {"model": "pulse-pro"}, 400),
        ("/waves/v1/stt", {}, 404),
    ],
)
def test_smallestai_serves_one_model_at_two_paths(
    path: str, query: dict[str, str], status: int | None
) -> None:
    asked = {key: (value,) for key, value in query.items()}
    opened = load_dialect("smallestai").open(
        Request("GET", path, asked, {"authorization": "Bearer x"})
    )
    assert isinstance(opened, Opening if status is None else Refusal)
    assert getattr(opened, "status", None) == status


# --- baseten ------------------------------------------------------------------------------------


def test_baseten_forbids_what_it_does_not_know_in_the_first_message() -> None:
    config = {"streaming_params": {"sample_rate": 8000}}
    assert isinstance(read("baseten", config), Config)
    assert refusal("baseten", {**config, "vad": {"threshold": 1}}) == "invalid-input"
    mulaw = {"streaming_params": {"encoding": "pcm_mulaw"}}
    assert refusal("baseten", mulaw) == "invalid-input"
    assert isinstance(read("baseten", b"\1\0"), Unintelligible)
    assert read("baseten", b"\1\0", x=1) == Audio(b"\1\0")


def test_baseten_sends_partials_unless_it_is_told_not_to() -> None:
    quiet = View("s", {"streaming_params.enable_partial_transcripts": False})
    for name in ("baseten", "baseten_qwen3"):
        assert written(name, Interim("a"), quiet) == []
        (partial,) = written(name, Interim("hello there", 0.5, 1.1, WORDS))
        assert partial["is_final"] is False
        (segment,) = partial["segments"]
        assert (segment["start_time"], segment["end_time"]) == (0.5, 1.1)
        assert [word["word"] for word in segment["word_timestamps"]] == ["hello", "there"]


@pytest.mark.parametrize("asked", [True, False])
def test_qwen3_says_which_final_answers_a_commit(asked: bool) -> None:
    (final,) = written("baseten_qwen3", Final("", from_flush=asked))
    assert final["is_end_of_audio_flush"] is asked


# --- meta ---------------------------------------------------------------------------------------

SHAKE = {
    "mode": "ENDPOINTING",
    "authorization": {"accessToken": "Bearer x"},
    "audioEncoding": "PCM_24KHZ",
    "partialMode": "CUMULATIVE",
}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"authorization": {}}, "unauthorized"),
        ({"authorization": {"accessToken": "x"}}, "unauthorized"),
        ({"audioEncoding": "PCM_16KHZ"}, "invalid"),
        ({"mode": "PUSH_TO_TALK"}, "invalid"),
        ({"partialMode": "DELTA"}, "invalid"),
    ],
)
def test_meta_refuses_a_handshake_that_it_does_not_serve(
    change: dict[str, object], error: str
) -> None:
    assert isinstance(read("meta", SHAKE), Config)
    assert refusal("meta", {**SHAKE, **change}) == error


def test_meta_tells_a_turns_end_before_its_text_and_how_much_it_has_heard() -> None:
    view = View("s", {"x": 1}, utterance=3, heard_s=1.25)
    progress, end = written("meta", SpeechEnded(1.0), view)
    assert progress == {"type": "audioProgress", "audioProcessedMs": 1250}
    assert end == {"type": "speechEnd", "turnId": "turn-3"}
    assert load_dialect("meta").explain(json.dumps(progress)) == Usage(1.25)
    assert load_dialect("meta").explain('{"sessionId":"s"}') == Ready()
    assert load_dialect("meta").explain("{}") is None


def test_noise_that_meta_says_a_turn_of_takes_no_id_from_the_speech_behind_it() -> None:
    stage = Stage(faults.empty_transcript(at="idle"), said=speech("hello"), dialect="meta")
    caller = stage.call()
    caller.speak(until=1.6)
    told = [json.loads(message) for message in caller.messages]
    turns = [(m["turnId"], m["transcript"]) for m in told if m.get("type") == "speechComplete"]
    assert turns == [("turn-0", ""), ("turn-1", "hello")]


# --- nabrah -------------------------------------------------------------------------------------


def test_nabrah_puts_a_token_behind_the_text_of_a_turn_that_ended() -> None:
    eot = View("s", {"recognition_model": "eot_nabrah"})
    final = Final("hello there", 0.5, 1.1, WORDS, endpoint=True)
    (message,) = written("nabrah", final, eot)
    assert message["text"] == "hello there<eot>"
    understood = load_dialect("nabrah").explain(json.dumps(message))
    assert isinstance(understood, Final)
    assert understood.text == "hello there"
    assert written("nabrah", final, View("s", {"recognition_model": ""}))[0]["text"] == final.text


def test_nabrah_wants_its_key_in_the_first_message() -> None:
    assert refusal("nabrah", {"recognition_model": ""}) == "unauthorized"
    assert isinstance(read("nabrah", {"api_key": "x"}), Config)


# --- palabra ------------------------------------------------------------------------------------


def test_palabra_takes_its_key_from_the_query() -> None:
    path = "/asr/v1/speech-to-text/stream"
    opened = load_dialect("palabra").open(Request("GET", path, {"token": ("x",)}))
    assert isinstance(opened, Opening)
    denied = load_dialect("palabra").open(Request("GET", path))
    assert isinstance(denied, Refusal)
    assert denied.status == 401


def test_palabra_tells_the_whole_segment_and_what_is_new_of_it() -> None:
    view = View("s", {}, utterance=2, said="hello")
    (message,) = written("palabra", Interim("hello there", 0.5, 1.1), view)
    assert message["transcription_id"] == "transcription-2"
    assert message["segment"] == {"text": "hello there", "start_time": 0.5, "end_time": 1.1}
    assert message["delta"] == {"text": " there"}
    understood = load_dialect("palabra").explain(json.dumps(message))
    assert isinstance(understood, Interim)
    assert understood.text == "hello there"


# --- mistralai ----------------------------------------------------------------------------------


def test_mistral_holds_the_last_word_back_until_it_is_asked() -> None:
    caller = Stage(said=speech("hello there friend"), dialect="mistralai").call()
    caller.speak(until=2.1)
    assert caller.interims == ["hello", " there"]
    caller.flush()
    assert caller.interims == ["hello", " there", " friend"]
    assert caller.finals == ["hello there friend"]
    kinds = [json.loads(message)["type"].rpartition(".")[2] for message in caller.messages]
    assert kinds == ["created", "language", "delta", "delta", "delta", "done"]


@pytest.mark.parametrize(
    ("said", "told"),
    [("", ["done"]), ("hello", ["language", "delta", "done"])],
)
def test_mistral_tells_a_text_of_one_word_when_it_is_over(said: str, told: list[str]) -> None:
    messages = written("mistralai", Final(said), View("s", {}, said=said))
    assert [m["type"].rpartition(".")[2] for m in messages] == told


def test_mistral_tells_the_beginning_of_a_text_that_begins_with_two_words() -> None:
    language, begun = written("mistralai", Interim("hello there"), View("s", {}))
    assert language["type"] == "transcription.language"
    assert begun["text"] == "hello"
    delta, done = written("mistralai", Final("hello there"), View("s", {}, said="hello there"))
    assert delta["text"] == " there"
    assert done["text"] == "hello there"


def test_mistral_takes_settings_until_the_first_audio() -> None:
    update = {"type": "session.update", "session": {"target_streaming_delay_ms": 480}}
    assert isinstance(read("mistralai", update), Config)
    late = load_dialect("mistralai").read(json.dumps(update), View("s", {}, heard_s=0.02))
    assert isinstance(late, Unintelligible)
    other = {"type": "session.update", "session": {"audio_format": {"encoding": "pcm_mulaw"}}}
    assert refusal("mistralai", other) == "invalid"


# --- microsoft_ai -------------------------------------------------------------------------------


def test_microsoft_ai_answers_each_commit_under_the_id_of_what_it_commits() -> None:
    view = View("s", {"x": 1}, segment=4, sequence=9)
    (committed,) = written("microsoft_ai", Acknowledged("flush"), view)
    (completed,) = written("microsoft_ai", Final(""), view)
    (interim,) = written("microsoft_ai", Interim("a"), view)
    assert {m["item_id"] for m in (committed, completed, interim)} == {"item_4"}
    assert committed["type"] == "input_audio_buffer.committed"
    assert committed["event_id"] == "event_9"
    assert written("microsoft_ai", Acknowledged("keepalive"), view) == []


def test_microsoft_ai_serves_commits_of_the_clients_only() -> None:
    given = {"format": {"rate": 16000}, "transcription": {"model": "m"}, "turn_detection": None}

    def update(**changes: object) -> dict[str, object]:
        return {"type": "session.update", "session": {"audio": {"input": {**given, **changes}}}}

    assert isinstance(read("microsoft_ai", update()), Config)
    changes: list[dict[str, object]] = [
        {"transcription": {}},
        {"format": {"rate": 24000}},
        {"turn_detection": {"type": "server_vad"}},
    ]
    for change in changes:
        assert refusal("microsoft_ai", update(**change)) == "invalid_request"


def test_microsoft_ai_answers_commits_in_mid_utterance_and_of_nothing_each_with_an_item() -> None:
    caller = Stage(said=speech("hello there friend"), dialect="microsoft_ai").call()
    caller.speak(until=1.2)  # two words
    caller.flush()
    caller.flush()
    caller.speak(until=2.0)
    caller.flush()
    told = [json.loads(message) for message in caller.messages]
    items = [(m["type"].rpartition(".")[2], m["item_id"]) for m in told if "item_id" in m]
    assert [item for item in items if item[0] != "intermediate"] == [
        (kind, f"item_{number}") for number in range(3) for kind in ("committed", "completed")
    ]
    assert caller.finals == ["hello there", "", "friend"]
    assert [item for kind, item in items if kind == "intermediate"] == ["item_0"] * 2 + ["item_2"]
    assert len({m["event_id"] for m in told}) == len(told)


def test_mistral_ends_nothing_until_it_is_asked_to() -> None:
    caller = Stage(said=speech("hello there", "how are you"), dialect="mistralai").call()
    caller.speak(until=3.5)
    assert caller.finals == []
    caller.end()
    assert caller.finals == ["hello there how are you"]
    assert caller.close_code == 1000
