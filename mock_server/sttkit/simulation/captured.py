"""Where a program keeps clocks and dice that it got hold of before the simulation began.

``from time import monotonic``, ``def __init__(self, clock=time.time)``, a dataclass field with
``default_factory=time.time``: replacing ``time.time`` reaches none of these. They are searched
for in modules, in the classes and functions defined there, and in their defaults. A search costs
a fraction of a second with a thousand modules, so it is done once per module and remembered.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import CellType, FunctionType, ModuleType
from typing import Any

from sttkit.simulation.models import model_validators
from sttkit.simulation.substitutes import SUBSTITUTES

REAL_TIME = frozenset(
    {
        "_thread",
        "asyncio",
        "bdb",
        "concurrent",
        "coverage",
        "execnet",
        "faulthandler",
        "hypothesis",
        "logging",
        "multiprocessing",
        "pdb",
        "pluggy",
        "pydevd",
        "queue",
        "rich",
        "selectors",
        "subprocess",
        "threading",
        "xdist",
    }
)
"""Packages whose captured clocks stay real: test runners, and what waits in real time."""

_HEAP_TYPE = 1 << 9
_OWN = __name__.rpartition(".")[0]
_SUBSTITUTE_OF: dict[int, Any] = {id(original): new for _, _, original, new in SUBSTITUTES}
_ORIGINAL_OF: dict[int, Any] = {id(new): original for _, _, original, new in SUBSTITUTES}


@dataclass(frozen=True, slots=True)
class Place:
    """An attribute that holds an original, and what belongs there instead."""

    owner: Any
    attribute: str
    original: Any
    substitute: Any

    def holds(self) -> Any:
        """What is there now."""
        if isinstance(self.owner, type):
            return self.owner.__dict__.get(self.attribute)  # not what a descriptor makes of it
        return getattr(self.owner, self.attribute, None)


class Captured:
    """All that was found so far in this process.

    Attributes:
        places: of clocks and sources of entropy.
        dice: generators that were made when something was imported, and where they are.
    """

    def __init__(self) -> None:
        # Where they are at home, whatever is there when that module is searched: somebody else's
        # replacement may be gone by the next run.
        self.places = [Place(*home) for home in SUBSTITUTES]
        self.dice: list[tuple[str, random.Random]] = []
        self._seen: dict[str, int] = {}
        self._mark: object = None
        self._models: set[Any] = set()

    def update(self) -> None:
        """Search the modules that are new."""
        if self._mark == (mark := _mark()):
            return
        self._mark = mark
        seen = self._seen
        new = False
        for name, module in list(sys.modules.items()):
            if seen.get(name) == id(module):
                continue
            seen[name] = id(module)
            if isinstance(module, ModuleType) and not keeps_real_time(name):
                new = True
                self._search(module)
        if new and "pydantic" in sys.modules:
            for model, original, substitute in model_validators(_SUBSTITUTE_OF, self._models):
                self.places.append(Place(model, "__pydantic_validator__", original, substitute))

    def tidy(self) -> None:
        """Take substitutes out of modules that were imported while a simulation ran."""
        if self._mark == _mark():
            return
        for name, module in list(sys.modules.items()):
            if self._seen.get(name) == id(module) or not isinstance(module, ModuleType):
                continue
            for attribute, value in list(vars(module).items()):
                original = _ORIGINAL_OF.get(id(value))
                if original is not None and not name.startswith(_OWN):
                    setattr(module, attribute, original)

    def _search(self, module: ModuleType) -> None:
        name = module.__name__
        for attribute, value in list(vars(module).items()):
            substitute = _SUBSTITUTE_OF.get(id(value))
            # Only types are looked at: to look at a lazy import would carry it out.
            kind = type(value)
            if substitute is not None:
                self.places.append(Place(module, attribute, value, substitute))
            elif kind is FunctionType:
                if value.__module__ == name:
                    self._search_function(value)
            elif issubclass(kind, type):
                if value.__flags__ & _HEAP_TYPE == _HEAP_TYPE and value.__module__ == name:
                    self._search_class(value)
            elif issubclass(kind, random.Random):
                self._add_dice(f"{name}.{attribute}", value)

    def _search_class(self, owner: type) -> None:
        for attribute, value in list(vars(owner).items()):
            kind = type(value)
            function = value.__func__ if kind in (staticmethod, classmethod) else value
            substitute = _SUBSTITUTE_OF.get(id(function))
            if substitute is not None:
                # A function in a class would be bound to its instances, which a built-in is not.
                wrapped = staticmethod if function is value else kind
                self.places.append(Place(owner, attribute, value, wrapped(substitute)))
            elif type(function) is FunctionType:
                self._search_function(function)
            elif issubclass(kind, random.Random):
                self._add_dice(f"{owner.__module__}.{owner.__qualname__}.{attribute}", value)

    def _search_function(self, function: FunctionType) -> None:
        if function.__defaults__:
            self._replace_defaults(function, "__defaults__", function.__defaults__, tuple)
        if function.__kwdefaults__:
            kwdefaults = function.__kwdefaults__
            names = list(kwdefaults)
            self._replace_defaults(
                function,
                "__kwdefaults__",
                kwdefaults,
                lambda values: dict(zip(names, values, strict=True)),
            )
        for cell in function.__closure__ or ():
            self._search_cell(cell)

    def _replace_defaults(
        self, function: FunctionType, attribute: str, original: Any, build: Callable[[Any], Any]
    ) -> None:
        values = list(original.values() if isinstance(original, dict) else original)
        for value in values:
            if issubclass(type(value), random.Random):
                self._add_dice(f"{function.__module__}.{function.__qualname__}", value)
        new = [_SUBSTITUTE_OF.get(id(value), value) for value in values]
        if any(a is not b for a, b in zip(values, new, strict=True)):
            self.places.append(Place(function, attribute, original, build(new)))

    def _search_cell(self, cell: CellType) -> None:
        # A dataclass keeps the factories of its fields in closures.
        try:
            value = cell.cell_contents
        except ValueError:  # empty
            return
        substitute = _SUBSTITUTE_OF.get(id(value))
        if substitute is not None:
            self.places.append(Place(cell, "cell_contents", value, substitute))

    def _add_dice(self, label: str, dice: random.Random) -> None:
        if isinstance(dice, random.SystemRandom) or any(dice is known for _, known in self.dice):
            return
        self.dice.append((label, dice))


def _mark() -> object:
    """Changes when a module is imported, and costs nothing: modules are kept in order."""
    last = next(reversed(sys.modules))
    return len(sys.modules), last, id(sys.modules[last])


def keeps_real_time(module_name: str) -> bool:
    """Whether the clocks that a module captured are left alone."""
    top = module_name.partition(".")[0]
    return top in REAL_TIME or top.startswith(("pytest", "_pytest")) or module_name.startswith(_OWN)
