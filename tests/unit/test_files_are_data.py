"""What a script or a cassette says is never run: neither may say where code is."""

from __future__ import annotations

from pathlib import Path

import pytest

from sttkit import Script, speech
from sttkit.cassette.format import dump, parse
from sttkit.cassette.model import VERSION, Cassette, Header
from sttkit.deck.recorder import Terms
from sttkit.dialects import load_dialect
from sttkit.dialects.scaffold import scaffold
from sttkit.errors import UsageError
from sttkit.scripting.yaml import dump_script, parse_script


@pytest.fixture
def trap(tmp_path: Path) -> tuple[str, Path]:
    """A dialect by its place, and a file that is there once its code has run."""
    sprung = tmp_path / "sprung"
    source = tmp_path / "trap_dialect.py"
    text = scaffold("trap")["trap_dialect.py"]
    source.write_text(f"{text}\nopen({str(sprung)!r}, 'w').close()\n", encoding="utf-8")
    return f"{source}:DIALECT", sprung


def test_a_script_that_says_where_its_dialect_is_is_refused(trap: tuple[str, Path]) -> None:
    place, sprung = trap
    with pytest.raises(UsageError, match="the place of a dialect") as caught:
        parse_script(f"sttkit: 1\nspeech: [{{say: hello}}]\ndialect: {place}\n")
    assert caught.value.where == "<script>:3:10"
    assert not sprung.exists()


@pytest.mark.parametrize("place", ["{0}", "os:path", "../trap_dialect.py", "trap_dialect.py"])
def test_a_cassette_that_says_where_its_dialect_is_is_refused(
    trap: tuple[str, Path], place: str
) -> None:
    said, sprung = trap
    header = Header(version=VERSION, dialect=place.format(said))
    with pytest.raises(UsageError, match=r"c\.jsonl:1"):
        parse(dump(Cassette(header, ())), name="c.jsonl")
    assert not sprung.exists()


def test_what_a_person_named_by_its_place_files_call_by_its_name(trap: tuple[str, Path]) -> None:
    place, sprung = trap
    text = dump_script(Script(speech("hello"), dialect=place))
    assert "dialect: trap\n" in text
    assert Terms(dialect=place).header().dialect == "trap"
    assert sprung.exists()
    # And who said where it is once need not say it again.
    assert load_dialect(parse_script(text).dialect or "").name == "trap"
