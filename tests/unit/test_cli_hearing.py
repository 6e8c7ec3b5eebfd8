"""What `sttkit serve` tells of audio that gives no transcript, or another than is said."""

from __future__ import annotations

import numpy as np
import pytest

from sttkit.audio.synth import render
from sttkit.cli.hearing import AudioHints
from sttkit.trace import Record
from tests.support.caller import SAID, Caller, Stage

RATE = 16000


def noise(seconds: float) -> bytes:
    samples = np.random.default_rng(7).integers(-3000, 3000, int(seconds * RATE))
    return samples.astype("<i2").tobytes()


def silence(seconds: float) -> bytes:
    return bytes(int(seconds * RATE) * 2)


def send(caller: Caller, pcm: bytes) -> None:
    for start in range(0, len(pcm), 3200):
        caller.send(pcm[start : start + 3200])


def told(stage: Stage) -> list[str]:
    hints = AudioHints(stage.script.speech)
    return [hint for record in stage.trace for hint in hints.feed(record)]


def test_a_client_that_sends_silence_is_told_once_that_no_word_is_in_it() -> None:
    stage = Stage()
    caller = stage.call()
    send(caller, silence(0.9))
    assert told(stage) == []
    send(caller, silence(3.0))
    (hint,) = told(stage)
    assert hint.startswith("#0 sends digital silence")
    assert caller.finals == []


def test_a_pause_before_or_behind_the_speech_needs_no_hint() -> None:
    stage = Stage()
    caller = stage.call()
    pcm = bytes(render(stage.script.speech, RATE))
    send(caller, silence(0.5) + pcm + silence(3.0))
    assert told(stage) == []


def test_foreign_audio_is_counted_and_told_so_and_when_its_words_are_over() -> None:
    stage = Stage()
    caller = stage.call()
    send(caller, noise(2.0))
    (counted,) = told(stage)
    assert counted.startswith("#0 sends audio that is not the script's: ")
    send(caller, noise(8.0))
    (_, over) = told(stage)
    assert over.startswith(f"#0 has sent more than the {stage.script.speech.duration:.2f} s of the")
    assert caller.finals == [*SAID]


def test_each_connection_is_told_and_a_further_one_what_is_left_for_it() -> None:
    stage = Stage()
    send(stage.call(), noise(8.0))
    send(stage.call(), noise(2.0))
    counted, over, again = told(stage)
    assert counted.startswith("#0 sends")
    assert over.startswith("#0 has sent more")
    assert again.startswith("#1 has sent more")


def test_foreign_audio_after_the_scripts_own_is_told_to_have_no_words() -> None:
    stage = Stage()
    caller = stage.call()
    pcm = bytes(render(stage.script.speech, RATE))
    send(caller, pcm[:RATE])
    send(caller, noise(2.0))
    (hint,) = told(stage)
    assert "after audio that is: no word is heard in it" in hint


def test_what_a_connection_said_is_forgotten_with_it() -> None:
    hints = AudioHints(Stage().script.speech)
    silent = Record(1.0, "server", "audio", 0, None, {"spans": [(None, 0.0, 2.0, True, True)]})
    assert len(hints.feed(silent)) == 1
    assert hints.feed(silent) == []
    assert hints.feed(Record(2.0, "server", "lost", 0, None, {})) == []
    assert len(hints.feed(silent)) == 1


@pytest.mark.parametrize("kind", ["ping", "attempt"])
def test_nothing_else_is_about_audio(kind: str) -> None:
    assert AudioHints(Stage().script.speech).feed(Record(1.0, "server", kind, 0, None, {})) == []
