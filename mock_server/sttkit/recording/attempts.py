"""From addresses that were dialled to a client's attempts.

A name may have several addresses, and clients try one after the other, several at once, or (as
aiohttp does) all and then the last ones again. To whoever looks at the client that is one attempt:
it fails when all its addresses have, and all that failed before one accepted was nothing.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sttkit.cassette.model import How
from sttkit.deck.recorder import Recorder

Later = Callable[[float, Callable[[], None]], object]
"""Calls something back after so many seconds."""
AGAIN_S = 0.02
"""Who dials one of several addresses again so soon, when all have failed, has not given up."""


@dataclass(eq=False)
class Attempt:
    """One attempt of a client to connect.

    Attributes:
        host: the name that was asked for, or the address.
        port: it goes to.
        began_us: when.
        left: addresses of the name that have not been dialled yet.
        dialled: addresses that have been.
        failed: addresses that did not accept, and are not being dialled.
        failed_us: when the last of them did not.
        is_over: whether it has succeeded or failed.
    """

    host: str
    port: int
    began_us: int
    left: set[str] = field(default_factory=set)
    dialled: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    failed_us: int | None = None
    is_over: bool = False

    def origin(self, *, is_tls: bool) -> str:
        """Scheme, host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        scheme, usual = ("https", 443) if is_tls else ("http", 80)
        return f"{scheme}://{host}" + ("" if self.port == usual else f":{self.port}")


class Attempts:
    """All attempts that have not come to an end yet.

    Args:
        recorder: told of those that fail.
        hosts: the only ones that are recorded; empty for all.
    """

    def __init__(self, recorder: Recorder, hosts: Iterable[str] = ()) -> None:
        self._recorder = recorder
        self._hosts = frozenset(host.lower().rstrip(".") for host in hosts)
        self._names: dict[str, str] = {}
        self._addresses: dict[str, set[str]] = {}
        self._open: list[Attempt] = []

    @property
    def is_picky(self) -> bool:
        """Whether only some hosts are recorded."""
        return bool(self._hosts)

    def concerns(self, host: str) -> bool:
        """Whether connections to a name or address are recorded."""
        name = self._names.get(host, host)
        return not self._hosts or name.lower().rstrip(".") in self._hosts or host in self._hosts

    def learn(self, name: str, addresses: Iterable[str]) -> None:
        """A name has been looked up."""
        found = set(addresses)
        self._addresses[name] = found
        for address in found:
            if address != name:
                self._names[address] = name

    def unknown(self, name: str, port: int, began_us: int, error: BaseException) -> None:
        """A name could not be looked up."""
        self._fail(Attempt(name, port, began_us), how_of(error))

    def begin(self, host: str, port: int) -> Attempt:
        """An address, or a name as a whole, is dialled."""
        name = self._names.get(host, host)
        for attempt in self._open:
            free = (
                attempt.left if attempt.failed < attempt.dialled else attempt.left | attempt.failed
            )
            if (attempt.host, attempt.port) == (name, port) and host in free:
                break
        else:
            attempt = Attempt(name, port, self._recorder.at_us)
            if name != host:
                attempt.left |= self._addresses[name]
            self._open.append(attempt)
        attempt.left.discard(host)
        attempt.failed.discard(host)
        attempt.dialled.add(host)
        return attempt

    def connected(self, attempt: Attempt) -> None:
        """An address accepted."""
        self._close(attempt)

    def failed(self, attempt: Attempt, host: str, error: BaseException, later: Later) -> None:
        """An address did not accept."""
        if attempt.is_over:
            return  # another one was quicker
        attempt.failed.add(host)
        attempt.failed_us = self._recorder.at_us
        how = how_of(error)

        def give_up() -> None:
            if not attempt.is_over and not attempt.left and attempt.failed == attempt.dialled:
                self._fail(attempt, how)

        if isinstance(error, asyncio.CancelledError):
            self._fail(attempt, how)
        elif len(attempt.dialled) == 1:
            give_up()
        else:
            later(AGAIN_S, give_up)

    def broke_off(self, attempt: Attempt, error: BaseException, *, is_tls: bool) -> None:
        """TCP was there, and TLS did not come about."""
        self._recorder.fail(attempt.origin(is_tls=is_tls), how_of(error), attempt.began_us)

    def settle(self) -> None:
        """Nobody goes on with what was tried."""
        for attempt in list(self._open):
            if attempt.failed:
                self._fail(attempt, "refused")

    def _fail(self, attempt: Attempt, how: How) -> None:
        self._close(attempt)
        is_tls = attempt.port == 443  # all that can be told of what never began
        origin = attempt.origin(is_tls=is_tls)
        self._recorder.fail(origin, how, attempt.began_us, attempt.failed_us)

    def _close(self, attempt: Attempt) -> None:
        attempt.is_over = True
        if attempt in self._open:
            self._open.remove(attempt)


def how_of(error: BaseException) -> How:
    """How an attempt failed that ended with ``error``."""
    if isinstance(error, socket.gaierror):
        return "unknown-host"
    if isinstance(error, (asyncio.CancelledError, TimeoutError, asyncio.TimeoutError)):
        return "no-answer"
    if isinstance(error, ConnectionAbortedError):  # asyncio's word for a slow TLS handshake
        return "no-answer"
    if isinstance(error, (ssl.SSLError, ConnectionResetError)):
        return "reset"
    return "refused"
