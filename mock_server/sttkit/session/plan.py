"""Which fault is due where: the script's placements as a queue.

Faults happen in the order of the script. The first of the queue is *armed*; when it has happened,
the next one is, from the next occurrence of a point on. A fault on ``each`` connection, once armed,
stays for the rest of the run and does not hold up those behind it.

Points on a connection are counted on it. The two that a connection has only one of, ``connecting``
and ``batch``, are counted over all attempts, and a fault waits there for the n-th or a later one:
so "the second attempt" can be named, and a fault that was armed late still happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sttkit.faults import Fault, Placed, Point

_ONE_PER_ATTEMPT = frozenset({Point.CONNECTING, Point.BATCH})


class FaultPlan:
    """The placements of one stream under test, across its connections."""

    def __init__(self, placements: Iterable[Placed]) -> None:
        self._waiting = list(placements)
        self._standing: list[Placed] = []
        self._armed_after = 0
        self._arm(0)

    @property
    def unfired(self) -> tuple[Placed, ...]:
        """Placements that have not happened yet (standing ones are never done and not named)."""
        return tuple(self._waiting)

    def due(
        self,
        point: Point,
        n: int,
        connection: int,
        *,
        only: Callable[[Fault], bool] = lambda fault: True,
    ) -> list[Fault]:
        """The faults that happen now, at the n-th occurrence of ``point`` on a connection.

        ``connection`` is its number from 0. ``only`` narrows the question to some faults, for
        points that are noticed in two places (before and after a connection is accepted).
        """
        if not (self._standing or self._waiting):
            return []
        hit = [placed.fault for placed in self._standing if _is_at(placed, point, n)]
        hit = [fault for fault in hit if only(fault)]
        if self._waiting:
            head = self._waiting[0]
            if _is_at(head, point, n) and self._is_on(head, connection) and only(head.fault):
                self._waiting.pop(0)
                hit.append(head.fault)
                self._arm(connection + 1)
        return hit

    def _arm(self, connections: int) -> None:
        self._armed_after = connections
        while self._waiting and self._waiting[0].connection == "each":
            self._standing.append(self._waiting.pop(0))

    def _is_on(self, placed: Placed, connection: int) -> bool:
        if placed.connection == "next":
            return True
        return connection == self._armed_after + int(placed.connection) - 1


def _is_at(placed: Placed, point: Point, n: int) -> bool:
    if placed.point is not point:
        return False
    return n >= placed.n if point in _ONE_PER_ATTEMPT else n == placed.n
