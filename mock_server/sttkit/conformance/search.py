"""The part of a check that nobody planned: scripts that are made up, and what they break, shrunk.

For each law of level must, and for each that can be blamed, the smallest script that breaks it is
kept; when all were played, it is shrunk. What is left is reported like a planned case: by a case id
if one breaks the law too, otherwise as the script itself, on one line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING

from sttkit.conformance.casework import speech_of
from sttkit.conformance.jobs import Outcome
from sttkit.conformance.options import CheckOptions
from sttkit.conformance.result import Owner
from sttkit.conformance.surveying import Survey
from sttkit.errors import UsageError
from sttkit.scripting.model import Script
from sttkit.scripting.yaml import line_of, parse_script

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

BATCH = 50
"""Scripts that are made up at a time, so that the first are played while others are not yet."""
_BARREN = 3
"""Batches in a row without a new script, after which there are no more."""


@dataclass
class Search:
    """How far the search for what one target breaks has come. Scripts are spelled on one line.

    Attributes:
        awaited: scripts that are being played, or of which it is not known whose fault they show.
        broken: those of them that were played, and broke something.
        smallest: for each law and owner, the smallest script that shows the breach.
        over: whether all were made up.
    """

    survey: Survey
    options: CheckOptions
    awaited: set[str] = field(default_factory=set)
    broken: dict[str, Outcome] = field(default_factory=dict)
    smallest: dict[tuple[str, Owner], str] = field(default_factory=dict)
    over: bool = False

    def __post_init__(self) -> None:
        self._source = made_up(self.survey, self.options)

    def more(self) -> list[str]:
        """Further scripts to play, if it is time for some; `over` if there are no more."""
        if self.over or len(self.awaited) >= BATCH:
            return []
        batch = list(islice(self._source, BATCH))
        self.awaited.update(batch)
        self.over = not batch
        return batch

    def learn(self, line: str, blamed: Mapping[str, Owner]) -> None:
        """It is known what a script breaks, and whose fault that is."""
        self.awaited.discard(line)
        self.broken.pop(line, None)
        for law, owner in blamed.items():
            best = self.smallest.get((law, owner))
            if best is None or _size(line) < _size(best):
                self.smallest[law, owner] = line

    def stop(self) -> None:
        """Play no more, and shrink nothing."""
        self.over = True
        self.awaited.clear()
        self.broken.clear()
        self.smallest.clear()


def made_up(survey: Survey, options: CheckOptions) -> Iterator[str]:
    """As many scripts as are asked for, each once, if there are so many; the same for a seed."""
    source = _source(survey, options)
    from sttkit.conformance.inventing import invent

    seen: set[str] = set()
    number = barren = 0
    while len(seen) < options.examples and barren < _BARREN:
        known = len(seen)
        for script in invent(source, BATCH, seed=options.seed * 1_000_003 + number):
            # Without the dialect: the probe, which speaks another, plays the same.
            line = line_of(replace(script, dialect=None))
            if line not in seen and len(seen) < options.examples:
                seen.add(line)
                yield line
        number += 1
        barren = barren + 1 if len(seen) == known else 0


def _source(survey: Survey, options: CheckOptions) -> SearchStrategy[Script]:
    try:
        from hypothesis import strategies as st
    except ModuleNotFoundError:
        raise UsageError(
            "Hypothesis, which makes scripts up, is not installed",
            where="--examples",
            hint="pip install 'sttkit[pytest]'",
        ) from None
    from sttkit.conformance.inventing import IN_A_CALL, scripts
    from sttkit.faults import Family

    dialect = survey.dialect
    actions = [action for action in IN_A_CALL if survey.updates or action != "update-options"]
    said = st.just(speech_of(options.speech)) if options.speech is not None else None
    streams = scripts(max_faults=4, max_steps=3, dialect=dialect, actions=actions, said=said)
    if not survey.batch:
        return streams
    requests = scripts(
        max_faults=2, max_steps=0, dialect=dialect, families=(Family.BATCH,), said=said
    )
    return st.integers(0, 9).flatmap(lambda die: requests if die == 9 else streams)


def _size(line: str) -> tuple[int, int, int, str]:
    """Sorts scripts by how much happens in them."""
    script = parse_script(line)
    return len(script.faults), len(script.client), len(line), line
