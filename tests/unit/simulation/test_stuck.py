"""Errors of a simulation say what is wrong and where."""

from __future__ import annotations

import asyncio
import math
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sttkit.errors import SimulationError
from sttkit.simulation import Deadlock, Livelock, LoopBlocked, SimulatedLoop, simulated_loop
from sttkit.simulation import watchdog as watchdog_module
from sttkit.simulation.waiting import waiting_tasks
from tests.unit.simulation.both_worlds import run


async def on_a_future() -> None:
    await asyncio.get_running_loop().create_future()


async def on_an_event() -> None:
    await asyncio.Event().wait()


async def on_a_queue() -> None:
    await asyncio.Queue[int]().get()


async def on_a_lock() -> None:
    lock = asyncio.Lock()
    await lock.acquire()
    await lock.acquire()


async def in_gather() -> None:
    await asyncio.gather(on_an_event(), on_a_queue())


async def in_wait() -> None:
    await asyncio.wait({asyncio.ensure_future(on_an_event())})


async def in_wait_for() -> None:
    await asyncio.wait_for(on_a_queue(), None)


async def in_a_generator() -> None:
    async def numbers() -> AsyncIterator[int]:
        await asyncio.Event().wait()
        yield 1

    async for _ in numbers():
        pass


async def in_a_custom_awaitable() -> None:
    class Custom:
        def __await__(self) -> Any:
            return on_a_queue().__await__()

    await Custom()


@pytest.mark.parametrize(
    ("program", "inner"),
    [
        (on_a_future, None),
        (on_an_event, "wait"),
        (on_a_queue, "get"),
        (on_a_lock, "acquire"),
        (in_gather, None),
        (in_wait, "wait"),
        (in_wait_for, "get"),
        (in_a_generator, "wait"),
        (in_a_custom_awaitable, "get"),
    ],
)
def test_a_deadlock_names_each_task_and_the_line_it_waits_at(
    program: Callable[[], Any], inner: str | None
) -> None:
    with pytest.raises(Deadlock, match="every task waits") as raised:
        run(lambda _: program())
    text = str(raised.value)
    assert "simulation/test_stuck.py:" in text
    assert program.__name__ in text
    if inner:
        assert any(f"{inner})" in line for line in raised.value.waiting), text
    assert len(raised.value.waiting) == text.count(" waits at ")


def test_a_task_that_waits_for_a_task_says_for_which() -> None:
    async def main(_: SimulatedLoop) -> None:
        await asyncio.create_task(on_an_event(), name="the slow one")

    with pytest.raises(Deadlock) as raised:
        run(main)
    assert "(task the slow one)" in str(raised.value)
    assert "on_an_event (the slow one) waits at" in str(raised.value)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/site-packages/acme/base/utils/aio/channel.py", "acme.base/channel.py:1 wait"),
        ("/site-packages/acme/plugins/voice/stt.py", "voice/stt.py:1 wait"),
        ("/home/me/acme/base/voice/stt.py", "voice/stt.py:1 wait"),
        ("stt.py", "stt.py:1 wait"),
    ],
)
def test_a_place_in_a_named_package_says_so(
    path: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = ModuleType("acme.base")
    package.__path__ = ["/site-packages/acme/base"]
    monkeypatch.setitem(sys.modules, "acme.base", package)
    names: dict[str, Any] = {}
    exec(compile("async def wait(what): await what", path, "exec"), names)

    async def main(loop: SimulatedLoop) -> tuple[str, ...]:
        task = loop.create_task(names["wait"](loop.create_future()))
        await asyncio.sleep(0)
        said = waiting_tasks(loop, only=lambda one: one is task, packages=["acme.base"])
        task.cancel()
        return said

    [said] = run(main)
    assert said.endswith(f" waits at {place}")


def test_sleeping_for_ever_is_a_deadlock_too() -> None:
    with pytest.raises(Deadlock):
        run(lambda _: asyncio.sleep(math.inf))


def test_after_a_deadlock_tasks_are_cancelled_and_the_loop_can_be_used_again() -> None:
    loop = simulated_loop()
    cleaned: list[str] = []

    async def main() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(1)
            cleaned.append("main")

    with pytest.raises(Deadlock):
        loop.run_until_complete(main())
    assert cleaned == ["main"]
    assert asyncio.all_tasks(loop) == set()
    loop.run_until_complete(asyncio.sleep(1))
    loop.close()


def test_a_livelock_names_who_runs_again_and_again() -> None:
    async def spin() -> None:
        while True:  # noqa: ASYNC110 (this is the mistake)
            await asyncio.sleep(0)

    async def main(_: SimulatedLoop) -> None:
        spinning = asyncio.create_task(spin())
        await asyncio.Event().wait()
        await spinning

    with pytest.raises(Livelock, match="without time passing") as raised:
        run(main)
    [line] = raised.value.waiting
    assert "spin runs again and again at simulation/test_stuck.py:" in line


def test_much_work_at_one_time_is_no_livelock_while_time_passes() -> None:
    async def main(loop: SimulatedLoop) -> None:
        for _ in range(1000):
            for _ in range(100):
                await asyncio.sleep(0)
            time.sleep(0.001)

    run(main)


REFUSED: list[Callable[[SimulatedLoop, Any], Any]] = [
    lambda loop, sock: loop.add_reader(sock, print),
    lambda loop, sock: loop.add_writer(sock, print),
    lambda loop, sock: loop.sock_recv(sock, 1),
    lambda loop, sock: loop.sock_recv_into(sock, bytearray(1)),
    lambda loop, sock: loop.sock_recvfrom(sock, 1),
    lambda loop, sock: loop.sock_recvfrom_into(sock, bytearray(1)),
    lambda loop, sock: loop.sock_sendall(sock, b"x"),
    lambda loop, sock: loop.sock_sendto(sock, b"x", ("localhost", 1)),
    lambda loop, sock: loop.sock_accept(sock),
    lambda loop, sock: loop.sock_sendfile(sock, None),
    lambda loop, sock: loop.create_datagram_endpoint(asyncio.DatagramProtocol),
    lambda loop, sock: loop.create_unix_connection(asyncio.Protocol, "/tmp/x"),
    lambda loop, sock: loop.create_unix_server(asyncio.Protocol, "/tmp/x"),
    lambda loop, sock: loop.connect_accepted_socket(asyncio.Protocol, sock),
    lambda loop, sock: loop.connect_read_pipe(asyncio.Protocol, None),
    lambda loop, sock: loop.connect_write_pipe(asyncio.Protocol, None),
    lambda loop, sock: asyncio.create_subprocess_exec(sys.executable),
    lambda loop, sock: asyncio.create_subprocess_shell("true"),
    lambda loop, sock: loop.create_connection(asyncio.Protocol, sock=sock),
    lambda loop, sock: sock.connect(("203.0.113.1", 80)),
    lambda loop, sock: sock.connect_ex(("203.0.113.1", 80)),
    lambda loop, sock: sock.sendto(b"x", ("203.0.113.1", 80)),
]


@pytest.mark.parametrize("use", REFUSED, ids=range(len(REFUSED)))
def test_what_needs_a_real_descriptor_fails_in_place_and_ends_the_run(use: Any) -> None:
    caught: list[Exception] = []

    async def main(loop: SimulatedLoop) -> None:
        with socket.socket() as sock:
            try:
                outcome = use(loop, sock)
                if asyncio.iscoroutine(outcome):
                    await outcome
            except Exception as error:  # a program that swallows everything
                caught.append(error)
        await asyncio.sleep(1)

    with pytest.raises(SimulationError, match="cannot be simulated") as raised:
        run(main)
    assert caught == [raised.value]
    assert "simulation/test_stuck.py:" in str(raised.value)
    assert "real sockets" in str(raised.value)


def test_what_only_pretends_to_need_one_is_harmless() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        loop.add_signal_handler(signal.SIGTERM, print)
        removed = loop.remove_reader(0), loop.remove_writer(0)
        return removed, loop.remove_signal_handler(signal.SIGTERM)

    assert run(main) == ((False, False), False)


def test_a_callback_from_another_thread_is_an_error_there_and_here() -> None:
    seen: list[Exception] = []

    async def main(loop: SimulatedLoop) -> None:
        def report() -> None:
            try:
                loop.call_soon_threadsafe(print)
            except SimulationError as error:
                seen.append(error)

        thread = threading.Thread(target=report, name="recorder")
        thread.start()
        thread.join()
        await asyncio.sleep(1)

    with pytest.raises(SimulationError, match="'recorder'") as raised:
        run(main)
    assert seen == [raised.value]


def test_a_callback_from_the_same_thread_is_none() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        done = loop.create_future()
        loop.call_soon_threadsafe(done.set_result, 1)
        return await done

    assert run(main) == 1


def test_a_deadlock_tells_of_threads_that_cannot_help_it() -> None:
    go = threading.Event()
    thread = threading.Thread(target=go.wait, name="worker-7")
    thread.start()
    try:
        with pytest.raises(Deadlock, match="worker-7"):
            run(lambda _: on_an_event())
    finally:
        go.set()
        thread.join()


PATIENCE_S = 0.15


@pytest.fixture
def quick_watchdog(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that nothing has to be blocked for seconds."""
    monkeypatch.setattr(watchdog_module, "POLL_S", 0.05)
    monkeypatch.setattr(watchdog_module, "BREAK_AFTER_S", 0.8)


def block_for_real(seconds: float) -> None:
    threading.Event().wait(seconds)


@pytest.mark.usefixtures("quick_watchdog")
def test_a_callback_that_blocks_in_real_time_is_named_with_its_place() -> None:
    async def main(loop: SimulatedLoop) -> None:
        loop.patience = PATIENCE_S
        block_for_real(0.45)
        await asyncio.sleep(1)

    with pytest.raises(LoopBlocked, match="of real time at") as raised:
        run(main)
    assert "block_for_real" in str(raised.value)
    assert "simulation/test_stuck.py" in str(raised.value)


@pytest.mark.usefixtures("quick_watchdog")
def test_a_block_may_be_reported_instead() -> None:
    told: list[tuple[float, str]] = []

    async def main(loop: SimulatedLoop) -> str:
        loop.patience = PATIENCE_S
        loop.on_blocked = lambda seconds, place: told.append((seconds, place))
        block_for_real(0.45)
        await asyncio.sleep(1)
        return "went on"

    assert run(main) == "went on"
    [(seconds, place)] = told
    assert PATIENCE_S < seconds < 5
    assert "block_for_real" in place


@pytest.mark.usefixtures("quick_watchdog")
def test_a_block_may_be_excused() -> None:
    async def main(loop: SimulatedLoop) -> None:
        loop.patience = PATIENCE_S
        with loop.excused():
            block_for_real(0.45)
        await asyncio.sleep(1)

    run(main)


@pytest.mark.usefixtures("quick_watchdog")
def test_imports_take_their_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slow_to_import.py").write_text("import threading; threading.Event().wait(0.5)")
    monkeypatch.syspath_prepend(tmp_path)

    async def main(loop: SimulatedLoop) -> None:
        loop.patience = PATIENCE_S
        import_module("slow_to_import")
        await asyncio.sleep(1)

    run(main)


def test_an_error_while_a_connection_is_accepted_is_reported_and_the_client_sees_an_end() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        told: list[Any] = []
        loop.set_exception_handler(lambda _, context: told.append(context["exception"]))

        def refuse() -> asyncio.Protocol:
            raise ZeroDivisionError

        loop.network.listen("localhost", 80, refuse)
        reader, writer = await asyncio.open_connection("localhost", 80)
        end = await reader.read()
        writer.close()
        return end, told

    end, [error] = run(main)
    assert end == b""
    assert isinstance(error, ZeroDivisionError)


def spin() -> None:
    count = 0
    while True:
        try:
            count = abs(count)  # without a call, Python 3.10 would not even notice Ctrl-C
        except Exception:
            count = 0


@pytest.mark.usefixtures("quick_watchdog")
@pytest.mark.parametrize("what", [spin, lambda: block_for_real(3600)], ids=["spins", "waits"])
def test_a_callback_that_never_returns_is_broken_off(what: Callable[[], None]) -> None:
    before = signal.getsignal(signal.SIGUSR2)

    async def main(loop: SimulatedLoop) -> None:
        loop.patience = PATIENCE_S
        what()

    with pytest.raises(LoopBlocked, match=r"simulation/test_stuck\.py"):
        run(main)
    assert signal.getsignal(signal.SIGUSR2) is before


@pytest.mark.usefixtures("quick_watchdog")
@pytest.mark.parametrize("whose", ["the program", "a task", "a callback"])
def test_a_block_that_is_only_reported_is_broken_off_as_well(whose: str) -> None:
    told: list[str] = []

    async def stuck() -> None:
        spin()

    async def main(loop: SimulatedLoop) -> str:
        loop.patience = PATIENCE_S
        loop.on_blocked = lambda seconds, place: told.append(place)
        loop.set_exception_handler(lambda _, context: None)
        if whose == "the program":
            spin()
        elif whose == "a task":
            await asyncio.wait({asyncio.ensure_future(stuck())})
        else:
            loop.call_soon(spin)
            await asyncio.sleep(1)
        return "went on"

    if whose == "the program":
        with pytest.raises(LoopBlocked, match="broken off"):
            run(main)
    else:
        assert run(main) == "went on"
    [place] = told
    assert "spin" in place


def test_the_watchdog_is_one_thread_for_all_runs() -> None:
    for _ in range(3):
        run(lambda _: asyncio.sleep(1))
    names = [thread.name for thread in threading.enumerate()]
    assert names.count(watchdog_module.THREAD_NAME) == 1


def test_a_blocking_sleep_takes_virtual_time_and_can_be_reported() -> None:
    told: list[tuple[float, str]] = []

    async def main(loop: SimulatedLoop) -> Any:
        loop.clock.on_sleep = lambda seconds, place: told.append((seconds, place))
        began = loop.time()
        time.sleep(7200)
        with pytest.raises(ValueError, match="non-negative"):
            time.sleep(-1)
        return loop.time() - began

    assert run(main) == 7200
    [(seconds, place)] = told
    assert seconds == 7200
    assert "simulation/test_stuck.py" in place


def test_blocking_subprocesses_still_work() -> None:
    async def main(_: SimulatedLoop) -> Any:
        return subprocess.run([sys.executable, "-c", ""], check=False, timeout=60).returncode

    loop = simulated_loop()
    loop.patience = 60
    assert loop.run_until_complete(main(loop)) == 0
    loop.close()
