"""The library of recorded sessions, and how it is played to the reference plugin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sttkit.cassette.model import Cassette
from sttkit.deck.files import load_cassette
from sttkit.targets.custom_stt import TARGET
from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt

CASSETTES = Path(__file__).parents[2] / "cassettes"
STREAMED = (
    "plain",
    "another-voice",
    "noise",
    "silence",
    "two-utterances",
    "flush-in-mid-word",
    "wideband",
    "misheard",
)
BATCH = "recognize"
HEARD = {
    "plain": ["the weather is going to be nice tomorrow"],
    "another-voice": ["he said that he won't come back later"],
    "noise": ["she has lived in this city for ten years if"],
    "silence": [],
    "two-utterances": [
        "we are going to the beach this summer",
        "the doctor will see you in a few minutes",
    ],
    "flush-in-mid-word": ["she has lived in this day", "these are ten years"],
    "wideband": ["i do not know what you are talking about"],
    "misheard": ["that means it has been moved to fares better mood"],
    "recognize": ["we are going to the beach this summer the doctor will see you in a few minutes"],
}
"""What the recogniser heard when they were recorded, right or wrong."""


def loaded(name: str) -> Cassette:
    return load_cassette(CASSETTES / f"{name}.jsonl", name=f"cassettes/{name}.jsonl")


def target_for(name: str) -> Target:
    """The reference plugin, set as it was when the session was recorded."""
    rate = 48_000 if name == "wideband" else 16_000

    def build(context: Context) -> stt.STT[str]:
        from livekit.plugins.custom_stt import STT

        return STT(
            context.place.http,
            sample_rate=rate,
            api_key=context.api_key,
            http_session=context.http_session,
        )

    return replace(TARGET, build=build, sample_rate=rate)


@contextmanager
def chunks_of(seconds: float) -> Iterator[None]:
    """The plugin sends messages of so much audio meanwhile."""
    from livekit.plugins.custom_stt import _stream

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_stream, "CHUNK", seconds)
        yield


def mismatches(heard: Any) -> list[str]:
    """What was not as recorded."""
    playing = heard._played.playing
    assert playing is not None
    return [str(one) for one in playing.mismatches] + [str(place) for place in playing.unplayed()]
