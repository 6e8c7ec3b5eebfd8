"""The frames that are taken apart without the protocol object: nobody can tell the difference."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from sttkit.session.frames import ClientFrames

MAX_BYTES = 1 << 17


def protocol() -> ServerProtocol:
    return ServerProtocol(state=State.OPEN, max_size=MAX_BYTES)


def wire(first: int, payload: bytes, *, masked: bool = True, long_form: bool = False) -> bytes:
    """One frame, byte by byte, so that it may break any rule."""
    size, bit = len(payload), 0x80 if masked else 0
    if size > 65535:
        head = bytes([first, bit | 127]) + size.to_bytes(8, "big")
    elif size > 125 or long_form:
        head = bytes([first, bit | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([first, bit | size])
    mask = b"\x01\x80\xff\x10" if masked else b""
    body = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload)) if masked else payload
    return head + mask + body


sizes = st.sampled_from([0, 1, 2, 125, 126, 640, 65535, 65536]) | st.integers(0, 300)
payloads = st.builds(lambda size, fill: bytes([fill]) * size, sizes, st.integers(0, 255))
whole = st.builds(wire, st.sampled_from([0x81, 0x82]), payloads)
control = st.builds(wire, st.sampled_from([0x89, 0x8A]), st.binary(max_size=125))
close_bodies = st.sampled_from([b"", b"\x03\xe8", b"\x03\xe8bye", b"\x03"])
closing = st.builds(wire, st.just(0x88), close_bodies)
odd = st.builds(
    wire,
    st.integers(0, 255),
    payloads,
    masked=st.sampled_from([True, True, True, False]),
    long_form=st.booleans(),
)
streams = st.lists(whole | whole | control | closing | odd, max_size=6).map(b"".join)


def by_protocol(data: bytes) -> tuple[list[tuple[int, bytes]], Close | None]:
    """What the protocol object alone makes of it."""
    judge = protocol()
    judge.receive_data(data)
    heard: list[tuple[int, bytes]] = []
    parts: list[Frame] = []
    for frame in judge.events_received():
        assert isinstance(frame, Frame)
        if frame.opcode in (Opcode.PING, Opcode.PONG, Opcode.CLOSE):
            heard.append((frame.opcode, bytes(frame.data)))
            continue
        parts.append(frame)
        if frame.fin:
            heard.append((parts[0].opcode, b"".join(part.data for part in parts)))
            parts = []
    return heard, judge.close_sent if judge.parser_exc is not None else None


@settings(deadline=None)
@given(data=streams, cuts=st.lists(st.integers(0, 2000), max_size=8))
@example(data=wire(0x82, b"ab"), cuts=[1, 2, 3, 4, 5, 6, 7])
@example(data=wire(0x82, b"x" * 200), cuts=[1, 2, 3, 4, 5])
@example(data=wire(0x01, b"a") + wire(0x82, b"b"), cuts=[])
@example(data=wire(0x88, b"\x03") + wire(0x82, b"b"), cuts=[])
@example(data=wire(0x82, b"", masked=False), cuts=[1])
@example(data=wire(0x89, b"x" * 126), cuts=[])
def test_however_frames_are_cut_they_are_what_the_protocol_object_says(
    data: bytes, cuts: list[int]
) -> None:
    frames = ClientFrames(protocol())
    heard: list[tuple[int, bytes]] = []
    marks = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    for start, end in pairwise(marks):
        heard += frames.receive(data[start:end])
        if frames.violation is not None:
            break  # it is heard no more
    assert (heard, frames.violation) == by_protocol(data)
