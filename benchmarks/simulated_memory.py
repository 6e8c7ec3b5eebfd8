"""What memory grows by over ten simulated hours, while the trace keeps its latest records only."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.report import Row
from benchmarks.simulated_call import HOUR_S, call

TITLE = "Memory over simulated time (deepgram, 50 frames/s, the trace bounded to 20 000 records)"


def rows() -> Iterator[Row]:
    """One hour and ten: what only the first one takes is no growth."""
    one = call("simulated", "deepgram", HOUR_S, 20)["grown"]
    ten = call("simulated", "deepgram", 10 * HOUR_S, 20)["grown"]
    yield Row("one hour", f"+{one / 1e6:.0f} MB")
    yield Row("ten hours", f"+{ten / 1e6:.0f} MB", "<= 50 MB")
