"""What a tap makes of endings and of what is too long to be gathered."""

from __future__ import annotations

from typing import Any

import pytest
from websockets.frames import Frame, Opcode

from sttkit.cassette.format import parse
from sttkit.cassette.frames import MAX_MESSAGE_BYTES
from sttkit.cassette.model import VERSION, Audio, Bytes, Cassette, Header
from sttkit.cassette.tap import UNANSWERED_US, Tap
from sttkit.cassette.writing import CassetteWriter

ASKED = b"GET /ws HTTP/1.1\r\nHost: server.test\r\nUpgrade: websocket\r\n\r\n"
OPENED = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
PING = Frame(Opcode.PING, b"?").serialize(mask=True)


class Taped:
    def __init__(self, **header: Any) -> None:
        self.lines, self.blob = bytearray(), bytearray()
        made = Header(version=VERSION, **header)
        writer = CassetteWriter(made, self.lines.extend, self.blob.extend)
        self.writer, self.tap = writer, Tap(writer.open(0, "ws://server.test"))

    @property
    def cassette(self) -> Cassette:
        self.writer.settle()
        return parse(bytes(self.lines), name="taped.jsonl", blob=bytes(self.blob))

    @property
    def end(self) -> str:
        (one,) = self.cassette.interactions()
        return f"{one.end.how} by {one.end.by}" if one.end else "still going on"


@pytest.mark.parametrize(
    ("waited_us", "end"),
    [(UNANSWERED_US - 1, "fin by client"), (UNANSWERED_US, "silence by server")],
)
def test_a_client_that_leaves_an_unanswered_ping_behind_was_left_in_silence(
    waited_us: int, end: str
) -> None:
    taped = Taped()
    taped.tap.receive("client", ASKED, 0)
    taped.tap.receive("server", OPENED, 1)
    taped.tap.receive("client", PING, 2)
    taped.tap.ended("fin", "client", 2 + waited_us)
    assert taped.end == end


def test_a_ping_that_anything_came_after_is_no_sign_of_silence() -> None:
    taped = Taped()
    taped.tap.receive("client", ASKED, 0)
    taped.tap.receive("server", OPENED, 1)
    taped.tap.receive("client", PING, 2)
    taped.tap.receive("server", Frame(Opcode.TEXT, b"hello").serialize(mask=False), 3)
    taped.tap.ended("reset", "client", 2 + 5 * UNANSWERED_US)
    assert taped.end == "reset by client"


@pytest.mark.parametrize("asked", [b"", ASKED])
def test_a_client_that_leaves_without_an_answer_had_none(asked: bytes) -> None:
    taped = Taped()
    if asked:
        taped.tap.receive("client", asked, 0)
    taped.tap.ended("fin", "client", 10)
    assert taped.end == "no-answer by server"


def test_a_refusal_with_a_chunked_body_is_over_with_its_last_chunk() -> None:
    taped = Taped()
    taped.tap.receive("client", ASKED, 0)
    head = b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n"
    taped.tap.receive("server", head + b"4\r\nbusy\r\n", 1)
    assert not taped.tap.is_over
    taped.tap.receive("server", b"0\r\n\r\n", 2)
    assert taped.tap.is_over
    assert taped.end == "status by server"
    assert b'"text":"busy"' in bytes(taped.lines)


def test_an_answer_that_ends_with_the_connection_is_whole() -> None:
    taped = Taped()
    taped.tap.receive("client", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0)
    taped.tap.receive("server", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall", 1)
    assert taped.end == "still going on"
    taped.tap.shut("server", 2)
    assert taped.end == "answered by server"


def test_a_frame_that_claims_to_be_endless_is_not_gathered() -> None:
    taped = Taped()
    taped.tap.receive("client", ASKED, 0)
    taped.tap.receive("server", OPENED, 1)
    size = MAX_MESSAGE_BYTES + 1
    taped.tap.receive("server", b"\x82\x7f" + size.to_bytes(8, "big") + b"begin", 2)
    kept = [entry for entry in taped.cassette.entries if isinstance(entry, Bytes)]
    assert len(kept) == 1


def test_audio_that_cannot_be_replaced_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    # As of a codec: what the dialect hears is not in the message as it is.
    monkeypatch.setattr("sttkit.cassette.writing.with_audio", lambda *given: None)
    taped = Taped(audio="replaced")
    taped.tap.receive("client", ASKED, 0)
    taped.tap.receive("server", OPENED, 1)
    taped.tap.receive("client", Frame(Opcode.BINARY, bytes(640)).serialize(mask=True), 2)
    (run,) = [entry for entry in taped.cassette.entries if isinstance(entry, Audio)]
    assert taped.cassette.audio_of(run) is None
    assert run.sizes == (640,)
    assert taped.blob == b""
