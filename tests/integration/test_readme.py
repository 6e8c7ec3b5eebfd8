"""What the README shows works as shown."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(line, comments=True)[1:]
    for line in re.findall(r"^\$ (sttkit .*)$", README, flags=re.MULTILINE)
]
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
ANY_PORT = {"record": ("--listen", "127.0.0.1:0")}
"""How a command is told to listen on any port, where it is not by ``--port 0``."""
SERVING = {"serve", "replay", "record"}
BROKEN = {"deepgram", "self_managed"}
"""Plugins with findings: a command that judges them says so."""


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sttkit", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize(
    "command", [c for c in COMMANDS if c[0] not in SERVING], ids=lambda command: " ".join(command)
)
def test_a_command_does_what_the_page_says(command: list[str]) -> None:
    done = run(command)
    expected = 1 if BROKEN & set(command) else 0
    assert done.returncode == expected, done.stdout[-2000:] + done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize(
    "command", [c for c in COMMANDS if c[0] in SERVING], ids=lambda command: " ".join(command)
)
def test_a_served_script_says_where_it_listens(command: list[str], tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "sttkit", *command, *ANY_PORT.get(command[0], ("--port", "0"))],
        cwd=tmp_path if command[0] == "record" else ROOT,  # it writes a file
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stderr is not None
        said = server.stderr.readline() + server.stderr.readline()
        server.terminate()
    assert "127.0.0.1:" in said


def test_the_finding_shown_is_what_a_check_finds() -> None:
    shown = re.search(r"observed  (.*?)\n\s+again     sttkit (.*?)\n", README, re.DOTALL)
    assert shown is not None
    said = run(shlex.split(shown[2])).stdout
    observed = " ".join(shown[1].split())  # however wide the terminal is
    if sys.version_info < (3, 11):  # whose frames do not know the class
        observed = observed.replace("Queue.get", "get")
    assert observed in " ".join(said.split())


def test_the_test_and_the_conftest_shown_work(tmp_path: Path) -> None:
    first, conftest = BLOCKS
    (tmp_path / "test_first.py").write_text(first, encoding="utf-8")
    (tmp_path / "conftest.py").write_text(conftest, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "1 passed" in done.stdout, done.stdout
