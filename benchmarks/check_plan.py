"""How long ``sttkit check deepgram`` takes: the default plan, with one worker and with two."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.report import Row
from sttkit.conformance.check import Progress, check
from sttkit.conformance.options import CheckOptions

TITLE = "The default plan of `sttkit check deepgram`, after import"


@dataclass(frozen=True)
class Took:
    """Cases, and the seconds from the moment the plan was known to the report."""

    cases: int
    seconds: float


def rows() -> Iterator[Row]:
    """One worker, then two."""
    one, two = run(1), run(2)
    yield Row(f"--jobs 1, {one.cases} cases", f"{one.seconds:.1f} s", "<= 20 s")
    yield Row(f"--jobs 2, {two.cases} cases", f"{two.seconds:.1f} s")
    yield Row("--jobs 2 is faster by", f"{one.seconds / two.seconds:.2f} x", ">= 1.6 x")


def run(jobs: int) -> Took:
    """Check with so many workers."""
    known_at: list[float] = []
    cases = 0

    def note(progress: Progress) -> None:
        nonlocal cases
        cases = progress.total
        known_at.append(time.monotonic())

    check(CheckOptions(targets=("deepgram",), jobs=jobs), on_progress=note)
    return Took(cases, time.monotonic() - known_at[0])
