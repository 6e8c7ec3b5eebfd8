"""Every error the kit raises on purpose: facts as attributes, the sentence in ``__str__``.

A message answers four questions where they apply: where, what was expected, what was found,
what to do next. The command line turns these into one line and an exit status.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SttkitError(Exception):
    """Base of the kit's errors.

    Attributes:
        problem: what is wrong, a clause without a full stop.
        where: file and line, option or field the problem is at.
        expected: what would have been accepted.
        hint: what to do next.
    """

    exit_status = 2

    def __init__(
        self,
        problem: str,
        *,
        where: str | None = None,
        expected: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.where = where
        self.expected = expected
        self.hint = hint

    def __str__(self) -> str:
        parts = [f"{self.where}: {self.problem}" if self.where else self.problem]
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.hint:
            parts.append(self.hint)
        return "; ".join(parts)


class UsageError(SttkitError):
    """The caller named or passed something that the kit does not have or take (exit status 2)."""


class ScriptError(UsageError):
    """A script says nothing playable; ``where`` is ``file:line:column`` (exit status 2)."""


class TargetError(SttkitError):
    """The plugin under test could not be built or run at all (exit status 3)."""

    exit_status = 3


class SimulationError(SttkitError):
    """A simulated run cannot go on: it is stuck, or code tried to leave the simulation.

    Attributes:
        waiting: for a run that is stuck, each waiting task and the line it waits at.
    """

    def __init__(
        self, problem: str, *, waiting: tuple[str, ...] = (), hint: str | None = None
    ) -> None:
        super().__init__(problem, hint=hint)
        self.waiting = waiting

    def __str__(self) -> str:
        return "\n  ".join([super().__str__(), *self.waiting])


def unknown_name(
    what: str, given: str, known: Iterable[str], *, where: str | None = None
) -> UsageError:
    """A `UsageError` for a name that is not in ``known``; it suggests the nearest one."""
    names = list(known)
    near = difflib.get_close_matches(given, names, n=1, cutoff=0.6)
    if near and len(names) > 12:  # nobody reads a long list that the answer stands behind
        return UsageError(
            f"unknown {what} {given!r}", where=where, hint=f"did you mean {near[0]!r}?"
        )
    return UsageError(
        f"unknown {what} {given!r}",
        where=where,
        expected="one of: " + ", ".join(names) if names else None,
        hint=f"did you mean {near[0]!r}?" if near else None,
    )
