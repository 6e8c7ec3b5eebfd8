"""The context manager that records."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from asyncio import events
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from sttkit.cassette.redacting import AudioPolicy
from sttkit.deck.recorder import Recorder, Terms
from sttkit.errors import UsageError
from sttkit.recording.attempts import Attempts
from sttkit.recording.guarding import INTERNET, guarded_loops, guarded_sockets
from sttkit.recording.watching import Watch

_going_on: list[str] = []


class Live:
    """A recording while it is made.

    Attributes:
        path: of the cassette.
    """

    def __init__(self, path: Path, recorder: Recorder) -> None:
        self.path = path
        self._recorder = recorder

    @property
    def connections(self) -> int:
        """Attempts to connect so far, failed ones included."""
        return self._recorder.connections


@contextmanager
def recording(
    path: str | os.PathLike[str],
    *,
    dialect: str | None = None,
    hosts: Iterable[str] = (),
    audio: AudioPolicy = "keep",
    redact: Iterable[str] = (),
    secrets: Iterable[str] = (),
    personal: bool = False,
    truth: Iterable[str] = (),
    note: str = "",
) -> Iterator[Live]:
    """Record what clients of asyncio say in this process, in place of what was in the cassette.

    Use it around ``asyncio.run()`` or inside of a running loop, before the client connects.
    Connections that exist already, that others accept, and native libraries (gRPC in C, Rust) are
    not seen.

    Args:
        path: of the cassette, ``NAME.jsonl``.
        dialect: name of the wire protocol, if it is known.
        hosts: names or addresses that are recorded, while all others are left alone; by default
            all are, and what cannot be recorded is refused.
        audio: keep it, drop it, or replace it by noise.
        redact: further headers, query keys and JSON fields whose values are removed.
        secrets: values that are removed wherever they turn up.
        personal: also remove e-mail addresses and telephone numbers.
        truth: what is really said, a text per utterance.
        note: a remark for people.

    Raises:
        UsageError: another recording is going on, the running loop cannot be watched, the cassette
            cannot be written; and, at the end, that something could not be recorded.
    """
    where = Path(path)
    if _going_on:
        raise UsageError(f"{_going_on[0]} is being recorded already", expected="one at a time")
    loop = events._get_running_loop()
    if loop is not None and not isinstance(loop, asyncio.BaseEventLoop):
        raise UsageError(
            f"the running event loop is a {type(loop).__module__}.{type(loop).__qualname__}",
            expected="one of asyncio's own",
            hint="record it with the proxy: sttkit record",
        )
    terms = Terms(dialect, audio, tuple(redact), personal=personal, truth=tuple(truth), note=note)
    clock = _Clock()
    recorder = Recorder.begin(where, terms, clock.now, here=clock.here, secrets=secrets)
    attempts = Attempts(recorder, hosts)
    watch = Watch(recorder, attempts)

    def objects(sock: Any, address: Any) -> UsageError | None:
        is_tcp = sock.family in INTERNET and sock.type == socket.SOCK_STREAM
        if not is_tcp or recorder.is_closed or watch.is_dialling(sock):
            return None
        host = str(address[0]) if isinstance(address, tuple) else str(address)
        return watch.refuse("a socket", host) if attempts.concerns(host) else None

    _going_on.append(str(where))
    try:
        with ExitStack() as stack:
            stack.enter_context(guarded_sockets(objects))
            stack.enter_context(
                guarded_loops(lambda name: watch.refuse(f"a connection of {name}", ""))
            )
            stack.enter_context(watch.watching())
            yield Live(where, recorder)
    except BaseException:
        _finish(recorder, watch, attempts, quietly=True)
        raise
    else:
        _finish(recorder, watch, attempts, quietly=False)
    finally:
        _going_on.clear()


def _finish(recorder: Recorder, watch: Watch, attempts: Attempts, *, quietly: bool) -> None:
    watch.settle()
    attempts.settle()
    recorder.close(quietly=quietly)


class _Clock:
    """The running loop's clock; from one loop to the next it goes on where it was."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._time: Callable[[], float] = float
        self._offset = 0.0

    def now(self) -> float:
        """Seconds."""
        loop = events._get_running_loop()
        if loop is not self._loop and loop is not None:
            self._loop, time_of = loop, _time_of(loop)
            if time_of != self._time:
                self._offset += self._time() - time_of()
                self._time = time_of
        return self._time() + self._offset

    def here(self) -> tuple[Callable[[], float], float]:
        """The running loop's own clock, and how far it is behind `now`, for those who stay on it.

        Each message asks for the time, and to ask which loop is running is a system call.
        """
        self.now()
        return self._time, self._offset


def _time_of(loop: asyncio.AbstractEventLoop) -> Callable[[], float]:
    """The clock of a loop; for asyncio's own what it asks itself, which is one call less."""
    is_usual = type(loop).time is asyncio.BaseEventLoop.time and "time" not in vars(loop)
    return time.monotonic if is_usual else loop.time
