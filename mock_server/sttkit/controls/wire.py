"""Wire protocol 1 as the probe speaks it: text frames made and read. No I/O, nothing of livekit.

Reading never raises: what makes no sense is None, or a number that does no harm.
"""

from __future__ import annotations

import array
import json
import math
from collections.abc import Mapping
from typing import Any

FLUSH = json.dumps({"type": "flush"})
KEEPALIVE = json.dumps({"type": "keepalive"})
END = json.dumps({"type": "end_of_stream"})


def config(sample_rate: int, options: Mapping[str, object]) -> str:
    """The first message of a session."""
    fixed = {"sample_rate": sample_rate, "encoding": "pcm_s16le", "channels": 1}
    return json.dumps({"type": "config", **fixed, "interim_results": True, **options})


def object_in(text: str) -> dict[str, Any] | None:
    """The JSON object in ``text``, or None."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def message_in(text: str) -> dict[str, Any] | None:
    """The server's message in ``text``, an object with a ``type``, or None."""
    message = object_in(text)
    return message if message and isinstance(message.get("type"), str) else None


def number(value: object) -> float:
    """``value`` if it is a finite number, never below 0; else 0."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0.0
    try:
        finite = float(value)
    except OverflowError:
        return 0.0
    return max(0.0, finite) if math.isfinite(finite) else 0.0


def probability(value: object) -> float:
    """``value`` as a number in [0, 1]."""
    return min(1.0, number(value))


def mono(pcm: bytes, channels: int) -> bytes:
    """Interleaved 16-bit samples, mixed down to one channel."""
    if channels == 1:
        return pcm
    samples = array.array("h", pcm)
    frames = range(0, len(samples), channels)
    return array.array("h", (sum(samples[i : i + channels]) // channels for i in frames)).tobytes()
