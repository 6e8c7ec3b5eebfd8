"""What the commands about cassettes share."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sttkit.cassette.model import Cassette
    from sttkit.cassette.playing import Playing


def add_cassette(parser: argparse.ArgumentParser, name: str = "cassette") -> None:
    """The argument that names a cassette."""
    parser.add_argument(name, metavar=name.upper(), help="a file NAME.jsonl")


def load(given: str) -> Cassette:
    """The cassette in a file; says so if it is not whole.

    Raises:
        UsageError: it cannot be read.
    """
    from sttkit.deck.files import load_cassette

    cassette = load_cassette(Path(given))
    if cassette.cut is not None:
        print(f"sttkit: {given} ends too early: {cassette.cut}", file=sys.stderr)
    if cassette.lacks_blob:
        beside = Path(given).with_suffix(".audio")
        print(f"sttkit: {beside}, where the audio should be, is not there", file=sys.stderr)
    return cassette


def load_to_show(given: str) -> Cassette:
    """The cassette in a file, without secrets: others may have written it.

    Raises:
        UsageError: it cannot be read.
    """
    from sttkit.cassette.redacting import without_secrets
    from sttkit.deck.staging import environment_redactor

    return without_secrets(load(given), environment_redactor())


def shown(text: str) -> str:
    """Several lines without characters that a terminal would obey."""
    from sttkit.conformance.wording import printable

    lines = text.splitlines()
    return "\n".join(line[: len(line) - len(line.lstrip())] + printable(line) for line in lines)


def complaints(playing: Playing, *, allow_unplayed: bool) -> list[str]:
    """What to say of a recording after it was played; empty if all was as recorded."""
    from sttkit.cassette.playing import unplayed_message

    said = [str(mismatch) for mismatch in playing.mismatches]
    unplayed = playing.unplayed()
    if unplayed and not allow_unplayed:
        said.append(unplayed_message(playing.tape.name, unplayed))
    return said
