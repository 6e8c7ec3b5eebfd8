"""Whether the event loop stands still, or never rests: for real time only.

A heartbeat on the loop measures how late it is, less what other programs took of the core. A
daemon thread looks at the loop's thread from outside, which is the only way to see *where* it
stands still, and sets it free if it never would come back.
"""

from __future__ import annotations

import asyncio
import ctypes
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

THREAD_NAME = "sttkit-watchdog"
BEAT_S = 0.1
WINDOW_S = 1.0
BUSY_SHARE = 0.9
BREAK_AFTER_S = 10.0
STARVED_S = 0.25
"""Waiting for a core in one go from which on nothing that is timed on the wall can be relied on."""
_DEPTH = 6


class LoopBroken(BaseException):
    """Raised into the loop's thread when it stood still too long.

    Not an `Exception`: an endless loop in a plugin may well hold an ``except Exception``.
    """

    def __str__(self) -> str:
        return "the event loop stood still and was set free"


class Watchdog:
    """Watches one loop from `start` to `stop`, both called on its thread.

    Args:
        loop: the running loop.
        note: writes a record of this kind and data.
        blocked: seconds of standing still that are worth a record.
        busy: whether to look for a loop that burns all its time.
        break_after: seconds of standing still after which the loop is set free.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        note: Callable[..., None],
        *,
        blocked: float,
        busy: bool = True,
        break_after: float | None = None,
    ) -> None:
        self._loop = loop
        self._note = note
        self._blocked = blocked
        self._busy = busy
        self._break_after = BREAK_AFTER_S if break_after is None else break_after
        self._thread_id = threading.get_ident()
        self._expected = 0.0
        self._beat: asyncio.TimerHandle | None = None
        self._last_beat = 0.0  # time.monotonic, shared with the thread
        self._excuse = 0.0
        self._excusing = 0
        self._waited = 0.0
        self._window = (0.0, 0.0, 0.0)
        self._streak = 0.0
        self._where = ""
        self._breaking = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=THREAD_NAME, daemon=True)
        self._signal: signal.Signals | None = None
        self._old_handler: Any = None

    def start(self) -> None:
        """Begin to watch."""
        if threading.current_thread() is threading.main_thread() and hasattr(signal, "SIGUSR2"):
            # A signal also interrupts a sleeping system call, which a raised exception does not.
            self._signal = signal.SIGUSR2
            self._old_handler = signal.signal(self._signal, self._on_signal)
        self._window = (self._loop.time(), *_time_on_core())
        self._waited = self._window[2]
        self._schedule()
        self._thread.start()

    def stop(self) -> None:
        """Put everything back; what is going on right now is still recorded."""
        self._measure()
        self._end_streak()
        if self._beat is not None:
            self._beat.cancel()
        self._stopped.set()
        self._thread.join(timeout=2.0)
        if self._signal is not None:
            signal.signal(self._signal, self._old_handler)

    @contextmanager
    def excused(self) -> Iterator[None]:
        """What happens in here is the driver's own doing and not counted."""
        began = self._loop.time()
        self._excusing += 1
        try:
            yield
        finally:
            self._excusing -= 1
            if not self._excusing:
                self._excuse += self._loop.time() - began
            self._last_beat = time.monotonic()

    # --- on the loop ----------------------------------------------------------------------------

    def _schedule(self) -> None:
        self._expected = self._loop.time() + BEAT_S
        self._last_beat = time.monotonic()
        self._beat = self._loop.call_later(BEAT_S, self._tick)

    def _tick(self) -> None:
        self._measure()
        self._schedule()

    def _measure(self) -> None:
        now = self._loop.time()
        _, waited = _time_on_core()
        starved, self._waited = waited - self._waited, waited
        if starved > STARVED_S:
            self._note("starved", seconds=round(starved, 3))
        late = now - self._expected - self._excuse - starved
        if late > self._blocked and not self._excusing:
            self._note("blocked", seconds=round(late, 3), where=self._where or "unknown")
        self._where = ""
        self._breaking = False
        self._weigh(now)
        self._excuse = 0.0

    def _weigh(self, now: float) -> None:
        began, ran_before, waited_before = self._window
        elapsed = now - began
        if self._excuse:
            self._window = (now, *_time_on_core())
        elif elapsed >= WINDOW_S:
            ran, waited = _time_on_core()
            self._window = (now, ran, waited)
            # What others took of the core is not rest.
            own = elapsed - (waited - waited_before)
            if self._busy and ran - ran_before > BUSY_SHARE * own:
                self._streak += elapsed
            else:
                self._end_streak()

    def _end_streak(self) -> None:
        if self._streak:
            self._note("busy", seconds=round(self._streak, 3))
            self._streak = 0.0

    # --- on the thread --------------------------------------------------------------------------

    def _watch(self) -> None:
        broken_at = 0.0
        while not self._stopped.wait(BEAT_S):
            beat = self._last_beat
            still = time.monotonic() - beat
            if self._excusing or still <= self._blocked + BEAT_S:
                continue
            frame = sys._current_frames().get(self._thread_id)
            if frame is not None:
                self._where = stack_of(frame)
            if still - max(0.0, broken_at - beat) > self._break_after:
                broken_at = time.monotonic()
                self._set_free()

    def _set_free(self) -> None:
        self._breaking = True
        if self._signal is not None:
            signal.pthread_kill(self._thread_id, self._signal)
        else:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(self._thread_id), ctypes.py_object(LoopBroken)
            )

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._breaking:
            self._breaking = False
            raise LoopBroken
        if callable(self._old_handler):
            self._old_handler(number, frame)


def _time_on_core() -> tuple[float, float]:
    """Seconds that this thread ran, and seconds that it was kept waiting for a core."""
    try:
        ran, waited, _ = Path("/proc/thread-self/schedstat").read_text().split()
    except (OSError, ValueError):  # not Linux: then a busy machine hides a busy loop
        return time.thread_time(), 0.0
    return int(ran) / 1e9, int(waited) / 1e9


def stack_of(frame: FrameType) -> str:
    """The innermost calls of a stack, without those of asyncio itself, innermost first."""
    calls = [
        f"{'/'.join(Path(entry.filename).parts[-2:])}:{entry.lineno} {entry.name}"
        for entry in reversed(traceback.extract_stack(frame))
        if "/asyncio/" not in entry.filename.replace("\\", "/")
    ]
    return " < ".join(calls[:_DEPTH]) or "asyncio"
