"""Whether a case that is played twice comes out the same, and where it first does not.

In the simulated world everything follows from the seed, so two traces of one case are equal to the
byte. If they are not, something leaked in from outside, and the verdict on that case is worth as
little as the tracing that led to it: that is the kit's own error, not the plugin's.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from itertools import zip_longest

NOTHING = "nothing more"
"""What stands for the record that a shorter trace does not have."""


@dataclass(frozen=True)
class Difference:
    """Two runs of one case that were not the same.

    Attributes:
        record: number of the first record that differs, from 1; 0 if a run has no trace.
        first, second: what each run had there, a line of JSON, or what became of the run.
    """

    record: int
    first: str
    second: str

    def __str__(self) -> str:
        where = f"from record {self.record} on" if self.record else "in how they ended"
        return (
            f"two runs of this case differ {where}: first {self.first}; then {self.second}"
            " (sttkit's own error, unless the plugin computes for seconds or uses threads)"
        )


def pack(jsonl: str) -> bytes:
    """A trace, small enough to keep hundreds of them."""
    return zlib.compress(jsonl.encode(), 1)


def difference(first: bytes, second: bytes) -> Difference | None:
    """Where two packed traces first differ; None if they are equal."""
    if first == second:
        return None
    lines = zip_longest(_lines(first), _lines(second), fillvalue=NOTHING)
    for number, (one, other) in enumerate(lines, start=1):
        if one != other:
            return Difference(number, one, other)
    return None


def _lines(packed: bytes) -> list[str]:
    return zlib.decompress(packed).decode().splitlines()
