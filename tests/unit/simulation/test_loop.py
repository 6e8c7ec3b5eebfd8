"""Virtual time, timers, executors and what a loop has to offer to runners."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import sys
import threading
import time
from typing import Any
from weakref import ref

import pytest

from sttkit.errors import SimulationError
from sttkit.simulation import SimulatedLoop, simulated_loop
from sttkit.simulation import loop as loop_module
from tests.unit.simulation.both_worlds import run


def test_time_jumps_to_the_next_timer() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        began = loop.time()
        await asyncio.sleep(3600)
        return round(loop.time() - began, 6)

    real = time.perf_counter()
    assert run(main) == 3600
    assert time.perf_counter() - real < 2


def test_a_loop_says_whether_it_debugs() -> None:
    loop = simulated_loop()
    said = []
    for debugs in (True, False):
        loop.set_debug(debugs)
        said.append(loop.get_debug())
    loop.close()
    assert said == [True, False]


def test_timers_that_are_due_at_once_run_in_the_order_they_were_set() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        order: list[int] = []
        for number in range(50):
            loop.call_later(1.0, order.append, number)
        await asyncio.sleep(1.0)
        return order

    assert run(main) == list(range(50))


def test_cancelled_timers_do_not_pile_up() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        for _ in range(5000):
            loop.call_later(3600, print).cancel()
            await asyncio.sleep(0.01)
        return len(loop._scheduled)

    assert run(main) <= 102


def test_a_cancelled_timer_neither_runs_nor_moves_time() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        began = loop.time()
        ran: list[str] = []
        loop.call_later(5, ran.append, "cancelled").cancel()
        timer = loop.call_later(1, ran.append, "also")
        loop.call_later(1, ran.append, "kept")
        loop.call_later(0.5, timer.cancel)
        await asyncio.sleep(2)
        return ran, round(loop.time() - began, 6)

    assert run(main) == (["kept"], 2)


def test_errors_in_callbacks_go_to_the_exception_handler() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        told: list[Any] = []
        loop.set_exception_handler(lambda _, context: told.append(context))
        loop.call_soon(lambda: 1 / 0)
        await asyncio.sleep(1)
        return told

    [context] = run(main)
    assert isinstance(context["exception"], ZeroDivisionError)
    assert "Exception in callback" in context["message"]


def test_a_loop_can_be_run_again_and_its_clock_goes_on() -> None:
    loop = simulated_loop()
    began = loop.time()
    loop.run_until_complete(asyncio.sleep(5))
    loop.run_until_complete(asyncio.sleep(5))
    assert round(loop.time() - began, 6) == 10
    loop.close()
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_soon(print)


def test_what_was_left_over_runs_the_next_time() -> None:
    loop = simulated_loop()
    ran: list[str] = []
    loop.call_soon(loop.stop)
    loop.call_later(1, ran.append, "later")
    loop.run_forever()
    assert ran == []
    loop.run_until_complete(asyncio.sleep(2))
    assert ran == ["later"]
    loop.close()


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.Runner is new in 3.11")
def test_a_runner_takes_the_loop_as_a_factory() -> None:
    async def main() -> float:
        task = asyncio.create_task(asyncio.sleep(1e6))
        await asyncio.sleep(60)
        assert not task.done()  # cancelled by the runner
        return asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=simulated_loop) as runner:
        assert 60 < runner.run(main()) < 70


def test_debug_mode_works_as_well() -> None:
    loop = simulated_loop()
    loop.set_debug(True)
    loop.run_until_complete(asyncio.wait_for(asyncio.sleep(5), 10))
    loop.close()


def test_an_executor_runs_in_the_loops_thread_and_takes_the_time_it_sleeps() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        began = loop.time()
        ticks: list[float] = []

        def tick() -> None:
            ticks.append(round(loop.time() - began, 6))
            if len(ticks) < 3:
                loop.call_later(1, tick)

        def work() -> Any:
            before = time.monotonic()
            time.sleep(2.5)
            with pytest.raises(RuntimeError, match="no running event loop"):
                asyncio.get_running_loop()
            return threading.current_thread().name, round(time.monotonic() - before, 6)

        loop.call_later(1, tick)
        name, slept = await asyncio.to_thread(work)
        assert name == threading.current_thread().name
        return slept, round(loop.time() - began, 6), ticks

    assert run(main) == (2.5, 2.5, [1, 2])


def test_an_error_in_an_executor_reaches_who_waits() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(None, lambda: 1 / 0)
        future = loop.run_in_executor(None, lambda: 1)
        future.cancel()
        with pytest.raises(asyncio.CancelledError):
            await future

    run(main)


def test_tasks_have_the_same_names_and_hashes_in_every_run() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        tasks = [asyncio.create_task(asyncio.sleep(1)) for _ in range(5)]
        named = asyncio.create_task(asyncio.sleep(1), name="mine")
        facts = [(task.get_name(), hash(task)) for task in (*tasks, named)]
        await asyncio.gather(*tasks, named)
        return facts

    assert run(main) == run(main)
    assert [name for name, _ in run(main)] == [*(f"Task-{n}" for n in range(2, 7)), "mine"]


def test_servers_do_not_inherit_the_context_of_clients() -> None:
    who = contextvars.ContextVar("who", default="nobody")

    async def main(loop: SimulatedLoop) -> Any:
        seen: list[str] = []

        class Server(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                seen.append(who.get())

            def data_received(self, data: bytes) -> None:
                seen.append(who.get())

        who.set("server")
        server = await loop.create_server(Server, "localhost", 0)
        who.set("client")
        port = server.sockets[0].getsockname()[1]
        transport, _ = await loop.create_connection(asyncio.Protocol, "localhost", port)
        transport.write(b"hello")
        await asyncio.sleep(1)
        return seen

    assert run(main) == ["server", "server"]


def test_garbage_is_collected_at_the_same_turns_in_every_run() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        dropped: list[int] = []

        class Cycle:
            def __init__(self) -> None:
                self.me = self

            def __del__(self) -> None:
                dropped.append(loop.turns)

        began = loop.turns
        for _ in range(45_000):
            Cycle()
            await asyncio.sleep(0.001)
        return sorted({turn - began for turn in dropped})

    assert gc.isenabled()
    first = run(main)
    assert gc.isenabled()
    assert first == run(main)
    assert len(first) >= 2


def test_old_garbage_is_collected_in_long_runs_too(monkeypatch: pytest.MonkeyPatch) -> None:
    class Cycle:
        def __init__(self) -> None:
            self.me = self

    async def main(loop: SimulatedLoop) -> bool:
        held = Cycle()
        seen = ref(held)
        gc.collect()  # now it is old
        del held
        for _ in range(300):
            await asyncio.sleep(1)
        survived = seen() is not None
        for _ in range(700):
            await asyncio.sleep(1)
        return survived and seen() is None

    monkeypatch.setattr(loop_module, "COLLECT_EVERY", 50)
    monkeypatch.setattr(loop_module, "COLLECT_OLD_EVERY", 1000)
    assert run(main)


def test_memory_does_not_grow_with_simulated_time() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        class Echo(asyncio.Protocol):
            def connection_made(self, transport: Any) -> None:
                self.transport = transport

            def data_received(self, data: bytes) -> None:
                self.transport.write(data)

        loop.network.add_host("echo.test")
        loop.network.listen("echo.test", 7, Echo)
        transport, _ = await loop.create_connection(asyncio.Protocol, "echo.test", 7)
        [connection] = loop.network.connections.values()
        connection.change(latency=0.01, jitter=0.01)

        async def talk(seconds: int) -> int:
            for _ in range(seconds * 5):
                transport.write(bytes(640))
                await asyncio.wait({loop.create_future()}, timeout=0.2)
            gc.collect()
            return len(gc.get_objects())

        await talk(60)
        before = await talk(60)
        after = await talk(600)
        return after - before

    assert run(main) < 200


def test_a_loop_inside_a_loop_is_refused() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        inner = simulated_loop()
        with pytest.raises(RuntimeError, match="another loop is running"):
            inner.run_forever()
        asyncio.events._set_running_loop(None)  # as some libraries do
        try:
            with pytest.raises(SimulationError, match="another simulated loop"):
                inner.run_forever()
        finally:
            asyncio.events._set_running_loop(loop)
        inner.close()

    run(main)
