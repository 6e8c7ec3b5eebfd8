from __future__ import annotations

from dataclasses import replace

import pytest

from sttkit import faults, script, speech
from sttkit.audio.synth import render
from sttkit.driver.tracks import tracks_of
from sttkit.laws.model import Limits
from sttkit.scripting.model import Script, Step

LIMITS = Limits(recovery=15.0)
SAID = speech("hello there", "how are you")
ALL = (Step("second-stream"), Step("new-stream-after"))


def test_only_streams_that_the_script_opens_have_a_track() -> None:
    assert set(tracks_of(Script(SAID), LIMITS)) == {"main"}
    assert set(tracks_of(Script(SAID, client=ALL), LIMITS)) == {"main", "second", "after"}


@pytest.mark.parametrize("steps", [(), ALL])
def test_the_scripted_part_of_the_main_stream_is_untouched(steps: tuple[Step, ...]) -> None:
    main = tracks_of(Script(SAID, client=steps), LIMITS)["main"]
    assert main.utterances[:2] == SAID.utterances
    assert (main.core, main.core_end) == (2, SAID.core_end)


def test_no_word_is_said_by_two_streams() -> None:
    tracks = tracks_of(Script(SAID, client=ALL), LIMITS)
    words = [word.text for track in tracks.values() for word in track.words()]
    assert len(words) == len(set(words))


@pytest.mark.parametrize("seed", [0, 1, 7919, -3])
def test_streams_sound_different(seed: int) -> None:
    tracks = tracks_of(Script(replace(SAID, seed=seed), client=ALL), LIMITS)
    assert len({render(track, 16000)[:6400] for track in tracks.values()}) == 3


def test_the_encore_lasts_as_long_as_a_recovery_may_take() -> None:
    healthy = tracks_of(Script(SAID), LIMITS)["main"].duration
    broken = tracks_of(script(SAID, faults.reset(at="idle")), LIMITS)["main"].duration
    assert broken - healthy == pytest.approx(LIMITS.recovery, abs=2.5)


def test_other_streams_say_a_few_sentences_and_have_an_encore_too() -> None:
    tracks = tracks_of(script(SAID, faults.reset(at="idle"), client=ALL), LIMITS)
    for name in ("second", "after"):
        assert 0 < tracks[name].core < len(tracks[name].utterances)
        assert tracks[name].utterances[0].start == pytest.approx(0.4)
        assert tracks[name].duration - tracks[name].core_end > LIMITS.recovery


def test_both_sides_get_the_same_tracks() -> None:
    once = tracks_of(Script(SAID, client=ALL), LIMITS)
    assert once == tracks_of(Script(SAID, client=ALL), LIMITS)
