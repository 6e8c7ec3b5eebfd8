"""From a cassette to what a world plays: a script for the application, a tape for the server."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from sttkit.cassette.matching import Rules
from sttkit.cassette.model import Cassette
from sttkit.cassette.redact import Redactor, secrets_of
from sttkit.cassette.spoken import flushes_of, speech_of
from sttkit.cassette.tape import ASAP, Attempts, Tape, Timing, compiled
from sttkit.faults import Placed
from sttkit.scripting.model import Cue, Script, Step

SUFFIX = ".jsonl"


@dataclass(frozen=True)
class Staged:
    """A cassette that is to be played to a plugin.

    Attributes:
        script: what the application does, and what goes wrong besides.
        tape: what the server does.
    """

    script: Script
    tape: Tape


def staged(
    cassette: Cassette,
    *,
    faults: Iterable[Placed] = (),
    client: Iterable[Step] = (),
    timing: Timing = ASAP,
    attempts: Attempts | None = None,
    volatile: Iterable[str] = (),
    seed: int = 0,
) -> Staged:
    """``cassette`` as it is played to a plugin, faults on top.

    The application says what it said then, and flushes where it flushed. ``attempts`` says what a
    further attempt gets: by default the next recorded interaction, or, if there are faults on top,
    the rest of the one that they broke off.

    Raises:
        UsageError: the cassette cannot be played.
    """
    placed = tuple(faults)
    is_faulted = any(one.fault.id != "none" for one in placed)
    flushes = tuple(Step("flush", Cue(audio_s=at)) for at in flushes_of(cassette))
    script = Script(
        replace(speech_of(cassette), seed=seed),
        placed,
        (*flushes, *client),
        cassette.header.dialect,
        seed=seed,
    )
    tape = compiled(
        cassette,
        timing=timing,
        attempts=attempts or ("continue" if is_faulted else "recorded"),
        rules=Rules().also(*volatile),
        redactor=environment_redactor(),
    )
    return Staged(script, tape)


def environment_redactor() -> Redactor:
    """Removes secrets, those of this process's environment among them."""
    return Redactor(secrets=secrets_of(os.environ))


def is_cassette(path: Path) -> bool:
    """Whether a file is meant to be a cassette."""
    return path.suffix == SUFFIX
