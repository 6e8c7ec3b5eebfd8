"""Virtual time."""

from __future__ import annotations

from collections.abc import Callable

EPOCH = 1_700_000_000.0
"""What the wall clock says at virtual time 0: always the same day, never today."""
WALL_DRIFT = 1e-5
"""How much faster the wall clock runs than the loop's, 10 ppm.

Nowhere is a timer punctual to the last bit, so ``time.time() - began > timeout`` is true after a
wait of ``timeout``, and LiveKit's base class for one takes it to be. If both clocks were the same,
that would be up to rounding.
"""


class Clock:
    """Seconds since the simulation began; only the loop and blocking sleeps move them.

    Args:
        start: virtual seconds at the beginning; near 0, since a large origin costs resolution.
        phase: seconds added to the start. Some libraries round deadlines up to whole seconds, so
            when things happen moves with the phase of the clock: draw it from the seed.

    Attributes:
        now: virtual seconds, as ``loop.time()`` and ``time.monotonic()`` show them.
        on_sleep: called with the seconds and the place of every blocking ``time.sleep`` in the
            loop's thread, which in production would have held up everything else.
    """

    def __init__(self, *, start: float = 1.0, phase: float = 0.0) -> None:
        self.now = start + phase
        self.phase = phase
        self.on_sleep: Callable[[float, str], None] | None = None
        self._aside: float | None = None

    def monotonic(self) -> float:
        """What ``time.monotonic`` and ``time.perf_counter`` show, seconds."""
        return self.now if self._aside is None else self.now + self._aside

    def monotonic_ns(self) -> int:
        """What ``time.monotonic_ns`` shows, nanoseconds."""
        return round(self.monotonic() * 1e9)

    def wall(self) -> float:
        """What ``time.time`` shows, seconds."""
        return EPOCH + self.monotonic() * (1 + WALL_DRIFT)

    def wall_ns(self) -> int:
        """What ``time.time_ns`` shows, nanoseconds."""
        # Not from wall(): so far from 0 a float holds no nanoseconds.
        return int(EPOCH) * 1_000_000_000 + round(self.monotonic() * (1 + WALL_DRIFT) * 1e9)

    def sleep(self, seconds: float) -> None:
        """A blocking sleep: time passes, and nothing else happens meanwhile."""
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        if self._aside is None:
            self.now += seconds
        else:
            self._aside += seconds

    def step_aside(self) -> None:
        """From now on sleeps hold up their caller only, as those of a worker thread do."""
        self._aside = 0.0

    def step_back(self) -> float:
        """Back from `step_aside`: the seconds that were slept meanwhile."""
        slept, self._aside = self._aside or 0.0, None
        return slept
