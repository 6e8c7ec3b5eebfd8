"""What the commands about cassettes share."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sttkit.cassette.model import Cassette
    from sttkit.cassette.reel import Playing


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
    return cassette


def shown(text: str) -> str:
    """Several lines without characters that a terminal would obey."""
    from sttkit.conformance.wording import printable

    lines = text.splitlines()
    return "\n".join(line[: len(line) - len(line.lstrip())] + printable(line) for line in lines)


def complaints(playing: Playing, *, allow_unplayed: bool) -> list[str]:
    """What to say of a recording after it was played; empty if all was as recorded."""
    said = [str(mismatch) for mismatch in playing.mismatches]
    unplayed = playing.unplayed()
    if unplayed and not allow_unplayed:
        said.append(unplayed_message(playing.tape.name, unplayed))
    return said


def unplayed_message(name: str, places: list[int]) -> str:
    """Which entries were never played."""
    spelled = ", ".join(_ranges(places))
    return f"{name}: never played: {'entry' if len(places) == 1 else 'entries'} {spelled}"


def _ranges(places: list[int]) -> list[str]:
    found: list[list[int]] = []
    for place in places:
        if found and place == found[-1][-1] + 1:
            found[-1].append(place)
        else:
            found.append([place])
    return [str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in found]
