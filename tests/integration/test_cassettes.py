"""Recordings of real plugins, played to them again: in the simulated world and over sockets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sttkit import faults, script, speech
from sttkit.cassette.comparing import differences
from sttkit.cassette.redact import Redactor
from sttkit.cassette.redacting import redacted
from sttkit.cassette.tape import EXACT
from sttkit.conformance.casework import perform
from sttkit.conformance.jobs import CaseJob, Outcome, Refusal
from sttkit.deck.files import save_cassette
from sttkit.deck.staging import staged
from sttkit.driver.options import CANARY
from sttkit.laws import ALL_LAWS, judge
from sttkit.pytest_plugin.transcribed import Transcribed
from sttkit.scripting.model import Script
from sttkit.targets import load_target
from sttkit.worlds import loopback, simulated
from tests.support.tapped import Recorded, recording

SAID = ("hello there friend", "how are you today")
ENDINGS = [
    (),
    ("close=1011@between-utterances",),
    ("reset@after-final",),
    ("fin@between-utterances",),
    ("http=503@connecting",),
    ("no-answer@connecting",),
    ("half-open@after-end",),
    ("duplicate@after-final", "late-final@after-end"),
]


def record(
    target: str, *placed: str, world: Any = simulated, tape: Any = None, said: Script | None = None
) -> tuple[Recorded, Transcribed]:
    plugin = load_target(target)
    played = said or script(speech(*SAID), *map(faults.parse_placed, placed))
    with recording(plugin.dialect) as recorded:
        heard = world.play(plugin, played, tape=tape)
    return recorded, Transcribed(heard)


def client_side(heard: Transcribed) -> list[tuple[str, Any]]:
    """What the application saw, in order.

    How much audio there was is left out: what a break swallowed is on no cassette.
    """
    return [
        (record.kind, dict(record.data))
        for record in heard.trace
        if record.side == "client"
        and record.kind in ("event", "error", "ended")
        and record.data.get("type") != "recognition_usage"
    ]


def strict(heard: Transcribed) -> None:
    playing = heard._played.playing
    assert playing is not None
    assert [str(mismatch) for mismatch in playing.mismatches] == []
    assert playing.unplayed() == []


@pytest.mark.parametrize("placed", ENDINGS, ids=lambda placed: "/".join(placed) or "healthy")
@pytest.mark.parametrize("target", ["custom_stt", "deepgram"])
def test_recording_the_replay_of_a_recording_gives_the_recording_byte_for_byte(
    target: str, placed: tuple[str, ...]
) -> None:
    first, original = record(target, *placed)
    made = staged(first.cassette(), timing=EXACT)
    # What a break swallowed is on no cassette, so the application says all of it once more.
    is_broken = any(fault.startswith(("reset", "fin", "close")) for fault in placed)
    said = script(speech(*SAID)) if is_broken else made.script
    second, replayed = record(target, tape=made.tape, said=said)
    strict(replayed)
    assert client_side(replayed) == client_side(original)
    assert differences(first.cassette(), second.cassette()) == []
    assert second.data == first.data
    assert CANARY.encode() not in first.data


@pytest.mark.parametrize("fault", ["reset@mid-utterance.2", "close=1011@between-utterances"])
def test_a_fault_on_a_recording_is_survived_and_no_law_is_broken(fault: str) -> None:
    first, _ = record("custom_stt")
    made = staged(first.cassette(), faults=[faults.parse_placed(fault)])
    heard = Transcribed(simulated.play(load_target("custom_stt"), made.script, tape=made.tape))
    assert heard.attempts == 2
    assert heard.finals[-1] == SAID[1]
    verdicts = judge(heard.run, ALL_LAWS)
    assert [law.id for law in ALL_LAWS if verdicts[law.id].verdict.value == "fail"] == []


def test_a_recording_without_its_audio_plays_as_well() -> None:
    first, _ = record("custom_stt")
    made = staged(redacted(first.cassette(), Redactor(), audio="drop"))
    heard = Transcribed(simulated.play(load_target("custom_stt"), made.script, tape=made.tape))
    strict(heard)
    assert heard.finals == [*SAID]


def test_what_was_recorded_in_one_world_plays_in_the_other() -> None:
    first, original = record("custom_stt", world=loopback)
    made = staged(first.cassette())
    heard = Transcribed(simulated.play(load_target("custom_stt"), made.script, tape=made.tape))
    strict(heard)
    assert heard.finals == original.finals == [*SAID]


def test_over_sockets_a_replay_says_what_the_recording_says() -> None:
    first, _ = record("custom_stt")
    made = staged(first.cassette(), timing=EXACT)
    second, heard = record("custom_stt", world=loopback, tape=made.tape, said=made.script)
    strict(heard)
    assert differences(first.cassette(), second.cassette()) == []


def test_a_batch_recognition_is_played_as_recorded() -> None:
    first, original = record("custom_stt", "none@batch")
    made = staged(first.cassette())
    heard = Transcribed(simulated.play(load_target("custom_stt"), made.script, tape=made.tape))
    strict(heard)
    assert heard.finals == original.finals == [" ".join(SAID)]


def test_a_key_reaches_neither_the_cassette_nor_what_is_said_about_it() -> None:
    first, _ = record("deepgram")
    entries = [json.loads(line) for line in first.data.splitlines()]
    request = next(entry for entry in entries if entry.get("kind") == "request")
    assert ["Authorization", "[redacted]"] in request["headers"]


@pytest.mark.parametrize("case", ["none@idle", "reset@mid-utterance.2+aclose"])
def test_a_client_that_opens_the_session_otherwise_is_not_judged(case: str, tmp_path: Path) -> None:
    first, _ = record("custom_stt")
    path = tmp_path / "one.jsonl"
    save_cassette(first.cassette(), path)
    same = perform(CaseJob("custom_stt", case, speech=str(path))).value
    assert isinstance(same, Outcome)
    lines = path.read_text().splitlines(keepends=True)
    at = next(n for n, line in enumerate(lines) if '"side":"client"' in line)
    lines[at] = lines[at].replace('"language": "en"', '"language": "xx"')
    other = tmp_path / "other.jsonl"
    other.write_text("".join(lines))
    path.with_suffix(".audio").rename(other.with_suffix(".audio"))
    refused = perform(CaseJob("custom_stt", case, speech=str(other))).value
    assert isinstance(refused, Refusal)
    assert 'language was "xx", and is "en"' in str(refused.error)
    assert "other.jsonl, interaction 1, entry 4" in str(refused.error)
