"""What asyncio keeps a callback or a task in, made for many and equal runs."""

from __future__ import annotations

import asyncio
from asyncio import events
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sttkit.simulation.loop import SimulatedLoop


class LeanHandle(events.Handle):
    """What a `Handle` is, made in one call instead of three."""

    __slots__ = ()

    def __init__(
        self, callback: Any, args: Any, loop: SimulatedLoop, context: Context | None
    ) -> None:
        self._context = copy_context() if context is None else context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._repr = None
        self._source_traceback = None


class LeanTimerHandle(events.TimerHandle):
    """The same for a `TimerHandle`."""

    __slots__ = ()

    def __init__(
        self, when: float, callback: Any, args: Any, loop: SimulatedLoop, context: Context | None
    ) -> None:
        self._context = copy_context() if context is None else context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._repr = None
        self._source_traceback = None
        self._when = when
        self._scheduled = True

    def cancel(self: Any) -> None:
        """As of a `TimerHandle`, in one call instead of four: every `asyncio.sleep` ends so."""
        if not self._cancelled:
            self._cancelled = True
            if self._loop._debug:
                self._repr = repr(self)
            if self._scheduled:
                self._loop._timer_handle_cancelled(self)
            self._callback = None
            self._args = None


class SimulatedTask(asyncio.Task[Any]):
    """A task whose hash is its number: sets of tasks have the same order in every process."""

    def __init__(self, coro: Any, *, number: int, **options: Any) -> None:
        self._number = number  # first, since asyncio puts the task in a set
        super().__init__(coro, **options)

    def __hash__(self) -> int:
        return self._number


def settle(future: asyncio.Future[Any], conclude: Callable[[Any], None], result: Any) -> None:
    """Conclude a future with a result or an error, unless it was cancelled meanwhile."""
    if not future.done():
        conclude(result)
