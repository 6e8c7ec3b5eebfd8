"""The recogniser says the same however audio is cut, whatever the client asks for in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from sttkit import Speech
from sttkit.audio.locate import Span
from sttkit.audio.speech import Utterance
from sttkit.events import Word
from sttkit.recogniser import Reached, Recogniser, Said

MS = 0.001
TRACKS = ("one", "two")


@dataclass(frozen=True)
class Heard:
    """Audio of a track, or silence of the client's, milliseconds; it jumps by so many before."""

    track: str | None
    jump: int
    length: int


Step = Heard | str
"""Or what the client asks for: ``flush`` or ``retract``."""

_MOST = 600
_AUDIO = st.builds(
    Heard,
    st.sampled_from(TRACKS),
    # Mostly on and on; now and then audio is lost, or comes again.
    st.sampled_from((0, 0, 0, 0, 40, 700, -90)),
    st.integers(1, _MOST),
)
_SILENCE = st.builds(Heard, st.none(), st.just(0), st.integers(1, _MOST))
_ASKED = st.sampled_from(("flush", "retract"))
_STEPS = st.lists(_AUDIO | _AUDIO | _AUDIO | _SILENCE | _ASKED, max_size=25)


@st.composite
def talks(draw: st.DrawFn) -> Speech:
    """One to three utterances of words of any length, with or without gaps between them."""
    utterances: list[Utterance] = []
    # Half of no word ends where a session has been idle for long enough: a tie is no rule.
    at = draw(st.sampled_from((7, 117, 501)))
    for number in range(draw(st.integers(1, 3))):
        words: list[Word] = []
        for index in range(draw(st.integers(1, 4))):
            length = draw(st.sampled_from((40, 100, 150, 300)))
            words.append(Word(f"w{number}x{index}", at * MS, (at + length) * MS))
            at += length + draw(st.sampled_from((0, 50)))
        utterances.append(Utterance(tuple(words)))
        at += draw(st.sampled_from((50, 300, 520, 1200)))
    return Speech(tuple(utterances), (at + 1000) * MS, core=len(utterances))


class Attentive(Recogniser):
    """Looks closely at all audio, also where there should be nothing to say."""

    def hear(self, span: Span) -> Sequence[Said | Reached]:
        self._quiet_until = 0.0
        return super().hear(span)


def said(recogniser: Recogniser, steps: list[Step], piece: int) -> list[list[Said | Reached]]:
    """What is said on each step, if audio comes in pieces of at most so many milliseconds."""
    at: dict[str | None, int] = dict.fromkeys((*TRACKS, None), 0)
    told: list[list[Said | Reached]] = []
    for step in steps:
        if isinstance(step, str):
            told.append(list(recogniser.flush() if step == "flush" else recogniser.retract()))
            continue
        answer: list[Said | Reached] = []
        begin = max(0, at[step.track] + step.jump)
        end = at[step.track] = begin + step.length
        for start in range(begin, end, piece):
            until = min(start + piece, end)
            if step.track is None:
                answer += recogniser.hear(Span(None, 0.0, (until - start) * MS, silent=True))
            else:
                answer += recogniser.hear(Span(step.track, start * MS, until * MS))
        told.append(answer)
    told.append(list(recogniser.end()))
    return told


@settings(deadline=None, max_examples=300)
@given(
    talks(),
    talks(),
    _STEPS,
    st.sampled_from((1, 7, 20, 50, 100)),
    st.fixed_dictionaries(
        {
            "signals_end": st.booleans(),
            "answers_empty_flush": st.booleans(),
            "late_transcripts": st.booleans(),
            "endpointing": st.booleans(),
        }
    ),
)
def test_the_same_is_said_however_the_audio_is_cut(
    one: Speech, two: Speech, steps: list[Step], piece: int, options: dict[str, bool]
) -> None:
    tracks = dict(zip(TRACKS, (one, two), strict=True))
    told = said(Recogniser(tracks, **options), steps, piece)
    assert told == said(Recogniser(tracks, **options), steps, _MOST)
    assert told == said(Attentive(tracks, **options), steps, piece)
