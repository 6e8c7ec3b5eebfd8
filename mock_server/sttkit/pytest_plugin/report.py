"""What a test prints that fails, and what it says if the script's faults did not happen."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from sttkit.pytest_plugin.server import SttServer

if TYPE_CHECKING:
    import pytest

    from sttkit.pytest_plugin.staging import Staged
    from sttkit.scripting.model import Script

WIDTH = 80
_CACHE_FOLDER = "sttkit"


def unfired_message(server: SttServer) -> str | None:
    """What to say of faults that never happened; None if all did, or need not."""
    staged, unfired = server.staged, server.unfired
    if staged is None or staged.allow_unfired or not unfired:
        return None
    if server.runs == 0:
        return (
            f"the script was never played ({', '.join(unfired)}): call transcribe(), or let a "
            "client of your own connect inside stt_server.listening()"
        )
    lines = ["of the script, this never happened:"]
    lines.extend(f"    {name}    ({_reached(server, name)})" for name in unfired)
    lines.append(
        "So the test says nothing about it. Place it where the stream gets to, or allow it: "
        "stt_server.play(..., allow_unfired=True)"
    )
    return "\n".join(lines)


def unlike_message(server: SttServer) -> str | None:
    """What to say of a recording that was not played as it was recorded; None if it was."""
    staged = server.staged
    if staged is None or staged.tape is None or not server.runs:
        return None
    lines = [str(mismatch) for mismatch in server.mismatches]
    if server.unplayed and not staged.allow_unplayed:
        from sttkit.cassette.playing import unplayed_message

        lines.append(unplayed_message(staged.tape.name, server.unplayed))
        lines.append("To allow it: allow_unplayed=True")
    return "\n".join(lines) or None


def failing_message(server: SttServer) -> str | None:
    """Why a test that passed says less than it seems to; None if it does not."""
    if server.refused:  # a client may well have taken it for a line that is down
        return str(server.refused[0])
    return unfired_message(server) or unlike_message(server)


def sections(server: SttServer, item: pytest.Item) -> list[tuple[str, str]]:
    """The sections that a failing test's report gets: its timeline, and how to get it again."""
    found: list[tuple[str, str]] = []
    if server.records:
        found.append(("sttkit timeline", _attempted(lambda: _timeline(server))))
    found.append(("sttkit reproducer", _attempted(lambda: _reproducer(server, item))))
    return found


def _attempted(make: Callable[[], str]) -> str:
    """What ``make`` says; whatever goes wrong in it must not hide the failure it is about."""
    try:
        return make()
    except Exception as error:
        return f"could not be made: {type(error).__name__}: {error}"


def _timeline(server: SttServer) -> str:
    from sttkit.conformance.timeline import timeline

    return timeline(server.records, width=WIDTH, color=False)


def _reproducer(server: SttServer, item: pytest.Item) -> str:
    """The seed, and the shortest command that plays the same again."""
    staged = server.staged
    assert staged is not None
    seed = staged.script.seed
    return f"seed {seed}\n{_command(server, staged, item) or _rerun(item)}"


def _command(server: SttServer, staged: Staged, item: pytest.Item) -> str | None:
    """A command line of sttkit; None if none does what the test did."""
    target = server.under_test.spelled()
    if target is None or server.was_foreign or server.has_own_options:
        return None
    if staged.take is not None:
        return None
    if staged.tape is not None and staged.path is not None:
        on_top = ["--fault", staged.case] if staged.case is not None else []
        return shlex.join(["sttkit", "run", _short(staged.path), target, *on_top])
    if staged.case is not None:
        from sttkit.conformance.reproduce import reproducer

        return reproducer(target, staged.case, staged.script.seed)
    path = staged.path or _written(staged.script, item)
    return shlex.join(["sttkit", "run", _short(path), target]) if path is not None else None


def _rerun(item: pytest.Item) -> str:
    return shlex.join(["pytest", item.nodeid])


def _written(script: Script, item: pytest.Item) -> Path | None:
    """The script as a file in pytest's cache; None without a cache (``-p no:cacheprovider``)."""
    from sttkit.scripting.yaml import dump_script

    cache = getattr(item.config, "cache", None)
    if cache is None:
        return None
    recording = script.speech.recording
    if isinstance(recording, Path):  # a relative path would start from the cache
        script = replace(script, speech=replace(script.speech, recording=recording.resolve()))
    slug = re.sub(r"[^A-Za-z0-9]+", "-", item.name).strip("-")[:60]
    digest = sha256(item.nodeid.encode()).hexdigest()[:8]
    path = Path(cache.mkdir(_CACHE_FOLDER)) / f"{slug}-{digest}.yaml"
    path.write_text(dump_script(script), encoding="utf-8")
    return path


def _short(path: Path) -> str:
    """``path`` from the current folder, if it lies below it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith(os.pardir) else relative


def _reached(server: SttServer, name: str) -> str:
    """How near the run came to a fault or an action."""
    placed = next((p for p in server.script.placements() if str(p) == name), None)
    if placed is None:
        return "the application never got to do it"
    point = placed.point.value
    seen = [r.data["n"] for r in server.records if r.kind == "point" and r.data["point"] == point]
    if not seen:
        return f"{point} was never reached"
    return f"{point} was reached {len(seen)}×, at most as {point}.{max(seen)}"
