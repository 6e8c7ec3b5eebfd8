"""The simulated event loop: asyncio's own machinery over virtual time and an in-memory network.

Time stands still while callbacks run and jumps to the next timer when none is ready. What would
need a real descriptor, thread or host is refused with an error that says so.
"""

from __future__ import annotations

import asyncio
import gc
import math
import threading
from asyncio import events, format_helpers
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import Context
from functools import partial
from heapq import heapify, heappop, heappush
from operator import attrgetter
from random import Random
from typing import Any

from sttkit.errors import SimulationError
from sttkit.simulation import substitutes
from sttkit.simulation.clock import Clock
from sttkit.simulation.connecting import Connecting
from sttkit.simulation.handles import LeanHandle, LeanTimerHandle, SimulatedTask, settle
from sttkit.simulation.network import Network
from sttkit.simulation.patches import Patches
from sttkit.simulation.pipe import Pipe
from sttkit.simulation.waiting import (
    Deadlock,
    Livelock,
    LoopBlocked,
    place_here,
    spinning,
    waiting_tasks,
)
from sttkit.simulation.watchdog import WATCHDOG, SetFree

MAX_TURNS = 50_000
"""Turns of the loop without time passing, before it counts as a livelock."""
NEVER_S = 1e8
"""A timer that runs for longer (three years) counts as none: `sleep(math.inf)` and the like."""
COLLECT_EVERY = 20_000
"""Turns of the loop between two collections of garbage."""
COLLECT_OLD_EVERY = 1_000_000
"""Turns between two that look at what has survived two of them, too: it takes much longer."""
_RESOLUTION_S = 1e-9
_MANY_TIMERS = 100
_BROKEN_OFF = "a callback held up the loop for too long and was broken off"
_CLEARING_S = 60.0


class SimulatedLoop(Connecting):
    """An event loop for one simulated run, in one or several ``run_until_complete()``.

    Args:
        clock: virtual time.
        network: hosts, ports and lines.
        entropy: seeded; decides all that code draws while the loop runs.

    Attributes:
        clock: as passed.
        network: as passed.
        turns: turns of the loop so far.
        patience: seconds of real time that a callback may take.
        numbered: classes whose instances are hashed by number, not by their address, so that sets
            of them are in the same order in every run. Add your own before the loop runs.
        on_blocked: called, if set, with the seconds and the place of a callback that took longer;
            otherwise the run fails with `LoopBlocked`.
        failure: why the run must end; raised when the current turn is over.
    """

    def __init__(self, clock: Clock, network: Network, entropy: Random) -> None:
        super().__init__()
        self.clock = clock
        self.network = network
        self.turns = 0
        self.patience = 1.0
        self.on_blocked: Callable[[float, str], None] | None = None
        self.io: list[asyncio.Handle] = []
        """Handles of transports whose turn to read or write has come."""
        self.excusing = 0
        self._patches = Patches(entropy)
        self.numbered = self._patches.numbered
        self._clock_resolution = _RESOLUTION_S
        self._ready: Any
        self._scheduled: Any
        self._timer_cancelled_count: int
        self._landings: list[tuple[float, int, Pipe]] = []
        self._timers = 0
        self._tasks = 0
        self._collect_at: int | None = None
        self._stood: tuple[float, str] | None = None
        # C without a call of Python in between: every sleep makes a future, all ask for the time.
        self.create_future = partial(asyncio.Future, loop=self)  # type: ignore[method-assign]
        self.time = partial(attrgetter("now"), clock)  # type: ignore[method-assign]
        network.loop = self

    def set_debug(self, enabled: bool) -> None:
        super().set_debug(enabled)
        # Every future that is made asks; C answers C without a call of Python in between.
        self.get_debug = partial(bool, enabled)  # type: ignore[method-assign]

    # --- time -----------------------------------------------------------------------------

    def call_soon(  # type: ignore[override]
        self, callback: Any, *args: Any, context: Context | None = None
    ) -> events.Handle:
        if self._debug or self._closed:  # type: ignore[attr-defined]
            return super().call_soon(callback, *args, context=context)
        handle = LeanHandle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Any, *args: Any, context: Context | None = None
    ) -> events.TimerHandle:
        when = self.clock.now + delay
        if self._debug or self._closed:  # type: ignore[attr-defined]
            return self.call_at(when, callback, *args, context=context)
        timer = LeanTimerHandle(when, callback, args, self, context)
        self._timers = number = self._timers + 1
        heappush(self._scheduled, (when, number, timer))
        return timer

    def call_at(  # type: ignore[override]
        self, when: float, callback: Any, *args: Any, context: Context | None = None
    ) -> events.TimerHandle:
        timer: events.TimerHandle
        if self._debug or self._closed:  # type: ignore[attr-defined]
            self._check_closed()  # type: ignore[attr-defined]
            timer = events.TimerHandle(when, callback, args, self, context)
            timer._scheduled = True  # type: ignore[attr-defined]
        else:
            timer = LeanTimerHandle(when, callback, args, self, context)
        self._timers = number = self._timers + 1
        # Tuples are compared without a call, and equal times keep their order.
        heappush(self._scheduled, (when, number, timer))
        return timer

    def _timer_handle_cancelled(self, handle: Any) -> None:
        if not handle._scheduled:
            return
        self._timer_cancelled_count += 1
        scheduled = self._scheduled
        if len(scheduled) > _MANY_TIMERS and self._timer_cancelled_count * 2 > len(scheduled):
            # Else time-outs that are cancelled in time would pile up until they are due.
            for entry in scheduled:
                if entry[2]._cancelled:
                    entry[2]._scheduled = False
            scheduled[:] = [entry for entry in scheduled if not entry[2]._cancelled]
            heapify(scheduled)
            self._timer_cancelled_count = 0

    def land_at(self, when: float, pipe: Pipe) -> None:
        """Have `Pipe.land_due` called then, before the timers of the same time.

        With a selector, too, what can be read is known before the timers are looked at.
        """
        self._timers = number = self._timers + 1
        heappush(self._landings, (when, number, pipe))

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Any, *args: Any, context: Context | None = None
    ) -> events.Handle:
        thread = self._thread_id  # type: ignore[attr-defined]
        if thread is not None and thread != threading.get_ident():
            name = threading.current_thread().name
            self.failure = SimulationError(
                f"a callback came from another thread, {name!r} (at {place_here()})",
                hint="when it comes is up to the machine: only a run in real time allows for it",
            )
            raise self.failure
        return self.call_soon(callback, *args, context=context)

    # --- running --------------------------------------------------------------------------

    def run_forever(self) -> None:
        """Run until `stop` is called, or until nothing can ever happen again.

        Raises:
            SimulationError: the run is stuck, or left the simulation.
        """
        self._check_closed()  # type: ignore[attr-defined]
        self._check_running()  # type: ignore[attr-defined]
        run = substitutes.Run(
            threading.get_ident(),
            self.clock,
            self._patches.dice,
            self._patches.seed_for,
            self.network,
            self.refuse,
            self._patches.numbers,
        )
        with self._patches.applied(run), self._collecting():
            WATCHDOG.watch(self)
            try:
                super().run_forever()
            except SetFree:
                self._fail()
                raise LoopBlocked(_BROKEN_OFF) from None
            finally:
                WATCHDOG.rest()

    def run_until_complete(self, future: Any) -> Any:
        """Run until a future is done; see `run_forever`. After an error all tasks are cancelled."""
        try:
            return super().run_until_complete(future)
        except SimulationError:
            self._clear()
            raise
        except SetFree:  # what came of the program, after it was broken off
            self._clear()
            raise LoopBlocked(_BROKEN_OFF) from None

    def _clear(self) -> None:
        """Cancel what is left of a failed run, so that its ``finally`` clauses are still run."""
        if self.is_closed() or self.is_running():
            return
        tasks = sorted(asyncio.all_tasks(self), key=hash)
        for task in tasks:
            task.cancel()
        self.failure = None
        if tasks:
            with suppress(SimulationError):
                super().run_until_complete(asyncio.wait(tasks, timeout=_CLEARING_S))
            self.failure = None

    def _run_once(self) -> None:
        """Turns until the loop is stopped. Each: what is ready, or else a jump to the next timer.

        The same contract as asyncio's, without a selector and the work that goes with one; and
        called once, since a call per turn is a good part of what a turn costs.
        """
        ready, io, scheduled, clock = self._ready, self.io, self._scheduled, self.clock
        landings = self._landings
        moved_to = clock.now
        patient_until = self.turns + MAX_TURNS
        while True:
            self.turns = turn = self.turns + 1
            now = clock.now
            if not ready and not io and not self._stopping:  # type: ignore[attr-defined]
                when = self._next_event()
                if when > now:
                    clock.now = now = moved_to = when
                    patient_until = turn + MAX_TURNS
            if turn > patient_until:
                if now == moved_to:
                    raise self._livelock()
                patient_until, moved_to = turn + MAX_TURNS, now
            while landings and landings[0][0] <= now:
                when, _, pipe = heappop(landings)
                pipe.land_due(when)
            if io:
                ready.extend(io)  # behind what is ready already, as with a selector
                io.clear()
            while scheduled and scheduled[0][0] <= now + _RESOLUTION_S:
                timer = heappop(scheduled)[2]
                timer._scheduled = False
                if timer._cancelled:
                    self._timer_cancelled_count -= 1
                else:
                    ready.append(timer)
            left = len(ready)
            while left:
                left -= 1
                handle = ready.popleft()
                if not handle._cancelled:
                    try:
                        handle._context.run(handle._callback, *handle._args)
                    except (SystemExit, KeyboardInterrupt):
                        raise
                    except BaseException as error:
                        self._note_failed(handle, error)
            handle = timer = None  # nothing may live on because it was run last
            if self.failure is not None:
                self._fail()
            if self._stopping:  # type: ignore[attr-defined]
                return
            if turn == self._collect_at:
                gc.collect(2 if turn % COLLECT_OLD_EVERY < COLLECT_EVERY else 1)
                self._collect_at = turn + COLLECT_EVERY

    def _next_event(self) -> float:
        scheduled, landings = self._scheduled, self._landings
        while scheduled and scheduled[0][2]._cancelled:
            self._timer_cancelled_count -= 1
            heappop(scheduled)[2]._scheduled = False
        when: float = scheduled[0][0] if scheduled else math.inf
        if landings and landings[0][0] < when:
            when = landings[0][0]
        if when > self.clock.now + NEVER_S:
            raise self._deadlock()
        return when

    def _note_failed(self, handle: Any, error: BaseException) -> None:
        """What `Handle._run` does with an error."""
        place = format_helpers._format_callback_source(handle._callback, handle._args)
        context = {"message": f"Exception in callback {place}", "exception": error}
        context["handle"] = handle
        if handle._source_traceback:
            context["source_traceback"] = handle._source_traceback
        self.call_exception_handler(context)

    # --- stuck ----------------------------------------------------------------------------

    def _deadlock(self) -> Deadlock:
        others = sorted(
            thread.name
            for thread in threading.enumerate()
            if thread is not threading.current_thread() and not thread.daemon
        )
        return Deadlock(
            f"deadlock at {self.clock.now:.6f} s: every task waits and nothing is on its way",
            waiting=waiting_tasks(self),
            hint=f"threads cannot help it: {', '.join(others)}" if others else None,
        )

    def _livelock(self) -> Livelock:
        return Livelock(
            f"livelock at {self.clock.now:.6f} s: {MAX_TURNS} turns without time passing",
            waiting=spinning(list(self._ready)) or waiting_tasks(self),
        )

    def stands_still(self, seconds: float, place: str) -> None:
        """Called by the watchdog, in its thread, while a callback takes too long."""
        self._stood = (seconds, place)
        self.failure = self.failure or LoopBlocked("a callback holds up the loop")

    def _fail(self) -> None:
        """End the run, or have a callback that took too long only reported."""
        failure, self.failure = self.failure, None
        if isinstance(failure, LoopBlocked) and self._stood is not None:
            (seconds, place), self._stood = self._stood, None
            if self.on_blocked is not None:
                self.on_blocked(seconds, place)
                return
            failure = LoopBlocked(
                f"a callback held up the loop for {seconds:.1f} s of real time at {place}",
                hint="it computes for long, or waits for something that is not simulated",
            )
        if failure is not None:
            raise failure

    @contextmanager
    def excused(self) -> Iterator[None]:
        """What happens in here may take as long as it takes (imports, say)."""
        self.excusing += 1
        try:
            yield
        finally:
            self.excusing -= 1

    @contextmanager
    def _collecting(self) -> Iterator[None]:
        """Collect garbage at fixed turns, not whenever memory happens to fill up.

        Finalizers can be noticed. If collecting was off before, it is the caller's business.
        """
        if not gc.isenabled():
            self._collect_at = None
            yield
            return
        gc.disable()
        self._collect_at = self.turns + COLLECT_EVERY
        try:
            yield
        finally:
            gc.enable()

    # --- tasks and threads ----------------------------------------------------------------

    def create_task(self, coro: Any, **options: Any) -> Any:
        self._check_closed()  # type: ignore[attr-defined]
        if self.get_task_factory() is not None:
            return super().create_task(coro, **options)
        self._tasks = number = self._tasks + 1
        if options.get("name") is None:
            options["name"] = f"Task-{number}"  # asyncio's own numbers go on from loop to loop
        return SimulatedTask(coro, loop=self, number=number, **options)

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Any, *args: Any
    ) -> Any:
        """Call ``func`` in this thread, in the next turn: a thread would bring chance in.

        To everybody else it takes as long as it sleeps.
        """
        self._check_closed()  # type: ignore[attr-defined]
        if executor is None:
            self._check_default_executor()  # type: ignore[attr-defined]
        future = self.create_future()
        self.call_soon(self._work, future, func, args)
        return future

    def _work(self, future: asyncio.Future[Any], func: Any, args: tuple[Any, ...]) -> None:
        if future.done():
            return
        events._set_running_loop(None)  # as in a worker thread
        self.clock.step_aside()
        conclude: Callable[[Any], None]
        result: Any
        try:
            conclude, result = future.set_result, func(*args)
        except (SystemExit, KeyboardInterrupt, SetFree):
            raise
        except BaseException as error:
            conclude, result = future.set_exception, error
        finally:
            slept = self.clock.step_back()
            events._set_running_loop(self)
        if slept:
            self.call_later(slept, settle, future, conclude, result)
        else:
            settle(future, conclude, result)

    def _process_events(self, event_list: object) -> None: ...

    def _write_to_self(self) -> None: ...

    def close(self) -> None:
        super().close()
        self.io.clear()
        self._landings.clear()


def simulated_loop(seed: int = 0) -> SimulatedLoop:
    """A loop with its own clock and network, all of whose chance comes from ``seed``.

    Made for `asyncio.Runner` and others that take a ``loop_factory``. Hosts are added to
    ``loop.network``, before or while it runs.
    """
    chance = Random(seed)
    network = Network(Random(chance.getrandbits(64)))
    clock = Clock(phase=chance.random())
    return SimulatedLoop(clock, network, Random(chance.getrandbits(64)))
