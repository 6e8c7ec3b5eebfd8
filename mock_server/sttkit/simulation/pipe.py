"""One direction between two endpoints, with what the kernels at its ends would hold.

A pipe is a queue of items: bytes, signals, and at last an error. `send` accepts bytes as a socket's
``send`` does; items travel as the line model says, `land`, and wait for the receiver, who is woken
through the loop like a reader whose descriptor became readable, and `take`s them.
"""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING

from sttkit.simulation.line import Cut, LineModel

if TYPE_CHECKING:
    import asyncio

    from sttkit.simulation.loop import SimulatedLoop

MOST_AT_ONCE = 262_144
"""Bytes that one read takes at most, as with asyncio's socket transports."""
_APART_S = 1e-6
"""Seconds between pieces, so that they are read one by one."""


class Signal(Enum):
    """What travels besides bytes."""

    OPEN = "open"
    """A connection waits to be accepted."""
    HELLO = "hello"
    """One side's part of a TLS handshake."""
    BYE = "bye"
    """One side's part of closing TLS."""
    END = "end"
    """FIN."""


Item = bytes | Signal | OSError


class Pipe:
    """One direction of a connection.

    Args:
        loop: the simulated loop.
        model: what the line does.
        draw: numbers from [0, 1), for jitter.

    Attributes:
        back: the other direction of the connection.
        carried: bytes accepted since the beginning.
        unread: bytes accepted and not yet read at the far end.
        reader: queued in the loop when something has arrived; None while nobody reads.
        arrived: what waits for the reader.
        on_cut: carries out a cut of the whole connection.
    """

    back: Pipe

    def __init__(self, loop: SimulatedLoop, model: LineModel, draw: Callable[[], float]) -> None:
        self._loop = loop
        self._model = model
        self._draw = draw
        self.carried = 0
        self.unread = 0
        self.arrived: deque[Item] = deque()
        self.reader: asyncio.Handle | None = None
        self.queued = False
        self.on_cut: Callable[[Cut], None] | None = None
        self._flight: deque[tuple[float, Item]] = deque()
        self._landing: float | None = None  # when the loop will call `land_due`
        self._last_due = 0.0
        self._room_wanted: asyncio.Handle | None = None
        self._broken: OSError | None = None
        self._ended = False  # an end was sent
        self._was_reset = False
        self._over = False  # an end or an error has landed
        self._reset_landed = False
        self._abandoned = False
        self._giving_up: asyncio.TimerHandle | None = None
        self._direct = False  # bytes just arrive
        self._latency: float | None = None  # set if that is all that the line does to bytes
        self._reconsider()

    # --- the line -------------------------------------------------------------------------

    @property
    def model(self) -> LineModel:
        """What the line does; assign another model to change it."""
        return self._model

    @model.setter
    def model(self, model: LineModel) -> None:
        self._model = model
        self._reconsider()
        self._keep_going()
        self._offer_room()

    @property
    def in_flight(self) -> int:
        """Items that have not landed yet."""
        return len(self._flight)

    # --- the sender's end -----------------------------------------------------------------

    def send(self, data: bytes) -> int:
        """Accept as many bytes as fit, like a socket's ``send``; 0 if it would block.

        Raises:
            OSError: the connection is broken in a way that the sender's kernel knows of.
        """
        # The two common kinds of line first: nearly all that is simulated comes this way.
        size = len(data)
        if self.unread + size > self._model.window:
            return self._send_over_line(data)
        if self._direct:
            self.carried += size
            self.unread += size
            self.arrived.append(data)
            if not self.queued and self.reader is not None:
                self.queued = True
                self._loop.io.append(self.reader)
            return size
        latency = self._latency
        coming = self.back._flight
        now = self._loop.clock.now
        if latency is None or (coming and coming[0][0] <= now):
            return self._send_over_line(data)
        self.carried += size
        self.unread += size
        due = now + latency
        if due < self._last_due:
            due = self._last_due
        self._last_due = due
        self._flight.append((due, data))
        if self._landing is None:
            self._landing = due
            self._loop.land_at(due, self)
        return size

    def signal(self, signal: Signal) -> None:
        """Send a signal behind what was sent."""
        if not self._ended:
            if signal is Signal.END:
                self._ended = True
                self._reconsider()
            self._put(signal, 0)

    def reset(self) -> None:
        """Send RST; unlike an end it may follow an end."""
        if not self._was_reset:
            self._was_reset = self._ended = True
            self._reconsider()
            self._put(ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)), 0)

    def want_room(self, handle: asyncio.Handle) -> None:
        """Have ``handle`` run in a turn in which `send` takes something again, or raises."""
        self._room_wanted = handle
        if self._broken is not None:
            self._offer_room()

    def break_with(self, error: OSError) -> None:
        """The sender's kernel has learned that nothing can be sent any more."""
        if self._broken is None:
            self._broken = error
            self._reconsider()
            self._offer_room()

    def let_go(self) -> None:
        """The sender's socket is closed: what was sent still travels, nobody waits for room."""
        self._room_wanted = None
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None

    def _send_over_line(self, data: bytes) -> int:
        # What has come by now is known to the sender's kernel, even if its loop stood still.
        self.back.catch_up()
        if self._broken is not None:
            raise self._broken
        model = self._model
        room = model.window - self.unread
        if model.cut_at is not None:
            room = min(room, model.cut_at - self.carried)
        if room <= 0 and (model.cut_at is None or self.carried < model.cut_at):
            return 0
        data, rest = data[: max(0, room)], data[max(0, room) :]
        size = len(data)
        self.carried += size
        self.unread += size
        if model.swallowing:
            self._expect_no_answer(model.gives_up_after)
            return size
        step = model.pieces or size or 1
        for start in range(0, size, step):
            piece = data[start : start + step]
            self._put(piece, len(piece))
        if model.cut_at is not None and self.carried >= model.cut_at and self.on_cut is not None:
            self.on_cut(model.cut_with)
            if rest and self._broken is None:
                size += self._send_over_line(rest)
        return size

    def _offer_room(self) -> None:
        handle = self._room_wanted
        if handle is not None and (self._broken or self.unread < self._model.window):
            self._loop.io.append(handle)
            self._room_wanted = None

    def _expect_no_answer(self, seconds: float) -> None:
        if self._giving_up is None:
            self._giving_up = self._loop.call_later(seconds, self._give_up)

    def _give_up(self) -> None:
        # Both readers and writers of the sender's socket learn of it.
        self.back.land(TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)))

    # --- on the way -----------------------------------------------------------------------

    def _put(self, item: Item, size: int) -> None:
        model = self._model
        if model.swallowing:
            return
        loop = self._loop
        now = loop.time()
        due = now + model.latency
        if model.jitter:
            due += model.jitter * self._draw()
        if due < self._last_due:
            due = self._last_due
        if model.bandwidth:
            due += size / model.bandwidth
        if model.pieces and size and due < self._last_due + _APART_S:
            due = self._last_due + _APART_S
        self._last_due = due
        if due <= now and not self._flight and not model.stalled:
            self.land(item)
            return
        self._flight.append((due, item))
        self._direct = False  # until it has landed
        if self._landing is None and not model.stalled:
            self._landing = due
            loop.land_at(due, self)

    def catch_up(self) -> None:
        """Land what is due, if the loop has not come round to it."""
        if self._flight and self._flight[0][0] <= self._loop.clock.now:
            self._land_flight()

    def land_due(self, due: float) -> None:
        """What was asked of the loop for then; nothing if it was put off or done meanwhile."""
        if due == self._landing:
            self._land_flight()

    def _land_flight(self) -> None:
        self._landing = None
        now = self._loop.clock.now
        flight = self._flight
        while flight and flight[0][0] <= now and not self._model.stalled:
            self.land(flight.popleft()[1])
        if flight:
            self._keep_going()
        elif self._latency is None:
            self._reconsider()

    def _keep_going(self) -> None:
        """When is the next landing, and is there any?"""
        if self._model.stalled:
            self._landing = None
        elif self._flight and self._landing is None:
            self._landing = max(self._flight[0][0], self._loop.clock.now)
            self._loop.land_at(self._landing, self)

    def _reconsider(self) -> None:
        """Whether there is a short way; asked whenever something changes, not for all bytes."""
        usable = not (self._broken or self._ended or self._abandoned)
        self._direct = usable and self._model.is_plain and not self._flight
        self._latency = self._model.latency if usable and self._model.only_delays else None

    # --- the receiver's end -----------------------------------------------------------------

    def land(self, item: Item) -> None:
        """Have an item arrive."""
        if isinstance(item, bytes):
            if not (self._abandoned or self._over):
                self.arrived.append(item)
                if not self.queued and self.reader is not None:
                    self.queued = True
                    self._loop.io.append(self.reader)
                return
            # Nobody is here any more; what lands behind a reset is not even answered.
            self.unread -= len(item)
            if not self._reset_landed:
                self.back.reset()
            return
        if isinstance(item, OSError):
            if self._over and isinstance(item, ConnectionResetError):
                # Linux: to a socket that has seen FIN, a reset is a broken pipe.
                self.back.break_with(BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)))
            else:
                self.back.break_with(item)
            self._over = self._reset_landed = True
        elif item is Signal.END:
            self._over = True
        if not self._abandoned:
            self.arrived.append(item)
            self.wake()

    def wake(self) -> None:
        """Have the reader called in the next turn, if something waits for one."""
        if not self.queued and self.reader is not None and self.arrived:
            self.queued = True
            self._loop.io.append(self.reader)

    def take(self) -> Item:
        """The next item, or as many bytes as one read takes; only when there is something."""
        arrived = self.arrived
        item = arrived.popleft()
        if not isinstance(item, bytes):
            return item
        if (arrived and isinstance(arrived[0], bytes)) or len(item) > MOST_AT_ONCE:
            item = self._joined(item)
        self.unread -= len(item)
        if self._room_wanted is not None:
            self._offer_room()
        return item

    def _joined(self, first: bytes) -> bytes:
        """TCP keeps no boundaries: what was not read in time is read as one."""
        arrived = self.arrived
        parts, size = [first], len(first)
        while size < MOST_AT_ONCE and arrived and isinstance(arrived[0], bytes):
            part = arrived.popleft()
            assert isinstance(part, bytes)
            parts.append(part)
            size += len(part)
        data = b"".join(parts)
        if size > MOST_AT_ONCE:
            arrived.appendleft(data[MOST_AT_ONCE:])
            data = data[:MOST_AT_ONCE]
        return data

    def put_back(self, data: bytes) -> None:
        """Return bytes that were taken and did not fit."""
        self.arrived.appendleft(data)
        self.unread += len(data)

    def abandon(self) -> bool:
        """The receiver's socket is closed; whether there was something it had not read."""
        unread = any(isinstance(item, bytes) for item in self.arrived)
        self._abandoned = True
        self._reconsider()
        self.reader = None
        self.arrived.clear()
        return unread
