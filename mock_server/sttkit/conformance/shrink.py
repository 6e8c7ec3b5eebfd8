"""The smallest script or case that still breaks what a larger one breaks: delta debugging, no dice.

One candidate after another is tried, in the order in which people want a script to get smaller -
fewer faults, then fewer actions, less speech, plainer parameters, an ideal network - and whenever
one still breaks it, the search begins anew from there. So it ends where nothing can be taken away
by itself, and the same script and plugin give the same result each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from sttkit.audio.speech import PAUSE_S, from_items, to_items
from sttkit.conformance.subject import HEALTHY
from sttkit.faults import Placed, parse_placed
from sttkit.scripting.cases import Case
from sttkit.scripting.model import Cue, Network, Script, Step

MOST_RUNS = 500
"""Runs after which the smallest script so far has to do."""

_T = TypeVar("_T")
_Items = Sequence[Mapping[str, object]]


@dataclass(frozen=True)
class Shrunk(Generic[_T]):
    """What is left of a script, or of a case.

    Attributes:
        smallest: that was found.
        runs: how many were played to find it.
        complete: whether nothing more can be taken away; False if the runs were used up.
    """

    smallest: _T
    runs: int
    complete: bool


def shrink(
    large: _T,
    breaks: Callable[[_T], bool],
    simpler: Callable[[_T], Iterator[_T]],
    *,
    most_runs: int = MOST_RUNS,
) -> Shrunk[_T]:
    """Make what ``breaks`` something as small as it still does, by steps to what is ``simpler``."""
    smallest = large
    tried = {large}
    runs = 0
    while True:
        for smaller in simpler(smallest):
            if smaller in tried:
                continue
            if runs >= most_runs:
                return Shrunk(smallest, runs, complete=False)
            tried.add(smaller)
            runs += 1
            if breaks(smaller):
                smallest = smaller
                break
        else:
            return Shrunk(smallest, runs, complete=True)


def simpler_scripts(script: Script) -> Iterator[Script]:
    """Scripts that are one step simpler, the largest steps first."""
    for faults in _parts(script.faults):
        yield replace(script, faults=faults)
    for client in _parts(script.client):
        yield replace(script, client=client)
    if script.speech.recording is None:
        for items in _less_said(to_items(script.speech)):
            speech = from_items(items, seed=script.speech.seed)
            if speech != script.speech:  # a pause of the usual length says nothing
                yield replace(script, speech=speech)
    for faults in _one_changed(script.faults, _plainer_fault):
        yield replace(script, faults=faults)
    for client in _one_changed(script.client, _plainer_step):
        yield replace(script, client=client)
    if script.network != Network():
        yield replace(script, network=Network())
    if script.seed or script.speech.seed:
        yield replace(script, seed=0, speech=replace(script.speech, seed=0))


def simpler_cases(case: Case) -> Iterator[Case]:
    """Cases that are one step simpler, the largest steps first: what is said in them stays."""
    for faults in _parts(case.faults):
        yield replace(case, faults=faults or (parse_placed(HEALTHY),))
    for actions in _parts(case.actions):
        yield replace(case, actions=actions)
    for faults in _one_changed(case.faults, _plainer_fault):
        yield replace(case, faults=faults)
    for actions in _one_changed(case.actions, _plainer_action):
        yield replace(case, actions=actions)


def _parts(items: Sequence[_T]) -> Iterator[tuple[_T, ...]]:
    """``items`` with less and less of them left out: all, then halves, quarters, … single ones."""
    size = len(items)
    while size:
        for begin in range(0, len(items), size):
            yield (*items[:begin], *items[begin + size :])
        size //= 2


def _one_changed(
    items: Sequence[_T], plainer: Callable[[_T], Iterator[_T]]
) -> Iterator[tuple[_T, ...]]:
    for index, item in enumerate(items):
        for other in plainer(item):
            yield (*items[:index], other, *items[index + 1 :])


def _less_said(items: _Items) -> Iterator[_Items]:
    for fewer in _parts(items):
        if fewer:
            yield fewer
    yield from _one_changed(items, _plainer_item)


def _plainer_item(item: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    if "say" in item:
        for words in _parts(str(item["say"]).split()):
            if words:
                yield {"say": " ".join(words)}
    elif item["pause"] != PAUSE_S:
        yield {"pause": PAUSE_S}


def _plainer_fault(placed: Placed) -> Iterator[Placed]:
    if placed.connection != "next":
        yield replace(placed, connection="next")
    for n in _lower(placed.n):
        yield replace(placed, n=n)
    parameter = placed.fault.kind.parameter
    plain = parameter.default if parameter is not None else ""  # "": whatever the dialect has
    if parameter is not None and plain != "" and placed.fault.param != plain:
        yield replace(placed, fault=replace(placed.fault, param=plain))


def _plainer_step(step: Step) -> Iterator[Step]:
    cue = step.at
    if step.param is not None:
        yield replace(step, param=None)
    if cue != Cue():
        yield replace(step, at=Cue())
    if cue.point is not None:
        for n in _lower(cue.n):
            yield replace(step, at=replace(cue, n=n))
    elif cue.audio_s is not None and cue.audio_s != round(cue.audio_s, 1):
        yield replace(step, at=Cue(audio_s=round(cue.audio_s, 1)))


def _plainer_action(action: str) -> Iterator[str]:
    name, has_parameter, _ = action.partition("=")
    if has_parameter:
        yield name


def _lower(n: int) -> list[int]:
    return sorted({1, n // 2, n - 1} - {0, n})
