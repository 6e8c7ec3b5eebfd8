"""Handshakes: who is let in, and what is noted of the request."""

from __future__ import annotations

import pytest

from sttkit.session.door import MAX_HEAD_BYTES
from tests.support.caller import Stage
from tests.support.tongues import TONGUES
from tests.unit.session.sessions import every_dialect


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
