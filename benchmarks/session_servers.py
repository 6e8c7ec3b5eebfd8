"""Who serves the session of `benchmarks.session`, each alone in a process:

    python -m benchmarks.session_servers plain [SECONDS]
    python -m benchmarks.session_servers replay CASSETTE TIMING
    python -m benchmarks.session_servers proxy URL CASSETTE
    python -m benchmarks.session_servers bare-proxy URL

Prints its port; then, for each line on standard input, what it has cost so far.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from benchmarks.machine import resident_bytes
from benchmarks.session import ANSWER_EVERY, MESSAGES, PATH, answer
from sttkit.server.precise import run_precisely


class Process:
    """A server in a process of its own, seen from outside.

    Attributes:
        url: of the session.
    """

    def __init__(self, process: subprocess.Popen[str], port: int | None = None) -> None:
        self._process = process
        self.url = f"ws://127.0.0.1:{self._line() if port is None else port}{PATH}"

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            raise RuntimeError("the server of the session failed")
        return line

    def cost(self) -> tuple[float, int]:
        """CPU seconds so far, and bytes of memory held now; a replay begins anew."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        cpu, held = json.loads(self._line())
        return float(cpu), int(held)


class Foreign(Process):
    """One that is asked by way of the system."""

    def cost(self) -> tuple[float, int]:
        """CPU seconds so far, and bytes of memory held now."""
        stat = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        cpu = (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
        return cpu, int(stat[21]) * resource.getpagesize()


@contextmanager
def served_by(*arguments: str) -> Iterator[Process]:
    """A server of this module, until the block is left."""
    with subprocess.Popen(
        [sys.executable, "-m", __name__, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Process(process)
        finally:
            process.terminate()


@contextmanager
def reverse_mitmproxy(program: Path, url: str) -> Iterator[Process]:
    """mitmproxy in front of a server, keeping nothing, until the block is left."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    mode = f"reverse:{url.removesuffix(PATH).replace('ws://', 'http://')}"
    command = [str(program), "-q", "--mode", mode, "--listen-host", "127.0.0.1", "-p", str(port)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with subprocess.Popen(command, text=True, env=environment) as process:
        try:
            _wait_for(port)
            yield Foreign(process, port)
        finally:
            process.terminate()


def _wait_for(port: int) -> None:
    for _ in range(100):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.2)
    raise RuntimeError(f"nobody listens on port {port}")


async def plain(thinks_s: str = "0") -> None:
    """Every tenth message of audio is answered after so many seconds, and nothing else is done."""
    pause, loop = float(thinks_s), asyncio.get_running_loop()
    answers = [answer(number) for number in range(MESSAGES // ANSWER_EVERY)]

    async def talk(connection: ServerConnection) -> None:
        heard = 0
        with suppress(ConnectionClosed):
            async for message in connection:
                if isinstance(message, bytes):
                    heard += 1
                    if heard % ANSWER_EVERY == 0:
                        said = answers[(heard // ANSWER_EVERY - 1) % len(answers)]
                        if pause:
                            loop.call_later(pause, loop.create_task, connection.send(said))
                        else:
                            await connection.send(said)

    async with serve(talk, "127.0.0.1", 0, compression=None) as server:
        await _until_closed(next(iter(server.sockets)).getsockname()[1])


async def bare_proxy(url: str) -> None:
    """What anybody would write in an evening: messages pass, endings do not."""

    async def talk(client: ServerConnection) -> None:
        async with connect(url, compression=None, proxy=None, max_size=None) as server:

            async def pass_on(source: object, target: object) -> None:
                with suppress(ConnectionClosed):
                    async for message in source:  # type: ignore[attr-defined]
                        await target.send(message)  # type: ignore[attr-defined]
                await target.close()  # type: ignore[attr-defined]

            await asyncio.gather(pass_on(client, server), pass_on(server, client))

    async with serve(talk, "127.0.0.1", 0, compression=None, max_size=None) as listener:
        await _until_closed(next(iter(listener.sockets)).getsockname()[1])


async def proxy(url: str, cassette: str) -> None:
    """`sttkit record`."""
    from sttkit.deck.recorder import Recorder, Terms
    from sttkit.proxy.heads import Upstream
    from sttkit.proxy.serving import Proxy

    loop = asyncio.get_running_loop()
    recorder = Recorder.begin(Path(cassette), Terms("custom_stt"), loop.time)
    relay = Proxy(Upstream.parse(url.removesuffix(PATH)), recorder)
    _, port = await relay.start()
    flushing = asyncio.create_task(relay.serve(asyncio.Event(), lambda: None))
    await _until_closed(port)
    flushing.cancel()


async def replay(cassette: str, timing: str) -> None:
    """`sttkit replay`."""
    from sttkit.cassette.spoken import speech_of
    from sttkit.cassette.tape import Timing, compiled
    from sttkit.deck.files import load_cassette
    from sttkit.scripting.model import Script
    from sttkit.server.fake import FakeServer
    from sttkit.trace import Trace

    recorded = load_cassette(Path(cassette))
    tape = compiled(recorded, timing=Timing.parse(timing))
    loop = asyncio.get_running_loop()
    server = FakeServer(Trace(loop.time))
    script = Script(speech_of(recorded), dialect=tape.dialect.name)
    listener = await server.listen(script, tape.dialect, tape=tape)
    listener.line.pcm(16000)

    def again() -> None:
        playing = listener.line.playing
        if playing is not None and playing.mismatches:
            raise RuntimeError(str(playing.mismatches[0]))
        listener.rearm(Trace(loop.time))
        listener.line.pcm(16000)

    await _until_closed(listener.place.port, again)


async def _until_closed(port: int, again: object = None) -> None:
    print(port, flush=True)
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps([time.process_time(), resident_bytes()]), flush=True)
        if callable(again):
            again()


if __name__ == "__main__":
    # Whoever looks whether a port is open says nothing, which is no error here.
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    serving = {"plain": plain, "bare-proxy": bare_proxy, "proxy": proxy, "replay": replay}
    run = run_precisely if sys.argv[1] == "replay" else asyncio.run  # as the command does it
    run(serving[sys.argv[1]](*sys.argv[2:]))  # type: ignore[operator]
