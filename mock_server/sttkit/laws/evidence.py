"""What shows where a stream hangs: the lines at which its tasks waited when it was given up."""

from __future__ import annotations

from sttkit.laws.model import Run

_MOST = 2
_LONG = 160
_SAYS_LITTLE = (" waits at asyncio", "_metrics_task", "(sttkit-", "waits at aiohttp/")
"""Tasks that wait inside a library, or for the stream like everybody else, as the kit's own do."""


def where_it_waits(run: Run, since: float) -> str:
    """The first look, from ``since`` on, at who waits where, to be added to a finding; or nothing.

    >>> where_it_waits(run, 4.2)                                                # doctest: +SKIP
    '; Stream._run waits at my_plugin/stt.py:120 _run (Queue.get)'
    """
    for record in run.history.of("waiting"):
        if record.at >= since and record.data["tasks"]:
            return "; " + "; ".join(str(task)[:_LONG] for task in _telling(record.data["tasks"]))
    return ""


def _telling(tasks: list[str]) -> list[str]:
    """The tasks that say most: the plugin's own before those of the framework and the clients."""
    return sorted(tasks, key=lambda task: any(sign in task for sign in _SAYS_LITTLE))[:_MOST]
