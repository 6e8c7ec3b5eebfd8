"""Finding received audio in what was pushed."""

from __future__ import annotations

import numpy as np
import pytest

from sttkit import speech
from sttkit.audio.locate import Locator, Span
from sttkit.audio.synth import render
from tests.support.audio import RATE, told

MAIN = render(speech("hello there", "how are you"), RATE)
SECOND = render(speech("something else", seed=1), RATE)
FOREIGN = np.random.default_rng(7).integers(-3000, 3000, 4 * RATE).astype("<i2").tobytes()


def locator(*, resume_at: float = 0.0) -> Locator:
    return Locator({"main": MAIN, "second": SECOND}, RATE, resume_at=resume_at)


def heard(*pieces: bytes, **options: float) -> list[tuple[str | None, bool, bool, int, int]]:
    finder = locator(**options)
    spans: list[Span] = []
    for piece in pieces:
        spans.extend(finder.feed(piece))
    return told([*spans, *finder.finish()])


def main(first: int, last: int) -> bytes:
    return MAIN[2 * first : 2 * last]


def test_audio_from_the_beginning_is_found_exactly() -> None:
    assert heard(main(0, 5000), main(5000, 5010)) == [("main", True, False, 0, 5010)]


def test_audio_may_begin_anywhere_and_on_any_track() -> None:
    assert heard(SECOND[2000:4000]) == [("second", True, False, 1000, 1000)]


def test_a_gap_is_a_jump() -> None:
    assert heard(main(0, 1000), main(3000, 4000)) == [
        ("main", True, False, 0, 1000),
        ("main", True, False, 3000, 1000),
    ]


def test_a_repeat_goes_back() -> None:
    assert heard(main(2000, 4000), main(2000, 4000)) == [
        ("main", True, False, 2000, 2000),
        ("main", True, False, 2000, 2000),
    ]


def test_another_track_in_mid_stream_is_noticed() -> None:
    assert heard(main(0, 1000), SECOND[:2000], main(1000, 2000)) == [
        ("main", True, False, 0, 1000),
        ("second", True, False, 0, 1000),
        ("main", True, False, 1000, 1000),
    ]


@pytest.mark.parametrize("zeros", [1, 2, 7, 8, 100, 5000])
def test_added_silence_is_told_from_audio_to_the_sample(zeros: int) -> None:
    assert heard(main(0, 1000) + bytes(2 * zeros) + main(1000, 2000)) == [
        ("main", True, False, 0, 1000),
        (None, True, True, 0, zeros),
        ("main", True, False, 1000, 1000),
    ]


@pytest.mark.parametrize("count", [1, 31, 32, 100, 160, 161, 700])
def test_foreign_audio_in_between_is_told_to_the_sample(count: int) -> None:
    foreign = FOREIGN[: 2 * count]
    assert heard(main(0, 1000) + foreign + main(1000, 3000)) == [
        ("main", True, False, 0, 1000),
        (None, False, False, 0, count),
        ("main", True, False, 1000, 2000),
    ]


def test_what_comes_before_the_first_match_is_foreign() -> None:
    assert heard(FOREIGN[:88] + main(0, 1000)) == [
        (None, False, False, 0, 44),
        ("main", True, False, 0, 1000),
    ]


def test_audio_that_is_never_found_is_counted() -> None:
    finder = locator()
    spans = finder.feed(FOREIGN[: 2 * RATE])
    assert finder.marked is False
    assert told(spans) == [("main", False, False, 0, RATE)]
    assert told(finder.feed(FOREIGN[2 * RATE :])) == [("main", False, False, RATE, 3 * RATE)]


def test_a_short_unmarked_session_is_counted_at_its_end() -> None:
    assert heard(FOREIGN[:2000]) == [("main", False, False, 0, 1000)]


def test_counting_goes_on_where_the_last_session_stopped() -> None:
    assert heard(FOREIGN[:40000], resume_at=2.0) == [("main", False, False, 2 * RATE, 20000)]


def test_without_tracks_all_audio_is_counted_on_none() -> None:
    finder = Locator({}, RATE)
    assert finder.marked is False
    assert told(finder.feed(FOREIGN[:640])) == [(None, False, False, 0, 320)]


def test_silence_alone_decides_nothing() -> None:
    finder = locator()
    assert told(finder.feed(bytes(64000))) == [(None, True, True, 0, 32000)]
    assert finder.marked is None
    assert told(finder.feed(main(0, 1000))) == [("main", True, False, 0, 1000)]


def test_a_byte_that_is_half_a_sample_waits_for_the_other_half() -> None:
    assert heard(main(0, 1000)[:999], main(0, 1000)[999:], main(5000, 6000)) == [
        ("main", True, False, 0, 1000),
        ("main", True, False, 5000, 1000),
    ]


def test_nothing_is_heard_in_nothing() -> None:
    finder = locator()
    assert finder.feed(b"") == []
    assert finder.finish() == []
    assert finder.finish() == []


def test_audio_beyond_the_end_of_a_track_is_foreign() -> None:
    samples = len(MAIN) // 2
    assert heard(MAIN, FOREIGN[:2000]) == [
        ("main", True, False, 0, samples),
        (None, False, False, 0, 1000),
    ]
