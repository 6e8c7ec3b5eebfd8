"""The census: what is still there once a run is over."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import stat
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from types import CodeType
from typing import Any

from sttkit.driver.watchdog import THREAD_NAME

SETTLE_S = 0.5
_POLL_S = 0.02
_TURNS = 5
_KIT = Path(__file__).resolve().parent.parent
_SUBJECTS = frozenset({"controls", "targets"})
"""Parts of the kit that hold plugins under test; their tasks count."""
_GRPC_SERVER = ("AioServer.", "_handle_", "_schedule_rpc_coro", "_find_method_handler")
"""How the coroutines of a gRPC server are called, which only the kit runs."""
_POOLS = ("asyncio_", "ThreadPoolExecutor", "concurrent")
"""Names of threads that an executor starts, one per so many calls, and keeps: nobody's leak."""
_TASKS = Path("/proc/self/task")
_DESCRIPTORS = (Path("/proc/self/fd"), Path("/dev/fd"))


@dataclass(frozen=True)
class Census:
    """What was still there.

    Attributes:
        tasks: unfinished tasks other than the kit's own, by coroutine.
        fds: file descriptors, the server's own sockets left out.
        threads: names of threads, those of executors left out.
        sessions: aiohttp sessions that were not closed.
        open_connections: connections still held by the client, as far as the world sees it.
    """

    tasks: tuple[str, ...]
    fds: int
    threads: tuple[str, ...]
    sessions: int
    open_connections: int

    def exceeds(self, before: Census) -> bool:
        """Whether there is more of anything than before."""
        return (
            len(self.tasks) > len(before.tasks)
            or self.fds > before.fds
            or len(self.threads) > len(before.threads)
            or self.sessions > before.sessions
            or self.open_connections > before.open_connections
        )

    def facts(self, before: Census) -> dict[str, Any]:
        """JSON-ready facts for a record, with the descriptors that came since ``before``.

        How many a process has from the start depends on what else it has done, which is no matter
        of the run.
        """
        facts = {**asdict(self), "fds": self.fds - before.fds}
        return {key: list(v) if isinstance(v, tuple) else v for key, v in facts.items()}


async def take(
    open_connections: Callable[[], int], port: int, *, before: Census | None = None
) -> Census:
    """Let the loop come to rest, then count.

    Args:
        open_connections: asks the server.
        port: the server's; sockets bound to it are the server's own.
        before: an earlier census; as soon as there is no more than then, nothing is waited for.
    """
    loop = asyncio.get_running_loop()
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    gc.collect()  # finalizers report to the loop what was never closed or retrieved
    deadline = loop.time() + SETTLE_S  # not before: collecting may take as long
    waited = False
    # Nobody tells when a loop has come to rest, so it has to be asked again and again.
    while not _at_rest(open_connections(), port, before) and loop.time() < deadline:
        await asyncio.sleep(_POLL_S)
        waited = True
    if waited:
        gc.collect()
    await asyncio.sleep(0)
    return Census(
        tasks=tuple(sorted(plugin_tasks())),
        fds=sum(1 for _ in _descriptors(port)),
        threads=tuple(sorted(t.name for t in threading.enumerate() if _counts(t))),
        sessions=_unclosed_sessions(),
        open_connections=open_connections(),
    )


def _counts(thread: threading.Thread) -> bool:
    return not (
        thread.name == THREAD_NAME or thread.name.startswith(_POOLS) or _has_long_ended(thread)
    )


def _has_long_ended(thread: threading.Thread) -> bool:
    """Whether a thread is gone that was not Python's: of such a one Python hears no end."""
    return (
        isinstance(thread, threading._DummyThread)
        and _TASKS.is_dir()
        and not (_TASKS / str(thread.native_id)).exists()
    )


def _at_rest(connections: int, port: int, before: Census | None) -> bool:
    if before is None:
        return connections == 0
    return (
        connections <= before.open_connections
        and sum(1 for _ in plugin_tasks()) <= len(before.tasks)
        and sum(1 for _ in _descriptors(port)) <= before.fds
    )


def plugin_tasks() -> Iterator[str]:
    """Unfinished tasks of the running loop that are not the kit's own, by coroutine."""
    current = asyncio.current_task()
    for task in asyncio.all_tasks():
        coroutine: Any = task.get_coro()
        if task is current or is_kits(task):
            continue
        name = getattr(coroutine, "__qualname__", None) or type(coroutine).__name__
        # Numbered default names would make every task look new.
        given = task.get_name()
        yield name if given.startswith("Task-") else f"{name} ({given})"


def is_kits(task: asyncio.Task[Any]) -> bool:
    """Whether a task runs code of the kit that is not under test."""
    code = getattr(task.get_coro(), "cr_code", None)
    if code is None:  # written in C, or made by Cython
        return getattr(task.get_coro(), "__qualname__", "").startswith(_GRPC_SERVER)
    return is_kits_code(code)


def is_kits_code(code: object) -> bool:
    """Whether a code object is of the kit, and not under test."""
    return isinstance(code, CodeType) and _is_kits_file(code.co_filename)


def is_kits_module(name: object) -> bool:
    """Whether a module is of the kit, and not under test."""
    package, _, rest = str(name).partition(".")
    return package == _KIT.name and rest.partition(".")[0] not in _SUBJECTS


@lru_cache(maxsize=256)
def _is_kits_file(path: str) -> bool:
    try:
        inside = Path(path).resolve().relative_to(_KIT)
    except ValueError:
        return False
    return inside.parts[0] not in _SUBJECTS


def _descriptors(server_port: int) -> Iterator[int]:
    """Open descriptors, but for sockets on the server's port."""
    for fd in _listed():
        try:
            is_socket = stat.S_ISSOCK(os.fstat(fd).st_mode)
        except OSError:  # the one that the listing itself used
            continue
        if not is_socket or _port_of(fd) != server_port:
            yield fd


def _listed() -> Iterable[int]:
    for folder in _DESCRIPTORS:
        try:
            return [int(entry.name) for entry in folder.iterdir() if entry.name.isdecimal()]
        except OSError:
            continue
    return range(1024)


def _port_of(fd: int) -> int | None:
    try:
        with socket.socket(fileno=os.dup(fd)) as sock:
            name = sock.getsockname()
    except OSError:  # also of one that a thread of the plugin's has closed in this moment
        return None
    return name[1] if isinstance(name, tuple) and len(name) > 1 else None


def _unclosed_sessions() -> int:
    from aiohttp import ClientSession

    return sum(
        1
        for thing in gc.get_objects()
        if issubclass(type(thing), ClientSession) and not thing.closed
    )
