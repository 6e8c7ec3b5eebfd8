"""What each stream under test says.

All streams of a run say different words, so that a transcript can be traced to its stream; server
and driver both take them from here, so that both know the same audio.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from sttkit.audio.speech import LEAD_IN_S, PAUSE_S, Speech, Utterance
from sttkit.events import Word
from sttkit.laws.model import Limits
from sttkit.scripting.model import Script

MAIN = "main"
SECOND = "second"
AFTER = "after"

_CORE_UTTERANCES = {SECOND: 3, AFTER: 2}
_SPARE_S = 10.0
"""Encore for faults that need more audio to happen, beyond what a recovery takes."""
_MAX_ENCORE_S = 300.0
CALL_RHYTHM_S = 25.0
"""Of a long call: the time from one muting to the next, an utterance between them included."""
LONG_PAUSE_S = 30.0
"""A pause after which it is asked whether the stream still hears."""
_UTTERANCE_S = 2.0
"""Audio of an utterance and what is heard of the pause behind it, in a long call."""


def tracks_of(script: Script, limits: Limits) -> dict[str, Speech]:
    """The speech of each stream that ``script`` opens, by the stream's name.

    ``main`` is the script's speech with an encore that lasts until every broken connection has had
    its time to recover; ``second`` and ``after`` are there if the script opens them.
    """
    return dict(_tracks_of(script, limits))


@lru_cache(maxsize=4)
def _tracks_of(script: Script, limits: Limits) -> dict[str, Speech]:
    # Both sides of a run ask, and the driver more than once.
    kinds = [placed.fault.kind for placed in script.placements()]
    blows = [kind.id for kind in kinds if kind.breaks or kind.deaf]
    blows += ["session-limit"] * any(kind.id == "session-limit" for kind in kinds)
    blows += [
        step.do for step in script.client if step.do == "pause" and step.value >= LONG_PAUSE_S
    ]
    encore = min(_MAX_ENCORE_S, sum(map(limits.after, blows)) + _SPARE_S)
    encore += script.lasting("burst")
    encore += script.lasting("long-call") / CALL_RHYTHM_S * _UTTERANCE_S
    others = [
        name
        for name, action in ((SECOND, "second-stream"), (AFTER, "new-stream-after"))
        if script.does(action)
    ]
    if not others:
        return {MAIN: script.speech.with_encore(encore)}
    # One long encore, cut into pieces: so no word is coined twice.
    whole = script.speech.with_encore(encore * (1 + len(others)))
    pieces = _cut(whole, script.speech.duration, encore, len(others))
    tracks = {MAIN: pieces[0]}
    for number, (name, piece) in enumerate(zip(others, pieces[1:], strict=True), start=1):
        tracks[name] = _retold(piece, _CORE_UTTERANCES[name], script.speech.seed + number)
    return tracks


def _cut(whole: Speech, core_s: float, encore: float, extra: int) -> list[Speech]:
    """The first ``core_s + encore`` seconds of ``whole``, and ``extra`` pieces of its rest."""
    ends = [core_s + encore * (number + 1) for number in range(extra + 1)]
    groups: list[list[Utterance]] = [[] for _ in ends]
    for utterance in whole.utterances:
        index = next((i for i, end in enumerate(ends) if utterance.start < end), extra)
        groups[index].append(utterance)
    return [
        replace(whole, utterances=tuple(group), duration=group[-1].end + PAUSE_S)
        for group in groups
    ]


def _retold(piece: Speech, core: int, seed: int) -> Speech:
    """The same words from the beginning of a stream, in another voice."""
    back = piece.utterances[0].start - LEAD_IN_S
    utterances = tuple(
        Utterance(
            tuple(
                Word(word.text, round(word.start - back, 3), round(word.end - back, 3))
                for word in utterance.words
            )
        )
        for utterance in piece.utterances
    )
    return Speech(
        utterances,
        utterances[-1].end + PAUSE_S,
        core=min(core, len(utterances)),
        seed=seed,
    )
