"""Locating audio: the same answer for the same bytes, however they are cut, and all counted."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sttkit import speech
from sttkit.audio.locate import Locator, Span
from sttkit.audio.synth import render
from sttkit.events import Final, Interim
from sttkit.recogniser import Recogniser, Said
from tests.support.audio import RATE, chunks, told

TALK = speech("hello there friend", "how are you")
OTHER = speech("something else entirely", seed=1)
TRACKS = {"main": render(TALK, RATE), "second": render(OTHER, RATE)}
FOREIGN = np.random.default_rng(7).integers(-3000, 3000, 2 * RATE).astype("<i2").tobytes()
LENGTH = min(map(len, TRACKS.values())) // 2

sizes = st.lists(st.integers(1, 900) | st.integers(1, 9000), min_size=1, max_size=200)
places = st.integers(0, LENGTH - 64)
lengths = st.integers(64, 12000)
on_a_track = st.tuples(st.sampled_from(["main", "second"]), places, lengths)
silent = st.tuples(st.just("zeros"), st.just(0), lengths)
foreign = st.tuples(st.just("foreign"), st.integers(0, RATE), lengths)
Piece = tuple[str, int, int]


def audio_of(pieces: list[Piece]) -> bytes:
    sources = {**TRACKS, "foreign": FOREIGN}
    return b"".join(
        bytes(2 * count) if name == "zeros" else sources[name][2 * first : 2 * (first + count)]
        for name, first, count in pieces
    )


def located(pcm: bytes, cut: list[int]) -> list[Span]:
    finder = Locator(TRACKS, RATE)
    spans = [span for chunk in chunks(pcm, cut) for span in finder.feed(chunk)]
    return [*spans, *finder.finish()]


@settings(deadline=None)
@given(st.lists(on_a_track | silent | foreign, min_size=1, max_size=6), sizes)
@example([("foreign", 0, 200), ("main", 0, 1000)], [1] * 40)
@example([("main", 0, 1000), ("zeros", 0, 64), ("main", 1000, 500)], [2047, 3])
def test_cutting_changes_nothing(pieces: list[Piece], cut: list[int]) -> None:
    pcm = audio_of(pieces)
    assert told(located(pcm, cut)) == told(located(pcm, [len(pcm)]))


@settings(deadline=None)
@given(st.lists(on_a_track | silent | foreign, max_size=6), sizes)
def test_all_audio_is_accounted_for(pieces: list[Piece], cut: list[int]) -> None:
    pcm = audio_of(pieces)
    assert round(sum(span.duration for span in located(pcm, cut)) * RATE) == len(pcm) // 2


@settings(deadline=None)
@given(st.lists(on_a_track | silent, min_size=1, max_size=6), sizes)
def test_gaps_repeats_other_tracks_and_silence_are_found_where_they_are(
    pieces: list[Piece], cut: list[int]
) -> None:
    pcm = audio_of(pieces)
    found = told(located(pcm, cut))
    assert all(exact for _, exact, _, _, _ in found)
    # At a jump the next samples may go on by chance as they would have without it.
    where = np.concatenate([_positions(*entry) for entry in found])
    wanted = np.concatenate([_positions(*entry) for entry in _expected(pieces)])
    assert len(where) == len(wanted)
    assert np.count_nonzero(where != wanted) <= 4 * len(pieces)


def _expected(pieces: list[Piece]) -> list[tuple[str | None, bool, bool, int, int]]:
    return [
        (
            None if name == "zeros" else name,
            True,
            name == "zeros",
            first,
            min(count, _rest(name, first)),
        )
        for name, first, count in pieces
    ]


def _rest(name: str, first: int) -> int:
    return 1 << 40 if name == "zeros" else len(TRACKS[name]) // 2 - first


def _positions(track: str | None, exact: bool, silent: bool, first: int, count: int) -> np.ndarray:
    base = {"main": 0, "second": 1 << 30}.get(track or "", -1)
    return np.full(count, -1) if base < 0 else base + np.arange(first, first + count)


@settings(deadline=None)
@given(st.integers(RATE // 2, 2 * RATE), sizes)
def test_audio_that_is_not_ours_is_counted_and_says_so(count: int, cut: list[int]) -> None:
    finder = Locator(TRACKS, RATE)
    spans = [span for chunk in chunks(FOREIGN[: 2 * count], cut) for span in finder.feed(chunk)]
    spans += finder.finish()
    assert finder.marked is False
    assert told(spans) == [("main", False, False, 0, count)]


# --- and what a recogniser makes of it ----------------------------------------------------------


def recognised(spans: list[Span]) -> tuple[list[str], list[str]]:
    ear = Recogniser({"main": TALK, "second": OTHER})
    said = [item for span in spans for item in ear.hear(span) if isinstance(item, Said)]
    said += ear.end()
    finals = [item.event.text for item in said if isinstance(item.event, Final)]
    interims = [item.event.text for item in said if isinstance(item.event, Interim)]
    return finals, interims


@settings(max_examples=60, deadline=None)
@given(st.lists(on_a_track | silent, min_size=1, max_size=6), sizes)
def test_the_same_audio_gives_the_same_words_in_the_same_order(
    pieces: list[Piece], cut: list[int]
) -> None:
    pcm = audio_of(pieces)
    assert recognised(located(pcm, cut)) == recognised(located(pcm, [len(pcm)]))


@settings(max_examples=60, deadline=None)
@given(st.lists(on_a_track | silent, min_size=1, max_size=6), sizes)
def test_a_word_is_said_once_and_only_if_half_of_it_arrived(
    pieces: list[Piece], cut: list[int]
) -> None:
    spans = located(audio_of(pieces), cut)
    words = " ".join(recognised(spans)[0]).split()
    assert len(set(words)) == len(words)
    heard: dict[str, set[int]] = {}
    for span in spans:
        if span.track is not None:
            samples = range(round(span.start * RATE), round(span.end * RATE))
            heard.setdefault(span.track, set()).update(samples)
    for track, talk in (("main", TALK), ("second", OTHER)):
        for word in talk.words():
            inside = range(round(word.start * RATE), round(word.end * RATE))
            arrived = len(heard.get(track, set()).intersection(inside))
            if word.text in words:
                assert arrived >= len(inside) / 2 - 2


@settings(max_examples=60, deadline=None)
@given(places, st.integers(1, 6))
def test_a_reconnect_in_mid_utterance_costs_at_most_the_word_it_cut(
    place: int, lost_ms: int
) -> None:
    pcm = TRACKS["main"]
    first, _ = recognised(located(pcm[: 2 * place], [640] * 400))
    second, _ = recognised(located(pcm[2 * (place + 16 * lost_ms) :], [640] * 400))
    words = " ".join([*first, *second]).split()
    spoken = [word.text for word in TALK.words()]
    missing = [word for word in spoken if word not in words]
    assert len(missing) <= 1
    assert words == [word for word in spoken if word in words]
