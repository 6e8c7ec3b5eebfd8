"""Servers to be measured, each alone in a process: ``python -m benchmarks.subjects NAME``.

Prints its port, serves until a line arrives on standard input, then prints the CPU seconds that
serving cost and the messages it got.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import suppress


async def _fake() -> tuple[int, object]:
    from sttkit.audio.speech import speech
    from sttkit.dialects import load_dialect
    from sttkit.scripting.model import Script
    from sttkit.server.fake import FakeServer
    from sttkit.trace import Trace

    trace = Trace(asyncio.get_running_loop().time)
    said = speech("hello there friend", "how are you today").with_encore(60)
    listener = await FakeServer(trace).listen(Script(said), load_dialect("custom_stt"))
    listener.line.pcm(16000)
    return listener.place.port, trace


async def _echo() -> tuple[int, object]:
    from websockets.asyncio.server import ServerConnection, serve
    from websockets.exceptions import ConnectionClosed

    counted: list[int] = []

    async def echo(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            async for message in connection:
                counted.append(0)
                await connection.send(message)

    server = await serve(echo, "127.0.0.1", 0, compression=None, ping_interval=None)
    return server.sockets[0].getsockname()[1], counted


async def _main(name: str) -> None:
    port, journal = await {"fake": _fake, "echo": _echo}[name]()
    print(port, flush=True)
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, sys.stdin.readline)
    started, entries = time.process_time(), len(journal)  # type: ignore[arg-type]
    await loop.run_in_executor(None, sys.stdin.readline)
    cpu = time.process_time() - started
    print(json.dumps({"cpu_s": cpu, "entries": len(journal) - entries}), flush=True)  # type: ignore[arg-type]


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
