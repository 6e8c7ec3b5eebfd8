"""The healthy recogniser: it answers from what it heard, and from nothing else."""

from __future__ import annotations

import pytest

from sttkit import Speech, speech
from sttkit.audio.locate import Span
from sttkit.events import Final, Interim, ServerEvent, SpeechEnded, SpeechStarted
from sttkit.faults import Point
from sttkit.recogniser import ENDPOINTING_S, IDLE_AFTER_S, Reached, Recogniser, Said

TALK = speech("hello there friend", "how are you")
ONE, TWO = TALK.utterances
STEP = 0.02


class Ear:
    """A recogniser and everything it said."""

    def __init__(self, tracks: dict[str, Speech] | None = None, **options: bool) -> None:
        self.recogniser = Recogniser(tracks or {"main": TALK}, **options)
        self.said: list[Said | Reached] = []

    def hear(self, start: float, end: float, *, step: float = STEP, track: str = "main") -> Ear:
        at = start
        while at < end - 1e-9:
            until = min(end, at + step)
            self.said += self.recogniser.hear(Span(track, at, until))
            at = until
        return self

    def silence(self, seconds: float) -> Ear:
        self.said += self.recogniser.hear(Span(None, 0.0, seconds, silent=True))
        return self

    def flush(self) -> Ear:
        self.said += self.recogniser.flush()
        return self

    def end(self) -> Ear:
        self.said += self.recogniser.end()
        return self

    @property
    def events(self) -> list[ServerEvent]:
        return [item.event for item in self.said if isinstance(item, Said)]

    @property
    def finals(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Final)]

    @property
    def interims(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Interim)]

    @property
    def points(self) -> list[Point]:
        return [item.point for item in self.said if isinstance(item, Reached)]


def test_interims_grow_by_a_word_and_a_final_follows_the_pause() -> None:
    ear = Ear().hear(0, TALK.duration)
    assert ear.interims[:3] == ["hello", "hello there", "hello there friend"]
    assert ear.finals == ["hello there friend", "how are you"]
    kinds = [type(event) for event in ear.events[:6]]
    assert kinds == [SpeechStarted, Interim, Interim, Interim, Final, SpeechEnded]
    final = ear.events[4]
    assert isinstance(final, Final)
    assert (final.start, final.end) == (ONE.start, ONE.end)
    assert final.endpoint
    assert not final.from_flush
    assert ear.events[5] == SpeechEnded(ONE.end)


def test_a_word_is_said_when_half_of_it_was_heard() -> None:
    word = ONE.words[0]
    half = (word.start + word.end) / 2
    assert Ear().hear(0, half - 0.005).events == []
    assert Ear().hear(0, half + 0.005).interims == ["hello"]


def test_the_same_half_twice_is_still_only_half_a_word() -> None:
    word = ONE.words[0]
    third = word.start + (word.end - word.start) / 3
    ear = Ear().hear(0, third).hear(word.start, third).hear(word.start, third)
    assert ear.events == []
    assert ear.hear(third, word.end).interims == ["hello"]


def test_two_different_thirds_are_more_than_half() -> None:
    word = ONE.words[0]
    third = (word.end - word.start) / 3
    ear = Ear().hear(word.end - third, word.end).hear(word.start, word.start + third)
    assert ear.interims == ["hello"]


def test_no_word_is_said_twice_in_a_session() -> None:
    ear = Ear().hear(0, TALK.duration).hear(0, TALK.duration).end()
    assert ear.finals == ["hello there friend", "how are you"]


def test_an_utterance_needs_its_pause_to_end() -> None:
    ear = Ear().hear(0, ONE.end + ENDPOINTING_S - 0.01)
    assert ear.finals == []
    assert ear.hear(ONE.end + ENDPOINTING_S - 0.01, ONE.end + ENDPOINTING_S).finals == [ONE.text]


@pytest.mark.parametrize("pause", [0.0, 0.05, 0.2, 0.29, 0.3, 0.31])
@pytest.mark.parametrize("step", [0.02, 0.1, 10.0])
def test_a_short_pause_is_an_end_too_and_costs_no_word(pause: float, step: float) -> None:
    talk = speech("one two", "three four", "five", pause=pause)
    ear = Ear({"main": talk}).hear(0, talk.duration, step=step)
    assert ear.finals == ["one two", "three four", "five"]


def test_a_jump_over_a_word_loses_that_word_only() -> None:
    _hello, there, friend = ONE.words
    ear = Ear().hear(0, there.start).hear(friend.start - 0.01, 2.5)
    assert ear.finals == ["hello friend"]


def test_a_jump_into_another_utterance_ends_the_first() -> None:
    ear = Ear().hear(0, ONE.words[1].start).hear(TWO.start - 0.01, TALK.duration)
    assert ear.finals == ["hello", "how are you"]
    assert [type(e) for e in ear.events].count(SpeechStarted) == 2


def test_a_session_that_begins_in_mid_utterance_says_the_rest() -> None:
    ear = Ear().hear(ONE.words[1].start, 2.0)
    assert ear.finals == ["there friend"]
    started = ear.events[0]
    assert isinstance(started, SpeechStarted)
    assert started.at == pytest.approx(0.0)


def test_times_are_those_of_the_audio_of_this_session() -> None:
    ear = Ear().silence(1.0).hear(0.2, 2.0)
    final = next(event for event in ear.events if isinstance(event, Final))
    assert final.start == pytest.approx(ONE.start + 0.8)
    assert [word.text for word in final.words] == ["hello", "there", "friend"]


def test_a_flush_in_mid_utterance_fixes_what_was_said_so_far() -> None:
    ear = Ear().hear(0, ONE.words[1].start).flush()
    (final,) = [event for event in ear.events if isinstance(event, Final)]
    assert (final.text, final.from_flush, final.endpoint) == ("hello", True, False)
    assert ear.hear(ONE.words[1].start, 2.0).finals == ["hello", "there friend"]
    assert [type(event) for event in ear.events].count(SpeechEnded) == 1


def test_a_flush_after_the_last_word_ends_the_utterance() -> None:
    ear = Ear().hear(0, ONE.end).flush()
    (final,) = [event for event in ear.events if isinstance(event, Final)]
    assert (final.from_flush, final.endpoint) == (True, True)
    assert isinstance(ear.events[-1], SpeechEnded)


def test_a_flush_in_mid_word_leaves_the_word_for_later() -> None:
    there = ONE.words[1]
    ear = Ear().hear(0, there.start + 0.05).flush().hear(there.start + 0.05, 2.0)
    assert ear.finals == ["hello", "there friend"]


def test_a_flush_with_nothing_pending_is_answered_only_where_the_provider_does() -> None:
    assert Ear().hear(0, 0.3).flush().events == []
    (final,) = Ear(answers_empty_flush=True).hear(0, 0.3).flush().events
    assert final == Final("", from_flush=True)


def test_the_end_fixes_what_is_pending_once() -> None:
    ear = Ear().hear(0, ONE.words[1].start).end().end()
    assert ear.finals == ["hello"]
    assert isinstance(ear.events[-1], SpeechEnded)


def test_an_end_after_a_flush_says_no_empty_final_where_there_is_an_end_message() -> None:
    ear = Ear().hear(0, ONE.words[1].start).flush().end()
    assert ear.finals == ["hello"]
    assert isinstance(ear.events[-1], SpeechEnded)


def test_without_an_end_message_an_empty_final_carries_the_end() -> None:
    ear = Ear(signals_end=False).hear(0, ONE.words[1].start).flush().end()
    assert ear.finals == ["hello", ""]


def test_the_session_end_says_how_much_was_heard() -> None:
    ear = Ear().hear(0, 1.0).silence(0.5)
    assert ear.recogniser.session_end().event.audio_s == pytest.approx(1.5)  # type: ignore[union-attr]


def test_two_tracks_in_one_session_are_two_speakers() -> None:
    other = speech("something else", seed=1)
    ear = Ear({"main": TALK, "second": other})
    ear.hear(0, ONE.end).hear(0, other.duration, track="second")
    assert ear.finals == ["hello there friend", "something else"]
    assert {item.track for item in ear.said if isinstance(item, Said)} == {"main", "second"}


def test_audio_of_no_track_says_nothing() -> None:
    ear = Ear()
    ear.said += ear.recogniser.hear(Span(None, 0.0, 5.0, exact=False))
    ear.said += ear.recogniser.hear(Span("unknown", 0.0, 5.0))
    assert ear.events == []


@pytest.mark.parametrize("step", [0.01, 0.02, 0.19, 0.2, 0.35, 1.0, 10.0])
def test_points_come_in_their_order_however_the_audio_is_cut(step: float) -> None:
    ear = Ear().hear(0, TALK.duration, step=step)
    assert ear.points == [Point.IDLE, Point.BETWEEN_UTTERANCES, Point.BETWEEN_UTTERANCES]
    order = [type(item) if isinstance(item, Reached) else type(item.event) for item in ear.said]
    assert order[0] is Reached
    assert order[1] is SpeechStarted
    second_start = [i for i, kind in enumerate(order) if kind is SpeechStarted][1]
    assert order[second_start - 1] is Reached


def test_idle_needs_audio_and_nobody_speaking() -> None:
    assert Ear().hear(0, IDLE_AFTER_S - 0.05).points == []
    assert Ear().hear(ONE.start, ONE.end).points == []


def test_between_utterances_is_half_of_the_pause() -> None:
    middle = (ONE.end + TWO.start) / 2
    assert Point.BETWEEN_UTTERANCES not in Ear().hear(0, middle - 0.03).points
    assert Point.BETWEEN_UTTERANCES in Ear().hear(0, middle + 0.03).points


# --- where only the client ends an utterance ----------------------------------------------------


def test_without_endpointing_a_pause_ends_nothing_and_a_flush_does() -> None:
    ear = Ear(endpointing=False, signals_end=False).hear(0.0, TWO.start)
    assert ear.finals == []
    ear.flush()
    assert ear.finals == ["hello there friend"]
    ear.hear(TWO.start, TALK.duration).flush()
    assert ear.finals == ["hello there friend", "how are you"]
    assert sum(isinstance(event, SpeechStarted) for event in ear.events) == 2


def test_without_endpointing_what_is_not_flushed_goes_on_over_the_pause() -> None:
    ear = Ear(endpointing=False, signals_end=False).hear(0.0, TALK.duration).flush()
    assert ear.finals == ["hello there friend how are you"]
    assert sum(isinstance(event, SpeechStarted) for event in ear.events) == 1


@pytest.mark.parametrize("after_s", [0.1, 0.35, 0.6])
def test_without_endpointing_the_pause_is_reached_once_whenever_the_flush_comes(
    after_s: float,
) -> None:
    ear = Ear(endpointing=False).hear(0.0, ONE.end + after_s).flush()
    ear.hear(ONE.end + after_s, TWO.start + 0.1)
    assert ear.points.count(Point.BETWEEN_UTTERANCES) == 1


@pytest.mark.parametrize("answers", [True, False])
def test_without_endpointing_a_second_flush_is_answered_where_empty_ones_are(
    answers: bool,
) -> None:
    ear = Ear(endpointing=False, signals_end=False, answers_empty_flush=answers)
    ear.hear(0.0, ONE.words[-1].end - 0.01).flush()  # the last word is heard, the end is not
    ear.hear(ONE.words[-1].end - 0.01, ONE.end + 0.2).flush().flush()
    assert ear.finals == ["hello there friend", *[""] * (2 * answers)]


def test_an_empty_piece_of_another_track_does_not_deafen() -> None:
    other = speech("good morning")
    ear = Ear({"main": TALK, "other": other}).hear(0, TALK.duration)
    ear.recogniser.hear(Span("other", 0.0, 0.0))
    assert ear.hear(0, other.duration, track="other").finals[-1] == "good morning"


def test_without_endpointing_a_short_pause_is_reached_at_its_half_though_a_flush_came_before() -> (
    None
):
    talk = speech("hello there friend", "how are you", pause=0.4)
    over = talk.utterances[0].end
    ear = Ear({"main": talk}, endpointing=False).hear(0.0, over + 0.1).flush()
    assert Point.BETWEEN_UTTERANCES not in ear.points
    ear.hear(over + 0.1, over + 0.24)
    assert Point.BETWEEN_UTTERANCES in ear.points
