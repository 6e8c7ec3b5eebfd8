"""When the application's actions happen.

A cue is a named point that the server reached, an amount of audio pushed, or the moment the stream
is opened. Actions on a point are done in the loop's next turn, never inside the server's own call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextvars import Context

from sttkit.faults import Point
from sttkit.scripting.model import Script, Step
from sttkit.trace import Record

HEARD = frozenset({"point", "error", "lost"})
"""Kinds of records that may be somebody's cue."""
LOSS_S = 1.0
"""How long ``block-loop`` waits at its point for a connection to be lost, before it acts anyway."""


class Cues:
    """Fires each step of a script once.

    Args:
        steps: of one stream.
        stream: its name.
        perform: does a step's action, synchronously.
        loop: where actions on a point are scheduled, in ``context``.
    """

    def __init__(
        self,
        steps: Iterable[Step],
        stream: str,
        perform: Callable[[Step], None],
        loop: asyncio.AbstractEventLoop,
        context: Context,
        *,
        breaks: bool,
    ) -> None:
        self._waiting = list(steps)
        self._stream = stream
        self._perform = perform
        self._loop = loop
        self._context = context
        self._breaks = breaks
        self._struck: Step | None = None  # block-loop, waiting for the loss at its point
        self._deadline: asyncio.TimerHandle | None = None
        self._retries = 0

    def opened(self) -> None:
        """The stream was opened, in this very tick."""
        for step in self._take(lambda step: step.at.point is None and step.at.audio_s is None):
            self._perform(step)

    def pushed(self, position: float) -> None:
        """So many seconds of audio have been pushed."""
        if not self._waiting:  # after nearly all frames
            return
        for step in self._take(
            lambda step: step.at.audio_s is not None and step.at.audio_s <= position
        ):
            self._perform(step)

    def hear(self, record: Record) -> None:
        """A record was written: perhaps somebody's cue."""
        if record.stream not in (None, self._stream):
            return
        if record.side == "server" and record.kind == "point":
            self._reached(str(record.data["point"]), int(record.data["n"]))
        elif record.side == "client" and record.kind == "error" and record.data["recoverable"]:
            # The error event of a retry is where the wait before that retry begins.
            self._retries += 1
            self._reached(Point.BACKOFF.value, self._retries)
        elif self._struck and record.kind == "lost" and record.data["by"] == "server":
            self._strike()

    def stop(self) -> None:
        """Fire no more."""
        self._waiting.clear()
        self._struck = None
        if self._deadline is not None:
            self._deadline.cancel()

    def _reached(self, point: str, n: int) -> None:
        for step in self._take(
            lambda step: (
                step.at.point is not None and step.at.point.value == point and step.at.n == n
            )
        ):
            if step.do == "block-loop" and self._breaks:
                self._struck = step
                self._deadline = self._loop.call_later(LOSS_S, self._strike)
            else:
                self._soon(step)

    def _strike(self) -> None:
        if self._struck is not None:
            step, self._struck = self._struck, None
            if self._deadline is not None:
                self._deadline.cancel()
            self._soon(step)

    def _soon(self, step: Step) -> None:
        self._loop.call_soon(self._perform, step, context=self._context)

    def _take(self, due: Callable[[Step], bool]) -> list[Step]:
        taken = [step for step in self._waiting if due(step)]
        self._waiting = [step for step in self._waiting if not due(step)]
        return taken


def breaks_connection(script: Script) -> bool:
    """Whether a fault of the script ends a connection from the server's side."""
    return any(
        placed.fault.kind.breaks and placed.fault.id not in ("half-open", "half-close", "no-answer")
        for placed in script.placements()
    )
