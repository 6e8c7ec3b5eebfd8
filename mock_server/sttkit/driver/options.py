"""How a case is played."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sttkit.laws.model import ConnOptions, Limits

CANARY = "sttkit-canary-b91c07d4e6f2a358"
"""An API key that no text contains by chance."""


@dataclass(frozen=True)
class RunOptions:
    """How a case is played.

    Attributes:
        conn: LiveKit's connection options.
        limits: the contract's limits.
        pace: seconds of audio pushed per second; 0 for as fast as the loop turns.
        api_key: handed to the plugin; the trace must have it among its ``secrets``.
        real_time: whether time is real, so that a loop that stands still can be seen.
        block: what ``block-loop`` stands still with.
    """

    conn: ConnOptions = field(default_factory=ConnOptions)
    limits: Limits = field(default_factory=Limits.loopback)
    pace: float = 1.0
    api_key: str = CANARY
    real_time: bool = True
    block: Callable[[float], None] = time.sleep
