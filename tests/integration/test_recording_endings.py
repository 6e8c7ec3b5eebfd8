"""Record, replay, record again: a fixed point, for every way that a connection can end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from sttkit import faults, script, speech
from sttkit.cassette.comparing import differences
from sttkit.cassette.model import Cassette, Close
from sttkit.cassette.tape import ASAP, EXACT, Tape, compiled
from sttkit.deck.files import load_cassette
from sttkit.recording import recording
from sttkit.scripting.model import Script
from tests.support.talking import (
    CLIENTS,
    KEY,
    Manners,
    Saw,
    Talked,
    in_simulation,
    over_loopback,
)

SAID = ("hello there", "how are you")
ENDINGS: dict[str, tuple[str, str]] = {
    # what is done to the line, and how the recording says it ended
    "healthy": ("none@idle", "close by server"),
    "close-1011": ("close=1011@after-final", "close by server"),
    "close-1000": ("close=1000@after-final", "close by server"),
    "close-4000": ("close=4000@mid-utterance", "close by server"),
    "empty-close": ("close=1000@after-final", "close by server"),
    "fin": ("fin@after-final", "fin by server"),
    "reset": ("reset@after-final", "reset by server"),
    "silence": ("half-open@after-final", "silence by server"),
    "refused": ("refused@connecting", "refused by server"),
    "unknown-host": ("unknown-host@connecting", "unknown-host by server"),
    "status": ("http=503@connecting", "status by server"),
    "no-answer": ("no-answer@connecting", "no-answer by server"),
    "close-not-answered": ("no-close-reply@closing", "by client"),
}
World = Callable[..., Talked]


class Taken:
    """One recorded session."""

    def __init__(
        self,
        path: Path,
        client: str,
        world: World,
        played: Script,
        tape: Tape | None = None,
        manners: Manners = Manners(),  # noqa: B008 (frozen)
    ) -> None:
        talked = world(
            CLIENTS[client], played, tape, manners, lambda: recording(path, dialect="custom_stt")
        )
        self.saw: Saw = talked.saw
        self.playing = talked.playing
        self.cassette: Cassette = load_cassette(path, name="taken.jsonl")
        self.files = [
            one.read_bytes() for one in (path, path.with_suffix(".audio")) if one.exists()
        ]


def original(tmp_path: Path, ending: str, client: str, world: World, manners: Manners) -> Taken:
    """What is to be reproduced."""
    fault, _ = ENDINGS[ending]
    played = script(speech(*SAID), faults.parse_placed(fault))
    taken = Taken(tmp_path / "original.jsonl", client, world, played, manners=manners)
    if ending != "empty-close":
        return taken
    # No fault closes without a code, so the server that does is a recording that was made to.
    entries = tuple(
        msgspec.structs.replace(entry, code=None)
        if isinstance(entry, Close) and entry.side == "server"
        else entry
        for entry in taken.cassette.entries
    )
    tape = compiled(replace(taken.cassette, entries=entries), timing=EXACT)
    return Taken(tmp_path / "empty.jsonl", client, world, script(speech(*SAID)), tape, manners)


def ended(cassette: Cassette) -> str:
    (one,) = cassette.interactions()
    return f"{one.end.how} by {one.end.by}" if one.end else "still going on"


def strict(taken: Taken) -> None:
    assert taken.playing is not None
    assert [str(mismatch) for mismatch in taken.playing.mismatches] == []
    assert taken.playing.unplayed() == []


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("client", CLIENTS)
def test_in_the_simulated_world_the_replay_is_recorded_byte_for_byte_as_the_original(
    tmp_path: Path, client: str, ending: str
) -> None:
    manners = Manners(closes=ending == "close-not-answered")
    first = original(tmp_path, ending, client, in_simulation, manners)
    assert ended(first.cassette).endswith(ENDINGS[ending][1])
    tape = compiled(first.cassette, timing=EXACT)
    again = Taken(
        tmp_path / "again.jsonl", client, in_simulation, script(speech(*SAID)), tape, manners
    )
    strict(again)
    assert again.saw == first.saw
    assert again.files == first.files
    assert all(KEY.encode() not in data for data in first.files)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("client", CLIENTS)
def test_over_loopback_the_replay_means_the_same_as_the_original(
    tmp_path: Path, client: str, ending: str
) -> None:
    manners = Manners(closes=ending == "close-not-answered", pace=8.0)
    first = original(tmp_path, ending, client, over_loopback, manners)
    assert ended(first.cassette).endswith(ENDINGS[ending][1])
    tape = compiled(first.cassette, timing=ASAP)
    again = Taken(
        tmp_path / "again.jsonl", client, over_loopback, script(speech(*SAID)), tape, manners
    )
    strict(again)
    assert again.saw == first.saw
    assert differences(first.cassette, again.cassette) == []
