"""A recording played again as fast as it goes, beside the session that it was made of."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks import cassetter_session
from benchmarks.recording_cost import recorded
from benchmarks.report import Row
from benchmarks.session import CLIENTS, audio, cost_of
from benchmarks.session_servers import Process, served_by

TITLE = "Replaying that session as fast as it goes, over loopback"
ROUNDS = 7
CLIENT = "websockets"


def rows() -> Iterator[Row]:
    """Wall time is the client's; CPU is that of both processes."""
    with TemporaryDirectory() as folder, served_by("plain") as server:
        path = Path(folder, "session.jsonl")
        recorded(CLIENT, server.url, path, "keep")
        with served_by("replay", str(path), "asap") as replay:
            pairs = [(session(server), session(replay)) for _ in range(ROUNDS)]
        peer = cassetter_session.told(server.url, ROUNDS)
    for what, at in (("wall time", 0), ("CPU, client and server", 1)):
        pairs.sort(key=lambda pair: pair[1][at] / pair[0][at])
        direct, again = pairs[ROUNDS // 2]
        figure = (
            f"{again[at] / direct[at]:.2f} ({again[at] * 1e3:.0f} and {direct[at] * 1e3:.0f} ms)"
        )
        yield Row(f"{what}: replayed over direct (median of {ROUNDS} pairs)", figure, "<= 2")
    if peer is None:
        yield Row(cassetter_session.WHAT, "could not be installed")
        return
    for what, at in (("wall time", 1), ("CPU", 0)):
        took = median(one[at] for one in peer.played)
        yield Row(f"{cassetter_session.WHAT}, without a socket: {what}", f"{took * 1e3:.0f} ms")


def session(server: Process) -> tuple[float, float]:
    """Wall time and CPU of one session."""
    messages = audio()
    before, _ = server.cost()
    cost = cost_of(lambda: asyncio.run(CLIENTS[CLIENT](server.url, messages, 0.0)))
    after, _ = server.cost()
    return cost.wall_s, cost.cpu_s + after - before
