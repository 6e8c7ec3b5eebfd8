"""Cassettes of VCR.py: read as data, played as HTTP."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest
import yaml

from sttkit import UsageError, silence
from sttkit.cassette.model import Cassette
from sttkit.cassette.tape import compiled
from sttkit.cassette.vcr import MAX_DEPTH, import_vcr
from sttkit.deck.files import load_cassette, save_cassette
from tests.support.taping import TapedStage

WAV = b"RIFF\x00\x00\xff" + bytes(100)
ANSWER = json.dumps({"text": "hello there", "language": "en"})


def document() -> dict[str, object]:
    """As VCR.py 9 writes it."""
    return {
        "interactions": [
            {
                "request": {
                    "body": WAV,
                    "headers": {"Authorization": ["Token 123"], "Content-Type": ["audio/wav"]},
                    "method": "POST",
                    "uri": "https://api.example.com/transcribe?language=en&api_key=s3cr3t",
                },
                "response": {
                    "body": {"string": ANSWER},
                    "headers": {
                        "Content-Type": ["application/json"],
                        "Transfer-Encoding": ["chunked"],
                        "X-Two": ["a", "b"],
                    },
                    "status": {"code": 200, "message": "OK"},
                },
            },
            {
                "request": {
                    "body": None,
                    "headers": {},
                    "method": "GET",
                    "uri": "https://api.example.com/health",
                },
                "response": {
                    "body": {"string": b"\xff\xfe"},
                    "headers": {"Retry-After": ["2"]},
                    "status": {"code": 503, "message": "Busy"},
                },
            },
        ],
        "version": 1,
    }


def imported() -> Cassette:
    return import_vcr(yaml.dump(document()).encode(), name="vcr.yaml", dialect="custom_stt")


def exchange(stage: TapedStage, request: str) -> bytes:
    caller = stage.dial()
    caller.write(request.encode())
    return caller.raw


def test_an_imported_cassette_answers_as_recorded() -> None:
    stage = TapedStage(tape=compiled(imported()), said=silence(1))
    # The order does not matter: a request gets the answer to one like it.
    health = exchange(stage, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert health.startswith(b"HTTP/1.1 503 Busy\r\nRetry-After: 2\r\n")
    assert health.endswith(b"\r\n\r\n\xff\xfe")
    target = "/transcribe?language=en&api_key=other"
    answer = exchange(stage, f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert json.loads(body) == json.loads(ANSWER)
    assert f"Content-Length: {len(ANSWER)}".encode() in head
    assert b"X-Two: a\r\nX-Two: b" in head
    assert stage.line.playing is not None
    assert not stage.line.playing.mismatches
    assert not stage.line.playing.unplayed()


def test_a_request_that_was_not_recorded_is_a_mismatch() -> None:
    stage = TapedStage(tape=compiled(imported()), said=silence(1))
    exchange(stage, "GET /health?verbose=1 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert stage.line.playing is not None
    assert 'verbose is new: "1"' in str(stage.line.playing.mismatches[0])


def test_what_is_imported_has_no_secrets_and_survives_a_file(tmp_path: Path) -> None:
    (tmp_path / "vcr.yaml").write_text(yaml.dump(document()))
    cassette = load_cassette(tmp_path / "vcr.yaml")
    save_cassette(cassette, tmp_path / "x.jsonl")
    assert "s3cr3t" not in (tmp_path / "x.jsonl").read_text()
    assert "Token 123" not in (tmp_path / "x.jsonl").read_text()
    again = load_cassette(tmp_path / "x.jsonl")
    assert again.entries == cassette.entries
    assert (tmp_path / "x.audio").read_bytes() == WAV
    with pytest.raises(UsageError, match="a cassette is no YAML"):
        save_cassette(cassette, tmp_path / "vcr.yaml")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("interactions: !!python/object/apply:os.system ['touch /tmp/x']", "not plain YAML"),
        ("- 1", "no cassette of VCR.py"),
        ("version: 2\ninteractions: []", "no cassette of VCR.py"),
        ("interactions: [{request: 1, response: 2}]", "interaction 1: not an interaction"),
        ("interactions: [{request: {method: GET}}]", "interaction 1: not an interaction"),
        ("interactions: [", "not plain YAML"),
        ("interactions: " + "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "nested too deeply"),
        ("a: &a [1]\nb: [" + "*a, " * 1001 + "]", "too many aliases"),
    ],
)
def test_what_is_no_plain_cassette_of_vcr_is_refused(text: str, problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        import_vcr(text.encode(), name="vcr.yaml")
    assert problem in str(caught.value)


def test_what_vcr_itself_writes_is_read() -> None:
    vcr = pytest.importorskip("vcr")
    serialize = importlib.import_module("vcr.serialize").serialize
    serializer = importlib.import_module("vcr.serializers.yamlserializer")
    request = vcr.request.Request(
        "POST", "http://localhost:8000/transcribe?language=en", WAV, {"A": "b"}
    )
    response = {
        "status": {"code": 200, "message": "OK"},
        "headers": {"Content-Type": ["application/json"]},
        "body": {"string": ANSWER.encode()},
    }
    text = serialize({"requests": [request], "responses": [response]}, serializer)
    cassette = import_vcr(text.encode(), name=f"vcr {vcr.__version__}")
    one = cassette.interactions()[0]
    assert one.request is not None
    assert (one.request.method, one.request.path) == ("POST", "/transcribe")
    assert one.end is not None
    assert not one.is_websocket
