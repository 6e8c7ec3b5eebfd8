"""What shows where a stream hangs: the lines at which its tasks waited when it was given up."""

from __future__ import annotations

from sttkit.laws.model import Run

_MOST = 2
_LONG = 160
_SAYS_LITTLE = (" waits at asyncio", "_metrics_task", "(sttkit-", "waits at aiohttp/")
"""Tasks that wait inside a library, or for the stream like everybody else, as the kit's own do."""
_BASE = "livekit.agents/"
"""What the places begin with that lie in LiveKit's own files."""


def where_it_waits(run: Run, since: float) -> str:
    """The first look, from ``since`` on, at who waits where, to be added to a finding; or nothing.

    >>> where_it_waits(run, 4.2)                                                # doctest: +SKIP
    '; Stream._run waits at my_plugin/stt.py:120 _run (Queue.get)'
    """
    for record in run.history.of("waiting"):
        if record.at >= since and record.data["tasks"]:
            return "; " + "; ".join(_short(str(task)) for task in _telling(record.data["tasks"]))
    return ""


def _short(task: str) -> str:
    return task if len(task) <= _LONG else f"{task[: _LONG - 1]}…"


def _telling(tasks: list[str]) -> list[str]:
    """The tasks that say most: the plugin's own before those of the framework and the clients."""
    return sorted(tasks, key=_is_others)[:_MOST]


def _is_others(task: str) -> tuple[bool, bool, bool]:
    """How far a task is from the plugin: in a library, begun by the base class, waiting in it."""
    places = task.partition(" waits at ")[2].split(" > ")
    return (
        any(sign in task for sign in _SAYS_LITTLE),
        places[0].startswith(_BASE),
        places[-1].startswith(_BASE),
    )
