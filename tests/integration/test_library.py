"""The library of cassettes, played to the reference plugin: offline, without a recogniser."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from sttkit.cassette.tape import EXACT
from sttkit.deck.staging import staged
from sttkit.pytest_plugin.transcribed import Transcribed
from sttkit.recording.guarding import blocked_sockets
from sttkit.worlds import loopback, simulated
from tests.support.library import (
    BATCH,
    CASSETTES,
    HEARD,
    STREAMED,
    chunks_of,
    loaded,
    mismatches,
    target_for,
)

MOST_BYTES = 2_700_000


@pytest.fixture(autouse=True)
def without_the_recogniser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)


@pytest.fixture
def without_a_network() -> Iterator[None]:
    with blocked_sockets():
        yield


def finals(heard: Transcribed) -> list[str]:
    if heard.finals:
        return heard.finals
    return [str(event["text"]) for event in heard.events if event["type"] == "final_transcript"]


@pytest.mark.usefixtures("without_a_network")
@pytest.mark.parametrize("chunk_ms", [10, 20, 50, 100])
@pytest.mark.parametrize("name", STREAMED)
def test_any_chunk_size_gets_the_recorded_finals_and_breaks_no_law(
    name: str, chunk_ms: int
) -> None:
    made = staged(loaded(name))
    with chunks_of(chunk_ms / 1000):
        heard = Transcribed(simulated.play(target_for(name), made.script, tape=made.tape))
    assert heard.finals == HEARD[name]
    heard.assert_laws()
    assert mismatches(heard) == []


@pytest.mark.usefixtures("without_a_network")
@pytest.mark.parametrize("name", STREAMED)
def test_with_the_recorded_times_it_is_the_same(name: str) -> None:
    made = staged(loaded(name), timing=EXACT)
    heard = Transcribed(simulated.play(target_for(name), made.script, tape=made.tape))
    assert heard.finals == HEARD[name]
    heard.assert_laws()
    assert mismatches(heard) == []


@pytest.mark.parametrize("name", ["plain", "two-utterances", "flush-in-mid-word"])
def test_over_real_sockets_it_is_the_same_and_nothing_leaves_this_machine(name: str) -> None:
    made = staged(loaded(name))
    with blocked_sockets(allow=["127.0.0.1"]):
        heard = Transcribed(loopback.play(target_for(name), made.script, tape=made.tape, pace=4.0))
    assert heard.finals == HEARD[name]
    assert mismatches(heard) == []


@pytest.mark.usefixtures("without_a_network")
def test_recognize_gets_the_recorded_answer() -> None:
    made = staged(loaded(BATCH))
    heard = Transcribed(simulated.play(target_for(BATCH), made.script, tape=made.tape))
    batch = [record.data for record in heard.trace if record.kind == "batch"]
    assert [one["text"] for one in batch] == HEARD[BATCH]
    heard.assert_laws()
    assert mismatches(heard) == []


def test_the_library_is_small_and_each_cassette_knows_its_truth() -> None:
    names = {path.stem for path in CASSETTES.glob("*.jsonl")}
    assert names == {*STREAMED, BATCH}
    assert sum(p.stat().st_size for p in CASSETTES.rglob("*") if p.is_file()) <= MOST_BYTES
    for name in names:
        header = loaded(name).header
        assert header.dialect == "custom_stt"
        assert (header.truth == ()) == (name == "silence")


def test_no_key_is_in_the_library() -> None:
    from sttkit.driver.options import CANARY

    for path in CASSETTES.glob("*.*"):
        assert CANARY.encode() not in path.read_bytes()
