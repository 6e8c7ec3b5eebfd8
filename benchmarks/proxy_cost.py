"""What a proxy adds to a message and its answer: time, and CPU of the proxy.

Beside `sttkit record`, which writes a cassette with redaction meanwhile, stand a bare proxy of 40
lines over ``websockets``, which writes nothing, and mitmproxy as a reverse proxy. cassetter is no
proxy: it patches ``websockets.connect`` in process, and records no other client.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from websockets.asyncio.client import connect

from benchmarks import peers
from benchmarks.report import Row
from benchmarks.session import ANSWER_EVERY, CONFIG, audio
from benchmarks.session_servers import Process, reverse_mitmproxy, served_by

TITLE = "What a proxy adds, paced messages of 640 bytes, every tenth answered"
MESSAGES = 600
EVERY_S = 0.002
ROUNDS = 3


@dataclass(frozen=True)
class Passed:
    """One round: seconds from a message to its answer, and CPU seconds per message."""

    trip_s: float
    cpu_s: float


def rows() -> Iterator[Row]:
    """All in turn, several rounds: the machine's mood is the same for all."""
    with TemporaryDirectory() as folder, ExitStack() as stack:
        server = stack.enter_context(served_by("plain"))
        path = str(Path(folder, "session.jsonl"))
        subjects: dict[str, Process] = {
            "direct": server,
            "sttkit record": stack.enter_context(served_by("proxy", server.url, path)),
            "a bare proxy": stack.enter_context(served_by("bare-proxy", server.url)),
        }
        program = peers.program("mitmproxy", "mitmdump")
        if program is not None:
            subjects["mitmproxy"] = stack.enter_context(reverse_mitmproxy(program, server.url))
        rounds = [
            {name: asyncio.run(passed(one)) for name, one in subjects.items()}
            for _ in range(ROUNDS)
        ]
    for name in list(subjects)[1:]:
        trip = median(one[name].trip_s - one["direct"].trip_s for one in rounds)
        cpu = median(one[name].cpu_s for one in rounds)
        yield Row(
            f"{name}: round trip", f"+{trip * 1e6:.0f} us, {cpu * 1e6:.0f} us CPU per message"
        )
    if program is None:
        yield Row("mitmproxy", "could not be installed")
    ratio = median(one["sttkit record"].cpu_s / one["a bare proxy"].cpu_s for one in rounds)
    yield Row("sttkit record over the bare proxy: CPU", f"{ratio:.2f}", "<= 1")
    trips = median(
        (one["sttkit record"].trip_s - one["direct"].trip_s)
        / (one["a bare proxy"].trip_s - one["direct"].trip_s)
        for one in rounds
    )
    yield Row("sttkit record over the bare proxy: added round trip", f"{trips:.2f}", "<= 1")


async def passed(process: Process) -> Passed:
    """A session through one of them."""
    messages = audio()[:MESSAGES]
    trips: list[float] = []
    before, _ = process.cost()
    async with connect(process.url, compression=None, proxy=None) as socket:
        await socket.send(CONFIG)
        for number, message in enumerate(messages, start=1):
            began = time.perf_counter()
            await socket.send(message)
            if number % ANSWER_EVERY == 0:
                await socket.recv()
                trips.append(time.perf_counter() - began)
            await asyncio.sleep(EVERY_S)
    after, _ = process.cost()
    return Passed(median(trips), (after - before) / MESSAGES)
