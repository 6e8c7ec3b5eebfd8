"""Looking at what is held changes nothing of it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from sttkit.driver.holding import Holding

SECOND = 32_000


class Frame:
    """A piece of audio, as plugins queue them."""

    def __init__(self, number: int) -> None:
        self.data = bytes([number]) * SECOND


class Stream:
    """Holds frames that nobody sends."""

    def __init__(self) -> None:
        self.queue: list[Frame] = []


async def test_audio_that_stays_is_as_much_at_each_look():
    stream, holding = Stream(), Holding(lambda: 1)
    stream.queue = [Frame(number) for number in range(9)]
    seen = [holding.facts(2, stream)["audio_s"] for _ in range(3)]
    assert max(seen) - min(seen) < 1.0


async def test_audio_that_piles_up_is_seen_whoever_looked_before():
    stream, holding = Stream(), Holding(lambda: 1)
    seen: list[dict[str, Any]] = []
    for _ in range(2):
        seen.append(holding.facts(2, stream))
        stream.queue += [Frame(number) for number in range(20)]
    seen.append(holding.facts(2, stream))
    audio = [facts["audio_s"] for facts in seen]
    assert [round(later - earlier) for earlier, later in pairwise(audio)] == [20, 20]
    assert seen[-1]["data"]["bytes"] >= 40 * SECOND
    assert seen[-1]["data"]["longer"][f"{__name__}.Stream.queue"] == 40
