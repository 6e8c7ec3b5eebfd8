"""A small server over loopback, written here so that it is no kit's.

A test says what the server does, connection by connection, as a coroutine of a `Peer`. Nothing
sleeps to wait for something: the two sides wait for each other's messages.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web


@dataclass
class Peer:
    """The server's end of one connection."""

    request: web.Request
    ws: web.WebSocketResponse
    config: dict[str, Any] = field(default_factory=dict)
    pcm: bytearray = field(default_factory=bytearray)
    texts: list[str] = field(default_factory=list)

    async def say(self, kind: str, **fields: Any) -> None:
        await self.ws.send_str(json.dumps({"type": kind, **fields}))

    async def ready(self) -> None:
        """Take the configuration and open the gate."""
        self.config = json.loads(await self.ws.receive_str())
        await self.say("ready", session_id="s", protocol=1)

    async def until(self, wanted: Callable[[Peer], bool]) -> None:
        while not wanted(self):
            message = await self.ws.receive()
            if message.type is aiohttp.WSMsgType.BINARY:
                self.pcm += message.data
            elif message.type is aiohttp.WSMsgType.TEXT:
                self.texts.append(json.loads(message.data)["type"])
            else:
                raise ConnectionError(f"{message.type} while waiting")

    async def until_audio(self, nbytes: int) -> None:
        await self.until(lambda peer: len(peer.pcm) >= nbytes)

    async def until_text(self, kind: str) -> None:
        await self.until(lambda peer: kind in peer.texts)

    async def finish(self) -> None:
        """End as the protocol says."""
        await self.until_text("end_of_stream")
        await self.say("session_ended", audio_seconds=len(self.pcm) / 32000)
        await self.ws.close()

    def reset(self) -> None:
        assert self.request.transport is not None
        sock = self.request.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.request.transport.abort()

    async def until_gone(self) -> None:
        with contextlib.suppress(ConnectionError):
            await self.until(lambda _: False)


Script = Callable[[Peer], Awaitable[None]]


@dataclass
class Server:
    url: str = ""
    scripts: list[Script] = field(default_factory=list)
    """One per connection; the last one plays for all that follow."""
    refusals: list[web.Response] = field(default_factory=list)
    """Answers to the first handshakes, or to the batch requests."""
    peers: list[Peer] = field(default_factory=list)
    requests: list[web.Request] = field(default_factory=list)
    uploads: list[bytes] = field(default_factory=list)
    batch_answer: object = None

    async def stream(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        if self.refusals:
            return self.refusals.pop(0)
        ws = web.WebSocketResponse(autoping=True)
        await ws.prepare(request)
        peer = Peer(request, ws)
        self.peers.append(peer)
        script = self.scripts[min(len(self.peers), len(self.scripts)) - 1]
        with contextlib.suppress(ConnectionError):
            await script(peer)
        return ws

    async def transcribe(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        if self.refusals:
            return self.refusals.pop(0)
        form = await request.post()
        upload = form["file"]
        assert isinstance(upload, web.FileField)
        self.uploads.append(upload.file.read())
        return web.json_response(self.batch_answer)

    async def health(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        return web.json_response({"status": "ok", "model_loaded": True})


async def serve_one(peer: Peer) -> None:
    """A healthy session that hears something and says so."""
    await peer.ready()
    await peer.until_audio(1600)
    await peer.say("final", text="heard", start=0.0, end=0.05)
    await peer.finish()
