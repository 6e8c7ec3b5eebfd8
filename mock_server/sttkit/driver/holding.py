"""What a stream holds while it is in use: tasks, connections, objects, data, and unsent audio.

A census is taken when all is over; a stream that piles something up shows it before that. Only
growth is noted, against the first time that was looked: what does not grow is nobody's concern,
and the numbers of a sound plugin are the same in every process.
"""

from __future__ import annotations

import array
import asyncio
import gc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

from sttkit.driver.census import is_kits_module, plugin_tasks
from sttkit.driver.reach import Data, data_of

_RAW = (bytes, bytearray, memoryview, array.array)
_PLAIN = frozenset(
    {"builtins", "collections", "types", "functools", "weakref", "_contextvars", "logging"}
)
"""Modules of classes of which an instance says nothing about whose it is: records of the log are
kept, if at all, by whoever listens to it."""
_LEAST_BYTES = 100
"""What is shorter than the shortest piece of audio is no audio."""
_MANY = 10
_DATA = 100
"""Bytes for each session that are worth a note: a message or two, or a few ms of audio."""
_BYTES_PER_S = 32_000
"""Of s16le mono audio at 16 kHz: bytes are told as seconds of it."""


class Holding:
    """Looks again and again at what is held.

    Args:
        open_connections: asks the server.
    """

    def __init__(self, open_connections: Callable[[], int]) -> None:
        self._open_connections = open_connections
        self._objects: Counter[str] | None = None
        self._data = Data(0, 0, {})
        self._sessions = 0

    def facts(self, sessions: int, *owners: object) -> dict[str, Any]:
        """JSON-ready facts for a record.

        ``objects`` has the classes of which there are more instances than at the first look, by at
        least one for two sessions since then, and not just by a few. ``data`` has by how much more
        hangs on the ``owners``, in ``bytes`` and ``entries``, and what has become ``longer``; where
        that is not more than a few for each session, it is 0, or left out.
        """
        gc.collect()
        things = gc.get_objects()
        counted = Counter(_classes(things))
        audio_s = _audio_seconds(things)  # before `data_of` gives any of them a dict that is new
        data = data_of(*owners)
        if self._objects is None:
            self._objects, self._data, self._sessions = counted, data, sessions
        since = sessions - self._sessions
        least = max(_MANY, since // 2)
        return {
            "sessions": sessions,
            "tasks": sorted(plugin_tasks()),
            "connections": self._open_connections(),
            "objects": _grown(self._objects, counted, least),
            "data": {
                "bytes": _if(data.bytes - self._data.bytes, least=_DATA * max(_MANY, since)),
                "entries": _if(data.entries - self._data.entries, least=least),
                "longer": _grown(self._data.longest, data.longest, least),
            },
            "audio_s": round(audio_s, 1),
        }


def _grown(before: Mapping[str, int], after: Mapping[str, int], least: int) -> dict[str, int]:
    grown = {name: number - before.get(name, 0) for name, number in after.items()}
    return {name: more for name, more in sorted(grown.items()) if more >= least}


def _if(number: int, *, least: int) -> int:
    return number if number >= least else 0


def _classes(things: Iterable[object]) -> Iterable[str]:
    for thing in things:
        kind = type(thing)
        module = getattr(kind, "__module__", "")
        if not isinstance(module, str) or module in _PLAIN:
            continue
        # By its type: isinstance() asks the thing for its class, and makes lazy ones import much.
        if issubclass(kind, asyncio.TimerHandle) and cast(asyncio.TimerHandle, thing).cancelled():
            continue  # the loop keeps it, for a while
        if is_kits_module(module):
            continue
        yield f"{module}.{kind.__qualname__}"


def _audio_seconds(things: Iterable[object]) -> float:
    """Bytes that hang on any object, as seconds of audio, each counted once."""
    sizes: dict[int, int] = {}
    for thing in things:
        if type(thing) is bytearray or type(thing).__module__ == "array":
            continue
        for held in _held_by(thing):
            if issubclass(type(held), _RAW) and isinstance(held, _RAW):
                size = held.nbytes if isinstance(held, memoryview) else len(held)
                if size >= _LEAST_BYTES:
                    sizes[id(held)] = size
    return sum(sizes.values()) / _BYTES_PER_S


def _held_by(thing: object) -> Iterator[object]:
    """What a thing refers to, also by a dict of plain data only, which `gc` does not list."""
    for held in gc.get_referents(thing):
        if type(held) is dict and not gc.is_tracked(held):
            yield from held.values()
        else:
            yield held
