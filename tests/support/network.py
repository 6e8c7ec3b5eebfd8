"""The fake server on real sockets, and what clients in tests need to talk to it."""

from __future__ import annotations

import asyncio
import contextlib
import io
import ssl
import wave
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from sttkit import Placed, Script, Speech, script, speech
from sttkit.audio.synth import render
from sttkit.dialects import load_dialect
from sttkit.faults import parse_placed
from sttkit.server.fake import FakeServer, Listener
from sttkit.trace import Record, Trace
from tests.support.caller import SAID
from tests.support.tongues import TONGUES

PATIENCE_S = 20.0
"""When a test that waits for something fails; none comes near it."""


class Place:
    """A listener, and everything it noted."""

    def __init__(self, server: FakeServer, listener: Listener, said: Speech, dialect: str) -> None:
        self.server = server
        self.listener = listener
        self.trace = server.trace
        self.tongue = TONGUES[dialect]
        self.pcm = render(said, 16000)
        self.address = (listener.place.host, listener.place.port)

    @property
    def ws(self) -> str:
        return self.listener.place.ws + self.tongue.target

    @property
    def http(self) -> str:
        return self.listener.place.http

    def records(self, kind: str, **data: object) -> list[Record]:
        return [r for r in self.trace if r.kind == kind and data.items() <= r.data.items()]

    async def noted(self, kind: str, **data: object) -> Record:
        """The first record of this kind, when it is there."""
        came = asyncio.Event()
        stop = self.trace.listen(lambda record: came.set() if record.kind == kind else None)
        try:
            while not (found := self.records(kind, **data)):
                came.clear()
                await asyncio.wait_for(came.wait(), PATIENCE_S)
        finally:
            stop()
        return found[0]


@contextlib.asynccontextmanager
async def served(
    *faults: Placed | str,
    dialect: str = "custom_stt",
    said: Speech | None = None,
    ssl_context: ssl.SSLContext | None = None,
    played: Script | None = None,
) -> AsyncIterator[Place]:
    """A listener that plays these faults; closed at the end, with nothing left behind."""
    placed = [parse_placed(f) if isinstance(f, str) else f for f in faults]
    talk = said or speech(*SAID)
    trace = Trace(asyncio.get_running_loop().time, secrets=("secret",))
    server = FakeServer(trace, ssl_context=ssl_context)
    listener = await server.listen(played or script(talk, *placed), load_dialect(dialect))
    assert isinstance(listener, Listener)
    try:
        yield Place(server, listener, talk, dialect)
    finally:
        await server.aclose()


async def until(condition: Callable[[], bool]) -> None:
    """Turn the loop until ``condition()`` holds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE_S
    while not condition():
        assert loop.time() < deadline, "waited in vain"
        await asyncio.sleep(0)


def descriptors() -> set[str]:
    """The open descriptors of this process, by what they point to."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found.add(f"{entry.name} {entry.readlink()}")
    return found


def wav_of(pcm: bytes, rate: int = 16000) -> bytes:
    """A WAV file in memory."""
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm)
    return held.getvalue()
