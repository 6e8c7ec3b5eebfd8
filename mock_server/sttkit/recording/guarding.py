"""Sockets and event loops that are refused, with an error that says who tried and where."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from pathlib import Path
from types import FrameType
from typing import Any

from sttkit.errors import UsageError

INTERNET = (socket.AF_INET, socket.AF_INET6)
_OWN = str(Path(__file__).parent)
_STANDARD = str(Path(socket.__file__).parent)
_FOREIGN = ("create_connection", "create_datagram_endpoint", "sock_connect")

Objection = Callable[[socket.socket, Any], "UsageError | None"]
"""Says why a socket may not connect to an address, if it may not."""


def place_here() -> str:
    """The line of the program that is asking: behind libraries, as far as there is any."""
    library = "a library"
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        place = f"{name}:{frame.f_lineno}, in {frame.f_code.co_name}"
        if "site-packages" in name:
            library = place
        elif not name.startswith((_OWN, _STANDARD, "<")):
            return place
        frame = frame.f_back
    return library


@contextmanager
def guarded_sockets(objects: Objection) -> Iterator[None]:
    """Raise what ``objects`` says when a socket is connected, in any thread, blocking or not."""
    real = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex")}

    def guard(name: str) -> Callable[..., Any]:
        def connect(self: socket.socket, address: Any) -> Any:
            objection = objects(self, address)
            if objection is not None:
                self.close()  # who opened it does so on an OSError only
                raise objection
            return real[name](self, address)

        return connect

    with replaced(socket.socket, {name: guard(name) for name in real}):
        yield


@contextmanager
def blocked_sockets(allow: Iterable[str] = ()) -> Iterator[list[UsageError]]:
    """Let nothing in this process reach the network, whatever the library and the thread.

    Yields what was refused so far: a client may well take the error for a line that is down.

    Args:
        allow: addresses and names that may be reached all the same, such as ``127.0.0.1``.

    Raises:
        UsageError: in the code that tries; it says where to, and from where.
    """
    allowed = frozenset(allow)
    refused: list[UsageError] = []

    def refusal(what: str, where_to: object) -> UsageError:
        error = UsageError(
            f"{what} to {where_to}, though the network is blocked",
            where=place_here(),
            expected="only what was recorded",
            hint="record it first, or allow the address",
        )
        refused.append(error)
        return error

    def objects(sock: socket.socket, address: Any) -> UsageError | None:
        if sock.family not in INTERNET:
            return None
        host = address[0] if isinstance(address, tuple) else address
        return None if str(host) in allowed else refusal("a connection", host)

    def look_up(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        if name is not None and name not in allowed and not _is_address(str(name)):
            raise refusal("a look-up", name)
        return real_look_up(host, port, *arguments, **options)

    real_look_up = socket.getaddrinfo
    with (
        guarded_sockets(objects),
        guarded_loops(lambda name: refusal(f"a connection of {name}", "a server")),
        replaced(socket, {"getaddrinfo": look_up}),
    ):
        yield refused


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


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
        hook: dict[str, Any] = {"__init_subclass__": classmethod(guard)}
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
    found: list[type] = cls.__subclasses__()
    for one in found:
        yield one
        yield from subclasses(one)
