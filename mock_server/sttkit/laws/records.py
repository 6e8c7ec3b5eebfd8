"""Records to look things up in: a whole trace, or what concerns one stream or connection."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property

from sttkit.trace import Record


class Records:
    """Some records of a run, in order.

    Args:
        records: each belongs to the same trace.
    """

    def __init__(self, records: tuple[Record, ...]) -> None:
        self.records = records

    def of(self, kind: str) -> tuple[Record, ...]:
        """Those of one kind."""
        return self._by_kind.get(kind, ())

    def first(self, kind: str) -> Record | None:
        """The first of one kind."""
        return next(iter(self.of(kind)), None)

    @cached_property
    def _by_kind(self) -> dict[str, tuple[Record, ...]]:
        # Laws ask hundreds of times, and nearly all records are of audio.
        found: defaultdict[str, list[Record]] = defaultdict(list)
        for record in self.records:
            found[record.kind].append(record)
        return {kind: tuple(records) for kind, records in found.items()}
