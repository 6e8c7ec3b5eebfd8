"""Clocks and entropy of the process are replaced while a loop runs, and only then."""

from __future__ import annotations

import asyncio
import email.utils
import os
import random
import secrets
import socket
import subprocess
import sys
import threading
import time
import types
import uuid
from dataclasses import dataclass, field
from functools import partial
from time import monotonic, perf_counter_ns, sleep
from typing import Any

import pytest

from sttkit.simulation import LineModel, SimulatedLoop, simulated_loop
from sttkit.simulation.clock import EPOCH
from tests.unit.simulation.both_worlds import run

DICE = random.Random()
captured_randint = random.randint


class Holder:
    """Everything a class can hold on to."""

    clock: Any = time.monotonic
    static = staticmethod(time.time)
    dice = random.Random()

    def age(self, clock: Any = time.time, *, tick: Any = monotonic) -> tuple[float, float]:
        return clock(), tick()


@dataclass
class Record:
    at: float = field(default_factory=time.time)


def make_writer(dice: random.Random = random.Random()) -> Any:  # noqa: B008 (as aiohttp does)
    return partial(dice.getrandbits, 32)


def all_clocks() -> dict[str, float]:
    """All readings, in seconds."""
    holder = Holder()
    return {
        "time": time.time() - EPOCH,
        "time_ns": time.time_ns() / 1e9 - EPOCH,
        "monotonic": time.monotonic(),
        "monotonic_ns": time.monotonic_ns() / 1e9,
        "perf_counter": time.perf_counter(),
        "perf_counter_ns": time.perf_counter_ns() / 1e9,
        "imported": monotonic(),
        "imported ns": perf_counter_ns() / 1e9,
        "class": holder.clock(),
        "static": holder.static() - EPOCH,
        "default": holder.age()[0] - EPOCH,
        "keyword default": holder.age()[1],
        "dataclass": Record().at - EPOCH,
    }


def test_all_clocks_show_the_loops_time() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        await asyncio.sleep(100)
        return loop.time(), all_clocks()

    now, clocks = run(main)
    assert now > 100
    assert clocks == pytest.approx(dict.fromkeys(clocks, now), abs=0.002)
    punctual = {name: value for name, value in clocks.items() if "mono" in name or "perf" in name}
    assert punctual == pytest.approx(dict.fromkeys(punctual, now), abs=1e-6)


@pytest.mark.parametrize("seconds", [0.05, 0.3, 2.0, 9.5, 10.0, 3600.0])
def test_by_the_wall_clock_a_wait_takes_a_little_longer(seconds: float) -> None:
    async def main(_: SimulatedLoop) -> Any:
        began, began_ns = time.time(), time.time_ns()
        await asyncio.sleep(seconds)
        return time.time() - began, (time.time_ns() - began_ns) / 1e9

    for waited in run(main):
        assert seconds < waited < seconds * 1.0001


def test_calendars_show_the_loops_time() -> None:
    async def main(_: SimulatedLoop) -> Any:
        seconds = int(time.time())
        return (
            time.gmtime() == time.gmtime(seconds),
            time.localtime() == time.localtime(seconds),
            time.ctime() == time.ctime(seconds),
            time.asctime() == time.asctime(time.localtime(seconds)),
            time.strftime("%Y-%m-%d", time.gmtime()),
            time.strftime("%H") == time.strftime("%H", time.localtime(seconds)),
            email.utils.formatdate()[:16],
        )

    assert run(main) == (True, True, True, True, "2023-11-14", True, "Tue, 14 Nov 2023")


def test_outside_of_runs_nothing_is_replaced() -> None:
    def state() -> Any:
        return (
            time.time,
            time.sleep,
            monotonic,
            sleep,
            os.urandom,
            random.seed,
            vars(Holder)["clock"],
            Holder.age.__defaults__,
            Holder.age.__kwdefaults__,
            vars(random.Random)["seed"],
            vars(socket.socket).get("connect"),
            DICE.getstate(),
            random.getstate(),
        )

    async def fail(_: SimulatedLoop) -> None:
        assert time.time is not before[0]
        random.random()
        DICE.random()
        raise ZeroDivisionError

    before = state()
    with pytest.raises(ZeroDivisionError):
        run(fail)
    assert all(a is b or a == b for a, b in zip(before, state(), strict=True))


def all_entropy() -> list[Any]:
    return [
        os.urandom(8),
        random.random(),
        captured_randint(0, 1 << 60),
        DICE.random(),
        Holder.dice.random(),
        make_writer()(),
        secrets.token_hex(8),
        secrets.randbelow(1 << 60),
        random.SystemRandom().random(),
        random.Random().random(),
        random.Random(7).random(),
        uuid.uuid4(),
        uuid.uuid1(),
    ]


def test_all_entropy_comes_from_the_seed() -> None:
    async def main(_: SimulatedLoop) -> Any:
        drawn = all_entropy()
        random.seed()
        return [*drawn, random.random(), *all_entropy()]

    first, again, other = run(main, seed=1), run(main, seed=1), run(main, seed=2)
    assert first == again
    same = [a == b for a, b in zip(first, other, strict=True)]
    assert sum(same) == 2  # Random(7), twice
    assert len(set(map(repr, first))) == len(first) - 1


def test_numpys_global_generator_comes_from_the_seed() -> None:
    numpy = pytest.importorskip("numpy")

    async def main(_: SimulatedLoop) -> Any:
        return numpy.random.random(3).tolist(), numpy.random.default_rng().random()

    state = numpy.random.get_state()[1].tolist()
    assert run(main) == run(main) != run(main, seed=1)
    assert numpy.random.get_state()[1].tolist() == state


def test_drawing_here_does_not_change_what_is_drawn_there() -> None:
    def elsewhere() -> bytes:
        return os.urandom(4)

    async def main(_: SimulatedLoop, before: bool) -> Any:
        if before:
            elsewhere()  # as an import in the first run of a process may do
        return os.urandom(8)

    assert run(lambda loop: main(loop, True)) == run(lambda loop: main(loop, False))


def test_the_dice_of_a_loop_go_on_from_run_to_run() -> None:
    async def draw() -> float:
        return random.random()

    def twice(loop: SimulatedLoop) -> list[float]:
        drawn = [loop.run_until_complete(draw()), loop.run_until_complete(draw())]
        loop.close()
        return drawn

    drawn = twice(simulated_loop(3))
    assert drawn[0] != drawn[1]
    assert drawn == twice(simulated_loop(3))


def test_other_threads_keep_real_time_and_real_entropy() -> None:
    async def main(_: SimulatedLoop) -> Any:
        seen: list[float] = []

        def look() -> None:
            began = time.perf_counter()
            time.sleep(0.05)
            seen.extend((time.time(), time.perf_counter() - began, random.Random().random()))
            os.urandom(4)

        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        return seen

    first, second = run(main), run(main)
    assert abs(first[0] - time.time()) < 60
    assert 0.04 < first[1] < 30
    assert first[2] != second[2]


def test_a_module_imported_during_a_run_ends_up_with_the_real_clock() -> None:
    async def main(_: SimulatedLoop) -> Any:
        module = types.ModuleType("imported_late")
        sys.modules["imported_late"] = module
        exec("from time import monotonic\nfrom os import urandom", vars(module))
        return module

    try:
        module = run(main)
        assert module.monotonic is time.monotonic
        assert module.urandom is os.urandom

        async def again(loop: SimulatedLoop) -> Any:
            return module.monotonic() == loop.time()

        assert run(again)
    finally:
        del sys.modules["imported_late"]


def test_a_tests_own_patch_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(_: SimulatedLoop) -> Any:
        return time.time()

    monkeypatch.setattr(time, "time", lambda: 42.0)
    assert run(main) == 42.0
    assert time.time() == 42.0


def test_pydantic_models_take_their_default_time_from_the_loop() -> None:
    pydantic = pytest.importorskip("pydantic")

    class Event(pydantic.BaseModel):  # type: ignore[misc, name-defined]
        created_at: float = pydantic.Field(default_factory=time.time)

    sys.modules["a_module_of_models"] = types.ModuleType("a_module_of_models")  # something is new
    try:

        async def main(_: SimulatedLoop) -> Any:
            return Event().created_at, time.time()

        created, now = run(main)
        assert created == now
        assert abs(Event().created_at - time.time()) < 60
    finally:
        del sys.modules["a_module_of_models"]


def test_proxies_of_the_machine_are_out_of_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.corporation.example:3128")
    monkeypatch.setenv("http_proxy", "http://proxy.test:3128")

    async def main(loop: SimulatedLoop) -> Any:
        return os.environ.get("HTTPS_PROXY"), os.environ.get("http_proxy")

    loop = simulated_loop()
    loop.network.add_host("proxy.test", up=LineModel(latency=0.1))
    assert loop.run_until_complete(main(loop)) == (None, "http://proxy.test:3128")
    loop.close()
    assert os.environ["HTTPS_PROXY"] == "http://proxy.corporation.example:3128"


def test_blocking_look_ups_know_the_same_hosts() -> None:
    async def main(loop: SimulatedLoop) -> Any:
        address = loop.network.add_host("api.example.com").address
        with pytest.raises(socket.gaierror):
            socket.getaddrinfo("example.org", 443)
        assert [host.name for host in loop.network.unknown] == ["example.org"]
        infos = socket.getaddrinfo(b"api.example.com", 443)
        return infos[0][4] == (address, 443), socket.gethostbyname("api.example.com") == address

    assert run(main) == (True, True)


def test_virtual_time_starts_at_another_phase_for_another_seed() -> None:
    async def now(loop: SimulatedLoop) -> float:
        return loop.time()

    starts = [run(now, seed) for seed in range(20)]
    assert len(set(starts)) == 20
    assert all(1 <= start < 2 for start in starts)
    assert run(now, 3) == starts[3]


class Kept:
    """Something that programs keep in sets."""


def orders(build: Any, *, runs: int = 20) -> set[tuple[int, ...]]:
    """The orders that a set of 20 numbered things had, in so many runs."""
    seen: set[tuple[int, ...]] = set()
    clutter: list[bytearray] = []
    for _ in range(runs):
        loop = simulated_loop()
        loop.numbered.append(Kept)

        async def main() -> tuple[int, ...]:
            things = [build() for _ in range(20)]
            return tuple(things.index(thing) for thing in set(things))

        seen.add(loop.run_until_complete(main()))
        loop.close()
        clutter.append(bytearray(len(clutter) * 1000))  # so that addresses differ
    return seen


@pytest.mark.parametrize("build", [Kept, asyncio.Protocol, asyncio.Transport])
def test_sets_of_protocols_transports_and_named_classes_have_one_order(build: Any) -> None:
    class WithAttributes(build):  # type: ignore[misc]
        pass

    assert orders(WithAttributes) == {tuple(range(20))}


def test_a_hash_by_number_is_the_same_in_the_next_run_of_the_loop_and_gone_after_it() -> None:
    loop = simulated_loop()
    loop.numbered.append(Kept)
    before, kept = Kept(), set()

    async def add() -> None:
        kept.add(inside)

    async def discard() -> None:
        kept.discard(inside)

    real, inside = hash(before), Kept()
    loop.run_until_complete(add())
    assert "__hash__" not in vars(Kept)
    assert hash(before) == real
    loop.run_until_complete(discard())
    assert not kept
    loop.close()


def test_other_threads_hash_by_address() -> None:
    seen: list[int] = []

    async def main(loop: SimulatedLoop) -> None:
        thread = threading.Thread(target=lambda: seen.append(hash(protocol)))
        thread.start()
        thread.join()

    protocol = asyncio.Protocol()
    run(main)
    assert seen == [object.__hash__(protocol)]


def test_what_was_replaced_in_the_first_run_is_simulated_in_the_next() -> None:
    # In a process of its own, whose first run this is.
    program = """
import socket
from sttkit.simulation import simulated_loop

async def main(loop):
    try:
        socket.getaddrinfo("example.org", 443)
    except OSError:
        pass

real, socket.getaddrinfo = socket.getaddrinfo, lambda *_: []
loop = simulated_loop()
loop.run_until_complete(main(loop))
loop.close()
socket.getaddrinfo = real
loop = simulated_loop()
loop.run_until_complete(main(loop))
print([host.name for host in loop.network.unknown])
loop.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "['example.org']"
