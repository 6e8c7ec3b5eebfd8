"""Enough of a socket for what libraries do to one behind a transport's or a server's back."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Any

Address = tuple[str, int]

_LINGER_ZERO = struct.pack("ii", 1, 0)


class SimulatedSocket:
    """What ``get_extra_info("socket")`` and ``server.sockets`` give.

    Options that are set can be read again; only an SO_LINGER of zero seconds has an effect, which
    turns a close into a reset.

    Attributes:
        resets_on_close: whether SO_LINGER says so.
        on_shutdown: called when the writing direction is shut behind the transport's back.
        stands_for: a real socket that was passed instead of an address, and is closed with this.
    """

    family = socket.AF_INET
    type = socket.SOCK_STREAM
    proto = socket.IPPROTO_TCP

    def __init__(self, local: Address = ("0.0.0.0", 0), remote: Address | None = None) -> None:
        self._local = local
        self._remote = remote
        self._options: dict[tuple[int, int], Any] = {}
        self.resets_on_close = False
        self.on_shutdown: Callable[[], None] | None = None
        self.stands_for: Any = None

    def __repr__(self) -> str:
        return f"<SimulatedSocket {self._local} to {self._remote}>"

    def setsockopt(self, level: int, option: int, value: Any) -> None:
        """Note an option."""
        self._options[level, option] = value
        if (level, option) == (socket.SOL_SOCKET, socket.SO_LINGER):
            self.resets_on_close = value == _LINGER_ZERO

    def getsockopt(self, level: int, option: int, size: int = 0) -> Any:
        """What was set, or nothing."""
        return self._options.get((level, option), bytes(size) if size else 0)

    def getsockname(self) -> Address:
        return self._local

    def getpeername(self) -> Address:
        if self._remote is None:
            raise OSError(107, "Transport endpoint is not connected")
        return self._remote

    def fileno(self) -> int:
        """There is no descriptor: system calls behind our back must fail."""
        return -1

    def gettimeout(self) -> float:
        return 0.0

    def shutdown(self, how: int) -> None:
        if how != socket.SHUT_RD and self.on_shutdown is not None:
            self.on_shutdown()

    def setblocking(self, flag: bool) -> None: ...

    def settimeout(self, seconds: float | None) -> None: ...

    def listen(self, backlog: int = 0) -> None: ...

    def close(self) -> None:
        if self.stands_for is not None:
            self.stands_for.close()


def as_bytes(data: object) -> bytes:
    """A copy of what a transport may be asked to write.

    Raises:
        TypeError: it is no such thing; the message is asyncio's.
    """
    if not isinstance(data, (bytearray, memoryview)):
        raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__!r}")
    return bytes(data)
