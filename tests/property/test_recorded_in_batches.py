"""What is taken apart many messages at once becomes the same cassette as message by message."""

from __future__ import annotations

from itertools import accumulate, groupby
from random import Random
from typing import Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from sttkit.cassette.format import dump, parse
from sttkit.cassette.model import VERSION, Header, Side
from sttkit.cassette.redact import Redactor
from sttkit.cassette.tap import Tap
from sttkit.cassette.writing import CassetteWriter
from sttkit.dialects import dialect_names, load_dialect
from sttkit.dialects.model import View
from sttkit.events import Audio

ASKED = b"GET /ws/transcribe HTTP/1.1\r\nHost: server.test\r\nUpgrade: websocket\r\n\r\n"
OPENED = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
CONFIG = '{"type": "config", "sample_rate": 16000}'
KEY = "sk-abcdefghijklmnop1234"


def client(data: bytes | str) -> tuple[Side, bytes]:
    opcode = Opcode.TEXT if isinstance(data, str) else Opcode.BINARY
    payload = data.encode() if isinstance(data, str) else data
    return "client", Frame(opcode, payload).serialize(mask=True)


def server(*texts: str) -> tuple[Side, bytes]:
    frames = [Frame(Opcode.TEXT, text.encode()).serialize(mask=False) for text in texts]
    return "server", b"".join(frames)


sizes = st.sampled_from([640, 640, 640, 641, 126, 127, 125, 0, 3200])
loud = st.sampled_from([b"\x00\x01", b"\x7f\x20", b"aB", b"sk-abcdefghijklmnop1234 "])
pcm = st.builds(lambda size, part: (part * (size // len(part) + 1))[:size], sizes, loud)
answers = st.sampled_from(
    [
        *('{"type":"final","text":"yes"}', '{"a":1}{"b":2}', '{"a":{}', "[1]", "no", '{"é":1}'),
        *("{\n}", f'{{"text":"{KEY}"}}', '{"token":"short"}', '{"a":"' + "x" * 200 + '"}'),
    ]
)
pieces = st.one_of(
    pcm.map(client),
    st.sampled_from(['{"type": "flush"}', "what?", "x" * 640]).map(client),
    st.lists(answers, min_size=1, max_size=4).map(lambda texts: server(*texts)),
    st.just(("client", b"\x82\xfe\x00\x10")),
    st.just(("server", b"\x81\x05hel")),
)


def recorded(
    passed: list[tuple[Side, bytes]],
    times: list[int],
    audio: Literal["kept", "dropped", "replaced"],
    *,
    at_once: bool,
) -> tuple[bytes, bytes]:
    lines, blob = bytearray(), bytearray()
    header = Header(version=VERSION, dialect="custom_stt", audio=audio)
    writer = CassetteWriter(header, lines.extend, blob.extend, Redactor())
    tap = Tap(writer.open(0, "ws://server.test"))
    numbered = list(zip(passed, times, strict=True))
    for side, group in groupby(numbered, key=lambda one: one[0][0]):
        said = [(data, at_us) for (_, data), at_us in group]
        if at_once:
            taken = tap.receive_all(side, [data for data, _ in said], [at for _, at in said])
            assert taken == len(said)
        else:
            for data, at_us in said:
                tap.receive(side, data, at_us)
    tap.ended("reset", "client", times[-1] + 1)
    writer.settle()
    return bytes(lines), bytes(blob)


@given(
    st.lists(pieces, max_size=40),
    st.integers(0, 300_000),
    st.sampled_from(["kept", "dropped", "replaced"]),
)
@example([client(bytes(640))] * 250, 20_000, "kept")
@example([client(bytes(3200))] * 400, 0, "kept")
@example([client(bytes(640)), client("x" * 640), client(bytes(640))], 0, "kept")
@example([server('{"a":1}{"b":2}')], 0, "kept")
@example([("server", b'\x81\x09{"a":"\xff"}')], 0, "kept")
@example([server('{"a":1e999}')], 0, "kept")
@settings(max_examples=150, deadline=None)
def test_many_pieces_at_once_are_what_they_are_one_by_one(
    said: list[tuple[Side, bytes]],
    apart_us: int,
    audio: Literal["kept", "dropped", "replaced"],
) -> None:
    begun: list[tuple[Side, bytes]] = [("client", ASKED), ("server", OPENED), client(CONFIG)]
    passed = begun + said
    times = list(accumulate([apart_us] * (len(passed) - 1), initial=5))
    one_by_one = recorded(passed, times, audio, at_once=False)
    assert recorded(passed, times, audio, at_once=True) == one_by_one
    assert dump(parse(one_by_one[0], blob=one_by_one[1])) == one_by_one[0]
    assert KEY.encode() not in b"".join(one_by_one)


@pytest.mark.parametrize("name", dialect_names())
@given(
    size=st.integers(1, 40).map(lambda half: 2 * half) | st.sampled_from([1, 640, 6400, 200_000]),
    seed=st.integers(0, 9),
    config=st.sampled_from([{}, {"sample_rate": "16000"}, {"type": "config"}]),
)
@settings(max_examples=25, deadline=None)
def test_what_a_dialect_takes_for_audio_unseen_it_reads_as_that_audio(
    name: str, size: int, seed: int, config: dict[str, object]
) -> None:
    dialect = load_dialect(name)
    view = View("session-0", config)
    message = Random(seed).randbytes(size)
    if dialect.pcm(size, view):
        assert dialect.read(message, view) == Audio(message)


@pytest.mark.parametrize("name", ["custom_stt", "deepgram"])
def test_the_quick_way_is_open_to_usual_audio(name: str) -> None:
    assert load_dialect(name).pcm(640, View("session-0", {"sample_rate": 16000}))


PEM = "-----BEGIN PRIVATE KEY-----"


@given(
    st.sampled_from([KEY, PEM, "a" * 15, "f0" * 20]),
    st.integers(0, 4000),
    st.sampled_from([b"\x00", b"\xff", b" "]),
)
def test_a_key_is_found_in_audio_wherever_it_lies(key: str, at: int, silence: bytes) -> None:
    redactor = Redactor(secrets=("a" * 15,))
    audio = silence * at + key.encode() + silence * (4000 - at)
    assert key.encode() not in redactor.aside(audio)
    assert len(redactor.aside(audio)) == len(audio)
    assert not redactor.is_clean(audio)
