"""One streaming session as cassettes meet it: 3000 x 640 bytes up, 300 JSON messages down.

``python -m benchmarks.session`` is the server of it, as plain as can be, in a process of its own:
it prints its port and answers every tenth message of audio.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import aiohttp
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from benchmarks.load import CHUNK_BYTES, SAID
from sttkit.audio.synth import render

MESSAGES = 3000
ANSWER_EVERY = 10
CONFIG = json.dumps({"type": "config", "sample_rate": 16000, "language": "en"})
END = json.dumps({"type": "end_of_stream"})
PATH = "/ws/transcribe"
_WORDS = "hello there friend how are you today".split()


@dataclass(frozen=True)
class Cost:
    """What a session cost the process of its client, seconds."""

    cpu_s: float
    wall_s: float


def audio() -> list[bytes]:
    """A minute of speech in messages of 20 ms."""
    pcm = render(SAID, 16000)
    pcm *= MESSAGES * CHUNK_BYTES // len(pcm) + 1
    return [pcm[at * CHUNK_BYTES : (at + 1) * CHUNK_BYTES] for at in range(MESSAGES)]


def answer(number: int) -> str:
    """An interim of protocol 1."""
    words = _WORDS[: number % len(_WORDS) + 1]
    end = round(number * ANSWER_EVERY * 0.02, 3)
    return json.dumps(
        {
            "type": "interim",
            "text": " ".join(words),
            "start": max(0.0, round(end - 1.2, 3)),
            "end": end,
            "confidence": 0.87,
            "language": "en",
            "words": [],
            "seq": number,
        }
    )


Client = Callable[[str, list[bytes], float], Awaitable[Cost]]
"""Has the session: URL, audio, and seconds from one message to the next."""


async def by_aiohttp(url: str, messages: list[bytes], every_s: float = 0.0) -> Cost:
    """As most plugins of LiveKit do."""
    async with aiohttp.ClientSession() as session:
        cpu, wall = time.process_time(), time.perf_counter()
        async with session.ws_connect(url) as socket:

            async def read() -> None:
                for _ in range(len(messages) // ANSWER_EVERY):
                    message = await socket.receive()
                    assert message.type is aiohttp.WSMsgType.TEXT, message

            await socket.send_str(CONFIG)
            reader = asyncio.create_task(read())
            await _each(messages, socket.send_bytes, every_s)
            await socket.send_str(END)
            await reader
        return Cost(time.process_time() - cpu, time.perf_counter() - wall)


async def by_websockets(url: str, messages: list[bytes], every_s: float = 0.0) -> Cost:
    """As the others do."""
    cpu, wall = time.process_time(), time.perf_counter()
    async with connect(url, compression=None, proxy=None) as socket:

        async def read() -> None:
            for _ in range(len(messages) // ANSWER_EVERY):
                await socket.recv()

        await socket.send(CONFIG)
        reader = asyncio.create_task(read())
        await _each(messages, socket.send, every_s)
        await socket.send(END)
        await reader
    return Cost(time.process_time() - cpu, time.perf_counter() - wall)


CLIENTS: dict[str, Client] = {"aiohttp": by_aiohttp, "websockets": by_websockets}


async def _each(
    messages: list[bytes], send: Callable[[bytes], Awaitable[None]], every_s: float
) -> None:
    loop = asyncio.get_running_loop()
    due = loop.time()
    for message in messages:
        await send(message)
        if every_s:
            due += every_s
            await asyncio.sleep(max(0.0, due - loop.time()))


@contextmanager
def plain_server() -> Iterator[str]:
    """The server in a process of its own; gives its URL."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.session"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield f"ws://127.0.0.1:{process.stdout.readline().strip()}{PATH}"
        finally:
            process.terminate()


async def _serve() -> None:
    answers = [answer(number) for number in range(MESSAGES // ANSWER_EVERY)]

    async def talk(connection: ServerConnection) -> None:
        heard = 0
        with suppress(ConnectionClosed):
            async for message in connection:
                if isinstance(message, bytes):
                    heard += 1
                    if heard % ANSWER_EVERY == 0:
                        await connection.send(answers[(heard // ANSWER_EVERY - 1) % len(answers)])

    async with serve(talk, "127.0.0.1", 0, compression=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
