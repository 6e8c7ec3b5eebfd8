"""Clocks, entropy and names of the process, replaced while a simulated loop runs, then put back."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from types import CodeType
from typing import Any
from urllib.parse import urlsplit

from sttkit.errors import SimulationError
from sttkit.simulation import substitutes
from sttkit.simulation.captured import Captured, Place
from sttkit.simulation.network import Network

Method = tuple[type, str, Any]
_captured: Captured | None = None
_ABSENT: Any = object()
_LOWER = tuple(f"{kind}_proxy" for kind in ("http", "https", "ws", "wss", "socks", "all"))
_PROXIES = (*_LOWER, *(name.upper() for name in _LOWER))


class Patches:
    """What one loop does to the process whenever it runs.

    The dice of the process are at where this loop left them, each time it runs again.

    Args:
        entropy: seeded; decides all that code in the loop's thread draws.

    Attributes:
        dice: for those who would ask the kernel.
        numbered: classes whose instances are hashed by number; see `SimulatedLoop`.
        numbers: what has not been used for that.
    """

    def __init__(self, entropy: random.Random) -> None:
        self.dice: dict[CodeType, random.Random] = {}
        self.numbered: list[type] = [asyncio.BaseProtocol, asyncio.BaseTransport]
        self.numbers = count(1)
        self._base = entropy.getrandbits(64)
        self._seeds: dict[str, int] = {}
        self._states: dict[int, Any] = {}
        self._numpy_state: Any = None

    def seed_for(self, label: str) -> int:
        """The next of the seeds for this label, which other labels have no influence on."""
        count = self._seeds[label] = self._seeds.get(label, 0) + 1
        return random.Random(f"{self._base} {label} {count}").getrandbits(64)

    @contextmanager
    def applied(self, run: substitutes.Run) -> Iterator[None]:
        """Replace everything; put it back afterwards, whatever happens.

        Raises:
            SimulationError: another simulation is running in this process.
        """
        global _captured
        if substitutes.running is not None:
            raise SimulationError(
                "another simulated loop is running in this process",
                hint="clocks and entropy belong to the process: run simulations one by one",
            )
        if _captured is None:
            _captured = Captured()
        _captured.update()
        with ExitStack() as stack:
            substitutes.running = run
            stack.callback(_end)
            stack.callback(_captured.tidy)
            stack.enter_context(self._thrown(_captured.dice))
            stack.enter_context(self._thrown_by_numpy())
            stack.enter_context(_without_proxies(run.network))
            methods = [(cls, "__hash__", substitutes.hash_by_number) for cls in self.numbered]
            methods += substitutes.METHODS
            stack.enter_context(_substituted([*_captured.places, *_special_places()], methods))
            yield

    @contextmanager
    def _thrown(self, dice: list[tuple[str, random.Random]]) -> Iterator[None]:
        real = [(each, each.getstate()) for _, each in dice]
        states = self._states
        try:
            for label, each in dice:
                if id(each) in states:
                    each.setstate(states[id(each)])
                else:
                    each.seed(self.seed_for(label))
            yield
        finally:
            for each, state in real:
                states[id(each)] = each.getstate()
                each.setstate(state)

    @contextmanager
    def _thrown_by_numpy(self) -> Iterator[None]:
        numpy_random: Any = sys.modules.get("numpy.random")
        if numpy_random is None or not hasattr(numpy_random, "set_state"):
            yield
            return
        real = numpy_random.get_state()
        try:
            if self._numpy_state is None:
                numpy_random.seed(self.seed_for("numpy") % 2**32)
            else:
                numpy_random.set_state(self._numpy_state)
            yield
        finally:
            self._numpy_state = numpy_random.get_state()
            numpy_random.set_state(real)


def _end() -> None:
    substitutes.running = None


@contextmanager
def _substituted(places: list[Place], methods: list[Method]) -> Iterator[None]:
    # Somebody else's replacement, a test's own for one, is neither replaced nor put back.
    done: list[Place] = []
    try:
        for place in places:
            if place.holds() is place.original:
                with suppress(AttributeError, TypeError):  # a class may forbid it
                    setattr(place.owner, place.attribute, place.substitute)
                    done.append(place)
        with ExitStack() as stack:
            for owner, name, method in methods:
                stack.callback(_put_back, owner, name, owner.__dict__.get(name, _ABSENT))
                setattr(owner, name, method)
            yield
    finally:
        for place in reversed(done):
            if place.holds() is place.substitute:
                setattr(place.owner, place.attribute, place.original)


def _put_back(owner: Any, name: str, original: Any) -> None:
    if original is _ABSENT:
        delattr(owner, name)
    else:
        setattr(owner, name, original)


def _quiet(report: Callable[[Any], object]) -> Callable[[Any], None]:
    """A hook that leaves out what a thread dies of because it is no part of the simulation.

    The run fails with the same error, so it is told already.
    """

    def hook(args: Any) -> None:
        if not isinstance(args.exc_value, SimulationError):
            report(args)

    return hook


def _special_places() -> Iterator[Place]:
    """What depends on the modules that are there, and on what is in place right now."""
    yield Place(threading, "excepthook", threading.excepthook, _quiet(threading.excepthook))
    uuid: Any = sys.modules.get("uuid")
    if uuid is not None:
        # uuid1() asks a C library for the time, and the machine for its hardware address.
        for name, value in (
            ("_generate_time_safe", None),
            ("_UuidCreate", None),
            ("_last_timestamp", None),
            ("_node", 0x02_00_00_00_00_01),
        ):
            if hasattr(uuid, name):
                yield Place(uuid, name, getattr(uuid, name), value)
    resolver: Any = sys.modules.get("aiohttp.resolver")
    if resolver is not None:
        # aiodns would ask real name servers, around the loop's getaddrinfo().
        threaded = resolver.ThreadedResolver
        for module in (resolver, sys.modules.get("aiohttp.connector")):
            current = getattr(module, "DefaultResolver", threaded)
            if current is not threaded:
                yield Place(module, "DefaultResolver", current, threaded)


@contextmanager
def _without_proxies(network: Network) -> Iterator[None]:
    """Proxies of the machine do not exist in the simulation; those that do are kept."""
    hidden: dict[str, str] = {}
    for name in _PROXIES:
        value = os.environ.get(name)
        if value is not None:
            try:
                host = urlsplit(value).hostname
            except ValueError:
                host = None
            if host is None or network.find(host) is None:
                hidden[name] = os.environ.pop(name)
    try:
        yield
    finally:
        for name, value in hidden.items():
            os.environ.setdefault(name, value)
