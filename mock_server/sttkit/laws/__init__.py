"""The laws: what an application may rely on, each as one function over the trace of a run.

    >>> law("RETRY-1").level
    'must'

`model` says what a law is and what it is given; `facts`, `streams`, `connections`, `budget`,
`finals` and `ledger` are views over a trace that many laws share; the other modules hold the laws
themselves, a few per file. The ids are public: they are never renumbered.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sttkit.errors import unknown_name
from sttkit.laws import (
    audio,
    batch,
    close,
    conversion,
    ending,
    endurance,
    failures,
    input,
    isolate,
    leaving,
    live,
    losses,
    marks,
    order,
    reconnect,
    retry,
    secret,
    silence,
    times,
    usage,
)
from sttkit.laws.model import Judgement, Law, Run, Verdict

_FAMILIES = (
    *live.LAWS,
    *silence.LAWS,
    *endurance.LIVE_LAWS,
    *retry.LAWS,
    *failures.LAWS,
    *batch.LAWS,
    *reconnect.LAWS,
    *close.LAWS,
    *ending.LAWS,
    *leaving.LAWS,
    *endurance.CLOSE_LAWS,
    *isolate.LAWS,
    *order.LAWS,
    *marks.LAWS,
    *audio.LAWS,
    *losses.LAWS,
    *conversion.LAWS,
    *usage.LAWS,
    *times.LAWS,
    *input.LAWS,
    *secret.LAWS,
)


def _in_order(laws: tuple[Law, ...]) -> tuple[Law, ...]:
    """By family, as the families come first, and by number within each."""
    families = list(dict.fromkeys(law.id.partition("-")[0] for law in laws))

    def place(law: Law) -> tuple[int, int]:
        family, _, number = law.id.partition("-")
        return families.index(family), int(number)

    return tuple(sorted(laws, key=place))


ALL_LAWS: tuple[Law, ...] = _in_order(_FAMILIES)
"""All laws, in the order of the contract."""


def law(id: str, *, where: str | None = None) -> Law:
    """The law with this id.

    Raises:
        UsageError: there is none; the message suggests the nearest one.
    """
    for candidate in ALL_LAWS:
        if candidate.id == id:
            return candidate
    raise unknown_name("law", id, (candidate.id for candidate in ALL_LAWS), where=where)


def judge(run: Run, laws: Iterable[Law] = ALL_LAWS) -> dict[str, Judgement]:
    """What each law says of ``run``, by id."""
    return {law.id: _judged(law, run) for law in laws}


def _judged(law: Law, run: Run) -> Judgement:
    judgement = law.judge(run)
    if judgement.verdict is not Verdict.FAIL:
        return judgement
    if law.since is not None and run.subject.framework < law.since:
        since = ".".join(map(str, law.since))
        observed = f"{judgement.observed} (LiveKit's base class keeps to this from {since} on)"
        judgement = replace(judgement, observed=observed)
    if law.level == "should":
        return replace(judgement, verdict=Verdict.WARN)
    return judgement


__all__ = ["ALL_LAWS", "Judgement", "Law", "Run", "Verdict", "judge", "law"]
