"""What a connection asks its shell to do to the transport."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sttkit.session.engine import Work


@dataclass(frozen=True)
class Send:
    """Write these bytes; ``apart``: let the client read them before anything else is written."""

    data: bytes
    apart: bool = False


@dataclass(frozen=True)
class Shut:
    """Send FIN, go on reading."""


@dataclass(frozen=True)
class Drop:
    """Close the socket in an orderly way, after what was written."""


@dataclass(frozen=True)
class Reset:
    """Abort with RST; what was written and not yet delivered is lost."""


@dataclass(frozen=True)
class StopReading:
    """Read no more, so that the client's send window fills."""


@dataclass(frozen=True)
class Pause:
    """Read no more for now: the engine is behind."""


@dataclass(frozen=True)
class Resume:
    """Read on."""


@dataclass(frozen=True)
class Ask:
    """Have the engine do this; `Connection.receive_answer` brings what it says."""

    work: Work


Action = Send | Shut | Drop | Reset | StopReading | Pause | Resume | Ask
