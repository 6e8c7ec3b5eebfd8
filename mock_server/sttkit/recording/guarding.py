"""Sockets and event loops that are refused, with an error that says who tried and where."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from sttkit.errors import UsageError

_OWN = str(Path(__file__).parent)
_FOREIGN = ("create_connection", "create_datagram_endpoint", "sock_connect")

Objection = Callable[[socket.socket, Any], "UsageError | None"]
"""Says why a socket may not connect to an address, if it may not."""


def place_here() -> str:
    """File and line of the code that is asking, outside of this package and the standard library."""
    frame = sys._getframe(1)
    fallback = "an unknown place"
    while frame is not None:
        name = frame.f_code.co_filename
        inside = name.startswith((_OWN, "<")) or "asyncio" in name or "concurrent" in name
        if not inside:
            place = f"{name}:{frame.f_lineno}, in {frame.f_code.co_name}"
            if "/lib/python3" not in name or "site-packages" in name:
                return place
            fallback = place
        frame = frame.f_back  # type: ignore[assignment]
    return fallback


@contextmanager
def guarded_sockets(objects: Objection) -> Iterator[None]:
    """Raise what ``objects`` says when a socket is connected, in any thread, blocking or not."""
    real = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex")}

    def guard(name: str) -> Callable[..., Any]:
        def connect(self: socket.socket, address: Any) -> Any:
            objection = objects(self, address)
            if objection is not None:
                raise objection
            return real[name](self, address)

        return connect

    with replaced(socket.socket, {name: guard(name) for name in real}):
        yield


@contextmanager
def guarded_loops(refuse: Callable[[str], UsageError]) -> Iterator[None]:
    """Refuse connections of event loops that are not asyncio's own, those defined later too."""
    with ExitStack() as stack:

        def guard(cls: type) -> None:
            if issubclass(cls, asyncio.BaseEventLoop):
                return

            def refused(self: object, *args: object, **options: object) -> None:
                raise refuse(f"{cls.__module__}.{cls.__qualname__}")

            stack.enter_context(replaced(cls, dict.fromkeys(_FOREIGN, refused)))

        for cls in subclasses(asyncio.AbstractEventLoop):
            guard(cls)
        # uvloop and others may be imported meanwhile.
        hook = {"__init_subclass__": classmethod(guard)}
        stack.enter_context(replaced(asyncio.AbstractEventLoop, hook))
        yield


@contextmanager
def replaced(owner: Any, replacements: dict[str, Any]) -> Iterator[None]:
    """Replace attributes of a class; what was inherited is inherited again afterwards."""
    own = {name: vars(owner)[name] for name in replacements if name in vars(owner)}
    for name, value in replacements.items():
        setattr(owner, name, value)
    try:
        yield
    finally:
        for name in replacements:
            if name in own:
                setattr(owner, name, own[name])
            else:
                delattr(owner, name)


def subclasses(cls: type) -> Iterator[type]:
    """All classes below ``cls``."""
    for one in cls.__subclasses__():
        yield one
        yield from subclasses(one)
