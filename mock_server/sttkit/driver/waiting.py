"""Waiting with a bound: nothing that a plugin does may hang a run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from sttkit.driver.collect import Collector, did_not_return
from sttkit.driver.stuck import note_waiting
from sttkit.trace import Trace

GIVE_UP_S = 1.0
"""Time for a cancelled task to end before it is left alone."""


async def call(
    trace: Trace, name: str, awaited: Awaitable[Any], *, bound: float, stream: str
) -> None:
    """Await something of the plugin's and note it as a ``call``, also if it never returns.

    Its beginning is noted as ``calling``: in virtual time much happens in one instant, and only the
    order of the records tells what a call caused.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    trace.note("client", "calling", None, stream, name=name)
    task = asyncio.ensure_future(awaited)
    try:
        await asyncio.wait({task}, timeout=bound)
        took = round(loop.time() - began, 6)
        if task.done():
            error = error_of(task)
            facts = Collector(trace).failure(error, name, stream) if error is not None else None
        else:
            facts = did_not_return()
            note_waiting(trace, stream, f"{name}() does not return")
        trace.note("client", "call", None, stream, name=name, took=took, error=facts)
    finally:
        await abandon([task])


def call_now(
    trace: Trace, name: str, function: Callable[[], object], *, stream: str
) -> BaseException | None:
    """Call something of the plugin's that does not wait and note it as a ``call``."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    error: BaseException | None = None
    try:
        function()
    except Exception as raised:
        error = raised
    took = round(loop.time() - began, 6)
    facts = Collector(trace).failure(error, name, stream) if error is not None else None
    trace.note("client", "call", None, stream, name=name, took=took, error=facts)
    return error


async def abandon(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel tasks, give them a moment to end, and retrieve what they raise."""
    pending = set()
    for task in tasks:
        if task.done():
            error_of(task)
        else:
            task.cancel()
            pending.add(task)
    if pending:
        done, _ = await asyncio.wait(pending, timeout=GIVE_UP_S)
        for task in done:
            error_of(task)


def error_of(task: asyncio.Future[Any]) -> BaseException | None:
    """What a finished task raised, its cancellation included."""
    return asyncio.CancelledError() if task.cancelled() else task.exception()
