"""What the page about cassettes shows works as shown."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sttkit import script, speech
from sttkit.cli import main
from sttkit.deck.files import load_cassette
from sttkit.dialects import load_dialect
from sttkit.pytest_plugin.listening import Listening
from sttkit.simulation import simulated_loop

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/cassettes.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
EXAMPLE = ROOT / "examples/two_utterances.jsonl"


def test_the_tests_shown_pass(tmp_path: Path) -> None:
    (block,) = [block for block in BLOCKS if "stt_cassette" in block and "fault=" in block]
    (tmp_path / "test_shown.py").write_text(block, encoding="utf-8")
    shutil.copy(EXAMPLE, tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--strict-markers"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "2 passed" in done.stdout, done.stdout


def test_the_record_mode_shown_records_once(tmp_path: Path) -> None:
    (block,) = [block for block in BLOCKS if "record_mode" in block]
    ini = "[pytest]\nasyncio_default_fixture_loop_scope = function\n"
    (tmp_path / "pytest.ini").write_text(ini, encoding="utf-8")

    def passes() -> bool:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        print(done.stdout)
        return "1 passed" in done.stdout

    healthy = script(speech("hello"))
    serving = Listening(healthy, load_dialect("custom_stt"), lambda *told: None, lambda: None)
    with serving as place:
        shown = block.replace("wss://api.example.com", place.ws)
        (tmp_path / "test_shown.py").write_text(shown, encoding="utf-8")
        assert passes()
    recorded = (tmp_path / "mine.jsonl").read_bytes()
    assert passes()
    assert (tmp_path / "mine.jsonl").read_bytes() == recorded


def test_the_recording_shown_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = [block for block in BLOCKS if "import recording" in block]
    shown: dict[str, Any] = {}
    exec(compile(block, "docs/cassettes.md", "exec"), shown)
    monkeypatch.chdir(tmp_path)
    loop = simulated_loop()
    loop.network.add_host("api.example.com")  # and nobody listens there
    monkeypatch.setattr(shown["asyncio"], "run", loop.run_until_complete)
    with pytest.raises(aiohttp.ClientConnectorError):
        shown["record"]()
    loop.close()
    (one,) = load_cassette(tmp_path / "outage.jsonl").interactions()
    assert one.end is not None
    assert one.end.how == "refused"


def test_every_command_shown_exists_with_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    commands = re.findall(r"^\$ sttkit (\w+) (.*)$", PAGE, flags=re.MULTILINE)
    assert len(commands) >= 6
    for name, rest in commands:
        assert main([name, "--help"]) == 0
        told = capsys.readouterr().out
        assert all(option in told for option in re.findall(r"--[\w-]+", rest))


def test_the_example_is_as_it_would_be_written(tmp_path: Path) -> None:
    assert main(["redact", str(EXAMPLE), str(tmp_path / "again.jsonl")]) == 0
    assert (tmp_path / "again.jsonl").read_bytes() == EXAMPLE.read_bytes()
