"""A line with latency, jitter and bandwidth: when each item comes out at the far end.

Order is kept, as TCP keeps it. Randomness comes from a seeded generator that the caller hands in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class DelayModel:
    """Properties of one direction.

    Attributes:
        latency: seconds.
        jitter: up to so many seconds more, drawn per item.
        bandwidth: bytes per second, or None for no limit.
    """

    latency: float = 0.0
    jitter: float = 0.0
    bandwidth: float | None = None


class DelayLine(Generic[T]):
    """Items on their way.

    Args:
        model: what the line does.
        draw: a number from 0 to 1, for each item that jitter acts on.

    Attributes:
        is_direct: whether items would come out at once, so that they need not be put in at all.
            Asked for each message, changed by next to none.
    """

    def __init__(self, model: DelayModel, draw: Callable[[], float]) -> None:
        self._draw = draw
        self._items: deque[tuple[float, T]] = deque()
        self._last_due = 0.0
        self._hold_until = 0.0
        self.model = model

    @property
    def model(self) -> DelayModel:
        """What the line does; assign another model to change it."""
        return self._model

    @model.setter
    def model(self, model: DelayModel) -> None:
        self._model = model
        self._reconsider()

    def _reconsider(self) -> None:
        model = self._model
        self.is_direct = not (
            self._items or model.latency or model.jitter or model.bandwidth or self._hold_until
        )

    def put(self, item: T, now: float, *, size: int = 0) -> None:
        """Send ``item`` of ``size`` bytes off."""
        model = self._model
        due = max(now + model.latency, self._hold_until)
        if model.jitter:
            due += model.jitter * self._draw()
        due = max(due, self._last_due)
        if model.bandwidth:
            due += size / model.bandwidth
        self._last_due = due
        self._items.append((due, item))
        self.is_direct = False

    def hold(self, until: float) -> None:
        """Let nothing that is put in from now on come out before ``until``."""
        self._hold_until = max(self._hold_until, until)
        self._reconsider()

    def take(self, now: float) -> Sequence[T]:
        """What has arrived."""
        if self.is_direct:
            return ()
        if self._hold_until and now >= self._hold_until and not self._items:
            self._hold_until = 0.0
        arrived: list[T] = []
        while self._items and self._items[0][0] <= now:
            arrived.append(self._items.popleft()[1])
        self._reconsider()
        return arrived

    @property
    def next_due(self) -> float | None:
        """When the next item arrives."""
        return self._items[0][0] if self._items else None
