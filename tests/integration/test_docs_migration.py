"""What docs/migration.md says was measured is measured, and its test passes."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/migration.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```python\n# (\S+\.py)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
SHOWN = re.findall(r"^\$ sttkit (.*)\nobserved  (.*)$", PAGE, re.MULTILINE)


def sttkit(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sttkit", *shlex.split(command)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize(("command", "observed"), SHOWN)
def test_what_is_observed_is_as_shown(command: str, observed: str) -> None:
    done = sttkit(command)
    assert done.returncode == 1
    assert observed in " ".join(done.stdout.split())


@pytest.mark.parametrize(("command", "_"), SHOWN)
def test_the_pattern_passes_the_same_cases(command: str, _: str) -> None:
    done = sttkit(command.replace("self_managed", "custom_stt"))
    assert done.returncode == 0, done.stdout


def test_on_a_healthy_line_only_the_named_laws_differ() -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith("| it works"))
    named = set(re.findall(r"[A-Z]+-\d+", row))
    done = sttkit("check self_managed --case none@idle")
    assert set(re.findall(r"^([A-Z]+-\d+) FAIL", done.stdout, re.MULTILINE)) == named


def test_an_agent_session_shows_it(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "2 passed" in done.stdout, done.stdout
