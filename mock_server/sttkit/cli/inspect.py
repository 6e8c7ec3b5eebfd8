"""``sttkit inspect``: a cassette as a timeline."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from sttkit.cli.cassettes import add_cassette, load_to_show, shown
from sttkit.cli.console import Commands, has_color, width_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sttkit.cassette.model import AnyEntry, Cassette, Interaction

_STYLES = {">": "36", "<": "32", "!": "31", " ": "2"}
_BAD = frozenset({"reset", "fin", "silence", "refused", "unknown-host", "no-answer", "status"})


def add_to(commands: Commands) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "inspect",
        help="print what is on a cassette",
        description="Print what is on a cassette as a timeline: number of the entry, seconds since "
        "the interaction began, seconds of audio the client had sent, and who did what (> the "
        "client, < the server).",
        allow_abbrev=False,
    )
    add_cassette(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print."""
    cassette = load_to_show(arguments.cassette)
    color = has_color(sys.stdout)
    # What reads a pipe may look for what is far behind; it has no columns.
    is_bounded = sys.stdout.isatty() or "COLUMNS" in os.environ
    width = width_of(sys.stdout) if is_bounded else sys.maxsize
    for sign, line in told(cassette, width):
        style = _STYLES.get(sign, "")
        print(f"\x1b[{style}m{line}\x1b[0m" if color and style else line)
    return 0


def told(cassette: Cassette, width: int) -> Iterator[tuple[str, str]]:
    """A cassette as lines of at most ``width`` columns, each with a sign that says whose it is."""
    header = cassette.header
    said = f"{cassette.name}: {header.dialect or 'unknown protocol'}, audio {header.audio}"
    if header.transcript != "kept":
        said += ", words replaced"
    yield "", _fitting(said, width)
    for remark in filter(None, (header.note, *(f"said: {text}" for text in header.truth))):
        yield "", _fitting(f"  {remark}", width)
    for one in cassette.interactions():
        yield "", ""
        yield from _interaction(cassette, one, width)
    if cassette.cut is not None:
        yield "!", _fitting(f"the file ends too early: {cassette.cut}", width)


def _interaction(cassette: Cassette, one: Interaction, width: int) -> Iterator[tuple[str, str]]:
    from sttkit.cassette.model import End, Open

    began = one.entries[0]
    origin = began.origin if isinstance(began, Open) else ""
    yield "", _fitting(f"interaction {one.number + 1}  {origin}".rstrip(), width)
    yield " ", f"{'entry':>6} {'s':>8} {'audio':>7}"
    for place, entry in zip(one.places, one.entries, strict=True):
        if isinstance(entry, Open):
            continue
        sign, text = _entry(cassette, entry)
        audio = f"{entry.audio_us / 1e6:.2f}" if entry.audio_us else ""
        at = (entry.at_us - began.at_us) / 1e6
        shown = "" if sign == "!" else sign
        yield sign, _fitting(f"{place:>6} {at:>8.3f} {audio:>7} {shown:<1} {text}", width)
    if not isinstance(one.entries[-1], End):
        yield "!", f"{'':>6} {'':>8} {'':>7}   still going on when the recording ended"


def _entry(cassette: Cassette, entry: AnyEntry) -> tuple[str, str]:
    from sttkit.cassette import model

    sign = {"client": ">", "server": "<"}.get(getattr(entry, "side", ""), ">")
    if isinstance(entry, model.Request):
        query = "&".join(f"{key}={value}" for key, value in entry.query)
        return ">", f"{entry.method} {entry.path}{'?' if query else ''}{query}"
    if isinstance(entry, model.Response):
        return "<", f"{entry.status} {entry.reason}"
    if isinstance(entry, model.Audio):
        seconds = sum(entry.gaps_us) / 1e6
        sizes = sorted(set(entry.sizes))
        each = f"{sizes[0]} bytes" if len(sizes) == 1 else f"{sizes[0]}–{sizes[-1]} bytes"
        return ">", f"audio: {len(entry.sizes)} × {each} in {seconds:.2f} s"
    if isinstance(entry, model.Close):
        return sign, f"close {entry.code or 'without a code'} {entry.reason}".rstrip()
    if isinstance(entry, model.Fin):
        return sign, "FIN"
    if isinstance(entry, model.End):
        return ("!" if entry.how in _BAD else " "), f"ended: {entry.how}, by the {entry.by}"
    assert isinstance(entry, model.Carrier)
    kind = type(entry).__name__.lower()
    return sign, f"{'' if kind == 'message' else kind + ' '}{_data(cassette, entry)}"


def _data(cassette: Cassette, entry: object) -> str:
    from msgspec import UnsetType

    from sttkit.cassette.model import Carrier, Message, size_of

    assert isinstance(entry, Carrier)
    frames = (
        f" in {len(entry.frames)} frames" if isinstance(entry, Message) and entry.frames else ""
    )
    data = cassette.data_of(entry)
    if data is None:
        return f"{size_of(entry)} bytes, left out{frames}"
    if not isinstance(entry.base64, UnsetType) or not isinstance(entry.blob, UnsetType):
        return f"{len(data)} bytes {data[:24].hex(' ')}{frames}"
    return data.decode("utf-8", "backslashreplace") + frames


def _fitting(line: str, width: int) -> str:
    line = shown(line)
    return line if len(line) <= width else line[: width - 1] + "…"
