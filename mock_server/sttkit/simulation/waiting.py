"""Who waits where: what a simulation that is stuck is explained with."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import PurePath
from types import FrameType
from typing import Any

from sttkit.errors import SimulationError

_OWN_FOLDER = str(PurePath(__file__).parent)
_ASYNCIO_FOLDER = str(PurePath(asyncio.__file__).parent)
_SHOWN = 3
_DEPTH = 6


class Deadlock(SimulationError):
    """Every task waits, no timer runs and nothing is on its way: nothing can ever happen again."""


class Livelock(SimulationError):
    """Callbacks go on and on without time passing, as in a loop around ``sleep(0)``."""


class LoopBlocked(SimulationError):
    """A callback held up the loop in real time: it computes, or waits for something real."""


def waiting_tasks(
    loop: asyncio.AbstractEventLoop,
    *,
    only: Callable[[asyncio.Task[Any]], bool] = lambda task: True,
    packages: Collection[str] = (),
) -> tuple[str, ...]:
    """Each unfinished task of ``loop``, or ``only`` some, and the lines it waits at, sorted.

    A file is told with its folder, and one of ``packages`` with the package's name instead.
    """
    return tuple(sorted(_said(task, packages) for task in asyncio.all_tasks(loop) if only(task)))


def place_of(task: asyncio.Task[Any], packages: Collection[str] = ()) -> str:
    """Where a task waits: ``file:line function``, outermost first, without asyncio's own frames.

    What of asyncio the innermost line waits in is added in brackets, such as ``(Queue.get)``.
    """
    places: list[str] = []
    inside = ""
    for awaited in _chain(task.get_coro()):
        frame = _frame_of(awaited)
        if frame is None:
            if isinstance(awaited, asyncio.Task):
                inside = f"task {awaited.get_name()}"
        elif frame.f_code.co_filename.startswith(_ASYNCIO_FOLDER):
            inside = inside or _function(frame)
        else:
            places.append(_place(frame, packages))
            inside = ""
    shown = " > ".join(places[-_SHOWN:]) or "asyncio"
    return f"{shown} ({inside})" if inside else shown


def place_here() -> str:
    """The lines that are running, outermost first, without asyncio's frames and this package's."""
    frames = list(_outside(sys._getframe(1)))[:_SHOWN]
    return " > ".join(_place(frame) for frame in reversed(frames)) or "asyncio"


def stack_of(frame: FrameType | None) -> str:
    """The innermost calls of a stack, innermost first, without asyncio's and this package's."""
    return " < ".join(_place(entry) for entry in list(_outside(frame))[:_DEPTH]) or "asyncio"


def spinning(handles: list[asyncio.Handle]) -> tuple[str, ...]:
    """What is about to run, each thing once."""
    said: dict[str, None] = {}
    for handle in handles:
        callback: Any = handle._callback  # type: ignore[attr-defined]
        task = getattr(callback, "__self__", None)
        if isinstance(task, asyncio.Task):
            said[_said(task).replace(" waits at ", " runs again and again at ")] = None
        else:
            said[f"{getattr(callback, '__qualname__', callback)} runs again and again"] = None
    return tuple(said)


def _said(task: asyncio.Task[Any], packages: Collection[str] = ()) -> str:
    coroutine: Any = task.get_coro()
    name = getattr(coroutine, "__qualname__", type(coroutine).__name__)
    given = task.get_name()
    # Default names are numbers, which say nothing.
    label = name if given.startswith("Task-") else f"{name} ({given})"
    return f"{label} waits at {place_of(task, packages)}"


def _chain(awaited: Any) -> Iterator[Any]:
    """A coroutine, what it awaits, what that awaits and so on."""
    seen: set[int] = set()
    while awaited is not None and id(awaited) not in seen:
        seen.add(id(awaited))
        yield awaited
        if isinstance(awaited, asyncio.Future):
            return
        inner = (
            getattr(awaited, "cr_await", None)
            or getattr(awaited, "gi_yieldfrom", None)
            or getattr(awaited, "ag_await", None)
        )
        if inner is None and _frame_of(awaited) is None:
            inner = _wrapped(awaited)
        awaited = inner


def _wrapped(awaited: Any) -> Any:
    """What an awaitable of the interpreter stands for; these have no attribute that tells."""
    for inner in gc.get_referents(awaited):
        if isinstance(inner, asyncio.Future) or _frame_of(inner) is not None:
            return inner
    return None


def _frame_of(awaited: Any) -> FrameType | None:
    for attribute in ("cr_frame", "gi_frame", "ag_frame"):
        frame = getattr(awaited, attribute, None)
        if isinstance(frame, FrameType):
            return frame
    return None


def _outside(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        path = frame.f_code.co_filename
        if not path.startswith((_ASYNCIO_FOLDER, _OWN_FOLDER)):
            yield frame
        frame = frame.f_back


def _place(frame: FrameType, packages: Collection[str] = ()) -> str:
    path = PurePath(frame.f_code.co_filename)
    folder = "/".join(path.parts[-2:-1])
    for name in packages:
        folders = getattr(sys.modules.get(name), "__path__", ())
        if any(path.is_relative_to(one) for one in folders):
            folder = name
    return f"{PurePath(folder, path.name)}:{frame.f_lineno} {frame.f_code.co_name}"


def _function(frame: FrameType) -> str:
    # Qualified names are in code objects since Python 3.11.
    return str(getattr(frame.f_code, "co_qualname", frame.f_code.co_name))
