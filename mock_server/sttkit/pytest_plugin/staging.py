"""From what a test hands in - a script, a file, YAML text or a case id - to a script."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING

from sttkit.errors import UsageError
from sttkit.scripting.cases import Case
from sttkit.scripting.model import Script

if TYPE_CHECKING:
    from sttkit.cassette.model import Cassette
    from sttkit.cassette.tape import Attempts, Tape
    from sttkit.proxy.taking import Take

Playable = Script | Case | PathLike[str] | str
"""A script, a case or its id, a YAML file, or YAML text (more than one line)."""

_FORMS = "a Script, the path of a YAML file, YAML text, or a case id such as reset@mid-utterance.2"


@dataclass(frozen=True)
class Staged:
    """A script that is to be played.

    Attributes:
        script: what is played.
        case: the case id it was given as, or None.
        path: the file it was read from, or None.
        allow_unfired: whether faults may stay away without failing the test.
        tape: the recording that the server plays, or None.
        allow_unplayed: whether entries of the recording may stay unplayed.
        take: records what is not played, or None.
    """

    script: Script
    case: str | None = None
    path: Path | None = None
    allow_unfired: bool = False
    tape: Tape | None = None
    allow_unplayed: bool = False
    take: Take | None = None

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing to play: all of it is recorded."""
        return self.take is not None and self.tape is None


def stage_cassette(
    path: str | PathLike[str],
    folders: Iterable[Path],
    *,
    fault: str | None = None,
    timing: str = "asap",
    attempts: Attempts | None = None,
    volatile: Iterable[str] = (),
    seed: int = 0,
    allow_unfired: bool = False,
    allow_unplayed: bool | None = None,
    record_mode: str = "none",
    upstream: str | None = None,
    dialect: str | None = None,
) -> Staged:
    """A cassette as it can be played, with the faults of a case on top, or as it is recorded.

    Raises:
        UsageError: it is not there, is no cassette, or an argument is nothing that can be played
            or recorded.
    """
    from sttkit.deck.modes import ALL, NEW_EPISODES, NONE, checked_mode

    folders = list(folders)
    there = any((folder / fspath(path)).is_file() for folder in folders)
    mode = checked_mode(record_mode)
    if mode == ALL or (mode != NONE and not there):
        where = _found(Path(fspath(path)), folders) if there else folders[0] / fspath(path)
        return _to_record(where, mode, upstream, dialect, fault)
    from sttkit.cassette.tape import Timing
    from sttkit.deck.files import load_cassette
    from sttkit.deck.staging import staged
    from sttkit.scripting.cases import parse_case

    found = _found(Path(fspath(path)), folders, what="cassette")
    cassette = load_cassette(found, name=str(path))
    case = parse_case(fault) if fault is not None else None
    take = None
    if mode == NEW_EPISODES:
        if attempts == "continue":
            raise UsageError(
                "attempts that go on where the last was broken off, and new episodes",
                expected="attempts='recorded': a further attempt is a further session",
            )
        take = _to_record(found, mode, upstream, cassette.header.dialect, fault, cassette).take
    made = staged(
        cassette,
        faults=case.faults if case else (),
        client=case.script().client if case else (),
        timing=Timing.parse(timing),
        attempts=attempts,
        volatile=volatile,
        seed=seed,
    )
    # A fault on top may well break off what was recorded.
    unplayed = allow_unplayed if allow_unplayed is not None else case is not None
    return Staged(made.script, fault, found, allow_unfired, made.tape, unplayed, take)


def _to_record(
    path: Path,
    mode: str,
    upstream: str | None,
    dialect: str | None,
    fault: str | None,
    before: Cassette | None = None,
) -> Staged:
    """A cassette that is recorded, behind what is there ``before``."""
    from sttkit.audio.speech import Speech
    from sttkit.deck.recorder import Terms
    from sttkit.proxy.heads import Upstream
    from sttkit.proxy.taking import Take

    if path.suffix != ".jsonl":
        raise UsageError("the name of a cassette", where=str(path), expected="NAME.jsonl")
    if fault is not None:
        raise UsageError(
            f"a fault on top of what is recorded in mode {mode}",
            where=str(path),
            expected="faults only on what is played",
            hint="record it first, without fault=",
        )
    if before is not None and not all(one.is_websocket for one in before.interactions()):
        raise UsageError(
            "plain HTTP on a cassette that is to get new episodes",
            where=str(path),
            expected="WebSocket sessions only: requests have no order to tell new ones by",
            hint="record batch requests by sttkit.recording.http_cassette",
        )
    if upstream is None:
        raise UsageError(
            f"nothing to record from in mode {mode}",
            where=str(path),
            expected="the URL of the service, such as wss://api.example.com",
            hint="override the fixture stt_upstream, and let it return that",
        )
    take = Take(path, Upstream.parse(upstream), Terms(dialect), before)
    return Staged(Script(Speech((), 0.0, 0), dialect=dialect), path=path, take=take)


def stage(
    what: Playable,
    folders: Iterable[Path],
    *,
    seed: int | None = None,
    allow_unfired: bool = False,
) -> Staged:
    """``what`` as a script; relative paths are looked up in ``folders``, in this order.

    Raises:
        UsageError: it is of no known form, its file is not there, or it says nothing playable.
    """
    from sttkit.scripting.cases import parse_case
    from sttkit.scripting.yaml import load_script, parse_script

    if isinstance(what, str) and _is_case_id(what):
        what = parse_case(what)
    if isinstance(what, Case):
        return Staged(what.script(seed=seed or 0), what.id, None, allow_unfired)
    if seed is not None:
        raise UsageError(
            "a seed for a script that has its own",
            expected="seed only with a case id",
            hint="write it into the script: script(…, seed=…) or seed: in YAML",
        )
    if isinstance(what, Script):
        return Staged(what, None, None, allow_unfired)
    if isinstance(what, str) and "\n" in what.strip():
        return Staged(parse_script(what), None, None, allow_unfired)
    if isinstance(what, (str, PathLike)):
        path = _found(Path(fspath(what)), list(folders))
        return Staged(load_script(path), None, path, allow_unfired)
    raise UsageError(f"{what!r} is nothing that can be played", expected=_FORMS)


def _is_case_id(text: str) -> bool:
    return "@" in text and "\n" not in text and not text.endswith((".yaml", ".yml"))


def _found(path: Path, folders: list[Path], *, what: str = "script") -> Path:
    candidates = [folder / path for folder in folders]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise UsageError(
        f"no {what} file {str(path)!r}",
        expected=_FORMS if what == "script" else None,
        hint="looked for " + " and ".join(str(candidate) for candidate in candidates),
    )
