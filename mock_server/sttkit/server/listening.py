"""What listeners of all worlds share: one line, and the connections that were accepted for it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from random import Random

from sttkit.errors import UsageError
from sttkit.scripting.model import Script
from sttkit.server.shell import Attend, Shell
from sttkit.session.line import Line
from sttkit.trace import Trace

MAX_CONNECTIONS = 5000
GOODBYE_S = 0.05
"""How long a connection that its client has left may take to come to its end."""


def need_no_certificate(script: Script, why: str) -> None:
    """Refuse a script with the fault ``certificate`` where there is none to spoil.

    Raises:
        UsageError: it has that fault.
    """
    if any(placed.fault.id == "certificate" for placed in script.placements()):
        raise UsageError(
            f"certificate cannot be played: {why}",
            expected="a plugin that goes to an https address, in virtual time",
        )


class LineKeeper:
    """Accepts connections for one client, and knows which of them live.

    Args:
        line: what is played.
        attend: how the line's engine is asked, if it has one.

    Attributes:
        line: what is played, and how far it got.
    """

    def __init__(self, line: Line, attend: Attend | None = None) -> None:
        self.line = line
        self._attend = attend
        engine = line.engine
        self._most = MAX_CONNECTIONS if engine is None else engine.limits.connections
        # In the order they came: a set would end them in an order that depends on their addresses.
        self._shells: dict[Shell, None] = {}
        self._empty = asyncio.Event()

    def accept(self) -> Shell:
        """The protocol for a connection that is being accepted."""
        loop = asyncio.get_running_loop()
        return Shell(self.line, loop, self._begin, self._end, self._attend)

    def rearm(self, trace: Trace) -> None:
        """Start the script over: connections from now on are written into ``trace``."""
        old = self.line
        rng = Random(old.script.seed)
        self.line = Line(old.script, old.dialect, old.tracks, trace, rng, old.engine, old.tape)

    def open_connections(self) -> int:
        """Connections that the client still holds, as far as this side would notice their end."""
        return sum(
            shell.connection is not None and shell.connection.sees_end for shell in self._shells
        )

    async def see_off(self) -> None:
        """Let the clients that are leaving leave, so that their goodbyes are still heard."""
        if self._shells:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._empty.wait(), GOODBYE_S)

    async def end_all(self) -> None:
        """End all connections, whatever their state."""
        for shell in list(self._shells):
            shell.abort()
        if self._shells:  # an abort takes effect in the loop's next turn
            await self._empty.wait()

    def _begin(self, shell: Shell) -> bool:
        self._shells[shell] = None
        self._empty.clear()
        return len(self._shells) <= self._most

    def _end(self, shell: Shell) -> None:
        self._shells.pop(shell, None)
        if not self._shells:
            self._empty.set()
