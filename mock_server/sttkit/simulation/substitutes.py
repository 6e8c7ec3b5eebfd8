"""What `time`, `os`, `random` and `socket` offer while a simulated loop runs.

Each substitute asks whether a simulation runs *in this thread*, and otherwise does what the
original does. So other threads keep real time, and code that got hold of a substitute for good
(by an import in mid-run, for one) is none the worse for it.
"""

from __future__ import annotations

import os
import random
import secrets
import socket
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from threading import get_ident
from types import CodeType
from typing import TYPE_CHECKING, Any, NoReturn

from sttkit.simulation.waiting import place_here

if TYPE_CHECKING:
    from sttkit.simulation.clock import Clock
    from sttkit.simulation.network import Network

_time, _time_ns = time.time, time.time_ns
_monotonic, _monotonic_ns = time.monotonic, time.monotonic_ns
_perf_counter, _perf_counter_ns = time.perf_counter, time.perf_counter_ns
_sleep, _gmtime, _localtime = time.sleep, time.gmtime, time.localtime
_ctime, _asctime, _strftime = time.ctime, time.asctime, time.strftime
_urandom, _seed, _random_seed = os.urandom, random.seed, random.Random.seed
_getaddrinfo, _gethostbyname = socket.getaddrinfo, socket.gethostbyname
_connect, _connect_ex = socket.socket.connect, socket.socket.connect_ex
_sendto = socket.socket.sendto
_DICE_CUPS = frozenset({__file__, random.__file__, secrets.__file__, uuid.__file__})


@dataclass(frozen=True)
class Run:
    """A simulation that is running.

    Attributes:
        thread: in which.
        clock: its time.
        dice: what code draws from instead of from the kernel, one for each piece of code.
        seed_for: a seed for dice with this label.
        network: its hosts.
        refuse: raises the error for something that cannot be simulated.
        numbers: the next of them is the hash of an object that would else have its address.
    """

    thread: int
    clock: Clock
    dice: dict[CodeType, random.Random]
    seed_for: Callable[[str], int]
    network: Network
    refuse: Callable[[str], NoReturn]
    numbers: Iterator[int]


running: Run | None = None
"""The one simulation that runs in this process, if any."""


def here() -> Run | None:
    """The simulation that runs in this thread."""
    run = running
    return run if run is not None and run.thread == get_ident() else None


# --- clocks -----------------------------------------------------------------------------------


def _now() -> float:
    run = running
    return run.clock.wall() if run is not None and run.thread == get_ident() else _time()


def _now_ns() -> int:
    run = here()
    return run.clock.wall_ns() if run is not None else _time_ns()


def _elapsed() -> float:
    run = running
    return run.clock.monotonic() if run is not None and run.thread == get_ident() else _monotonic()


def _elapsed_ns() -> int:
    run = here()
    return run.clock.monotonic_ns() if run is not None else _monotonic_ns()


def _counted() -> float:
    run = running
    if run is not None and run.thread == get_ident():
        return run.clock.monotonic()
    return _perf_counter()


def _counted_ns() -> int:
    run = here()
    return run.clock.monotonic_ns() if run is not None else _perf_counter_ns()


def _sleep_virtually(seconds: float, /) -> None:
    run = here()
    if run is None:
        _sleep(seconds)
        return
    run.clock.sleep(seconds)
    if run.clock.on_sleep is not None:
        run.clock.on_sleep(seconds, place_here())


def _utc(seconds: float | None = None, /) -> time.struct_time:
    return _gmtime(_now() if seconds is None else seconds)


def _local(seconds: float | None = None, /) -> time.struct_time:
    return _localtime(_now() if seconds is None else seconds)


def _local_text(seconds: float | None = None, /) -> str:
    return _ctime(_now() if seconds is None else seconds)


def _time_text(parts: Any = None, /) -> str:
    return _asctime(_local() if parts is None else parts)


def _formatted(form: str, parts: Any = None, /) -> str:
    return _strftime(form, _local() if parts is None else parts)


# --- entropy ----------------------------------------------------------------------------------


def _random_bytes(size: int, /) -> bytes:
    run = here()
    if run is None:
        return _urandom(size)
    code = _asking()
    dice = run.dice.get(code)
    if dice is None:
        dice = run.dice[code] = random.Random(run.seed_for(_label(code)))
    return dice.randbytes(size)


def _asking() -> CodeType:
    """Who draws. Each has dice of its own, or else it would matter to all who drew before.

    The first run in a process imports modules, for example, some of which draw a number.
    """
    frame = sys._getframe(2)
    while frame.f_code.co_filename in _DICE_CUPS and frame.f_back is not None:
        frame = frame.f_back
    return frame.f_code


def _label(code: CodeType) -> str:
    return f"{code.co_name} in {PurePath(code.co_filename).name}"


def _seed_global(a: Any = None, version: int = 2) -> None:
    _seed(_something(a), version)


def _seed_instance(self: random.Random, a: Any = None, version: int = 2) -> None:
    # Without an argument, C code would ask the kernel; `Random()` comes through here as well.
    _random_seed(self, _something(a), version)


def _something(a: Any) -> Any:
    run = here()
    return run.seed_for(_label(_asking())) if a is None and run is not None else a


# --- blocking sockets -------------------------------------------------------------------------


def _look_up(host: Any, port: Any, *args: Any, **options: Any) -> Any:
    run = here()
    if run is None:
        return _getaddrinfo(host, port, *args, **options)
    name = host.decode() if isinstance(host, bytes) else host or "localhost"
    address = (run.network.resolve_now(name), int(port or 0))
    return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address)]


def _look_up_address(host: str, /) -> str:
    run = here()
    return run.network.resolve_now(host) if run is not None else _gethostbyname(host)


def _connect_blocking(self: socket.socket, address: Any, /) -> None:
    _refuse_connection(self, address)
    _connect(self, address)


def _try_blocking(self: socket.socket, address: Any, /) -> int:
    _refuse_connection(self, address)
    return _connect_ex(self, address)


def _send_blocking(self: socket.socket, data: Any, *args: Any) -> int:
    _refuse_connection(self, args[-1] if args else None)
    return _sendto(self, data, *args)


def _refuse_connection(sock: socket.socket, address: Any) -> None:
    run = here()
    if run is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
        run.refuse(f"using a blocking socket to reach {address!r}")


# --- hashes -----------------------------------------------------------------------------------


def hash_by_number(self: Any) -> int:
    """A hash that does not depend on where in memory an object happens to be.

    An object keeps the hash that it had first: what it was looked up by, it must be found by.
    """
    number = getattr(self, "_simulated_hash", None)
    if number is None:
        run = here()
        if run is None:
            return object.__hash__(self)
        number = next(run.numbers)
        try:
            self._simulated_hash = number
        except AttributeError:  # it has slots only
            return object.__hash__(self)
    return int(number)


SUBSTITUTES: tuple[tuple[Any, str, Any, Any], ...] = (
    (time, "time", _time, _now),
    (time, "time_ns", _time_ns, _now_ns),
    (time, "monotonic", _monotonic, _elapsed),
    (time, "monotonic_ns", _monotonic_ns, _elapsed_ns),
    (time, "perf_counter", _perf_counter, _counted),
    (time, "perf_counter_ns", _perf_counter_ns, _counted_ns),
    (time, "sleep", _sleep, _sleep_virtually),
    (time, "gmtime", _gmtime, _utc),
    (time, "localtime", _localtime, _local),
    (time, "ctime", _ctime, _local_text),
    (time, "asctime", _asctime, _time_text),
    (time, "strftime", _strftime, _formatted),
    (os, "urandom", _urandom, _random_bytes),
    (random, "seed", _seed, _seed_global),
    (socket, "getaddrinfo", _getaddrinfo, _look_up),
    (socket, "gethostbyname", _gethostbyname, _look_up_address),
)
"""Module, attribute, original, substitute."""

METHODS: tuple[tuple[type, str, Any], ...] = (
    (random.Random, "seed", _seed_instance),
    (socket.socket, "connect", _connect_blocking),
    (socket.socket, "connect_ex", _try_blocking),
    (socket.socket, "sendto", _send_blocking),
)
"""Class, attribute, substitute."""
