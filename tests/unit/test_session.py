"""One connection as a state machine: handshakes, healthy sessions, endings, a strict peer's eye."""

from __future__ import annotations

import json

import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import State as ProtocolState

from sttkit import UsageError, faults, silence, speech
from sttkit.dialects import load_dialect
from sttkit.events import Final, SessionEnded, SpeechEnded, SpeechStarted
from sttkit.faults.catalogue import RFC_VIOLATIONS
from sttkit.scripting.model import Network
from sttkit.session.connection import CLOSE_TIMEOUT_S
from sttkit.session.door import MAX_HEAD_BYTES
from sttkit.session.state import TRANSITIONS, State
from tests.support.caller import FOREVER, SAID, Caller, Stage
from tests.support.tongues import TONGUES

every_dialect = pytest.mark.parametrize("dialect", TONGUES)


def whole_session(*placed: str, dialect: str = "custom_stt") -> tuple[Stage, Caller]:
    stage = Stage(*map(faults.parse_placed, placed), dialect=dialect)
    caller = stage.call()
    caller.speak(until=stage.script.speech.duration)
    caller.end()
    return stage, caller


# --- a healthy session --------------------------------------------------------------------------


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


@every_dialect
def test_the_client_may_close_first(dialect: str) -> None:
    stage = Stage(dialect=dialect)
    caller = stage.call()
    caller.close(4321, "enough")
    assert stage.records("close-received", code=4321, reason="enough")
    assert (caller.close_code, caller.close_reason, caller.eof) == (4321, "enough", True)


def test_an_empty_close_frame_is_answered_with_an_empty_one() -> None:
    stage = Stage()
    caller = stage.call()
    caller.write(Frame(Opcode.CLOSE, b"").serialize(mask=True))
    assert caller.close_code == 1005
    assert stage.records("close-received", code=1005)


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


def test_a_client_that_just_goes_is_noted_as_the_one_who_ended_it() -> None:
    stage = Stage()
    caller = stage.call()
    caller.hang_up()
    assert [record.data for record in stage.records("lost")] == [{"by": "client", "how": "fin"}]


def test_what_a_client_sent_before_it_went_is_heard_on_a_slow_line_too() -> None:
    stage = Stage(network=Network(latency=0.2))
    caller = stage.call()
    caller.end()
    caller.hang_up()
    stage.wait(1)
    kinds = [record.kind for record in stage.trace]
    assert kinds.index("control") < kinds.index("eof")
    assert stage.records("control", what="end")


def test_a_server_waits_for_the_close_reply_only_so_long() -> None:
    stage = Stage(faults.close(1011, at="before-audio"))
    caller = stage.dial()
    caller.protocol.data_to_send = list  # type: ignore[method-assign]
    caller.shake_hands()
    request = caller.protocol.connect()
    caller.write(request.serialize())
    caller.write(Frame(Opcode.TEXT, b'{"type":"config"}').serialize(mask=True))
    assert not caller.eof
    stage.wait(CLOSE_TIMEOUT_S)
    assert caller.eof
    assert stage.records("lost", by="server", how="close")


def test_several_connections_of_a_line_do_not_disturb_each_other() -> None:
    tracks = {"main": speech("one two"), "second": speech("three four", seed=1)}
    stage = Stage(tracks=tracks, played=None)
    first, second = stage.call(track="main"), stage.call(track="second")
    for until in (0.5, 1.0, 1.5):
        first.speak(until)
        second.speak(until)
    assert (first.finals, second.finals) == (["one two"], ["three four"])
    assert (first.connection.stream, second.connection.stream) == ("main", "second")


# --- handshakes ---------------------------------------------------------------------------------


@every_dialect
def test_a_wrong_path_is_refused_as_the_provider_does(dialect: str) -> None:
    caller = Stage(dialect=dialect).dial(target="/nowhere")
    caller.shake_hands()
    assert caller.raw.startswith(b"HTTP/1.1 404 ")
    assert caller.eof


def test_deepgram_refuses_a_request_without_a_key() -> None:
    caller = Stage(dialect="deepgram").dial(headers={})
    caller.shake_hands()
    assert caller.raw.startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("rate", ["", "0", "-1", "1e9", "16000.5", "9" * 5000, "²", "٣"])
def test_deepgram_refuses_a_sample_rate_that_is_none(rate: str) -> None:
    stage = Stage(dialect="deepgram")
    answer = stage.dialect.open(_listen(rate))
    assert getattr(answer, "status", None) == 400


def _listen(rate: str):
    from sttkit.dialects.model import Request

    return Request("GET", "/v1/listen", {"sample_rate": (rate,)}, {"authorization": "Token x"})


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET //[ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n",
        b"GET //[ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /ws/transcribe HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n",
        b"nonsense\r\nupgrade: websocket\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /ws/transcribe HTTP/1.1\r\nupgrade:websocket\r\n" + b"a: b\r\n" * 500 + b"\r\n",
    ],
)
def test_a_request_that_makes_no_sense_is_refused(request_bytes: bytes) -> None:
    stage = Stage()
    caller = stage.dial()
    caller.protocol.receive_data = lambda data: None  # type: ignore[method-assign]
    caller.write(request_bytes)
    assert not caller.raw or caller.raw.startswith(b"HTTP/1.1 4")
    assert caller.eof


def test_a_request_without_an_end_is_given_up() -> None:
    caller = Stage().dial()
    caller.write(b"x" * (MAX_HEAD_BYTES + 1))
    assert caller.eof


@every_dialect
def test_the_answer_to_a_handshake_does_not_depend_on_the_time_of_day(dialect: str) -> None:
    caller = Stage(dialect=dialect).call()
    assert caller.response is not None
    assert "Date" not in caller.response.headers


def test_secrets_are_not_noted() -> None:
    stage = Stage(dialect="deepgram")
    caller = stage.call(target=TONGUES["deepgram"].target + "&token=secret&keep=this")
    (request,) = stage.records("request")
    assert request.data["headers"]["authorization"] == "[redacted]"
    assert request.data["query"]["token"] == ["[redacted]"]
    assert request.data["query"]["keep"] == ["this"]
    assert caller.response is not None
    assert "secret" not in stage.trace.to_jsonl()


# --- strictness ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (Frame(Opcode.TEXT, b"unmasked").serialize(mask=False), 1002),
        (Frame(Opcode.CONT, b"stray").serialize(mask=True), 1002),
        (bytes([0xF1, 0x80, 0, 0, 0, 0]), 1002),
        (bytes([0x82, 0xFF]) + (1 << 40).to_bytes(8, "big"), 1009),
    ],
    ids=["unmasked", "stray-continuation", "reserved-bits", "too-big"],
)
def test_a_client_that_breaks_rfc_6455_is_failed_and_it_is_noted(frame: bytes, code: int) -> None:
    stage = Stage()
    caller = stage.call()
    caller.write(frame)
    assert caller.close_code == code
    assert caller.eof
    assert stage.records("close-sent", code=code)


@pytest.mark.parametrize(
    "message",
    [
        "not json",
        "[]",
        '{"type":"mystery"}',
        b"odd",
        '{"type":"config","encoding":"opus"}',
        '{"type":"config","channels":2}',
        '{"type":"config","sample_rate":0}',
        '{"type":"config","sample_rate":NaN}',
        '{"type":"config","sample_rate":1e999}',
        '{"type":"config","sample_rate":4000000000}',
        '{"type":"config","sample_rate":"many"}',
    ],
)
def test_what_the_protocol_does_not_know_is_answered_with_its_error(message: str | bytes) -> None:
    stage = Stage()
    caller = stage.call()
    caller.send(message)
    assert stage.records("control", what="unintelligible")
    assert json.loads(caller.messages[-1])["code"] == "bad_request"
    assert caller.close_code == 1008


def test_audio_before_the_configuration_is_refused() -> None:
    caller = Stage().dial()
    caller.shake_hands()
    caller.send(b"\1\1")
    assert caller.close_code == 1008


def test_a_configuration_may_be_empty_and_is_answered_once() -> None:
    stage = Stage()
    caller = stage.dial()
    caller.shake_hands()
    caller.send("{}")
    caller.send('{"type":"config","language":"de"}')
    caller.speak(until=1.0)
    assert [json.loads(message)["type"] for message in caller.messages].count("ready") == 1
    assert [record.data["values"].get("language") for record in stage.records("config")] == [
        None,
        "de",
    ]


@every_dialect
def test_an_idle_session_is_closed_by_the_providers_limit(dialect: str) -> None:
    stage = Stage(dialect=dialect)
    limit = stage.dialect.facts.idle_limit
    assert limit is not None
    caller = stage.call()
    stage.wait(limit - 0.5)
    caller.keepalive()
    stage.wait(limit - 0.1)
    assert not caller.ended
    stage.wait(0.2)
    assert (caller.close_code, caller.close_reason) == stage.dialect.facts.idle_close
    assert not stage.records("fault")


def test_a_message_in_fragments_is_one_message() -> None:
    stage = Stage()
    caller = stage.call()
    pcm = stage.line.pcm(16000)["main"]
    parts = [
        Frame(Opcode.BINARY, pcm[:333], fin=False),
        Frame(Opcode.PING, b"between"),
        Frame(Opcode.CONT, pcm[333:500], fin=False),
        Frame(Opcode.CONT, pcm[500:640]),
    ]
    caller.write(b"".join(part.serialize(mask=True) for part in parts))
    assert [record.data["bytes"] for record in stage.records("audio")] == [640]
    assert caller.pongs == [b"between"]


# --- violations of RFC 6455, as a strict client meets them --------------------------------------

ACCEPTED = {
    # Lengths that take more bytes than they need are read by websockets' parser all the same.
    "overlong-length",
    # Whether text is UTF-8 is for the layer above the protocol object to find out.
    "bad-utf8",
}


@pytest.mark.parametrize("name", RFC_VIOLATIONS)
def test_a_strict_client_fails_on_a_violation(name: str) -> None:
    _, caller = whole_session(f"rfc={name}@mid-utterance")
    if name == "bad-utf8":
        texts = [bytes(f.data) for _, f in caller.frames if f.opcode is Opcode.TEXT]
        assert any(b"\xff" in text for text in texts)
    if name in ACCEPTED:
        assert caller.protocol.parser_exc is None
    else:
        assert caller.protocol.parser_exc is not None
        assert caller.protocol.close_sent is not None
        assert caller.protocol.close_sent.code in (1002, 1007, 1009)


# --- faults beyond the table of the catalogue ---------------------------------------------------


@pytest.mark.parametrize("code", [1005, 1006, 1015, 999, 5000, 65535, 0])
def test_a_close_code_that_must_not_be_sent_is_sent_all_the_same(code: int) -> None:
    _, caller = whole_session(f"close={code}@before-audio")
    assert bytes([0x88]) in caller.raw
    assert code.to_bytes(2, "big") in caller.raw
    assert caller.protocol.parser_exc is not None


def test_a_close_fault_answers_the_clients_own_close_frame() -> None:
    stage = Stage(faults.close(4000, at="closing"))
    caller = stage.call()
    caller.close(1000)
    assert caller.close_code == 4000


def test_an_unanswered_close_frame_stays_unanswered_beyond_the_idle_limit() -> None:
    stage = Stage(faults.no_close_reply(at="closing"))
    caller = stage.call()
    caller.close(1000)
    stage.wait(FOREVER)
    assert not caller.ended
    assert not stage.records("close-sent")


def test_a_stalled_server_says_nothing_at_the_end_either() -> None:
    stage, caller = whole_session("stall@mid-utterance")
    stage.wait(FOREVER)
    assert not caller.ended
    assert caller.ping()
    assert caller.finals == []


def test_points_are_not_reached_on_a_connection_that_is_over() -> None:
    for ending in ("close=1011", "reset", "fin", "half-open", "half-close"):
        stage = Stage(
            faults.parse_placed(f"{ending}@mid-utterance.2"),
            faults.reset(at="after-final"),
        )
        caller = stage.call()
        caller.speak(until=3.0, frame_s=3.0)
        caller.end()
        stage.wait(10)
        assert [record.data["id"] for record in stage.records("fault")] == [ending.split("=")[0]]
        assert not stage.records("point", point="after-final")


def test_a_session_that_is_closed_at_once_is_never_ready() -> None:
    for ending in ("close=1011", "reset", "fin", "half-open", "half-close"):
        stage = Stage(faults.parse_placed(f"{ending}@upgraded"), dialect="deepgram")
        stage.call()
        assert not stage.records("ready")
        assert not stage.records("point", point="before-audio")


def test_a_late_answer_is_not_given_to_a_client_that_has_gone() -> None:
    for ended_by in (Caller.hang_up, Caller.close):
        stage = Stage(faults.late_final(5.0, at="after-end"))
        caller = stage.call()
        caller.speak(until=1.0)
        caller.end()
        ended_by(caller)
        stage.wait(10)
        assert not stage.records("point", point="after-end-answer")


def test_two_faults_on_one_attempt_do_not_fight() -> None:
    stage = Stage(
        faults.refused(at="connecting", connection="each"), faults.no_answer(at="connecting")
    )
    caller = stage.call()
    assert caller.reset


def test_http_faults_meet_plain_requests_too() -> None:
    stage = Stage(faults.http(429, at="connecting"))
    caller = stage.dial()
    caller.protocol.receive_data = lambda data: None  # type: ignore[method-assign]
    caller.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert caller.raw.startswith(b"HTTP/1.1 429 ")
    assert b"Retry-After: 1" in caller.raw


def test_a_reset_lets_through_what_was_sent_before_it_on_a_slow_line() -> None:
    stage = Stage(faults.reset(at="after-final"), network=Network(latency=0.1))
    caller = stage.call()
    caller.speak(until=2.5)
    assert caller.reset
    assert caller.finals == [SAID[0]]


def test_an_error_that_the_dialect_does_not_have_is_refused_before_anything_is_played() -> None:
    with pytest.raises(UsageError, match=r"unknown error of custom_stt 'overlooked'.*overloaded"):
        Stage(faults.provider_error("overlooked", at="mid-utterance"))


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


def test_nothing_is_heard_after_the_end() -> None:
    stage = Stage(faults.late_final(2.0, at="after-end"))
    caller = stage.call()
    caller.speak(until=0.9)
    caller.end()
    before = len(stage.records("audio"))
    caller.speak(until=1.2)
    caller.flush()
    caller.end()
    stage.wait(3)
    assert len(stage.records("audio")) == before
    assert caller.finals == ["hello"]
    assert len(stage.records("point", point="after-end")) == 1


# --- the table ----------------------------------------------------------------------------------


def test_gone_is_the_end_and_every_state_leads_there() -> None:
    assert set(TRANSITIONS) == set(State)
    assert not TRANSITIONS[State.GONE]
    for state, following in TRANSITIONS.items():
        assert state not in following
        assert state is State.GONE or State.GONE in following


def test_a_lost_connection_wants_nothing_more() -> None:
    stage = Stage()
    caller = stage.call()
    caller.speak(until=0.9)
    caller.connection.lost(stage.now, "reset")
    caller.connection.lost(stage.now, "reset")
    assert [record.data for record in stage.records("lost")] == [{"by": "client", "how": "reset"}]
    caller.connection.advance_to(stage.now + FOREVER)
    assert caller.connection.actions() == []
    assert caller.protocol.state is ProtocolState.OPEN
