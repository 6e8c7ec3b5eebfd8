"""Cassettes as text: what is written, what is read, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from sttkit import UsageError
from sttkit.cassette import format as cassette_format
from sttkit.cassette.format import MAX_DEPTH, dump, parse
from sttkit.cassette.model import VERSION, Audio, Cassette, End, Header, Message
from sttkit.cassette.schema import json_schema
from sttkit.cassette.writing import CassetteWriter

FORMAT = Path("cassettes/FORMAT.md")
SCHEMA = Path("cassettes/cassette.schema.json")
PCM = bytes(range(256)) * 5


class Tape:
    """A cassette written in memory."""

    def __init__(self, **header: object) -> None:
        self._lines = bytearray()
        self.blob = bytearray()
        made = Header(version=VERSION, **{"dialect": "custom_stt", **header})  # type: ignore[arg-type]
        self.writer = CassetteWriter(made, self._lines.extend, self.blob.extend)

    @property
    def lines(self) -> bytes:
        """All that was written so far."""
        self.writer.settle()
        return bytes(self._lines)

    def read(self, *, cut: int | None = None) -> Cassette:
        return parse(self.lines[:cut], blob=bytes(self.blob))


def a_session(**header: object) -> Tape:
    tape = Tape(**header)
    one = tape.writer.open(0, "ws://localhost:8000")
    one.request(400, "GET", "/ws/transcribe", [("language", "en")], (("Upgrade", "websocket"),))
    one.response(900, 101, "Switching Protocols", (("Upgrade", "websocket"),))
    one.message(1000, "client", '{"type": "config", "sample_rate": 16000}')
    one.message(1500, "server", '{"type":"ready"}')
    for number in range(3):
        one.message(2000 + 20_000 * number, "client", PCM[:640])
    one.ping(50_000, "client", b"\x00\x01")
    one.pong(50_100, "server", b"\x00\x01")
    one.message(51_000, "client", PCM[:640], frames=[320, 320])
    one.message(60_000, "server", '{"type":"final","text":"yes"}', frames=[10, 19])
    one.close(61_000, "server", 1011, "internal error")
    one.close(61_500, "client", 1005)
    one.end(62_000, "close", "server")
    two = tape.writer.open(70_000, "ws://localhost:8000")
    two.end(71_000, "refused", "server")
    return tape


def test_what_was_written_is_read_and_written_byte_for_byte() -> None:
    tape = a_session()
    assert dump(tape.read()) == tape.lines


def test_messages_of_audio_are_gathered_into_runs_that_keep_every_size_and_time() -> None:
    tape = a_session()
    cassette = tape.read()
    whole, fragmented = [entry for entry in cassette.entries if isinstance(entry, Audio)]
    assert (whole.at_us, whole.sizes, whole.gaps_us) == (2000, (640, 640, 640), (20_000, 20_000))
    assert (fragmented.frames, fragmented.audio_us) == ((320, 320), 80_000)
    assert cassette.audio_of(whole) == (PCM[:640],) * 3
    assert cassette.audio_of(fragmented) == (PCM[:640],)


def test_a_text_that_is_an_object_keeps_its_spaces() -> None:
    first = next(e for e in a_session().read().entries if isinstance(e, Message))
    assert a_session().read().data_of(first) == b'{"type": "config", "sample_rate": 16000}'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not JSON",
        "[1, 2]",
        '{"a":1} ',
        '{"a":\n1}',
        '{"a":1,}',
        '{"a":' * 70 + "1" + "}" * 70,
        "[" * 100_000 + "]" * 100_000,
        "\u2028 \x00 \x7f é 𝄞",
        '{"a":"\\ud800"}',
    ],
)
def test_any_text_comes_back_as_it_was(text: str) -> None:
    tape = Tape(dialect=None)
    tape.writer.open(0).message(1, "server", text)
    message = tape.read().entries[-1]
    assert isinstance(message, Message)
    assert tape.read().data_of(message) == text.encode()
    assert dump(tape.read()) == tape.lines


def test_what_is_long_goes_beside_the_cassette() -> None:
    tape = Tape()
    tape.writer.open(0).message(1, "server", "x" * (1 << 20) + "y")
    assert len(tape.lines) < 200
    message = tape.read().entries[-1]
    assert isinstance(message, Message)
    assert tape.read().data_of(message) == b"x" * (1 << 20) + b"y"


def test_dropped_audio_leaves_lengths_and_positions() -> None:
    tape = a_session(audio="dropped")
    runs = [entry for entry in tape.read().entries if isinstance(entry, Audio)]
    assert [(run.sizes, run.audio_us) for run in runs] == [
        ((640, 640, 640), 60_000),
        ((640,), 80_000),
    ]
    assert not tape.blob
    assert tape.read().audio_of(runs[0]) is None


def test_a_cassette_cut_off_anywhere_loads_up_to_its_last_whole_line_and_says_so() -> None:
    tape = a_session()
    whole = tape.read().entries
    header = tape.lines.index(b"\n") + 1
    for cut in range(header, len(tape.lines)):
        cassette = tape.read(cut=cut)
        lines = tape.lines[:cut].count(b"\n") - 1
        assert cassette.entries == whole[:lines]
        on_edge = tape.lines[cut - 1 : cut] == b"\n"
        assert cassette.cut == (None if on_edge else f"line {lines + 2} is not whole")


def test_a_cassette_ends_where_the_bytes_beside_it_are_not_whole() -> None:
    tape = a_session()
    cassette = parse(tape.lines, blob=bytes(tape.blob)[:1000])
    assert cassette.cut == "the data of line 7 is not whole"
    assert len(cassette.entries) == 5


def test_interactions_are_told_apart_and_know_how_they_ended() -> None:
    tape = Tape()
    one, two = tape.writer.open(0), tape.writer.open(5)
    two.fin(6, "server")
    one.end(7, "no-answer", "server")
    two.end(8, "reset", "client")
    first, second = tape.read().interactions()
    assert first.end == End(interaction=0, at_us=7, how="no-answer", by="server")
    assert (second.places, second.end.how if second.end else None) == ((2, 3, 5), "reset")


def test_an_interaction_without_an_end_was_still_going_on() -> None:
    tape = Tape()
    tape.writer.open(0)
    assert tape.read().interactions()[0].end is None


OPEN = '{"kind":"open","i":0,"at_us":5}'


@pytest.mark.parametrize(
    ("lines", "where", "problem"),
    [
        ([], 1, "no whole line"),
        (["{}"], 1, "no cassette"),
        (["[1]"], 1, "no cassette"),
        (["nonsense"], 1, "not JSON"),
        (["[" * 5000], 1, "nested too deeply"),
        (['{"sttkit-cassette":true}'], 1, "no cassette"),
        (['{"sttkit-cassette":2}'], 1, "format 2 is newer than this kit"),
        (['{"sttkit-cassette":-1}'], 1, "format -1 is not known"),
        (['{"sttkit-cassette":1,"audio":"louder"}'], 1, "Invalid enum value 'louder'"),
        (["", "{}"], 2, "no entry"),
        (["", "nonsense"], 2, "not JSON"),
        (["", '{"kind":"open","i":0}'], 2, "`at_us`"),
        (["", '{"kind":"open","i":0,"at_us":-1}'], 2, ">= 0"),
        (["", '{"kind":"open","i":0,"at_us":1e400}'], 2, "out of range"),
        (["", '{"kind":"exec","i":0,"at_us":1}'], 2, "Invalid value 'exec'"),
        (["", '{"kind":"open","i":0,"at_us":1,"!":1}'], 2, "unknown field `!`"),
        (["", '{"kind":"open","i":3,"at_us":1}'], 2, "interaction 3 is opened"),
        (["", '{"kind":"fin","i":0,"at_us":1,"side":"client"}'], 2, "was not opened"),
        (["", OPEN, '{"kind":"fin","i":0,"at_us":1,"side":"client"}'], 3, "at_us goes back to 1"),
        (
            ["", OPEN, '{"kind":"end","i":0,"at_us":5,"how":"melted","by":"server"}'],
            3,
            "Invalid enum value 'melted'",
        ),
        (
            [
                "",
                OPEN,
                '{"kind":"end","i":0,"at_us":5,"how":"fin","by":"server"}',
                '{"kind":"fin","i":0,"at_us":5,"side":"client"}',
            ],
            4,
            "interaction 0 has ended",
        ),
        (["", OPEN, '{"kind":"audio","i":0,"at_us":5,"sizes":[]}'], 3, "a run of 0 messages"),
        (["", OPEN, '{"kind":"audio","i":0,"at_us":5,"sizes":[1,2]}'], 3, "0 gaps"),
        (
            ["", OPEN, '{"kind":"ping","i":0,"at_us":5,"side":"client","text":"a","size":1}'],
            3,
            "data in text and size",
        ),
        (
            ["", OPEN, '{"kind":"message","i":0,"at_us":5,"side":"client","json":3}'],
            3,
            "json that is no object",
        ),
        (
            ["", OPEN, '{"kind":"message","i":0,"at_us":5,"side":"client","frames":[1]}'],
            3,
            "frames that do not add up",
        ),
        (
            [
                "",
                OPEN,
                '{"kind":"message","i":0,"at_us":5,"side":"client","json":'
                + '{"a":' * 200
                + "1"
                + "}" * 201,
            ],
            3,
            "nested too deeply",
        ),
    ],
)
def test_a_damaged_file_is_refused_at_its_line(lines: list[str], where: int, problem: str) -> None:
    if lines and not lines[0]:
        lines[0] = '{"sttkit-cassette":1}'
    with pytest.raises(UsageError) as caught:
        parse("".join(line + "\n" for line in lines).encode(), name="x.jsonl")
    assert caught.value.where == f"x.jsonl:{where}"
    assert problem in str(caught.value)


def test_bytes_that_are_no_utf8_are_refused_at_their_line() -> None:
    with pytest.raises(UsageError, match=r"x\.jsonl:2: not UTF-8"):
        parse(b'{"sttkit-cassette":1}\n\xff\n', name="x.jsonl")


@pytest.mark.parametrize(
    "limit", ["MAX_FILE_BYTES", "MAX_LINE_BYTES", "MAX_ENTRIES", "MAX_INTERACTIONS", "MAX_DEPTH"]
)
def test_limits_hold_against_bombs(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tape = a_session()
    tape.read()
    monkeypatch.setattr(cassette_format, limit, 1)
    with pytest.raises(UsageError, match="too "):
        tape.read()


def test_depth_is_counted_outside_of_strings_only() -> None:
    tape = Tape()
    tape.writer.open(0).message(1, "server", json.dumps({"text": "[" * 2 * MAX_DEPTH + '\\"{{{'}))
    assert tape.read().entries[-1].json  # type: ignore[union-attr]


def test_a_draft_of_version_0_is_read_through_the_chain_of_converters() -> None:
    draft = b"""\
{"sttkit-cassette":0,"dialect":"custom_stt"}
{"kind":"open","i":0,"at_ms":0}
{"kind":"audio","i":0,"at_ms":1.5,"dir":"up","size":640,"audio_ms":20}
{"kind":"message","i":0,"at_ms":2,"dir":"down","audio_ms":20,"json":{"type":"final"}}
"""
    cassette = parse(draft)
    assert dump(cassette) == (
        b'{"sttkit-cassette":1,"dialect":"custom_stt"}\n'
        b'{"kind":"open","i":0,"at_us":0}\n'
        b'{"kind":"audio","i":0,"at_us":1500,"audio_us":20000,"sizes":[640]}\n'
        b'{"kind":"message","i":0,"at_us":2000,"audio_us":20000,"side":"server","json":{"type":"final"}}\n'
    )


@pytest.mark.parametrize(
    "line", ["{}", '{"kind":"open"}', "[]", '{"kind":"open","i":0,"at_ms":{}}']
)
def test_a_damaged_draft_is_refused_at_its_line(line: str) -> None:
    with pytest.raises(UsageError, match=r"^x:2: "):
        parse(f'{{"sttkit-cassette":0}}\n{line}\n'.encode(), name="x")


def test_the_published_schema_is_that_of_the_classes() -> None:
    assert SCHEMA.read_bytes() == json_schema(), (
        "run: python -m sttkit.cassette.schema > cassettes/cassette.schema.json"
    )


def test_every_line_that_is_written_fits_the_published_schema() -> None:
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))
    for tape in (a_session(), a_session(audio="dropped")):
        for line in tape.lines.splitlines():
            validator.validate(json.loads(line))
    assert not validator.is_valid({"kind": "open", "i": 0, "at_us": 1, "surprise": 1})


def test_the_example_of_the_format_is_a_cassette() -> None:
    text = FORMAT.read_text(encoding="utf-8")
    example = text.split("```json\n")[1].split("```")[0]
    cassette = parse(example.encode())
    assert dump(cassette) == example.encode()
    for entry in cassette.entries:
        assert f"`{type(entry).__name__.lower()}`" in text
