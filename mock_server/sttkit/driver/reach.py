"""How much data hangs on a plugin: what it can get at from its STT, its stream and its tasks.

The process holds much that is none of the plugin's: the kit's own record of the run grows with
every message. So nothing is counted but what is reached by going from one thing to all that it
refers to, and the way ends at the kit's own things, at the event loop and at loggers, which lead
everywhere, and at what a program is made of: classes, modules, and what functions know as globals.
The modules of the plugin's own classes are a beginning themselves: a list in them is a hoard, too.

What is reached, and so every number, is the same in whatever order the ways are gone.
"""

from __future__ import annotations

import array
import asyncio
import contextvars
import gc
import logging
import sys
import types
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sttkit.driver.census import is_kits, is_kits_code, is_kits_module

_ENDS = (
    type,
    types.ModuleType,
    types.CodeType,
    types.TracebackType,
    asyncio.AbstractEventLoop,
    contextvars.Context,
    logging.Logger,
    logging.Handler,
)
_SUSPENDED = (types.CoroutineType, types.GeneratorType, types.AsyncGeneratorType)
_CODES = ("cr_code", "gi_code", "ag_code")
_FRAMEWORK = ("builtins.", "abc.", "typing.", "livekit.agents.", "livekit.rtc.")
"""Where classes of streams come from, of which the modules are no plugin's."""


@dataclass(frozen=True)
class Data:
    """Data that a plugin holds.

    Attributes:
        bytes: of raw data and text, each piece counted once.
        entries: of lists, dicts, sets and deques, attributes of objects left out.
        longest: the longest of each ``class.attribute`` and ``module.name``, as entries or bytes.
    """

    bytes: int
    entries: int
    longest: dict[str, int]


def data_of(*owners: object) -> Data:
    """Data within reach of these objects, and of all tasks that are not the kit's."""
    beginnings: list[object] = [*owners, *(t for t in asyncio.all_tasks() if not is_kits(t))]
    longest: dict[str, int] = {}
    for name, attributes in _programs_of(owners):
        beginnings += attributes.values()
        _note_longest(longest, name, attributes)
    total = entries = 0
    for thing, attributes in _reachable(beginnings):
        total += _bytes_of(thing)
        entries += _entries_of(thing)
        _note_longest(longest, _name_of(type(thing)), attributes)
    return Data(total, entries, longest)


def _programs_of(owners: Iterable[object]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The plugin's own classes and the modules that they are of: what each is called and holds."""
    kinds = {kind for owner in owners for kind in type(owner).__mro__}
    own = {kind for kind in kinds if not f"{kind.__module__}.".startswith(_FRAMEWORK)}
    for kind in own:
        yield _name_of(kind), _given(vars(kind))
    for name in {kind.__module__ for kind in own} & sys.modules.keys():
        yield name, _given(_attributes(sys.modules[name]))


def _given(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes but for those that Python sets: a module's loader leads to all who import."""
    return {name: value for name, value in attributes.items() if not name.startswith("__")}


def _note_longest(longest: dict[str, int], owner: str, attributes: dict[str, Any]) -> None:
    for name, value in attributes.items():
        size = _entries_of(value) or _bytes_of(value)
        if size and not _is_a(value, str):
            key = f"{owner}.{name}"
            longest[key] = max(size, longest.get(key, 0))


def _reachable(beginnings: Iterable[object]) -> Iterator[tuple[object, dict[str, Any]]]:
    """Each thing once, with its attributes.

    Things that were set aside by `gc.freeze` are none that grow. They are gone through, but not
    asked for attributes: that may give them a dict, which everybody would take for something new.
    """
    fresh = {id(thing) for thing in gc.get_objects()}
    seen = {id(_attributes(module)) for module in list(sys.modules.values())}
    ahead = list(beginnings)
    while ahead:
        thing = ahead.pop()
        if id(thing) in seen or _leads_out(thing):
            continue
        seen.add(id(thing))
        attributes = _attributes(thing) if id(thing) in fresh else {}
        yield thing, attributes
        # The dict itself is no hoard.
        seen.add(id(attributes))
        ahead += attributes.values()
        ahead += _referents(thing)


def _referents(thing: Any) -> list[Any]:
    found = gc.get_referents(thing)
    if _is_a(thing, types.FunctionType):
        return [other for other in found if other is not thing.__globals__]
    if _is_a(thing, types.FrameType):  # of a coroutine; whoever called it is reached, or not
        return [other for other in found if not _is_a(other, types.FrameType)]
    return found


def _leads_out(thing: Any) -> bool:
    """Whether what is behind a thing is none of the plugin's."""
    if _is_a(thing, asyncio.Task):  # in simulated time, all tasks are of a class of the kit
        return is_kits(thing)
    if _is_a(thing, _ENDS) or is_kits_module(type(thing).__module__):
        return True
    if _is_a(thing, types.FunctionType):
        return is_kits_code(thing.__code__)
    if _is_a(thing, _SUSPENDED):
        return any(is_kits_code(getattr(thing, name, None)) for name in _CODES)
    return False


def _attributes(thing: object) -> dict[str, Any]:
    try:
        found = object.__getattribute__(thing, "__dict__")
    except Exception:  # has none, or is a third party's that pretends
        return {}
    return found if type(found) is dict else {}


def _bytes_of(thing: Any) -> int:
    """What a thing is of raw data; a memoryview is of another thing, which is reached as well."""
    if _is_a(thing, array.array):
        return int(thing.itemsize) * len(thing)
    return len(thing) if _is_a(thing, (str, bytes, bytearray)) else 0


def _entries_of(thing: Any) -> int:
    return len(thing) if _is_a(thing, (list, dict, set, deque)) else 0


def _is_a(thing: Any, kinds: type | tuple[type, ...]) -> bool:
    """As isinstance(), which would ask the thing: it may be a third party's that pretends."""
    return issubclass(type(thing), kinds)


def _name_of(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
