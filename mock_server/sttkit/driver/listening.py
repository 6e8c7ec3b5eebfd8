"""What the driver needs from the server: the face of a listener."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from sttkit.targets.model import Place
from sttkit.trace import Trace


class Listener(Protocol):
    """A port of a server that plays one script to one STT."""

    @property
    def place(self) -> Place:
        """Where clients connect; its host may be a name under ``.sttkit.test``."""
        ...

    def before_connect(self) -> Awaitable[None] | None:
        """An attempt to connect to this port is about to be made."""
        ...

    def resolve(self, host: str) -> bool:
        """Whether a name under ``.sttkit.test`` can be resolved right now."""
        ...

    def open_connections(self) -> int:
        """How many connections the client still holds; half-open ones do not count."""
        ...

    def rearm(self, trace: Trace) -> None:
        """Start the script over; connections from now on are written into ``trace``."""
        ...
