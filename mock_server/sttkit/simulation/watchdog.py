"""Whether a callback holds up the loop in real time, and where.

Virtual time cannot tell: it stands still meanwhile. One daemon thread for the whole process looks
at the running loop from outside a few times a second, which is the only way to see *where* it
stands, and sets it free if it never would come back.
"""

from __future__ import annotations

import ctypes
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from sttkit.simulation.waiting import stack_of

if TYPE_CHECKING:
    from sttkit.simulation.loop import SimulatedLoop

THREAD_NAME = "sttkit-watchdog"
POLL_S = 0.25
BREAK_AFTER_S = 10.0
"""Seconds of real time after which a callback is broken off."""
ENDLESS_S = 3.0
"""A callback that had so much of a core to itself is not held up by a busy machine."""
_DEBUGGERS = frozenset({"bdb", "code", "debugpy", "ipdb", "pdb", "pydevd"})
_monotonic = time.monotonic  # the real one: this module is left alone


class SetFree(BaseException):
    """Raised into a callback that held up the loop for too long.

    Not an `Exception`: an endless loop may well hold an ``except Exception``.
    """

    def __str__(self) -> str:
        return "the callback held up the simulated loop and was broken off"


class Watchdog:
    """Watches the loop that runs; see `watch` and `rest`, both called on the loop's thread."""

    def __init__(self) -> None:
        self._loop: SimulatedLoop | None = None
        self._thread_id = 0
        self._delays = Path()
        self._awake = threading.Event()
        self._thread: threading.Thread | None = None
        self._signal: signal.Signals | None = None
        self._old_handler: Any = None
        self._breaking = False

    def watch(self, loop: SimulatedLoop) -> None:
        """Begin to watch a loop."""
        if self._thread is None or not self._thread.is_alive():  # the first time, or after a fork
            self._awake = threading.Event()
            self._thread = threading.Thread(target=self._look, name=THREAD_NAME, daemon=True)
            self._thread.start()
        if threading.current_thread() is threading.main_thread() and hasattr(signal, "SIGUSR2"):
            # A signal also interrupts a sleeping system call, which a raised exception does not.
            self._signal = signal.SIGUSR2
            self._old_handler = signal.signal(self._signal, self._on_signal)
        self._thread_id = threading.get_ident()
        self._delays = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
        self._breaking = False
        self._loop = loop
        if not self._awake.is_set():
            self._awake.set()

    def rest(self) -> None:
        """Stop watching."""
        self._loop = None
        if self._signal is not None:
            signal.signal(self._signal, self._old_handler)
            self._signal = None
        elif self._breaking:
            _raise_in(self._thread_id, None)
        self._breaking = False

    # --- on the thread ----------------------------------------------------------------------

    def _look(self) -> None:
        watched: SimulatedLoop | None = None
        turns, since, broken = -1, 0.0, 0
        suspected: tuple[float, float] | None = None
        while True:
            time.sleep(POLL_S)  # real: simulations leave other threads alone
            loop = self._loop
            if loop is None:
                watched = None
                self._awake.clear()
                if self._loop is None:
                    self._awake.wait()
                continue
            if loop is not watched or loop.turns != turns or loop.excusing:
                watched, turns, since, broken = loop, loop.turns, _monotonic(), 0
                suspected = None
                continue
            now = _monotonic()
            still = now - since
            if still <= loop.patience:
                continue
            if suspected is None:
                suspected = (now, self._delay())
                continue
            frame = sys._current_frames().get(self._thread_id)
            if loop.turns != turns or self._loop is not loop:
                continue
            if _is_excused(frame):
                since, suspected = now, None
                continue
            waited = now - suspected[0]
            own = waited - (self._delay() - suspected[1])
            if own < waited / 2 and own < ENDLESS_S:
                continue  # starved, so it may well come to an end with the little that it gets
            loop.stands_still(still, stack_of(frame))
            if still > BREAK_AFTER_S * (broken + 1):
                broken += 1
                self._set_free()

    def _delay(self) -> float:
        """Seconds that the loop's thread was ready to run and could not; Linux counts them.

        A machine that is too busy to run it holds nobody up. Only asked when a callback is
        suspected: opening a file now and then would disturb who counts descriptors.
        """
        try:
            return int(self._delays.read_text().split()[1]) / 1e9
        except (OSError, ValueError, IndexError):
            return 0.0

    def _set_free(self) -> None:
        self._breaking = True
        if self._signal is not None:
            signal.pthread_kill(self._thread_id, self._signal)
        else:
            _raise_in(self._thread_id, SetFree)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._breaking:
            self._breaking = False
            raise SetFree
        if callable(self._old_handler):
            self._old_handler(number, frame)


def _raise_in(thread_id: int, error: type[BaseException] | None) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread_id), ctypes.py_object(error) if error else None
    )


def _is_excused(frame: FrameType | None) -> bool:
    """Whether somebody looks at it with a debugger, or a module is being imported."""
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name == "importlib._bootstrap" or name.partition(".")[0] in _DEBUGGERS:
            return True
        frame = frame.f_back
    return False


WATCHDOG = Watchdog()
"""The one of this process."""
