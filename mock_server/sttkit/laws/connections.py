"""One connection attempt, and the session it led to, as the server saw it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from sttkit.dialects.model import Facts
from sttkit.faults import parse_fault
from sttkit.laws.records import Records
from sttkit.trace import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from sttkit.laws.facts import History

TRANSIENT_CLOSES = frozenset({1001, 1005, 1006, 1011, 1012, 1013, 1014})
ROUTINE_CLOSES = frozenset({1000, 1001})
TRANSIENT_STATUSES = frozenset({408, 429})
FINAL_STATUSES = frozenset({400, 401, 403, 404})
_TRANSIENT = frozenset(
    {"refused", "unknown-host", "no-answer", "reset", "fin", "half-close", "cut", "lost"}
)
_AT_THE_LIMIT_S = 0.02
LOSSY = frozenset({"reset", "half-open", "cut", "rfc", "lost", "no-answer"})
"""Breaks that may take with them what was sent right before."""

Nature = Literal["transient", "final", "rejected", "undeclared", "unlisted"]


class Heard(NamedTuple):
    """A stretch of audio that arrived; see `sttkit.audio.locate.Span`."""

    at: float
    order: int
    track: str | None
    start: float
    end: float
    exact: bool
    silent: bool

    @property
    def duration(self) -> float:
        return self.end - self.start


_heard = cast("Callable[[tuple[object, ...]], Heard]", partial(tuple.__new__, Heard))
"""Makes one without the call of Python that a named tuple takes: a session has thousands."""


@dataclass(frozen=True)
class Failure:
    """An attempt or a session that failed without the client's doing.

    Attributes:
        record: where it shows.
        order: of that record in the trace.
        conn: number of the connection.
        what: as in case ids: ``close=1011``, ``http=503``, ``reset``.
        retry_after: seconds that the server asked to wait, if it did.
    """

    record: Record
    order: int
    conn: int
    what: str
    retry_after: float | None = None

    @property
    def at(self) -> float:
        return self.record.at

    @property
    def id(self) -> str:
        return self.what.partition("=")[0]

    @property
    def code(self) -> int | None:
        """The close code or HTTP status."""
        value = self.what.partition("=")[2]
        return int(value) if value.isdecimal() else None

    @property
    def routine(self) -> bool:
        """Whether it is a close as servers do it every day."""
        return self.polite or (self.id == "close" and self.code in ROUTINE_CLOSES)

    @property
    def polite(self) -> bool:
        """Whether the server said goodbye: by 1000, perhaps with its last message before."""
        return self.what in ("close=1000", "unasked-end")

    def nature(self, facts: Facts) -> Nature:
        """Whether trying again is right.

        It is after *transient* failures, and wrong after *final* ones, by the provider's word, and
        after *rejected* handshakes (HTTP 400, 401, 403, 404), by the contract's. *Undeclared* is
        what only the provider could tell and does not, *unlisted* what the contract is silent on.
        """
        if self.id == "close":
            if self.code in facts.final_closes:
                return "final"
            if self.code in facts.transient_closes or self.code in TRANSIENT_CLOSES:
                return "transient"
            return "unlisted" if self.code == 1000 else "undeclared"
        if self.id == "http" and self.code is not None:
            if self.code in TRANSIENT_STATUSES or self.code >= 500:
                return "transient"
            return "rejected" if self.code in FINAL_STATUSES else "undeclared"
        return "transient" if self.id in _TRANSIENT else "unlisted"


class Connection(Records):
    """The records of one connection.

    Args:
        history: of the run.
        number: in order of attempts.
        records: all that the server noted of it, in order.
    """

    def __init__(self, history: History, number: int, records: tuple[Record, ...]) -> None:
        super().__init__(records)
        self._history = history
        self.number = number

    @property
    def began(self) -> float:
        """When the attempt began."""
        return self.records[0].at

    @cached_property
    def order(self) -> int:
        """Place of its first record in the trace."""
        return self._history.order(self.records[0])

    @cached_property
    def named_stream(self) -> str | None:
        """The stream whose audio it carried, where that is known."""
        return next((r.stream for r in self.records if r.stream is not None), None)

    @cached_property
    def is_batch(self) -> bool:
        """Whether it carried a plain HTTP request, not a session.

        A step towards a session, for a token say, is an attempt at it where it fails.
        """
        posts = [r for r in self.of("request") if r.data.get("method") == "POST"]
        if posts and posts[0].data.get("step"):
            # Where a redirect leads is not on this server.
            return any(r.data.get("status", 400) < 300 for r in self.of("response"))
        return bool(posts)

    @cached_property
    def ready(self) -> Record | None:
        """When the session could take audio."""
        return self.first("ready")

    @cached_property
    def client_end(self) -> Record | None:
        """The client's message that no more audio comes."""
        return next((r for r in self.of("control") if r.data.get("what") == "end"), None)

    @cached_property
    def session_ended(self) -> Record | None:
        """The server's message that the session is over."""
        return next((r for r in self.sent if r.data.get("event") == "session_ended"), None)

    @cached_property
    def server_end(self) -> Record | None:
        """The server's own end in answer to the client's: its close, else its last message."""
        if self.failure is not None or self.client_end is None:
            return None
        after = self._history.order(self.client_end)
        ends = [r for r in self.records if r.kind == "close-sent" or r is self.session_ended]
        left = self._history.order(self.left) if self.left is not None else None
        ends = [
            r
            for r in ends
            if self._history.order(r) > after and (left is None or self._history.order(r) < left)
        ]
        return ends[-1] if ends else None

    @cached_property
    def sent(self) -> tuple[Record, ...]:
        """Messages that went out intact."""
        return self.of("sent")

    @cached_property
    def config(self) -> dict[str, Any]:
        """The configuration it began with: everything said before the session took audio."""
        values: dict[str, Any] = {}
        for record in self.records:
            if record.kind == "audio":
                break
            if record.kind == "config":
                values.update(record.data.get("values") or {})
        return values

    @cached_property
    def last_config(self) -> dict[str, Any]:
        """The configuration it had in the end."""
        values: dict[str, Any] = {}
        for record in self.of("config"):
            values.update(record.data.get("values") or {})
        return values

    @cached_property
    def heard(self) -> tuple[Heard, ...]:
        """The audio that arrived, in order."""
        order = self._history.order
        return tuple(
            _heard((record.at, order(record), *span))
            for record in self.of("audio")
            for span in record.data.get("spans") or ()
        )

    @cached_property
    def deaf_fault(self) -> Record | None:
        """A fault after which nothing useful came from the server any more."""
        return next((r for r in self.of("fault") if r.data.get("deaf")), None)

    @cached_property
    def violation(self) -> Record | None:
        """Where it broke RFC 6455: the client may take it, or fail the connection."""
        return next((r for r in self.of("fault") if r.data["id"] == "rfc"), None)

    @property
    def hides_its_end(self) -> bool:
        """Whether the server would not see it if the client closed it."""
        fault = self.deaf_fault
        return fault is not None and fault.data["id"] in ("half-open", "no-answer", "stop-reading")

    @property
    def failure(self) -> Failure | None:
        """How it failed, unless the client had left before."""
        return self._end[0]

    @property
    def left(self) -> Record | None:
        """The first sign that the client left by itself, unless it failed or was closed before."""
        return self._end[1]

    @cached_property
    def provoked(self) -> bool:
        """Whether the client asked for, or said, what the provider does not know, unprovoked."""
        for record in self.records:
            if record.kind == "control" and record.data.get("what") == "unintelligible":
                return True
            if record.kind == "response" and record.data.get("status", 101) >= 400:
                return True
            if record.kind in ("fault", "injected") and record.data.get("id") != "none":
                return False
        return False

    @cached_property
    def over(self) -> float:
        """When it was of no more use to the client; infinite if the run did not see that."""
        if self.failure is not None:
            return self.failure.at
        ends = [self.left, self.first("close-sent"), self.first("lost")]
        return min((r.at for r in ends if r is not None), default=float("inf"))

    @cached_property
    def _end(self) -> tuple[Failure | None, Record | None]:
        refused: Record | None = None
        provider_error = ""
        finishing = False
        for record in self.records:
            data = record.data
            if record.kind == "fault" and data.get("breaks"):
                return self._failed(record, str(data["fault"])), None
            if record.kind == "attempt" and data.get("outcome") != "accepted":
                refused = record
            elif record.kind == "sent" and data.get("event") == "provider_error":
                provider_error = str(data.get("name", ""))
            elif record.kind == "control" and data.get("what") == "end":
                finishing = True
            elif record.kind == "response" and data.get("status", 101) >= 400:
                return self._failed(record, f"http={data['status']}"), None
            elif record.kind == "close-sent":
                if finishing and not self._is_cut_short(record):
                    return None, None
                what = f"provider-error={provider_error}" if provider_error else None
                return self._failed(record, what or f"close={data.get('code')}"), None
            elif record.kind in ("close-received", "eof"):
                return None, record
            elif record.kind == "lost":
                if data.get("by") == "client":
                    return None, record
                return (None, None) if finishing else (self._failed(record, "lost"), None)
        if refused is not None:
            return self._failed(refused, str(refused.data["outcome"])), None
        return None, None

    def _is_cut_short(self, close: Record) -> bool:
        """Whether a server closed without the end of the session, which it owed to the client.

        Its message of the end was lost, or the session had lasted as long as it may.
        """
        if any(r.data.get("event") == "session_ended" for r in self.of("withheld")):
            return True
        limits = [r for r in self.of("fault") if r.data["id"] == "session-limit"]
        return self.session_ended is None and any(
            abs(r.at + parse_fault(str(r.data["fault"])).seconds - close.at) < _AT_THE_LIMIT_S
            for r in limits
        )

    def _failed(self, record: Record, what: str) -> Failure:
        retry_after = next(
            (
                float(r.data["retry_after"])
                for r in self.of("response")
                if r.data.get("retry_after") is not None
            ),
            None,
        )
        return Failure(record, self._history.order(record), self.number, what, retry_after)

    def client_gone(self, after: int) -> Record | None:
        """The first sign behind a place in the trace that the client gave the connection up."""
        for record in self.records:
            gone = record.kind in ("close-received", "eof") or (
                record.kind == "lost" and record.data.get("by") == "client"
            )
            if gone and self._history.order(record) > after:
                return record
        return None
