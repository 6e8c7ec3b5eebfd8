"""Virtual time over real sockets, as LiveKit's own tests have it: a selector that never waits.

When no descriptor is ready, the clock jumps to the next timer. Only for measuring: without a
network of its own such a loop cannot tell an idle line from bytes that are still in the kernel.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

EPOCH = 1.7e9


class JumpingSelector(selectors.DefaultSelector):
    """Polls, and lets time pass if there is nothing."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(None if timeout is None else 0)
        if not ready and timeout is not None and timeout > 0:
            self.now += timeout
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is its selector's."""

    def __init__(self) -> None:
        self._jumping = JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


@contextmanager
def clocks_of(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Show the loop's time to whoever asks the ``time`` module."""

    def wall() -> float:
        return EPOCH + loop.time()

    with (
        mock.patch.object(time, "time", wall),
        mock.patch.object(time, "monotonic", loop.time),
        mock.patch.object(time, "perf_counter", loop.time),
    ):
        yield
