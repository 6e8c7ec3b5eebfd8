"""What one direction of a simulated connection does to bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Cut = Literal["reset", "fin", "silence"]


@dataclass(frozen=True)
class LineModel:
    """Properties of one direction. Give a pipe another model to change them while it is in use.

    Attributes:
        latency: seconds from end to end.
        jitter: up to so many seconds more, drawn per write; order is kept.
        bandwidth: bytes per second, or None for no limit.
        pieces: largest number of bytes that arrive in one go, or None.
        stalled: bytes and ends wait, and arrive when the stall is over.
        swallowing: whatever is sent is lost without a sign, and for good: the other host is gone,
            or the way there (one half of a half-open connection). Connecting is never answered.
        cut_at: once so many bytes were sent in this direction, the connection is cut.
        cut_with: how. "reset": both sides get RST, as from a firewall; "fin": both sides get FIN,
            and RST if they write on, as from a proxy that gave up; "silence": both directions
            swallow, as behind a router that forgot the connection. What was sent before the cut
            arrives first.
        window: bytes that may be on their way or unread before the sender is held up.
        gives_up_after: seconds after which the sender of swallowed bytes gets ETIMEDOUT; Linux
            retransmits for 924.6 s by default.
    """

    latency: float = 0.0
    jitter: float = 0.0
    bandwidth: float | None = None
    pieces: int | None = None
    stalled: bool = False
    swallowing: bool = False
    cut_at: int | None = None
    cut_with: Cut = "reset"
    window: int = 262_144
    gives_up_after: float = 924.6

    def __post_init__(self) -> None:
        if self.latency < 0 or self.jitter < 0:
            raise ValueError("latency and jitter are seconds, 0 or more")
        if self.bandwidth is not None and self.bandwidth <= 0:
            raise ValueError("bandwidth is bytes per second, more than 0 (or use stalled)")
        if self.pieces is not None and self.pieces < 1:
            raise ValueError("pieces is a number of bytes, at least 1")
        if self.window < 1:
            raise ValueError("window is a number of bytes, at least 1")
        if self.cut_with not in ("reset", "fin", "silence"):
            raise ValueError(f"cut_with is 'reset', 'fin' or 'silence', not {self.cut_with!r}")

    @property
    def is_plain(self) -> bool:
        """Whether bytes simply arrive, in the loop's next turn."""
        return self.only_delays and not self.latency

    @property
    def only_delays(self) -> bool:
        """Whether all bytes arrive, the latency later."""
        return not (
            self.jitter
            or self.bandwidth
            or self.pieces
            or self.stalled
            or self.swallowing
            or self.cut_at is not None
        )
