from __future__ import annotations

import _thread
import asyncio
import errno
import os
import queue
import socket
import threading
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from sttkit.driver.census import Census, take


def none_open() -> int:
    return 0


EMPTY = Census(tasks=(), fds=3, threads=("MainThread",), sessions=0, open_connections=0)


def test_less_than_before_is_clean() -> None:
    assert not EMPTY.exceeds(EMPTY)
    assert not EMPTY.exceeds(Census(("a",), 9, ("MainThread", "b"), 1, 1))


def test_more_of_anything_is_not() -> None:
    assert Census(("a",), 3, ("MainThread",), 0, 0).exceeds(EMPTY)
    assert Census((), 4, ("MainThread",), 0, 0).exceeds(EMPTY)
    assert Census((), 3, ("MainThread", "b"), 0, 0).exceeds(EMPTY)
    assert Census((), 3, ("MainThread",), 1, 0).exceeds(EMPTY)
    assert Census((), 3, ("MainThread",), 0, 1).exceeds(EMPTY)


async def test_a_task_that_is_left_is_counted_by_its_coroutine() -> None:
    async def forgotten() -> None:
        await asyncio.sleep(3600)

    before = await take(none_open, 0)
    task = asyncio.create_task(forgotten())
    named = asyncio.create_task(forgotten(), name="sender")
    after = await take(none_open, 0, before=before)
    task.cancel()
    named.cancel()
    ours = [name.rpartition(".")[2] for name in after.tasks if "forgotten" in name]
    assert ours == ["forgotten", "forgotten (sender)"]


async def test_a_task_that_is_about_to_end_is_waited_for() -> None:
    before = await take(none_open, 0)
    task = asyncio.create_task(asyncio.sleep(0.1))
    after = await take(none_open, 0, before=before)
    assert task.done()
    assert not after.exceeds(before)


async def test_descriptors_are_counted_but_for_the_servers_own() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        before = await take(none_open, port)
        with socket.create_connection(("127.0.0.1", port)):
            accepted, _ = server.accept()
            during = await take(none_open, port, before=before)
            accepted.close()
        after = await take(none_open, port, before=before)
    assert (during.fds - before.fds, after.fds - before.fds) == (1, 0)


async def test_threads_and_unclosed_sessions_are_counted() -> None:
    before = await take(none_open, 0)
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, name="forgotten")
    thread.start()
    session = aiohttp.ClientSession()
    during = await take(none_open, 0, before=before)
    await session.close()
    stop.set()
    thread.join()
    after = await take(none_open, 0, before=before)
    assert "forgotten" in during.threads
    assert during.sessions - before.sessions == 1
    assert not after.exceeds(before)


async def test_the_loops_own_executor_may_grow() -> None:
    before = await take(none_open, 0)
    await asyncio.to_thread(int)
    assert any(thread.name.startswith("asyncio_") for thread in threading.enumerate())
    assert not (await take(none_open, 0, before=before)).exceeds(before)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="nobody can tell there")
async def test_a_thread_of_a_native_library_is_counted_until_it_ends() -> None:
    """Python goes on listing it, once its code has asked which thread it is in."""
    before = await take(none_open, 0)
    seen: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    stop = threading.Event()

    def native() -> None:
        seen.put(threading.current_thread().native_id)
        stop.wait()

    _thread.start_new_thread(native, ())
    task = Path(f"/proc/self/task/{seen.get()}")
    assert (await take(none_open, 0, before=before)).exceeds(before)
    stop.set()
    while task.exists():  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0)
    assert not (await take(none_open, 0, before=before)).exceeds(before)


async def test_a_descriptor_that_goes_while_it_is_looked_at_is_none(monkeypatch) -> None:
    def gone(fd: int) -> int:
        raise OSError(errno.EBADF, "Bad file descriptor")

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setattr(os, "dup", gone)
        await take(none_open, port)


async def test_connections_are_what_the_server_says() -> None:
    answers = iter([2, 1, 0, 0])
    assert (await take(lambda: next(answers, 0), 0)).open_connections == 0


def test_descriptors_are_told_by_what_came_since_the_first_census():
    later = replace(EMPTY, fds=5)
    assert EMPTY.facts(EMPTY)["fds"] == 0
    assert later.facts(EMPTY)["fds"] == 2
