"""The run as a whole: its records by stream and by connection, and what the script made of it."""

from __future__ import annotations

import math
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from sttkit.faults import kind_of, parse_fault
from sttkit.laws.connections import Connection
from sttkit.laws.records import Records
from sttkit.laws.streams import NEVER, Stream
from sttkit.trace import Record

if TYPE_CHECKING:
    from sttkit.laws.model import Run

WIRE_LAG_S = 0.2
"""Time after which what was sent, or done, has surely reached the other side of a healthy line."""
_SLOW_LINE_S = 2.0
_UNHEEDED_S = {"block-loop": 0.3, "slow-consumer": 1.0}
"""So long an application that does this takes no notice of what arrives; see `ACTIONS`."""
_DIAL_S = 0.1
"""From the beginning of an attempt until a server at the simulated distance sees it: generously."""


class History(Records):
    """Views over the records of ``run``, made when first asked for."""

    def __init__(self, run: Run) -> None:
        super().__init__(run.records)
        self.run = run
        self._order = {id(record): index for index, record in enumerate(run.records)}

    def order(self, record: Record) -> int:
        """Place of a record in the trace: what came first, also within one instant."""
        return self._order[id(record)]

    @property
    def end(self) -> float:
        """When the run ended."""
        return self.records[-1].at if self.records else 0.0

    # --- streams and connections ------------------------------------------------------------

    @cached_property
    def streams(self) -> tuple[Stream, ...]:
        """The streams that the application opened, in order."""
        names = list(dict.fromkeys(r.stream or "main" for r in self.of("stream")))
        return tuple(
            Stream(
                self,
                name,
                tuple(
                    r for r in self.records if r.side == "client" and (r.stream or "main") == name
                ),
            )
            for name in names
        )

    def stream(self, name: str) -> Stream | None:
        """The stream of that name, if it was opened."""
        return next((stream for stream in self.streams if stream.name == name), None)

    @cached_property
    def connections(self) -> tuple[Connection, ...]:
        """All attempts, in order."""
        numbers: defaultdict[int, list[Record]] = defaultdict(list)
        for record in self.records:
            if record.conn is not None:
                numbers[record.conn].append(record)
        return tuple(Connection(self, n, tuple(numbers[n])) for n in sorted(numbers))

    def stream_of(self, connection: Connection) -> str | None:
        """The stream on whose behalf a connection was attempted; None if that cannot be told."""
        if connection.named_stream is not None:
            return connection.named_stream
        opened = [s for s in self.streams if self.order(s.opened) <= connection.order]
        alive = [s for s in opened if s.over_order > connection.order]
        candidates = alive or opened
        if len(candidates) > 1:
            # A stream whose connection is up needs no other.
            candidates = [s for s in candidates if not self._is_connected(s, connection)]
        if len(candidates) > 1 and any(not heard.silent for heard in connection.heard):
            # Nor is what was heard and not found that of a stream whose audio is found.
            candidates = [s for s in candidates if not self._is_found(s)] or candidates
        return candidates[0].name if len(candidates) == 1 else None

    def _is_connected(self, stream: Stream, attempt: Connection) -> bool:
        return any(
            c.named_stream == stream.name and c.order < attempt.order and c.over > attempt.began
            for c in self.connections
        )

    def _is_found(self, stream: Stream) -> bool:
        named = any(c.named_stream == stream.name for c in self.connections)
        return named and not stream.in_other_form

    @cached_property
    def unassigned(self) -> tuple[Connection, ...]:
        """Attempts of which it cannot be told whose they were."""
        return tuple(c for c in self.connections if not c.is_batch and self.stream_of(c) is None)

    def alone(self, stream: Stream, order: int) -> bool:
        """Whether no other stream was alive at a place in the trace."""
        return not any(
            self.order(other.opened) <= order < other.over_order
            for other in self.streams
            if other is not stream
        )

    # --- what the script did ----------------------------------------------------------------

    @cached_property
    def faults(self) -> tuple[Record, ...]:
        """Faults that took effect."""
        return self.of("fault")

    def lies(self, about: Literal["times", "order"]) -> bool:
        """Whether the script made the server lie about this."""
        return any(about in kind_of(str(r.data["id"])).lies for r in self.faults)

    @cached_property
    def session_closed(self) -> float:
        """When the application closed the shared HTTP session; infinite if it never did."""
        return self._session_closed.at if self._session_closed is not None else math.inf

    @cached_property
    def session_closed_order(self) -> int:
        record = self._session_closed
        return self.order(record) if record is not None else NEVER

    @cached_property
    def _session_closed(self) -> Record | None:
        closings = (r for r in self.of("action") if r.data["action"] == "close-http-session")
        return next(closings, None)

    @property
    def attempt_lag(self) -> float:
        """How much later than it was begun an attempt may be seen by the server."""
        return self.lag if self.run.world == "loopback" else self.lag - WIRE_LAG_S + _DIAL_S

    @cached_property
    def backlog(self) -> float:
        """How long a narrow line is busy with the large messages that the script put on it."""
        size = sum(int(r.data.get("size", 0)) for r in self.of("injected"))
        narrow = [parse_fault(str(r.data["fault"])) for r in self.faults]
        rates = [int(str(f.param)) * 1000 for f in narrow if f.id == "bandwidth"]
        return size / min(rates) if rates else 0.0

    @cached_property
    def lag(self) -> float:
        """How long a message may take on this run's line, generously."""
        network = self.run.script.network
        lag = WIRE_LAG_S + network.latency + network.jitter + self.backlog
        lag += sum(_UNHEEDED_S.get(str(r.data["action"]), 0.0) for r in self.of("action"))
        for record in self.faults:
            fault = parse_fault(str(record.data["fault"]))
            if fault.id in ("latency", "jitter", "delay", "slow-handshake"):
                lag += fault.seconds
            elif fault.id in ("bandwidth", "fragment"):
                lag += _SLOW_LINE_S
        return lag
