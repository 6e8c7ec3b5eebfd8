"""What listeners of all worlds share: one line, and the connections that were accepted for it."""

from __future__ import annotations

import asyncio
from random import Random

from sttkit.server.shell import Shell
from sttkit.session.line import Line
from sttkit.trace import Trace

MAX_CONNECTIONS = 5000


class LineKeeper:
    """Accepts connections for one client, and knows which of them live.

    Attributes:
        line: what is played, and how far it got.
    """

    def __init__(self, line: Line) -> None:
        self.line = line
        self._shells: set[Shell] = set()
        self._empty = asyncio.Event()

    def accept(self) -> Shell:
        """The protocol for a connection that is being accepted."""
        return Shell(self.line, asyncio.get_running_loop(), self._begin, self._end)

    def rearm(self, trace: Trace) -> None:
        """Start the script over: connections from now on are written into ``trace``."""
        old = self.line
        self.line = Line(
            old.script, old.dialect, old.tracks, trace, Random(old.script.seed), old.tape
        )

    def open_connections(self) -> int:
        """Connections that the client still holds, as far as this side would notice their end."""
        return sum(
            shell.connection is not None and shell.connection.sees_end for shell in self._shells
        )

    async def end_all(self) -> None:
        """End all connections, whatever their state."""
        for shell in list(self._shells):
            shell.abort()
        if self._shells:  # an abort takes effect in the loop's next turn
            await self._empty.wait()

    def _begin(self, shell: Shell) -> bool:
        self._shells.add(shell)
        self._empty.clear()
        return len(self._shells) <= MAX_CONNECTIONS

    def _end(self, shell: Shell) -> None:
        self._shells.discard(shell)
        if not self._shells:
            self._empty.set()
