"""Worker processes: each does one job at a time, dies alone, and is replaced.

What a job does is a function handed in; the pool only knows that it may take too long, take its
process with it, or leave the process unfit for another job. Importing livekit costs seconds, so
where the system can fork, workers are forked from a server process that has imported it once.

Jobs that mostly wait get processes of their own, more of them than there are cores. They wait for
moments in real time, so those that compute step back for them.

A worker's output goes to a file of its own, and so does the stack that Python's fault handler
writes when the process crashes or is aborted for standing still: it says where.
"""

from __future__ import annotations

import faulthandler
import gc
import multiprocessing
import os
import signal
import sys
import tempfile
import time
import traceback
import types
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

J = TypeVar("J")
A = TypeVar("A")

LIMIT_S = 240.0
"""Longest time for one job: longer than all waits of the driver together."""
_COLLECT_EVERY = 50
_FAREWELL_S = 3.0
"""How long a worker may take to write where it stood, or to go when it is told to."""
_LOG_BYTES = 64_000
_STEP_BACK = 4
"""How much nicer a process is that computes while others must be in time."""


@dataclass(frozen=True)
class Answer(Generic[A]):
    """What a job came to; ``retire`` says that its process is unfit for another one."""

    value: A
    retire: bool = False


@dataclass(frozen=True)
class Lost:
    """A job without an answer.

    Attributes:
        how: ``died`` the process ended by itself, ``frozen`` it was killed after the limit,
            ``failed`` the job raised.
        detail: exit status and the last that it wrote.
        seconds: how long it had been at it.
    """

    how: Literal["died", "frozen", "failed"]
    detail: str
    seconds: float


class Pool(Generic[J, A]):
    """Runs jobs in processes; use it in a ``with`` statement.

    Args:
        perform: does a job; an importable function, since it is looked up by name in the worker.
        size: number of processes for jobs that compute.
        waiting: number of processes for jobs that mostly wait.
        waits: which jobs these are; by default none.
        limit_s: seconds after which a job's process is killed.
        preload: modules that the workers' parent imports once.
    """

    def __init__(
        self,
        perform: Callable[[J], Answer[A]],
        *,
        size: int,
        waiting: int = 1,
        waits: Callable[[J], bool] = lambda job: False,
        limit_s: float = LIMIT_S,
        preload: Sequence[str] = (),
    ) -> None:
        self._perform = perform
        self._waits = waits
        self._limit_s = limit_s
        self._context = _context(preload)
        self._lanes: Mapping[bool, _Lane[J, A]] = {
            False: _Lane(max(1, size)),
            True: _Lane(max(1, waiting)),
        }

    def __enter__(self) -> Pool[J, A]:
        return self

    def __exit__(self, *exc_info: object) -> None:
        workers = self._workers()
        for worker in workers:
            worker.dismiss()
        deadline = time.monotonic() + _FAREWELL_S
        for worker in workers:
            worker.end(deadline)
        for lane in self._lanes.values():
            lane.queue.clear()
            lane.workers.clear()

    def submit(self, job: J, *, first: bool = False) -> None:
        """Queue a job, in front of the others if ``first``; also while results are read."""
        queue = self._lanes[self._waits(job)].queue
        if first:
            queue.appendleft(job)
        else:
            queue.append(job)

    def withdraw(self, unwanted: Callable[[J], bool]) -> list[J]:
        """Take jobs that have not begun out of the queue; returns them."""
        taken: list[J] = []
        for lane in self._lanes.values():
            taken += [job for job in lane.queue if unwanted(job)]
            lane.queue = deque(job for job in lane.queue if not unwanted(job))
        return taken

    def results(self) -> Iterator[tuple[J, A | Lost]]:
        """Jobs and what they came to, as they finish, until none is left."""
        while True:
            for lane in self._lanes.values():
                self._hand_out(lane)
            if self._lanes[True].workers:
                for worker in self._lanes[False].workers:
                    worker.step_back()
            busy = [worker for worker in self._workers() if worker.job is not None]
            if not busy:
                return
            now = time.monotonic()
            patience = min(worker.deadline for worker in busy) - now
            ready = connection.wait([worker.pipe for worker in busy], max(0.0, patience))
            for worker in busy:
                if worker.pipe in ready:
                    yield self._collect(worker)
                elif time.monotonic() >= worker.deadline:
                    yield self._give_up(worker)

    def _workers(self) -> list[_Worker[J, A]]:
        return [worker for lane in self._lanes.values() for worker in lane.workers]

    def _hand_out(self, lane: _Lane[J, A]) -> None:
        while lane.queue:
            worker = next((w for w in lane.workers if w.job is None), None)
            if worker is None:
                if len(lane.workers) >= lane.size:
                    return
                worker = _Worker(self._context, self._perform)
                lane.workers.append(worker)
            job = lane.queue.popleft()
            if not worker.begin(job, self._limit_s):
                lane.queue.appendleft(job)
                self._discard(worker)

    def _collect(self, worker: _Worker[J, A]) -> tuple[J, A | Lost]:
        job = worker.job
        assert job is not None
        try:
            said = worker.pipe.recv()
        except (EOFError, OSError):
            lost = worker.died()
            self._discard(worker)
            return job, lost
        worker.job = None
        if isinstance(said, Lost):
            self._discard(worker)
            return job, said
        assert isinstance(said, Answer)
        if said.retire:
            self._discard(worker)
        return job, said.value

    def _give_up(self, worker: _Worker[J, A]) -> tuple[J, Lost]:
        job = worker.job
        assert job is not None
        lost = worker.freeze_out()
        self._discard(worker)
        return job, lost

    def _discard(self, worker: _Worker[J, A]) -> None:
        worker.end(0.0)
        for lane in self._lanes.values():
            if worker in lane.workers:
                lane.workers.remove(worker)


class _Lane(Generic[J, A]):
    """A queue of jobs and the processes that do them."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.queue: deque[J] = deque()
        self.workers: list[_Worker[J, A]] = []


class _Worker(Generic[J, A]):
    """The parent's end of a worker process."""

    def __init__(
        self,
        context: ForkServerContext | SpawnContext,
        perform: Callable[[J], Answer[A]],
    ) -> None:
        handle, name = tempfile.mkstemp(prefix="sttkit-worker-", suffix=".log")
        os.close(handle)
        self._log = Path(name)
        self.pipe, theirs = context.Pipe()
        self.job: J | None = None
        self.deadline = 0.0
        self._began = 0.0
        self._fresh = True
        self._nice = False
        self._process: BaseProcess = context.Process(
            target=_work,
            args=(perform, theirs, name, str(Path.cwd())),
            name="sttkit-worker",
            daemon=True,
        )
        with _without_main():
            self._process.start()
        theirs.close()

    def begin(self, job: J, limit_s: float) -> bool:
        """Hand the worker a job; False if it died since its last one."""
        try:
            self.pipe.send(job)
        except OSError:
            if not self._fresh:
                return False
            # It cannot even start: the broken pipe will say so, once instead of for ever.
        self._fresh = False
        self.job = job
        self._began = time.monotonic()
        self.deadline = self._began + limit_s
        return True

    def step_back(self) -> None:
        """Let other processes go first, from now on."""
        process = self._process.pid
        if not self._nice and hasattr(os, "setpriority") and process is not None:
            self._nice = True
            with suppress(OSError):
                before = os.getpriority(os.PRIO_PROCESS, process)
                os.setpriority(os.PRIO_PROCESS, process, before + _STEP_BACK)

    def died(self) -> Lost:
        """Why there is no answer: the pipe has broken."""
        self._process.join(_FAREWELL_S)
        status = self._process.exitcode
        if status is not None and status < 0:
            how = f"killed by {signal.Signals(-status).name}"
        else:
            how = f"exit status {status}"
        return Lost("died", _sentence(how, self._written()), time.monotonic() - self._began)

    def freeze_out(self) -> Lost:
        """Abort a worker that has not come back; its fault handler writes down where it stood."""
        seconds = time.monotonic() - self._began
        if hasattr(signal, "SIGABRT") and self._process.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGABRT)
            self._process.join(_FAREWELL_S)
        return Lost("frozen", _sentence("no answer", self._written()), seconds)

    def dismiss(self) -> None:
        """Tell a worker to go: at once if it is in the middle of a job."""
        if self.job is not None:
            self._process.kill()
        else:
            with suppress(OSError):
                self.pipe.send(None)

    def end(self, deadline: float) -> None:
        """Make sure that the process is gone, by force after ``deadline``."""
        self._process.join(max(0.0, deadline - time.monotonic()))
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()
        self.pipe.close()
        self._log.unlink(missing_ok=True)

    def _written(self) -> str:
        with suppress(OSError), self._log.open("rb") as file:
            file.seek(max(0, self._log.stat().st_size - _LOG_BYTES))
            return file.read().decode("utf-8", "replace")
        return ""


# --- in the worker --------------------------------------------------------------------------------


def _work(
    perform: Callable[[Any], Answer[Any]], pipe: Connection[Any, Any], log: str, folder: str
) -> None:
    """Do jobs until told to stop, or until the parent is gone."""
    _be_quiet(log)
    os.chdir(folder)  # the server that it was forked from may have been started in another one
    gc.freeze()  # what was imported before the fork need not be looked at again
    for number in count(1):
        if number % _COLLECT_EVERY == 0:
            gc.collect()  # by itself Python waits until a quarter of all there is may be garbage
        try:
            job = pipe.recv()
        except (EOFError, OSError):
            return
        if job is None:
            return
        began = time.monotonic()
        try:
            pipe.send(perform(job))
        except BrokenPipeError:
            return
        except BaseException:  # whatever a plugin raises, the parent must hear of it
            with suppress(OSError):
                pipe.send(Lost("failed", traceback.format_exc(), time.monotonic() - began))
            return


def _be_quiet(log: str) -> None:
    """No output, no input, no core dumps, and Ctrl-C is the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    out = os.open(log, os.O_WRONLY | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.close(nothing)
    os.close(out)
    # Whatever the parent had in their place (a test's capture, say) is of no use here.
    sys.stdout = open(1, "w", encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    sys.stderr = open(  # noqa: SIM115
        2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False
    )
    faulthandler.enable(file=2)


# --- starting -------------------------------------------------------------------------------------


def _context(preload: Sequence[str]) -> ForkServerContext | SpawnContext:
    if "forkserver" in multiprocessing.get_all_start_methods():
        forking = multiprocessing.get_context("forkserver")
        forking.set_forkserver_preload(list(preload))
        return forking
    return multiprocessing.get_context("spawn")


@contextmanager
def _without_main() -> Iterator[None]:
    """Hide ``__main__``: workers need nothing of it, and would run the caller's script again."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _sentence(how: str, written: str) -> str:
    """``how``, and the innermost place that the fault handler wrote down for the main thread."""
    lines = written.splitlines()
    for index, line in enumerate(lines):
        if line.startswith(("Current thread", "Thread")) and index + 1 < len(lines):
            stack = [entry.strip() for entry in lines[index + 1 : index + 6]]
            calls = [entry for entry in stack if entry.startswith("File ")]
            if calls:
                return f"{how}; it stood at " + " < ".join(calls[:3])
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f"{how}; the last it wrote was {last!r}" if last else how
