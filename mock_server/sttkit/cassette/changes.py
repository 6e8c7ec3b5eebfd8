"""A diff of what two cassettes say that tells a changed message by what has changed in it.

The messages of most providers are hundreds of characters long, and what differs is one of them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

from sttkit.cassette.matching import Rules

_FEW = 4
_SHOWN = 100
_MOST_PAIRS = 10_000
"""Compared with one another: where more has changed, two that belong together are hard to find."""


def diff_lines(
    before: Sequence[str], after: Sequence[str], one: str, other: str, rules: Rules
) -> list[str]:
    """How ``after`` differs from ``before``, as a unified diff called ``one`` and ``other``.

    A long JSON message that differs in few places is one line with ``~`` and a further one for
    each of them. Of that line, and of what is the same, so much is shown as tells what it is.
    """
    told: list[str] = []
    removed: list[str] = []
    added: list[str] = []
    for line in difflib.unified_diff(before, after, one, other, lineterm="", n=2):
        if len(told) >= 2 and line[0] in "-+":  # after the two lines with the names
            (removed if line[0] == "-" else added).append(line[1:])
            continue
        told += _told(removed, added, rules)
        removed, added = [], []
        told.append(_short(line))
    return [*told, *_told(removed, added, rules)]


def _told(removed: Sequence[str], added: Sequence[str], rules: Rules) -> Iterator[str]:
    """What took the place of what: the two most alike first, then what is before and behind."""
    alike: list[tuple[int, int, list[str]]] = []
    if len(removed) * len(added) <= _MOST_PAIRS:
        alike = [
            (i, j, clauses)
            for i, was in enumerate(removed)
            for j, now in enumerate(added)
            if (clauses := _clauses(was, now, rules))
        ]
    yield from _paired(range(len(removed)), range(len(added)), removed, added, alike)


def _paired(
    left: range,
    right: range,
    removed: Sequence[str],
    added: Sequence[str],
    alike: Sequence[tuple[int, int, list[str]]],
) -> Iterator[str]:
    inside = [pair for pair in alike if pair[0] in left and pair[1] in right]
    if not inside:
        yield from (f"-{removed[i]}" for i in left)
        yield from (f"+{added[j]}" for j in right)
        return
    i, j, clauses = min(inside, key=lambda pair: (len(pair[2]), abs(pair[0] - pair[1]), pair[0]))
    before = range(left.start, i), range(right.start, j)
    behind = range(i + 1, left.stop), range(j + 1, right.stop)
    yield from _paired(*before, removed, added, inside)
    yield _short(f"~{removed[i]}")
    yield from (f"~    {clause}" for clause in clauses)
    yield from _paired(*behind, removed, added, inside)


def _clauses(was: str, now: str, rules: Rules) -> list[str]:
    """The few places in which two long messages differ; none if it is easier to see both."""
    size = max(len(was), len(now))
    kind, _, message = was.partition(" {")
    if size <= _SHOWN or not message or not now.startswith(f"{kind} {{"):
        return []
    clauses = rules.differences(was[len(kind) + 1 :], now[len(kind) + 1 :])
    return clauses if len(clauses) <= _FEW and sum(map(len, clauses)) < size / 2 else []


def _short(line: str) -> str:
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
