"""What a benchmark says: rows of a table."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """One line of the report; ``goal`` is empty where the figure is only there to compare with."""

    what: str
    figure: str
    goal: str = ""

    def __str__(self) -> str:
        goal = f"   (goal {self.goal})" if self.goal else ""
        return f"  {self.what:<68} {self.figure}{goal}"
