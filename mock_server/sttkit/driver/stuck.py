"""Who waits where, when a stream does not do what it is waited for."""

from __future__ import annotations

import asyncio
from typing import Any

from sttkit.driver.census import is_kits
from sttkit.simulation.waiting import waiting_tasks
from sttkit.trace import Trace

READER = "-reader"
"""How the name of a task ends that waits for a stream's next event."""


def note_waiting(trace: Trace, stream: str, why: str) -> None:
    """Write down where each task of the plugin waits, and each consumer: ``waiting``."""
    tasks = waiting_tasks(asyncio.get_running_loop(), only=_is_of_interest)
    trace.note("client", "waiting", None, stream, why=why, tasks=list(tasks))


def _is_of_interest(task: asyncio.Task[Any]) -> bool:
    return not is_kits(task) or task.get_name().endswith(READER)
