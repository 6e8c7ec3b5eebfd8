"""What a client must not do, and what it may."""

from __future__ import annotations

import json

import pytest
from websockets.frames import Frame, Opcode

from tests.support.caller import Stage
from tests.unit.session.sessions import every_dialect


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
