"""The dialect of docs/dialects.md, made and spoken as it stands there."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sttkit.dialects.model import Dialect, Opening, Refusal, Request, View
from sttkit.events import (
    Audio,
    Config,
    EndOfStream,
    Final,
    Keepalive,
    SpeechEnded,
    SpeechStarted,
    Unintelligible,
    Word,
)

ROOT = Path(__file__).parents[2]
PAGE = Path(__file__).parents[2] / "docs" / "dialects.md"
(EXAMPLE,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
OPEN = View("session-0", {"type": "start"})


@pytest.fixture(scope="module")
def acme() -> Dialect:
    held: dict[str, Any] = {}
    exec(compile(EXAMPLE, str(PAGE), "exec"), held)
    dialect = held["DIALECT"]
    assert isinstance(dialect, Dialect)
    return dialect


def test_it_lets_in_who_has_a_key(acme: Dialect) -> None:
    assert acme.open(Request("GET", "/v1/stream", {}, {"x-api-key": "k"})) == Opening({}, 16000)
    assert isinstance(acme.open(Request("GET", "/v1/stream")), Refusal)
    assert isinstance(acme.open(Request("GET", "/v1", {}, {"x-api-key": "k"})), Refusal)


@pytest.mark.parametrize(
    ("message", "event"),
    [
        ('{"type":"audio","chunk":{"data":"AQACAA=="}}', Audio(b"\1\0\2\0")),
        ('{"rate":{"hz":8000}}', Unintelligible("unknown type None")),
        ("ping", Keepalive()),
        ('{"type":"stop"}', EndOfStream()),
        (b"\1\0", Unintelligible("a binary message")),
    ],
)
def test_it_hears_what_its_table_says(acme: Dialect, message: str | bytes, event: object) -> None:
    assert acme.read(message, OPEN) == event


def test_it_hears_nothing_before_the_configuration(acme: Dialect) -> None:
    fresh = View("session-0", {})
    assert isinstance(acme.read("ping", fresh), Unintelligible)
    heard = acme.read('{"rate":{"hz":8000}}', fresh)
    assert heard == Config({"rate.hz": 8000, "type": "start"})


def test_it_understands_what_it_says(acme: Dialect) -> None:
    said = (
        Final("hello", 0.5, 0.8, (Word("hello", 0.5, 0.8),), 0.9),
        SpeechStarted(0.5),
        SpeechEnded(0.8),
    )
    for event in said:
        (message,) = acme.write(event, OPEN)
        assert acme.explain(message) == event


def test_messages_of_wrong_types_are_made_out_of_its_transcripts(acme: Dialect) -> None:
    kinds = [json.loads(message)["type"] for message in acme.wrong_types]
    assert kinds == ["transcript", "transcript"]
    assert all(
        json.loads(message)["text"] in (None, [7], {"a": 1}, True) for message in acme.wrong_types
    )


def test_the_scaffold_leads_to_a_passing_check_as_the_page_says(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```console\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    commands = [shlex.split(line.removeprefix("$ ")) for line in block.splitlines()]
    assert [command[0] for command in commands] == ["sttkit", "pytest", "sttkit"]
    roots = os.pathsep.join([str(ROOT / "mock_server"), str(ROOT / "plugin")])
    for command in commands:
        module = [sys.executable, "-m", *command]
        ran = subprocess.run(
            module,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": roots},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
