"""A load of many streams, in a process of its own: ``python -m benchmarks.load PORT STREAMS S``.

Prebuilt masked frames go over plain transports, so that the generator costs far less than what it
measures. Pings tell how far behind the server is: a pong comes when everything that was sent before
it has been dealt with. Prints a line when all are connected, begins when it is sent one, and prints
what it saw as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import asdict, dataclass

from benchmarks.machine import allow_many_files, keep_to_core
from sttkit.audio.speech import speech
from sttkit.audio.synth import render

SAID = speech("hello there friend", "how are you today").with_encore(60)
RATE_HZ = 50
CHUNK_BYTES = 640
"""20 ms of 16 kHz audio."""
SLOTS = 4
"""Parts of the 20 ms over which the streams are spread, as real callers are."""
PING_EVERY = 5
"""Ticks between two pings, each on another stream."""
PATIENCE_S = 5.0
"""How long the last pongs are waited for."""


@dataclass(frozen=True)
class Seen:
    """What the generator saw of the server, and of itself.

    Attributes:
        sent: messages.
        took: seconds that sending took.
        lag: longest time to a pong, seconds; of what never came, as long as it was waited for.
        lost: connections that the server ended.
        late: how far the generator was behind its own plan in the end, seconds.
    """

    sent: int
    took: float
    lag: float
    lost: int
    late: float


def masked_frame(opcode: int, payload: bytes) -> bytes:
    """One client frame (RFC 6455, 5.2) with a real mask."""
    mask = os.urandom(4)
    size = len(payload)
    head = bytes([0x80 | opcode])
    head += bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + size.to_bytes(2, "big")
    repeated = (mask * (size // 4 + 1))[:size]
    body = (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(size, "big")
    return head + mask + body


def audio_frames() -> list[bytes]:
    """Twenty seconds of speech, a frame for each 20 ms."""
    pcm = render(SAID, 16000)[: 20 * RATE_HZ * CHUNK_BYTES]
    starts = range(0, len(pcm) - CHUNK_BYTES + 1, CHUNK_BYTES)
    return [masked_frame(2, pcm[at : at + CHUNK_BYTES]) for at in starts]


class Stream(asyncio.Protocol):
    """One client: upgrades, configures, sends; reads the answers and looks for pongs only."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.upgraded: asyncio.Future[None] = self._loop.create_future()
        self.lost = False
        self.lag = 0.0
        self._pong: asyncio.Future[None] | None = None
        self._pinged_at = 0.0
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(
            b"GET /ws/transcribe HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"Sec-WebSocket-Version: 13\r\n\r\n"
        )

    def data_received(self, data: bytes) -> None:
        if not self.upgraded.done():
            config = {"type": "config", "sample_rate": 16000}
            self.transport.write(masked_frame(1, json.dumps(config).encode()))
            self.upgraded.set_result(None)
        elif self._pong is not None:
            seen = self._tail + data
            self._tail = seen[-len(_PONG) :]
            if _PONG in seen:
                self.lag = max(self.lag, self._loop.time() - self._pinged_at)
                self._pong.set_result(None)
                self._pong = None

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True

    def ping(self) -> asyncio.Future[None]:
        """Ask how far the server is; done when it says so."""
        if self._pong is None:
            self._pong = self._loop.create_future()
            self._pinged_at = self._loop.time()
            self._tail = b""
            self.transport.write(_PING)
        return self._pong

    def give_up(self) -> None:
        """Wait no more: the lag is at least as long as it was waited for."""
        if self._pong is not None:
            self.lag = max(self.lag, self._loop.time() - self._pinged_at)


_PING = masked_frame(9, b"how far?")
_PONG = bytes([0x8A, 8]) + b"how far?"


async def run_load(port: int, streams: int, seconds: float) -> Seen:
    """Send audio on so many streams, 50 messages a second on each."""
    loop = asyncio.get_running_loop()
    frames = audio_frames()
    clients = [(await loop.create_connection(Stream, "127.0.0.1", port))[1] for _ in range(streams)]
    await asyncio.gather(*(client.upgraded for client in clients))
    await asyncio.wait([client.ping() for client in clients], timeout=PATIENCE_S)
    for client in clients:
        client.lag = 0.0  # of the crowd at the door, which is not what is measured
    print("connected", flush=True)
    sys.stdin.readline()
    sent = 0
    due = started = loop.time()
    for tick in range(round(seconds * RATE_HZ)):
        frame = frames[tick % len(frames)]
        for slot in range(SLOTS):
            for client in clients[slot::SLOTS]:
                if not client.lost:
                    client.transport.write(frame)
                    sent += 1
            due += 1 / RATE_HZ / SLOTS
            await asyncio.sleep(max(0.0, due - loop.time()))
        if tick % PING_EVERY == 0:
            clients[tick // PING_EVERY % streams].ping()
    took = loop.time() - started
    lost = sum(client.lost for client in clients)
    await asyncio.wait([client.ping() for client in clients], timeout=PATIENCE_S)
    for client in clients:
        client.give_up()
        client.transport.abort()
    return Seen(sent, took, max(client.lag for client in clients), lost, took - seconds)


if __name__ == "__main__":
    allow_many_files()
    keep_to_core(1)
    seen = asyncio.run(run_load(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
    print(json.dumps(asdict(seen)))
