"""The session of `benchmarks.session` with cassetter, in a process that finds it:

    python -m benchmarks.cassetter_session URL PAIRS

Prints what `Told` has, as JSON. It records and plays the clients of ``websockets.connect`` only; of
aiohttp's ``ws_connect``, which nearly all plugins of LiveKit use, it sees an HTTP request that was
answered 101. Played, client and server are one process, and no bytes are sent.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import peers
from benchmarks.session import ANSWER_EVERY as EVERY
from benchmarks.session import CONFIG, Cost, audio, cost_of

WHAT = "cassetter (websockets only)"


@dataclass(frozen=True)
class Told:
    """What the session cost, best by best: seconds of CPU and wall, and bytes on disk.

    Attributes:
        direct, recorded, played: (CPU, wall) of each time.
        size: of the cassette, bytes.
    """

    direct: list[tuple[float, float]]
    recorded: list[tuple[float, float]]
    played: list[tuple[float, float]]
    size: int


def told(url: str, pairs: int) -> Told | None:
    """What it says of a session with the server at ``url``; None if it cannot be had."""
    environment = peers.environment("cassetter")
    if environment is None:
        return None
    command = [sys.executable, "-m", __name__, url, str(pairs)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return Told(**json.loads(done.stdout))


async def _session(url: str, messages: list[bytes]) -> None:
    # Its hook is the name in this module, looked up when it is called.
    websockets: Any = import_module("websockets.asyncio.client")
    async with websockets.connect(url, compression=None, proxy=None) as socket:

        async def read() -> None:
            for _ in range(len(messages) // EVERY):
                await socket.recv()

        await socket.send(CONFIG)
        reader = asyncio.create_task(read())
        for message in messages:
            await socket.send(message)
        await reader


def _main(url: str, pairs: int) -> Told:
    cassetter: Any = import_module("cassetter")
    messages = audio()
    with TemporaryDirectory() as folder:
        path = Path(folder, "session.yaml")

        def direct() -> None:
            asyncio.run(_session(url, messages))

        def within(mode: str) -> None:
            with cassetter.use_cassette(path, record_mode=mode, intercept=["websockets"]):
                direct()

        costs: list[tuple[Cost, Cost]] = [
            (cost_of(direct), cost_of(lambda: within("all"))) for _ in range(pairs)
        ]
        played = [cost_of(lambda: within("none")) for _ in range(pairs)]
        return Told(
            [(one.cpu_s, one.wall_s) for one, _ in costs],
            [(one.cpu_s, one.wall_s) for _, one in costs],
            [(one.cpu_s, one.wall_s) for one in played],
            path.stat().st_size,
        )


if __name__ == "__main__":
    print(json.dumps(asdict(_main(sys.argv[1], int(sys.argv[2])))))
