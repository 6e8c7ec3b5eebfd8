"""A load of many streams: prebuilt masked frames over plain transports, so that the generator costs
far less than what it measures."""

from __future__ import annotations

import asyncio
import json
import os

CHUNK_BYTES = 640
"""20 ms of 16 kHz audio."""
RATE_HZ = 50


def masked_frame(opcode: int, payload: bytes) -> bytes:
    """One client frame (RFC 6455, 5.2) with a real mask."""
    mask = os.urandom(4)
    size = len(payload)
    head = bytes([0x80 | opcode])
    head += bytes([0x80 | size]) if size < 126 else bytes([0x80 | 126]) + size.to_bytes(2, "big")
    repeated = (mask * (size // 4 + 1))[:size]
    body = (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(size, "big")
    return head + mask + body


class Stream(asyncio.Protocol):
    """One client: upgrades, configures, sends prebuilt frames; reads and forgets the answers."""

    def __init__(self) -> None:
        self.upgraded: asyncio.Future[None] = asyncio.get_running_loop().create_future()

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


async def run_load(
    port: int, frames: list[bytes], *, streams: int, seconds: float
) -> tuple[int, float]:
    """Send ``frames`` on so many streams at 50 a second: messages sent, seconds taken."""
    loop = asyncio.get_running_loop()
    clients = [(await loop.create_connection(Stream, "127.0.0.1", port))[1] for _ in range(streams)]
    await asyncio.gather(*(client.upgraded for client in clients))
    sent = 0
    started = loop.time()
    ticks = round(seconds * RATE_HZ)
    # The streams are spread over the 20 ms, as real callers are.
    for tick in range(ticks):
        for slot in range(4):
            for client in clients[slot::4]:
                client.transport.write(frames[tick % len(frames)])
                sent += 1
            due = started + (tick + (slot + 1) / 4) / RATE_HZ
            await asyncio.sleep(max(0.0, due - loop.time()))
    took = loop.time() - started
    for client in clients:
        client.transport.abort()
    return sent, took
