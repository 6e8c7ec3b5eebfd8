"""A planted key reaches no message about a cassette: mismatches, timelines, differences."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sttkit.cassette.matching import Rules
from sttkit.cassette.playing import Playing
from sttkit.cassette.redact import Redactor
from sttkit.cassette.reel import Reel
from sttkit.cassette.tape import compiled
from sttkit.cli import main
from sttkit.dialects.model import Request
from sttkit.events import Config, Unintelligible
from sttkit.trace import REDACTED
from tests.support.taping import TapedStage

KEY = "7Hq-opaque-9fz-opaque"
"""Of no known format: it is known from where it stands only."""
KNOWN = "sk-abcdefghijklmnop1234"


@pytest.fixture
def playing() -> Playing:
    """A recording whose client said other things than what comes now."""
    stage = TapedStage()
    caller = stage.call()
    caller.speak(until=1.0)
    caller.end()
    tape = compiled(stage.cassette(), rules=Rules(), redactor=Redactor())
    return Playing(tape)


def meet(playing: Playing, path: str = "/ws/transcribe", **query: tuple[str, ...]) -> Reel:
    headers = {"authorization": f"Bearer {KEY}", "upgrade": "websocket"}
    part = playing.take_handshake(Request("GET", path, query, headers))
    assert part is not None
    return playing.reel(part)


@pytest.mark.parametrize("key", [KEY, KNOWN])
def test_a_key_in_a_request_is_not_in_the_mismatch(playing: Playing, key: str) -> None:
    meet(playing, f"/other/{key}", api_key=(key,), note=(f"x {key}",))
    said = str(playing.mismatches[0])
    assert "/other/" in said
    assert REDACTED in said
    assert key not in said


@pytest.mark.parametrize("key", [KEY, KNOWN])
def test_a_key_in_a_json_field_or_an_error_text_is_not_in_the_mismatch(
    playing: Playing, key: str
) -> None:
    reel = meet(playing)
    message = json.dumps({"type": "config", "language": key, "token": key, "deep": [{"a": key}]})
    reel.hear(Config({"language": key}), message, 0.0)
    reel.hear(Unintelligible("?"), f"error: no such key {key}", 0.0)
    reel.hear_close(1008, f"invalid key {key}", 0.0)
    assert len(playing.mismatches) == 3
    for mismatch in playing.mismatches:
        assert key not in str(mismatch)


@pytest.mark.parametrize("key", [KEY, KNOWN])
def test_a_key_in_a_binary_message_is_not_in_the_mismatch(playing: Playing, key: str) -> None:
    reel = meet(playing)
    reel.hear(Config({}), f"\0\0{key}\0\0".encode(), 0.0)
    (mismatch,) = playing.mismatches
    assert key not in str(mismatch)
    assert key.encode().hex() not in str(mismatch)


@pytest.fixture
def careless(tmp_path: Path) -> Path:
    """A cassette that somebody else has written, with keys all over it."""
    path = tmp_path / "careless.jsonl"
    lines = [
        {"sttkit-cassette": 1, "note": f"with {KNOWN}", "truth": [KNOWN]},
        {"kind": "open", "i": 0, "at_us": 0, "origin": "wss://me:hunter2@api.example.com"},
        {"kind": "request", "i": 0, "at_us": 1, "method": "GET", "path": f"/v1/{KNOWN}",
         "query": [["token", KEY]], "headers": [["Upgrade", "websocket"], ["X-Api-Key", KEY]]},
        {"kind": "response", "i": 0, "at_us": 2, "status": 101, "reason": KNOWN},
        {"kind": "message", "i": 0, "at_us": 3, "side": "client", "json": {"api_key": KEY}},
        {"kind": "message", "i": 0, "at_us": 4, "side": "server", "text": f"no key {KNOWN}"},
        {"kind": "message", "i": 0, "at_us": 5, "side": "server", "opcode": "binary",
         "blob": [0, len(KNOWN)]},
        {"kind": "close", "i": 0, "at_us": 6, "side": "server", "code": 1008, "reason": KNOWN},
    ]  # fmt: skip
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    path.with_suffix(".audio").write_bytes(KNOWN.encode())
    return path


def test_inspect_and_diff_show_no_key_that_a_file_has(
    careless: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text('{"sttkit-cassette":1}\n')
    assert main(["inspect", str(careless)]) == 0
    assert main(["diff", str(careless), str(other)]) == 1
    said = "".join(capsys.readouterr())
    assert "interaction 1" in said
    assert REDACTED in said
    for secret in (KEY, KNOWN, "hunter2", KNOWN.encode().hex(" ")):
        assert secret not in said


def test_a_missing_file_of_audio_is_told(
    careless: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    careless.with_suffix(".audio").unlink()
    assert main(["inspect", str(careless)]) == 0
    assert "careless.audio, where the audio should be, is not there" in capsys.readouterr().err
