"""The shell between a transport and a connection."""

from __future__ import annotations

import asyncio
from random import Random

from sttkit import script, speech
from sttkit.audio.synth import render
from sttkit.dialects import load_dialect
from sttkit.server.shell import Shell
from sttkit.session.line import Line
from sttkit.trace import Trace
from tests.support.tongues import TONGUES


class Broken(asyncio.Transport):
    """A transport that finds out in its first write of a message that the client is gone."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return len(self.written) > 1


async def test_nothing_is_written_to_a_client_that_is_found_to_be_gone() -> None:
    said = speech("hello there", "how are you")
    loop = asyncio.get_running_loop()
    line = Line(script(said), load_dialect("deepgram"), {"main": said}, Trace(loop.time), Random(0))
    transport = Broken()
    shell = Shell(line, loop, lambda shell: True, lambda shell: None)
    shell.connection_made(transport)
    tongue = TONGUES["deepgram"]
    headers = "".join(f"{name}: {value}\r\n" for name, value in tongue.headers.items())
    shell.data_received(
        f"GET {tongue.target} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{headers}\r\n"
        "".encode()
    )
    pcm = render(said, 16000)
    frames = (pcm[at : at + 640] for at in range(0, len(pcm), 640))
    # A client may mask with zeros (5.3 asks for chance, which the server cannot check).
    shell.data_received(
        b"".join(b"\x82\xfe" + len(f).to_bytes(2, "big") + bytes(4) + f for f in frames)
    )
    assert len(transport.written) == 2  # the handshake's answer, and the one that failed
    assert sum(record.kind == "sent" for record in line.trace) > 5
    shell.connection_lost(ConnectionResetError())
