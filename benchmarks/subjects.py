"""Servers to be measured, each alone in a process: ``python -m benchmarks.subjects NAME``.

Prints its port, serves until a line arrives on standard input, then prints as JSON what serving
cost between the two lines it is sent.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sized
from contextlib import suppress

from benchmarks.machine import allow_many_files, keep_to_core, resident_bytes

KEPT_RECORDS = 50_000
"""A journal without a bound would grow by 13 MB a second under 500 streams."""


async def _fake() -> tuple[int, Sized]:
    from benchmarks.load import SAID
    from sttkit.dialects import load_dialect
    from sttkit.scripting.model import Script
    from sttkit.server.fake import FakeServer
    from sttkit.trace import Trace

    trace = Trace(asyncio.get_running_loop().time, limit=KEPT_RECORDS)
    listener = await FakeServer(trace).listen(Script(SAID), load_dialect("custom_stt"))
    listener.line.pcm(16000)
    return listener.place.port, trace


async def _echo() -> tuple[int, Sized]:
    from websockets.asyncio.server import ServerConnection, serve
    from websockets.exceptions import ConnectionClosed

    async def echo(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            async for message in connection:
                await connection.send(message)

    server = await serve(echo, "127.0.0.1", 0, compression=None, ping_interval=None, backlog=512)
    return next(iter(server.sockets)).getsockname()[1], ()


async def _main(name: str) -> None:
    port, journal = await {"fake": _fake, "echo": _echo}[name]()
    print(port, flush=True)
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, sys.stdin.readline)
    cpu, entries, held = time.process_time(), len(journal), resident_bytes()
    await loop.run_in_executor(None, sys.stdin.readline)
    report = {
        "cpu_s": time.process_time() - cpu,
        "entries": len(journal) - entries,
        "bytes": resident_bytes() - held,
    }
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    allow_many_files()
    keep_to_core(0)
    asyncio.run(_main(sys.argv[1]))
