"""CPU of the fake server per message, journal on, beside a bare ``websockets`` echo server."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.report import Row
from benchmarks.serving import measure

TITLE = "What a message costs the fake server"
PAIRS = 3
LOAD = "200 streams x 50 msg/s"


def rows() -> Iterator[Row]:
    """Pairs in one run: the machine's mood is the same for both."""
    pairs = [
        (measure("fake", streams=200, seconds=4), measure("echo", streams=200, seconds=4))
        for _ in range(PAIRS)
    ]
    pairs.sort(key=lambda pair: pair[0].cpu_per_message / pair[1].cpu_per_message)
    fake, echo = pairs[PAIRS // 2]
    ours, theirs = fake.cpu_per_message, echo.cpu_per_message
    yield Row(f"fake server, {LOAD}, journal on", f"{ours * 1e6:.0f} us CPU", "<= 40 us")
    yield Row(f"bare websockets echo server, {LOAD}", f"{theirs * 1e6:.0f} us CPU")
    yield Row(f"ratio (median of {PAIRS} pairs)", f"{ours / theirs:.2f}", "<= 2")
    each = fake.bytes / fake.entries
    yield Row("memory that the journal takes, if nobody bounds it", f"{each:.0f} bytes per message")
    if any(one.generator_gave_out for pair in pairs for one in pair):
        yield Row("the generator was too slow for its own plan", "the figures above prove nothing")
