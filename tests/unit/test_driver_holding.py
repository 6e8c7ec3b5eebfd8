"""What a stream holds while it is in use; looking at it changes nothing of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import copy_context
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


MANY = 40


class Thing:
    """Something of a plugin's."""


def grown(make: Callable[[], object]) -> dict[str, int]:
    """The classes of which many instances are made between two looks."""
    holding, stream = Holding(lambda: 0), Thing()
    holding.facts(2, stream)
    kept = [make() for _ in range(MANY)]
    objects: dict[str, int] = holding.facts(52, stream)["objects"]
    del kept
    return objects


async def test_what_a_plugin_piles_up_is_told_by_its_class() -> None:
    assert grown(Thing) == {f"{__name__}.Thing": MANY}


async def test_timers_that_are_still_to_fire_are_told() -> None:
    timers: list[asyncio.TimerHandle] = []
    loop = asyncio.get_running_loop()

    def start() -> None:
        timers.append(loop.call_later(3600, print))

    assert grown(start) == {"asyncio.events.TimerHandle": MANY}
    for timer in timers:
        timer.cancel()


async def test_cancelled_timers_are_the_loops_which_forgets_them_when_there_are_more() -> None:
    loop = asyncio.get_running_loop()
    assert grown(lambda: loop.call_later(3600, print).cancel()) == {}


async def test_contexts_say_nothing_about_whose_they_are() -> None:
    assert grown(copy_context) == {}
