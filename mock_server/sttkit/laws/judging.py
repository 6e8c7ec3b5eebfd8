"""Small tools for writing laws: many instances make one verdict, numbers make one sentence."""

from __future__ import annotations

from collections.abc import Iterable

from sttkit.laws.model import Judgement, Verdict, unexercised

_WEIGHT = (
    Verdict.FAIL,
    Verdict.WARN,
    Verdict.INCONCLUSIVE,
    Verdict.PASS,
    Verdict.NOT_APPLICABLE,
    Verdict.NOT_EXERCISED,
)
"""What decides when a law was asked of several instances. An instance that could not be told
outweighs those that held: a pass says that nothing in the run broke the law."""


def overall(judgements: Iterable[Judgement], *, otherwise: str) -> Judgement:
    """The verdict on a run from those on its instances; ``otherwise`` is why there are none."""
    found = list(judgements)
    if not found:
        return unexercised(otherwise)
    return min(found, key=lambda judgement: _WEIGHT.index(judgement.verdict))


def secs(value: float) -> str:
    """``0.6 s``, ``15 s``: two digits after the point at most, one where there are ten or more."""
    return f"{round(value, 2 if abs(value) < 10 else 1):g} s"


def count(number: int, noun: str) -> str:
    """``1 attempt``, ``2 attempts``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
