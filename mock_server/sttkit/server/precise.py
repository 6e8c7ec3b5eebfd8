"""Event loops that keep time to a fraction of a millisecond, to replay at a recorded pace.

asyncio waits for sockets by epoll, which counts whole milliseconds, so that each timer is one or
two of them late. ``select`` counts microseconds. It takes no descriptor above 1023: enough for the
clients of a cassette, and too few for a server of any number of them.
"""

from __future__ import annotations

import asyncio
import gc
import selectors
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def precise_loop() -> asyncio.AbstractEventLoop:
    """An event loop with timers as exact as ``select``."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


def run_precisely(main: Coroutine[Any, Any, T]) -> T:
    """Like ``asyncio.run``, on a `precise_loop`; before Python 3.11 on the usual one."""
    gc.freeze()  # a collection that looks through all that was imported takes some milliseconds
    if sys.version_info >= (3, 11):
        with asyncio.Runner(loop_factory=precise_loop) as runner:
            return runner.run(main)
    return asyncio.run(main)
