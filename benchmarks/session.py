"""One streaming session as cassettes meet it: 3000 x 640 bytes up, 300 JSON messages down.

Here are its clients; who serves it is in `benchmarks.session_servers`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
from websockets.asyncio.client import connect

from benchmarks.load import CHUNK_BYTES, SAID
from sttkit.audio.synth import render

MESSAGES = 3000
ANSWER_EVERY = 10
CONFIG = json.dumps({"type": "config", "sample_rate": 16000, "language": "en"})
PATH = "/ws/transcribe"
_WORDS = ["hello", "there", "friend", "how", "are", "you", "today"]


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


Client = Callable[[str, Sequence[bytes], float], Coroutine[Any, Any, list[float]]]
"""Has the session: URL, audio, seconds from one message to the next; tells when answers came."""


async def by_aiohttp(url: str, messages: Sequence[bytes], every_s: float = 0.0) -> list[float]:
    """As most plugins of LiveKit do."""
    heard: list[float] = []
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:

        async def read() -> None:
            for _ in range(len(messages) // ANSWER_EVERY):
                message = await socket.receive()
                heard.append(time.perf_counter())
                if message.type is not aiohttp.WSMsgType.TEXT:
                    raise RuntimeError(f"an answer was missing: {message}")

        await socket.send_str(CONFIG)
        reader = asyncio.create_task(read())
        await _each(messages, socket.send_bytes, every_s)
        await reader
    return heard


async def by_websockets(url: str, messages: Sequence[bytes], every_s: float = 0.0) -> list[float]:
    """As the others do."""
    heard: list[float] = []
    async with connect(url, compression=None, proxy=None) as socket:

        async def read() -> None:
            for _ in range(len(messages) // ANSWER_EVERY):
                await socket.recv()
                heard.append(time.perf_counter())

        await socket.send(CONFIG)
        reader = asyncio.create_task(read())
        await _each(messages, socket.send, every_s)
        await reader
    return heard


CLIENTS: dict[str, Client] = {"aiohttp": by_aiohttp, "websockets": by_websockets}


async def _each(
    messages: Sequence[bytes], send: Callable[[bytes], Awaitable[None]], every_s: float
) -> None:
    loop = asyncio.get_running_loop()
    due = loop.time()
    for message in messages:
        await send(message)
        if every_s:
            due += every_s
            await asyncio.sleep(max(0.0, due - loop.time()))


def cost_of(have: Callable[[], object]) -> Cost:
    """What it costs this process."""
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    have()
    return Cost(time.process_time() - cpu, time.perf_counter() - wall)
