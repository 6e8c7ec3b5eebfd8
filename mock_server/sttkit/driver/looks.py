"""When to look at what a stream holds while it is in use: where it may have piled something up.

That is after a server stopped reading, and in the gaps of a long call, which takes many sessions.
A look costs much, so there are few.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from sttkit.trace import Record

HEARD = frozenset({"ready", "fault"})
"""Kinds of records that tell of it."""
UNREAD_S = (20.0, 50.0)
"""Seconds after a server stopped reading."""
SOME_SESSIONS, MANY_SESSIONS = 25, 50
"""What grows up to a limit has reached it half-way."""


class Looks:
    """Counts the sessions of one stream, and has it looked at.

    Args:
        look: looks at the stream, told how many sessions it has had.
    """

    def __init__(self, look: Callable[[int], None]) -> None:
        self._look = look
        self._sessions = 0
        self._due = deque((2, SOME_SESSIONS + 1))

    def hear(self, record: Record) -> None:
        """Take note of a record of a stream in use."""
        if record.kind == "ready":
            self._sessions += 1
        elif record.kind == "fault" and record.data["id"] == "stop-reading":
            for seconds in UNREAD_S:
                asyncio.get_running_loop().call_later(seconds, self._now)

    def in_a_gap(self) -> None:
        """Nothing is said for a while: look at session 2, after session 25, and after the 50th."""
        if self._due and self._sessions >= self._due[0]:
            self._due.popleft()
            self._now()
        elif self._sessions > MANY_SESSIONS:
            self._now()

    def _now(self) -> None:
        self._look(self._sessions)
