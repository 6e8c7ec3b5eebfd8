"""One call in a process of its own: ``python -m benchmarks.calling WORLD TARGET SECONDS MS``.

WORLD is ``simulated`` (the kit's own), ``jumping`` (LiveKit's approach) or ``looptime``, MS the
length of a frame; the plugin, the fake server and the application are the same in all of them.
Prints as JSON what it cost.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import asdict, dataclass
from importlib import import_module
from random import Random
from typing import Any

import aiohttp
import livekit.agents  # noqa: F401  # takes seconds, which are not the call's

from benchmarks import plain_plugin
from benchmarks.call import SAMPLE_RATE, Call, chatter, frames_of, talk
from benchmarks.jumping import JumpingLoop, clocks_of
from benchmarks.machine import resident_bytes
from sttkit.dialects import load_dialect
from sttkit.scripting.model import Script
from sttkit.server.fake import FakeServer
from sttkit.session.line import Line
from sttkit.simulation import simulated_loop
from sttkit.targets import Context, Place, Target, build, load_target
from sttkit.trace import Trace
from sttkit.worlds.simulated import SimulatedListener

KEPT_RECORDS = 20_000
"""The trace keeps so many, as one that nobody is going to judge may."""


@dataclass(frozen=True)
class Cost:
    """What a call cost.

    Attributes:
        cpu_s: CPU seconds, imports and the making of audio left out.
        grown: bytes of memory more at the end than before.
        sessions: that the server had.
        events: that the application got, by type.
    """

    cpu_s: float
    grown: int
    sessions: int
    events: dict[str, int]


def play(world: str, target: Target, call: Call) -> Cost:
    """Have the call in this world."""
    speech = chatter()
    frames = frames_of(speech, call.frame_s)
    script, dialect = Script(speech), load_dialect(target.dialect)

    async def have(
        line: Line, place: Place, break_line: Callable[[], Awaitable[None]]
    ) -> tuple[Counter[str], float, int]:
        line.pcm(SAMPLE_RATE)
        async with aiohttp.ClientSession() as session:
            plugin = build(target, Context(place, session, "benchmark"))
            held, began = resident_bytes(), time.process_time()
            events = await talk(plugin, call, frames, break_line)
            cpu, grown = time.process_time() - began, resident_bytes() - held
            await plugin.aclose()
            await break_line()
        return events, cpu, grown

    async def simulated() -> Cost:
        loop = asyncio.get_running_loop()
        network = simulation.network
        local = dialect.host == "localhost"
        place = Place(dialect.host, 8000 if local else 443, tls=not local)
        if not local:
            network.add_host(place.host)
        trace = Trace(loop.time, limit=KEPT_RECORDS)
        line = Line(script, dialect, {"main": speech}, trace, Random(0))
        listener = SimulatedListener(line, network, place)
        events, cpu, grown = await have(line, place, listener.end_all)
        return Cost(cpu, grown, line.attempts, dict(events))

    async def loopback() -> Cost:
        server = FakeServer(Trace(asyncio.get_running_loop().time, limit=KEPT_RECORDS))
        listener = await server.listen(script, dialect)
        try:
            events, cpu, grown = await have(listener.line, listener.place, listener.end_all)
        finally:
            await server.aclose()
        return Cost(cpu, grown, listener.line.attempts, dict(events))

    if world == "simulated":
        simulation = simulated_loop()
        return _run(simulation, simulated())
    if world == "jumping":
        jumping = JumpingLoop()
        with clocks_of(jumping):
            return _run(jumping, loopback())
    looptime = import_module("looptime")
    return _run(looptime.new_event_loop(), loopback())


def _run(loop: asyncio.AbstractEventLoop, main: Coroutine[Any, Any, Cost]) -> Cost:
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()


if __name__ == "__main__":
    world, name, seconds, frame_ms = sys.argv[1:]
    target = plain_plugin.TARGET if name == "plain" else load_target(name)
    cost = play(world, target, Call(float(seconds), float(frame_ms) / 1000))
    print(json.dumps(asdict(cost)))
