"""Who waits where, when a stream does not do what it is waited for."""

from __future__ import annotations

import asyncio
from typing import Any

from sttkit.driver.census import is_kits
from sttkit.simulation.waiting import waiting_tasks
from sttkit.trace import Trace

FRAMEWORK = "livekit.agents"
"""Whose files are told by this name: ``stt/stt.py`` could be anybody's."""
READER = "-reader"
"""How the name of a task ends that waits for a stream's next event."""


def note_waiting(trace: Trace, stream: str, why: str) -> None:
    """Write down where each task of the plugin waits, and each consumer: ``waiting``."""
    loop = asyncio.get_running_loop()
    tasks = waiting_tasks(loop, only=_is_of_interest, packages=(FRAMEWORK,))
    trace.note("client", "waiting", None, stream, why=why, tasks=list(tasks))


def _is_of_interest(task: asyncio.Task[Any]) -> bool:
    return not is_kits(task) or task.get_name().endswith(READER)
