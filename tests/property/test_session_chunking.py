"""What a server says depends on what a client sent, not on how TCP cut it into pieces."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

from sttkit import Network, Placed, faults
from sttkit.session.state import State
from tests.support.audio import chunks
from tests.support.caller import Caller, Stage
from tests.support.tongues import TONGUES

FAULTS = [
    (),
    ("close=1011@mid-utterance.2",),
    ("reset@after-final",),
    ("half-open@mid-utterance.2", "reset@after-final"),
    ("cut@mid-utterance.2",),
    ("duplicate@after-final", "reorder@mid-utterance.2"),
    ("drop@between-utterances",),
    ("provider-error@mid-utterance.2",),
    ("stall@mid-utterance.2",),
    ("no-close-reply@closing",),
    ("close=4000@closing",),
    ("rfc=masked@mid-utterance", "fin@between-utterances"),
    ("fragment=7@upgraded", "empty-transcript@idle"),
    ("http=429@connecting",),
    ("bad-accept@connecting",),
]

frame_sizes = (st.integers(200, 2000) | st.integers(2000, 60_000)).map(lambda size: size // 2 * 2)
steps = st.lists(
    st.tuples(st.just("audio"), frame_sizes)
    | st.tuples(
        st.sampled_from(["flush", "keepalive", "ping", "nonsense", "fragments"]), st.just(0)
    ),
    max_size=14,
)
endings = st.sampled_from([("end",), ("close",), ("end", "close"), ("close", "ping"), ()])


def client_bytes(stage: Stage, dialogue: list[tuple[str, int]], ending: tuple[str, ...]) -> bytes:
    """The bytes a client sends when it does not wait for anything."""
    tongue = stage.tongue
    protocol = ClientProtocol(parse_uri("ws://server.test" + tongue.target))
    protocol.key = "dGhlIHNhbXBsZSBub25jZQ=="
    request = protocol.connect()
    request.headers.update(tongue.headers)
    pcm = stage.line.pcm(16000)["main"]
    frames: list[Frame] = []
    if tongue.config is not None:
        frames.append(Frame(Opcode.TEXT, tongue.config.encode()))
    at = 0
    for what, size in [*dialogue, *((name, 0) for name in ending)]:
        if what == "audio":
            frames.append(Frame(Opcode.BINARY, pcm[at : at + size]))
            at += size
        elif what == "fragments":
            frames.append(Frame(Opcode.BINARY, pcm[at : at + 100], fin=False))
            frames.append(Frame(Opcode.PING, b"in between"))
            frames.append(Frame(Opcode.CONT, pcm[at + 100 : at + 640]))
            at += 640
        elif what == "ping":
            frames.append(Frame(Opcode.PING, b"?"))
        elif what == "close":
            frames.append(Frame(Opcode.CLOSE, b"\x03\xe8done"))
        elif what == "nonsense":
            frames.append(Frame(Opcode.TEXT, b"nonsense"))
        else:
            frames.append(Frame(Opcode.TEXT, getattr(tongue, what).encode()))
    rng = Random(0)
    return request.serialize() + b"".join(_masked(frame, rng) for frame in frames)


def _masked(frame: Frame, rng: Random) -> bytes:
    plain = frame.serialize(mask=False)
    head = 2 + {126: 2, 127: 8}.get(plain[1], 0)
    key = rng.randbytes(4)
    data = (
        bytes(byte ^ key[i % 4] for i, byte in enumerate(plain[head:]))
        if len(plain) < 500
        else _mask_long(plain[head:], key)
    )
    return bytes([plain[0], plain[1] | 0x80]) + plain[2:head] + key + data


def _mask_long(data: bytes, key: bytes) -> bytes:
    pad = key * (len(data) // 4 + 1)
    mixed = int.from_bytes(data, "big") ^ int.from_bytes(pad[: len(data)], "big")
    return mixed.to_bytes(len(data), "big")


def outcome(
    dialect: str,
    placed: tuple[str, ...],
    dialogue: list[tuple[str, int]],
    ending: tuple[str, ...],
    cut: list[int],
    network: Network | None = None,
) -> tuple[bytes, str, bool, bool, State, bool]:
    stage = Stage(*_faults(placed), dialect=dialect, network=network, seed=3)
    data = client_bytes(stage, dialogue, ending)
    caller: Caller = stage.dial(cut=lambda data: chunks(data, cut))
    caller.protocol.receive_data = lambda data: None  # type: ignore[method-assign]
    caller.write(data)
    stage.wait(20)
    told = stage.trace.to_jsonl()
    return caller.raw, told, caller.eof, caller.reset, caller.connection.state, caller.reading


def _faults(placed: tuple[str, ...]) -> list[Placed]:
    return [faults.parse_placed(spelled) for spelled in placed]


@pytest.mark.parametrize("dialect", TONGUES)
@settings(max_examples=100, deadline=None)
@given(
    placed=st.sampled_from(FAULTS),
    dialogue=steps,
    ending=endings,
    cut=st.lists(st.integers(1, 300) | st.integers(1, 5000), min_size=1, max_size=200),
    network=st.sampled_from([None, Network(latency=0.05), Network(latency=0.02)]),
)
@example(placed=(), dialogue=[("audio", 60_000)], ending=("close",), cut=[1 << 20], network=None)
@example(
    placed=(),
    dialogue=[("ping", 0), ("audio", 60_000)],
    ending=("end",),
    cut=[9] * 9999,
    network=None,
)
@example(
    placed=("no-close-reply@closing",),
    dialogue=[("audio", 60_000)],
    ending=("close",),
    cut=[1000] * 99,
    network=None,
)
def test_the_same_bytes_get_the_same_answer_however_they_are_cut(
    dialect: str,
    placed: tuple[str, ...],
    dialogue: list[tuple[str, int]],
    ending: tuple[str, ...],
    cut: list[int],
    network: Network | None,
) -> None:
    whole = outcome(dialect, placed, dialogue, ending, [1 << 30], network)
    assert outcome(dialect, placed, dialogue, ending, cut, network) == whole


@settings(deadline=None)
@given(st.binary(max_size=400), st.lists(st.integers(1, 50), min_size=1, max_size=20))
def test_any_bytes_are_survived(data: bytes, cut: list[int]) -> None:
    for dialect in TONGUES:
        for before in (b"", client_bytes(Stage(dialect=dialect), [], ())):
            stage = Stage(dialect=dialect)
            caller = stage.dial(cut=lambda data: chunks(data, cut))
            caller.protocol.receive_data = lambda data: None  # type: ignore[method-assign]
            caller.write(before + data)
            stage.wait(120)
            caller.hang_up()


def audio_messages(sizes: list[int]) -> tuple[list[str], list[str]]:
    stage = Stage()
    caller = stage.call()
    for chunk in chunks(stage.line.pcm(16000)["main"], [2 * size for size in sizes]):
        caller.send(chunk)
    caller.end()
    points = [f"{r.data['point']}.{r.data['n']}" for r in stage.records("point")]
    return caller.finals, points


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(100, 30_000), min_size=1, max_size=60))
def test_messages_of_any_size_give_the_same_finals_and_points(sizes: list[int]) -> None:
    assert audio_messages(sizes) == audio_messages([320] * 400)
