"""How the commands that serve until somebody stops them are stopped."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress


def stopped_by_signals() -> asyncio.Event:
    """An event that Ctrl-C or SIGTERM sets, on the running loop."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Windows' loops take no signal handlers: there Ctrl-C raises KeyboardInterrupt, which the
        # commands end on as well.
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, stopped.set)
    return stopped
