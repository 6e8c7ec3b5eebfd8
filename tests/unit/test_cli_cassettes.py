"""The commands about cassettes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sttkit.cli import main
from sttkit.deck.files import load_cassette, save_cassette
from tests.support.taping import TapedStage
from tests.support.tongues import TONGUES


def record(path: Path, *, until: float = 4.2, language: str = "en") -> Path:
    stage = TapedStage()
    caller = stage.dial(target=f"/ws/transcribe?language={language}")
    caller.shake_hands()
    caller.send(TONGUES["custom_stt"].config or "")
    caller.speak(until=until)
    caller.end()
    save_cassette(stage.cassette(), path)
    return path


@pytest.fixture
def cassette(tmp_path: Path) -> Path:
    return record(tmp_path / "two.jsonl")


@pytest.mark.parametrize("width", [80, 200])
def test_inspect_prints_a_timeline_that_fits(
    width: int, cassette: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert main(["inspect", str(cassette)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    assert "\x1b" not in "".join(lines)
    assert any("audio: 29 × 640 bytes in 0.56 s" in line for line in lines)
    assert any(line.split()[:4] == ["2", "0.000", ">", "GET"] for line in lines)
    assert any('< {"type":"final"' in line for line in lines)
    assert "ended: close, by the server" in lines[-1]


def test_inspect_obeys_no_control_characters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(
        '{"sttkit-cassette":1,"note":"\\u001b[31mred"}\n{"kind":"open","i":0,"at_us":0}\n'
        '{"kind":"message","i":0,"at_us":1,"side":"server","text":"a\\u001b]0;b"}\n{"kind"'
    )
    assert main(["inspect", str(path)]) == 0
    said = capsys.readouterr()
    assert "\x1b" not in said.out
    assert "still going on when the recording ended" in said.out
    assert "line 4 is not whole" in said.err


@pytest.mark.parametrize("command", ["inspect", "replay", "redact"])
def test_a_file_that_is_no_cassette_is_wrong_usage(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.jsonl"
    assert main([command, str(path)]) == 2
    assert "no such cassette" in capsys.readouterr().err
    path.write_text('{"sttkit-cassette":9}\n')
    assert main([command, str(path)]) == 2
    assert f"{path}:1: format 9 is newer than this kit" in capsys.readouterr().err


def test_diff_finds_what_differs_in_meaning_only(
    cassette: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = record(tmp_path / "again.jsonl")
    text = again.read_text().replace("session-0", "session-7").replace('"at_us":1', '"at_us":10')
    again.write_text(
        "".join(line for line in text.splitlines(keepends=True) if '"pong"' not in line)
    )
    assert main(["diff", str(cassette), str(cassette)]) == 0
    assert capsys.readouterr().out == ""
    other = record(tmp_path / "other.jsonl", until=2.2, language="de")
    assert main(["diff", str(cassette), str(other)]) == 1
    out = capsys.readouterr().out
    assert '-  client GET /ws/transcribe {"language": "en"}' in out
    assert '+  client GET /ws/transcribe {"language": "de"}' in out
    assert "-  client audio 4.18 s" in out or "-  client audio 4.20 s" in out
    assert main(["diff", str(cassette), str(other), "--volatile", "language"]) == 1
    assert "GET" not in "".join(
        line for line in capsys.readouterr().out.splitlines() if line.startswith(("-", "+"))
    )


def test_redact_writes_another_file_or_the_same(cassette: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    assert main(["redact", str(cassette), str(out), "--audio", "drop", "--transcript",
                 "pseudonyms"]) == 0  # fmt: skip
    assert not out.with_suffix(".audio").exists()
    assert "friend" not in out.read_text()
    assert "friend" in cassette.read_text()
    assert main(["redact", str(cassette), "--audio", "replace"]) == 0
    assert load_cassette(cassette).header.audio == "replaced"
    assert cassette.with_suffix(".audio").stat().st_size > 100_000
    assert cassette.stat().st_mode & 0o077 == 0


def test_redact_refuses_to_write_a_value_of_the_environment(
    cassette: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "custom_stt")  # stands in the header, which is not removed
    assert main(["redact", str(cassette), str(tmp_path / "out.jsonl")]) == 2
    said = capsys.readouterr().err
    assert "a secret would be written" in said
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("timing", ["quick", "scaled:-1"])
def test_a_timing_that_there_is_not_is_wrong_usage(
    timing: str, cassette: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(cassette), "--timing", timing]) == 2
    assert "asap, exact, or scaled:X" in capsys.readouterr().err


def test_an_entry_to_stop_at_that_there_is_not_is_wrong_usage(
    cassette: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    last = len(load_cassette(cassette).entries)
    assert main(["replay", str(cassette), "--until", str(last + 1)]) == 2
    said = capsys.readouterr().err
    assert f"there is no entry {last + 1}" in said
    assert f"1 to {last}, the entries of {cassette}" in said


def test_faults_on_top_are_for_cassettes_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "none@idle", "custom_stt", "--fault", "reset@idle"]) == 2
    assert "only a cassette takes faults on top" in capsys.readouterr().err


CLIENT = """
import sys, json
from websockets.sync.client import connect
with connect(sys.argv[1] + "/ws/transcribe?language=" + sys.argv[2], proxy=None) as ws:
    ws.send(json.dumps({"type": "config", "sample_rate": 16000, "language": "en"}))
    for _ in range(42):
        ws.send(bytes([1, 0]) * 1600)
    ws.send(json.dumps({"type": "end_of_stream"}))
    print([m["text"] for m in map(json.loads, ws) if m["type"] == "final"])
"""


@pytest.mark.parametrize(("language", "status"), [("en", 0), ("fr", 1)])
def test_replay_serves_any_client_on_a_port_and_says_if_it_differed(
    language: str, status: int, cassette: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replay = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "sttkit",
            "replay",
            str(cassette),
            "--port",
            "0",
            "--once",
            "--json",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert replay.stderr is not None
    try:
        for line in replay.stderr:
            if "WebSocket" in line:
                url = line.split()[1].removesuffix("/ws/transcribe")
                break
        said = subprocess.run(
            [sys.executable, "-c", CLIENT, url, language],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert said.stdout.strip() == "['hello there friend', 'how are you today']"
        out, err = replay.communicate(timeout=60)
    finally:
        replay.kill()
    assert replay.returncode == status, err
    kinds = {json.loads(line)["kind"] for line in out.splitlines()}
    assert {"sent", "audio", "point"} <= kinds
    assert ("language was" in err) == (language == "fr")


def test_in_a_pipe_nothing_is_cut_off(
    cassette: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert main(["inspect", str(cassette)]) == 0
    said = capsys.readouterr().out
    assert '"sample_rate"' in said
    assert "…" not in said


@pytest.mark.parametrize(
    ("name", "why"),
    [("folder.jsonl", "Is a directory"), ("x.txt", "NAME.jsonl"), ("no/x.jsonl", "No such file")],
)
def test_redact_leaves_nothing_behind_where_it_cannot_write(
    name: str, why: str, cassette: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder.jsonl").mkdir()
    before = set(tmp_path.iterdir())
    assert main(["redact", str(cassette), str(tmp_path / name), "--audio", "drop"]) == 2
    assert why in capsys.readouterr().err
    assert set(tmp_path.iterdir()) == before


def test_a_recording_of_years_is_not_made_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "long.jsonl"
    path.write_text(
        '{"sttkit-cassette":1,"audio":"dropped"}\n{"kind":"open","i":0,"at_us":0}\n'
        '{"kind":"audio","i":0,"at_us":1,"audio_us":9007199254740000,"sizes":[2]}\n'
    )
    assert main(["replay", str(path), "--port", "0"]) == 2
    assert "hours of audio; expected at most 12" in capsys.readouterr().err
