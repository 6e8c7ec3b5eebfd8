"""What the loop shows while a run lasts: attempts to connect, unhandled errors, standing still.

All of it is put on the loop *instance* and taken off again at the end.
"""

from __future__ import annotations

import asyncio
import inspect
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from sttkit.driver.collect import STREAM, Collector
from sttkit.driver.listening import Listener
from sttkit.driver.watchdog import Watchdog
from sttkit.trace import Trace

TEST_DOMAIN = ".sttkit.test"
"""Names under it lead to the listener, or nowhere if it says so (RFC 6761 keeps .test free)."""
_LOOPBACK = "127.0.0.1"


class Observation:
    """A run's view of its loop."""

    def __init__(self, watchdog: Watchdog | None, open_connections: Callable[[], int]) -> None:
        self._watchdog = watchdog
        self.open_connections = open_connections
        """Asks the server how many connections the client holds."""

    def excused(self) -> AbstractContextManager[None]:
        """A block of code whose time is the driver's own doing."""
        return self._watchdog.excused() if self._watchdog is not None else nullcontext()


@contextmanager
def observing(
    listener: Listener, trace: Trace, *, blocked: float, real_time: bool = True, busy: bool = True
) -> Iterator[Observation]:
    """Observe the running loop.

    Args:
        listener: told of attempts to connect to its port, asked for its names.
        trace: where ``loop-error``, ``blocked`` and ``busy`` go.
        blocked: seconds of standing still that are worth a record.
        real_time: whether to watch for standing still, which only real time can show.
        busy: whether to watch for a loop that never rests.
    """
    loop = asyncio.get_running_loop()
    collector = Collector(trace)

    def note(kind: str, **data: Any) -> None:
        trace.note("client", kind, None, STREAM.get(), **data)

    def on_error(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        message = str(context.get("message", ""))
        stream = STREAM.get()
        facts = (
            collector.failure(error, "loop error", stream)
            if isinstance(error, BaseException)
            else None
        )
        collector.check("loop error", f"{message} {_shown(context)}", stream)
        note("loop-error", message=trace.redact(message), error=facts)

    watchdog = Watchdog(loop, note, blocked=blocked, busy=busy) if real_time else None
    restore = [_wrap_connect(loop, listener), _wrap_names(loop, listener)]
    old_handler = loop.get_exception_handler()
    loop.set_exception_handler(on_error)
    if watchdog is not None:
        watchdog.start()
    try:
        yield Observation(watchdog, listener.open_connections)
    finally:
        if watchdog is not None:
            watchdog.stop()
        loop.set_exception_handler(old_handler)
        for put_back in restore:
            put_back()


def _wrap_connect(loop: asyncio.AbstractEventLoop, listener: Listener) -> Callable[[], None]:
    # Both aiohttp and asyncio's own create_connection() connect through this method.
    connect = loop.sock_connect

    async def sock_connect(sock: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and address[1] == listener.place.port:
            told = listener.before_connect()
            if inspect.isawaitable(told):
                await told
        await connect(sock, address)

    return _replace(loop, "sock_connect", sock_connect)


def _wrap_names(loop: asyncio.AbstractEventLoop, listener: Listener) -> Callable[[], None]:
    getaddrinfo = loop.getaddrinfo

    async def resolve(host: Any, port: Any, **options: Any) -> Any:
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
        if isinstance(name, str) and name.rstrip(".").endswith(TEST_DOMAIN):
            if not listener.resolve(name.rstrip(".")):
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            # Not through the real one, which would leave an executor's thread behind.
            kind = options.get("type") or socket.SOCK_STREAM
            return [(socket.AF_INET, kind, socket.IPPROTO_TCP, "", (_LOOPBACK, int(port or 0)))]
        return await getaddrinfo(host, port, **options)

    return _replace(loop, "getaddrinfo", resolve)


def _replace(loop: asyncio.AbstractEventLoop, name: str, function: object) -> Callable[[], None]:
    had_own = vars(loop).get(name)
    setattr(loop, name, function)

    def put_back() -> None:
        if had_own is not None:
            setattr(loop, name, had_own)
        else:
            delattr(loop, name)

    return put_back


def _shown(context: dict[str, Any]) -> str:
    try:
        return repr(context)
    except Exception:  # a third party's repr may raise
        return ""
