"""What hangs on a plugin, and what does not."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from sttkit.audio.speech import speech
from sttkit.driver.reach import data_of

PIECE = 320


def piece(number: int) -> bytes:
    return bytes([number]) * PIECE


class Plugin:
    """Stands for a stream or an STT."""

    shared: ClassVar[list[bytes]] = []

    def __init__(self) -> None:
        self.held: Any = None


class Slotted:
    """Has no dict of its own."""

    __slots__ = ("held",)

    def __init__(self, held: object) -> None:
        self.held = held


hoard: list[bytes] = []


def in_a_list(plugin: Plugin, pieces: list[bytes]) -> None:
    plugin.held = pieces


def in_a_dict_of_deques(plugin: Plugin, pieces: list[bytes]) -> None:
    plugin.held = {number: deque([one]) for number, one in enumerate(pieces)}


def in_one_bytearray(plugin: Plugin, pieces: list[bytes]) -> None:
    plugin.held = bytearray(b"".join(pieces))


def behind_a_memoryview(plugin: Plugin, pieces: list[bytes]) -> None:
    plugin.held = memoryview(b"".join(pieces))


def in_an_object_without_a_dict(plugin: Plugin, pieces: list[bytes]) -> None:
    plugin.held = Slotted(tuple(pieces))


def in_a_function(plugin: Plugin, pieces: list[bytes]) -> None:
    plugin.held = lambda: pieces


def in_its_class(plugin: Plugin, pieces: list[bytes]) -> None:
    plugin.shared.extend(pieces)


def in_its_module(plugin: Plugin, pieces: list[bytes]) -> None:
    hoard.extend(pieces)


WAYS = (
    in_a_list,
    in_a_dict_of_deques,
    in_one_bytearray,
    behind_a_memoryview,
    in_an_object_without_a_dict,
    in_a_function,
    in_its_class,
    in_its_module,
)


async def grown(keep: Callable[[Plugin], object]) -> tuple[int, int]:
    plugin = Plugin()
    before = data_of(plugin)
    kept = keep(plugin)
    await asyncio.sleep(0)
    after = data_of(plugin)
    del kept
    return after.bytes - before.bytes, after.entries - before.entries


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_what_is_kept_is_reached(way):
    try:
        bytes_, _ = await grown(lambda plugin: way(plugin, [piece(n) for n in range(9)]))
    finally:
        Plugin.shared.clear()
        hoard.clear()
    assert 9 * PIECE <= bytes_ < 10 * PIECE  # a function has a name, too


async def test_entries_are_counted_wherever_they_are():
    _, entries = await grown(lambda plugin: setattr(plugin, "held", [{"a": 1}, {"b": 2, "c": 3}]))
    assert entries == 2 + 1 + 2


async def test_what_is_held_twice_is_counted_once():
    one = piece(1)
    assert (await grown(lambda plugin: setattr(plugin, "held", [one, one])))[0] == PIECE


async def test_variables_of_a_task_that_waits_are_reached():
    async def keep() -> None:
        kept = piece(1) * 2
        await asyncio.get_running_loop().create_future()
        del kept

    bytes_, _ = await grown(lambda _: asyncio.create_task(keep()))
    assert bytes_ >= 2 * PIECE


async def test_objects_that_refer_to_each_other_are_no_trouble():
    def keep(plugin: Plugin) -> None:
        plugin.held = [plugin, piece(1)]
        plugin.held.append(plugin.held)

    assert (await grown(keep))[0] == PIECE


async def test_things_of_the_kit_the_loop_and_modules_lead_nowhere():
    def keep(plugin: Plugin) -> None:
        plugin.held = [speech("hello there"), asyncio.get_running_loop(), asyncio, data_of]

    assert await grown(keep) == (0, 4)


async def test_the_longest_are_named():
    plugin = Plugin()
    plugin.held = [1, 2, 3]
    assert data_of(plugin).longest[f"{__name__}.Plugin.held"] == 3
