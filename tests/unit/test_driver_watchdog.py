from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from sttkit.driver import watchdog
from sttkit.driver.watchdog import LoopBroken, Watchdog

time_on_core = watchdog._time_on_core
Notes = list[tuple[str, dict[str, Any]]]


@pytest.fixture(autouse=True)
def nobody_else_uses_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "_time_on_core", lambda: (time.thread_time(), 0.0))


@contextmanager
def watching(notes: Notes, blocked: float = 0.15, **options: Any) -> Iterator[Watchdog]:
    def note(kind: str, **data: Any) -> None:
        notes.append((kind, data))

    watched = Watchdog(asyncio.get_running_loop(), note, blocked=blocked, **options)
    watched.start()
    try:
        yield watched
    finally:
        watched.stop()


async def test_a_loop_that_stands_still_is_noted_with_the_place() -> None:
    notes: Notes = []
    with watching(notes):
        await asyncio.sleep(0)
        time.sleep(0.5)
        await asyncio.sleep(0)
    [(kind, data)] = notes
    assert kind == "blocked"
    assert data["seconds"] >= 0.3
    assert "test_a_loop_that_stands_still" in data["where"]


async def test_a_loop_that_turns_is_not_noted() -> None:
    notes: Notes = []
    with watching(notes, blocked=2.0):  # a loaded machine is late, too
        await asyncio.sleep(0.3)
    assert notes == []


async def test_the_drivers_own_blocking_is_excused() -> None:
    notes: Notes = []
    with watching(notes, blocked=0.5) as watched:
        await asyncio.sleep(0)
        with watched.excused():
            time.sleep(0.9)
        await asyncio.sleep(0)
    assert notes == []


async def test_a_loop_that_would_stand_still_for_ever_is_set_free() -> None:
    notes: Notes = []

    def spin() -> None:
        while True:
            try:
                sum(range(100))
            except Exception:
                continue

    with watching(notes, break_after=0.3):
        await asyncio.sleep(0)
        with pytest.raises(LoopBroken):
            spin()
        await asyncio.sleep(0)
    assert [kind for kind, _ in notes] == ["blocked"]


async def test_a_sleeping_system_call_is_set_free_too() -> None:
    notes: Notes = []
    with watching(notes, break_after=0.3):
        await asyncio.sleep(0)
        began = time.monotonic()
        with pytest.raises(LoopBroken):
            time.sleep(30)
        assert time.monotonic() - began < 10


def test_a_loop_of_another_thread_is_set_free_as_well() -> None:
    broken: list[bool] = []

    async def main() -> None:
        with watching([], break_after=0.3):
            await asyncio.sleep(0)
            try:
                while True:
                    sum(range(100))
            except LoopBroken:
                broken.append(True)

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    thread.join(timeout=10)
    assert broken == [True]


async def test_a_loop_that_never_rests_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    notes: Notes = []
    monkeypatch.setattr(watchdog, "_time_on_core", time_on_core)
    monkeypatch.setattr(watchdog, "WINDOW_S", 0.2)
    with watching(notes, blocked=2.0):
        enough = time.monotonic() + 0.7
        while time.monotonic() < enough:  # noqa: ASYNC110 - not to rest is the point
            await asyncio.sleep(0)
    [data] = [data for kind, data in notes if kind == "busy"]
    assert data["seconds"] >= 0.2


async def test_a_loop_that_rests_is_not_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    notes: Notes = []
    monkeypatch.setattr(watchdog, "WINDOW_S", 0.2)
    with watching(notes, blocked=2.0):
        await asyncio.sleep(0.5)
    assert notes == []


async def test_everything_is_put_back() -> None:
    import signal

    before = signal.getsignal(signal.SIGUSR2)
    threads = threading.active_count()
    with watching([]):
        pass
    assert signal.getsignal(signal.SIGUSR2) == before
    assert threading.active_count() == threads


@pytest.mark.parametrize(("others_took_s", "noted"), [(30.0, "starved"), (0.1, "blocked")])
async def test_what_others_take_of_the_core_is_not_the_plugins_standing_still(
    monkeypatch: pytest.MonkeyPatch, others_took_s: float, noted: str
) -> None:
    notes: Notes = []
    waited = 0.0
    monkeypatch.setattr(watchdog, "_time_on_core", lambda: (0.0, waited))
    with watching(notes):
        await asyncio.sleep(0)
        waited = others_took_s
        time.sleep(0.6)
        await asyncio.sleep(0)
    assert [kind for kind, _ in notes] == [noted]
