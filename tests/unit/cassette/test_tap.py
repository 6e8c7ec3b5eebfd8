"""A tap that is given many pieces at once hears what it hears piece by piece."""

from __future__ import annotations

from random import Random

import pytest
from websockets.frames import Frame, Opcode

from sttkit.cassette.model import VERSION, Header
from sttkit.cassette.tap import Piece, Tap
from sttkit.cassette.writing import CassetteWriter

REQUEST = b"GET /ws/transcribe HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n"
RESPONSE = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"


def frame(opcode: Opcode, data: bytes, *, fin: bool = True, masked: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=masked)


def pieces(rng: Random, audio: str) -> list[Piece]:
    """A session in which whole frames of audio come between all that may stand in their way."""
    found: list[tuple[str, bytes]] = [
        ("client", REQUEST),
        ("server", RESPONSE),
        ("client", frame(Opcode.TEXT, b'{"type":"config","sample_rate":16000}')),
    ]
    for _ in range(60):
        pcm = rng.randbytes(2 * rng.choice([30, 63, 64, 320, 40_000]))
        whole = frame(Opcode.BINARY, pcm)
        cut = rng.randrange(1, len(whole))
        found += rng.choice(
            [
                [("client", whole)],
                [("client", whole)],
                [("client", whole[:cut]), ("client", whole[cut:])],
                [("client", whole + whole[:cut]), ("client", whole[cut:])],
                [("client", frame(Opcode.BINARY, pcm, fin=False)),
                 ("client", frame(Opcode.PING, b"?")),
                 ("client", frame(Opcode.CONT, pcm))],
                [("server", frame(Opcode.TEXT, b'{"type":"interim"}', masked=False))],
                [("client", frame(Opcode.PING, b"?"))],
            ]
        )  # fmt: skip
    if audio == "broken":
        found += [("client", frame(Opcode.BINARY, b"x" * 300, masked=False))] * 2
    found += [("client", frame(Opcode.BINARY, b"\1\2" * 320)), ("client", frame(Opcode.CLOSE, b""))]
    return [(side, data, at * 1000) for at, (side, data) in enumerate(found)]  # type: ignore[misc]


@pytest.mark.parametrize("audio", ["kept", "dropped", "broken"])
@pytest.mark.parametrize("seed", range(8))
def test_many_pieces_at_once_are_heard_as_they_are_one_by_one(seed: int, audio: str) -> None:
    passed = pieces(Random(seed), audio)

    def heard(size: int) -> tuple[bytes, bytes]:
        lines, blob = bytearray(), bytearray()
        policy = "dropped" if audio == "dropped" else "kept"
        header = Header(version=VERSION, dialect="custom_stt", audio=policy)  # type: ignore[arg-type]
        writer = CassetteWriter(header, lines.extend, blob.extend)
        tap = Tap(writer.open(0, "ws://localhost"))
        for begin in range(0, len(passed), size):
            if size == 1:
                tap.receive(*passed[begin])
            else:
                assert not tap.receive_all(passed[begin : begin + size])
        tap.ended("fin", "client", 10**9)
        return bytes(lines), bytes(blob)

    one_by_one = heard(1)
    assert one_by_one == heard(7) == heard(1000)
    assert one_by_one[0].count(b'"kind":"audio"') > 10
    assert (b'"kind":"bytes"' in one_by_one[0]) is (audio == "broken")


def test_pieces_behind_a_whole_answer_are_for_another_tap() -> None:
    writer = CassetteWriter(Header(version=VERSION), lambda line: None, lambda data: None)
    tap = Tap(writer.open(0, "http://localhost"))
    ask = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    again: list[Piece] = [("client", ask, 3), ("server", answer, 4)]
    assert list(tap.receive_all([("client", ask, 1), ("server", answer, 2), *again])) == again
    assert tap.is_over
