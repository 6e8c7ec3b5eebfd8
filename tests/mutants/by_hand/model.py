"""What a mistake by hand is: the law it breaks, and what is changed in the plugin to make it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """In this module, what is taken out and what is put in its place.

    What is taken out has to occur exactly once in its module, so an edit of the plugin that a
    mutant no longer fits is found at once.
    """

    module: str
    before: str
    after: str


@dataclass(frozen=True)
class ByHand:
    """A mistake, the law that it breaks, and the case that shows it.

    Attributes:
        id: the law; a second way to break the same law has a word behind it: ``LIVE-5:spins``.
        case: id of the case.
        how: what it does wrong.
        changes: what is changed to make it.
    """

    id: str
    case: str
    how: str
    changes: tuple[Change, ...]

    @property
    def law(self) -> str:
        return self.id.partition(":")[0]

    def sources(self, original: Mapping[str, str]) -> Mapping[str, str]:
        """The modules with the mistake in them."""
        sources = dict(original)
        for change in self.changes:
            found = sources[change.module].count(change.before)
            assert found == 1, f"{self.how}: found {found} times: {change.before!r}"
            sources[change.module] = sources[change.module].replace(change.before, change.after)
        return sources


def breaks(mutant_id: str, case: str, how: str, *changes: Change) -> ByHand:
    return ByHand(mutant_id, case, how, changes)


def by_id(*mistakes: ByHand) -> Mapping[str, ByHand]:
    """All of them, in this order; no two may have the same id."""
    table: dict[str, ByHand] = {}
    for mistake in mistakes:
        assert mistake.id not in table, mistake.id
        table[mistake.id] = mistake
    return table
