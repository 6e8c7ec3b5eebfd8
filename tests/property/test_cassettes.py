"""What holds for every cassette, however it was cut, paced or chunked."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sttkit import UsageError, faults
from sttkit.cassette.format import dump, parse
from sttkit.cassette.model import VERSION, Header
from sttkit.cassette.redact import Redactor
from sttkit.cassette.tape import ASAP, EXACT, Tape, compiled
from sttkit.cassette.writing import CassetteWriter
from tests.support.caller import SAID
from tests.support.taping import TapedCaller, TapedStage

sides = st.sampled_from(["client", "server"])
texts = st.text(max_size=40) | st.sampled_from(
    [
        '{"a":1}',
        '{ "a" : [1, {}] }',
        '{"a":\n1}',
        "[]",
        "{",
        '{"a":1e400}',
        '{"a":1,"a":2}',
        "\ud7ff",
    ]
)
things = st.one_of(
    st.tuples(st.just("message"), sides, texts),
    st.tuples(st.just("message"), sides, st.binary(max_size=40)),
    st.tuples(st.sampled_from(["ping", "pong", "stray", "body"]), sides, st.binary(max_size=20)),
    st.tuples(st.just("close"), sides, st.none() | st.integers(0, 65535), st.text(max_size=9)),
    st.tuples(st.just("fin"), sides),
    st.tuples(st.just("response"), st.integers(100, 999), st.text(max_size=5)),
    st.tuples(
        st.just("request"),
        st.just("GET"),
        st.text(max_size=9),
        st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), max_size=2),
        st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), max_size=2).map(tuple),
    ),
)
stories = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2_000_000), things), max_size=30)


def written(story: list[Any], **header: Any) -> tuple[bytes, bytes]:
    """A cassette of interleaved interactions."""
    lines, blob = bytearray(), bytearray()
    guard = Redactor() if header.pop("guarded", False) else None
    writer = CassetteWriter(Header(version=VERSION, **header), lines.extend, blob.extend, guard)
    interactions = [writer.open(0) for _ in range(3)]
    now = 0
    for number, later, (what, *arguments) in story:
        now += later
        getattr(interactions[number], what)(now, *arguments)
    interactions[0].end(now, "reset", "client")
    writer.settle()
    return bytes(lines), bytes(blob)


@given(
    stories,
    st.sampled_from(["kept", "dropped", "replaced"]),
    st.sampled_from([None, "custom_stt", "deepgram"]),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_whatever_is_written_is_read_and_written_byte_for_byte(
    story: list[Any], audio: str, dialect: str | None, guarded: bool
) -> None:
    lines, blob = written(story, audio=audio, dialect=dialect, guarded=guarded)
    assert dump(parse(lines, blob=blob)) == lines


@given(stories, st.data())
@settings(max_examples=60, deadline=None)
def test_a_damaged_file_is_refused_or_read_and_nothing_else(story: list[Any], data: Any) -> None:
    lines, blob = written(story)
    at = data.draw(st.integers(0, len(lines) - 1))
    damaged = lines[:at] + data.draw(st.binary(max_size=4)) + lines[at + 1 :]
    refusal = None
    try:
        parse(damaged, blob=blob)
    except UsageError as error:
        refusal = error
    assert refusal is None or (refusal.where and refusal.expected)


@given(
    st.integers(0, 2**32),
    st.sampled_from([(), ("rfc=masked@mid-utterance.2",), ("cut@after-final",)]),
)
@settings(max_examples=25, deadline=None)
def test_a_tap_hears_the_same_however_the_bytes_were_cut(
    seed: int, placed: tuple[str, ...]
) -> None:
    def recorded(cut: Any) -> list[bytes]:
        stage = TapedStage(*map(faults.parse_placed, placed))
        caller = stage.dial()
        whole = caller.tap.receive

        def in_pieces(side: Any, data: bytes, at_us: int) -> None:
            for piece in cut(data):
                whole(side, piece, at_us)

        caller.tap.receive = in_pieces  # type: ignore[method-assign]
        caller.shake_hands()
        caller.send(stage.tongue.config or "")
        caller.ping(b"?")
        caller.speak(until=2.0)
        caller.end()
        lines = stage.data.splitlines()
        return [line for line in lines if b"Sec-WebSocket" not in line and b'"bytes"' not in line]

    rng = Random(seed)

    def pieces(data: bytes) -> list[bytes]:
        cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randrange(4)))
        ends = [0, *cuts, len(data)]
        return [data[a:b] for a, b in pairwise(ends) if a < b]

    assert recorded(pieces) == recorded(lambda data: [data])


def _tape_of_50_ms_chunks() -> Tape:
    stage = TapedStage()
    caller = stage.call()
    caller.speak(until=stage.script.speech.duration, frame_s=0.05)
    caller.end()
    return compiled(stage.cassette(), timing=EXACT)


TAPE = _tape_of_50_ms_chunks()


@given(
    st.lists(st.integers(1, 8000), min_size=1, max_size=30),
    st.sampled_from([0.0, 0.3, 1.0, 3.0]),
    st.sampled_from([ASAP, EXACT]),
)
@example([160], 0.0, EXACT)
@example([320], 1.0, ASAP)
@example([1600], 1.0, EXACT)
@settings(max_examples=40, deadline=None)
def test_any_chunks_at_any_pace_give_the_same_finals(
    samples: list[int], pace: float, timing: Any
) -> None:
    tape = Tape(TAPE.name, TAPE.dialect, TAPE.parts, timing)
    stage = TapedStage(tape=tape)
    caller = stage.call()
    assert isinstance(caller, TapedCaller)
    pcm = stage.line.pcm(16000)["main"]
    at = turn = 0
    while at < len(pcm):
        size = 2 * samples[turn % len(samples)]
        caller.send(pcm[at : at + size])
        stage.wait(size / 32_000 * pace)
        at, turn = at + size, turn + 1
    caller.end()
    stage.wait(5)
    assert caller.finals == [*SAID]
    assert caller.close_code == 1000
    assert stage.line.playing is not None
    assert not stage.line.playing.mismatches
    assert not stage.line.playing.unplayed()
