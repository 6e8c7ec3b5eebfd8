"""The line that plays something again, which is printed with every failure."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

from sttkit.conformance.jobs import DEFAULT_WORLD
from sttkit.conformance.plan import World
from sttkit.scripting.cases import case_of
from sttkit.scripting.model import Script
from sttkit.scripting.yaml import is_line, line_of


def reproducer(
    target: str,
    case: str,
    seed: int,
    dialect: str | None = None,
    world: World = DEFAULT_WORLD,
    speech: str | None = None,
) -> str:
    """A command line that plays one case to one target again, quoted for a shell.

    ``case`` is a case's id, or a script on one line, which has its own seed and speech.
    """
    words = ["sttkit", "run", case, target]
    if not is_line(case):
        words = ["sttkit", "check", target, "--case", case, "--seed", str(seed)]
    if world != DEFAULT_WORLD:
        words.append(f"--{world}")
    if dialect is not None:
        words += ["--dialect", dialect]
    if speech is not None and not is_line(case):
        words += ["--speech", speech]
    return shlex.join(words)


def reproducer_of(
    target: str, script: Script, dialect: str | None = None, world: World = DEFAULT_WORLD
) -> str:
    """A command line that plays a script to one target again: by its case id, if it has one."""
    case = case_of(script)
    spelled = case.id if case is not None else line_of(_anywhere(script))
    return reproducer(target, spelled, script.seed, dialect, world)


def _anywhere(script: Script) -> Script:
    """``script`` with the full path of its recording: a line has no folder to start from."""
    recording = script.speech.recording
    if not isinstance(recording, Path):
        return script
    return replace(script, speech=replace(script.speech, recording=recording.resolve()))
