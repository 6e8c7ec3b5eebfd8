"""A healthy session: what is said, what is noted, and at which points."""

from __future__ import annotations

import json

import pytest
from websockets.frames import Frame, Opcode

from sttkit import faults, silence, speech
from sttkit.dialects import load_dialect
from sttkit.events import Final, SessionEnded, SpeechEnded, SpeechStarted
from tests.support.caller import SAID, Stage
from tests.unit.session.sessions import every_dialect, whole_session


@every_dialect
def test_a_healthy_session_says_what_was_said_and_closes_with_1000(dialect: str) -> None:
    stage, caller = whole_session(dialect=dialect)
    assert caller.finals == [*SAID]
    assert isinstance(caller.events[-1], SessionEnded)
    assert (caller.close_code, caller.eof, caller.reset) == (1000, True, False)
    assert [record.data for record in stage.records("lost")] == [{"by": "server", "how": "close"}]
    assert caller.protocol.parser_exc is None


def test_all_messages_of_an_utterance_carry_its_number() -> None:
    _, caller = whole_session(dialect="openai")
    told = [json.loads(message) for message in caller.messages]
    items = [(one["item_id"], one.get("transcript")) for one in told if "item_id" in one]
    assert [item for item, text in items if text] == ["item_0", "item_1"]
    assert [item for item, _ in items] == sorted(item for item, _ in items)


@every_dialect
def test_the_points_of_a_session_come_in_the_order_of_the_catalogue(dialect: str) -> None:
    stage, _ = whole_session(dialect=dialect)
    reached = [record.data["point"] for record in stage.records("point")]
    first_times = list(dict.fromkeys(reached))
    known = [point.value for point in faults.POINTS]
    assert first_times == sorted(first_times, key=known.index)
    greeted = {"greeting"} if load_dialect(dialect).facts.greeting != "never" else set()
    assert set(first_times) == {*known} - {"flush", "backoff", "batch", "greeting"} | greeted


def test_everything_noted_as_sent_arrived_and_nothing_else_did() -> None:
    stage, caller = whole_session()
    assert [record.data["event"] for record in stage.records("sent")] == [
        json.loads(message)["type"] for message in caller.messages
    ]


@every_dialect
def test_pings_are_answered_in_every_open_state(dialect: str) -> None:
    stage = Stage(dialect=dialect)
    caller = stage.call()
    assert caller.ping(b"early")
    caller.speak(until=1.0)
    assert caller.ping(b"")
    assert len(stage.records("ping")) == 2


def test_a_server_sends_no_pings_of_its_own() -> None:
    stage = Stage(said=silence(1.0), dialect="custom_stt")
    caller = stage.call()
    for _ in range(20):
        caller.keepalive()
        stage.wait(29)
    assert [frame.opcode for _, frame in caller.frames] == [Opcode.TEXT]


def test_audio_and_close_in_one_piece_are_both_served() -> None:
    stage = Stage()
    caller = stage.call()
    caller.speak(until=0.5)
    pcm = stage.line.pcm(16000)["main"][16000:64000]
    pieces = [Frame(Opcode.BINARY, pcm), Frame(Opcode.PING, b"?"), Frame(Opcode.CLOSE, b"")]
    caller.write(b"".join(frame.serialize(mask=True) for frame in pieces))
    assert caller.finals == [SAID[0]]
    assert caller.pongs == [b"?"]
    assert caller.eof


def test_frames_behind_the_request_in_one_piece_are_heard() -> None:
    stage = Stage()
    caller = stage.dial(cut=None)
    request = caller.protocol.connect()
    config = Frame(Opcode.TEXT, stage.tongue.config.encode()).serialize(mask=True)  # type: ignore[union-attr]
    caller.write(request.serialize() + config)
    assert stage.records("ready")


def test_several_connections_of_a_line_do_not_disturb_each_other() -> None:
    tracks = {"main": speech("one two"), "second": speech("three four", seed=1)}
    stage = Stage(tracks=tracks, played=None)
    first, second = stage.call(track="main"), stage.call(track="second")
    for until in (0.5, 1.0, 1.5):
        first.speak(until)
        second.speak(until)
    assert (first.finals, second.finals) == (["one two"], ["three four"])
    assert (first.connection.stream, second.connection.stream) == ("main", "second")


def test_the_idle_point_is_reached_before_a_word_in_the_same_message() -> None:
    stage = Stage()
    caller = stage.call()
    caller.speak(until=1.0, frame_s=1.0)
    points = [record.data["point"] for record in stage.records("point")]
    assert points.index("idle") < points.index("mid-utterance")


def test_flush_makes_a_final_and_the_utterance_goes_on() -> None:
    stage = Stage()
    caller = stage.call()
    caller.speak(until=0.9)
    caller.flush()
    caller.speak(until=2.0)
    assert caller.finals == ["hello", "there friend"]
    kinds = [type(event) for event in caller.events if not isinstance(event, Final)]
    assert (kinds.count(SpeechStarted), kinds.count(SpeechEnded)) == (1, 1)


@pytest.mark.parametrize(("dialect", "answers"), [("custom_stt", []), ("deepgram", [""])])
def test_a_flush_with_nothing_pending_is_answered_as_the_provider_does(
    dialect: str, answers: list[str]
) -> None:
    stage = Stage(dialect=dialect)
    caller = stage.call()
    caller.speak(until=0.3)
    caller.flush()
    assert caller.finals == answers
    assert stage.records("point", point="flush", n=1)
