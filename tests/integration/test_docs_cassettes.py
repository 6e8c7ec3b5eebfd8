"""What the page about cassettes shows works as shown."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sttkit.cli import main

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/cassettes.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "examples/two_utterances.jsonl"


def test_the_tests_shown_pass(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
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
