"""What the commands share: terminals, text for them, and options that take several values."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from sttkit.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_WIDTH = 100
"""Columns where there is no terminal to ask."""


_ENDS = re.compile(r" +$", re.MULTILINE)


class Commands(Protocol):
    """What `argparse.ArgumentParser.add_subparsers` returns."""

    def add_parser(self, name: str, **kwargs: Any) -> argparse.ArgumentParser: ...


def make_console(file: IO[str] | None = None) -> Console:
    """A console on standard output (or ``file``): colour and the true width on a terminal only.

    Elsewhere lines end where their text does: tables are not filled up with blanks to the width.
    """
    from rich.console import Console

    class _Console(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # rich would exit on its own

        def print(self, *objects: Any, **how: Any) -> None:
            if self.is_terminal:
                super().print(*objects, **how)
                return
            with self.capture() as printed:
                super().print(*objects, **how)
            self.file.write(_ENDS.sub("", printed.get()))

    out = file or sys.stdout
    return _Console(file=out, width=width_of(out), highlight=False, soft_wrap=False)


def width_of(file: IO[str]) -> int:
    """Columns to fill: the terminal's, or what ``COLUMNS`` says, or a fixed number."""
    fallback = (PLAIN_WIDTH, 24)
    if file.isatty():
        fallback = (80, 24)
    return max(40, shutil.get_terminal_size(fallback).columns)


def has_color(file: IO[str]) -> bool:
    """Whether ANSI colours are welcome (see no-color.org)."""
    import os

    return file.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def several(text: str) -> list[str]:
    """The values of an option that takes several, separated by commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


DIALECT_HELP = (
    "the wire protocol: a name, or path/file.py:NAME (default: what the target says, or custom_stt)"
)


def add_several(parser: argparse._ActionsContainer, name: str, metavar: str, help: str) -> None:
    """An option that may be given several times, and several values separated by commas."""
    parser.add_argument(
        name,
        metavar=metavar,
        type=several,
        action="extend",
        default=[],
        help=help,
    )


def bounded(least: int, most: int) -> Callable[[str], int]:
    """A type for argparse: a whole number in a range."""

    def number(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{value} is not between {least} and {most}")
        return value

    number.__name__ = "whole number"
    return number


def writable(name: str, option: str) -> Path:
    """The file that an option names, opened once, before work whose result would be lost.

    What was not there is not there afterwards either: there may be no result.

    Raises:
        UsageError: it cannot be written.
    """
    path = Path(name)
    try:
        is_new = not (path.exists() or path.is_symlink())
        with path.open("a", encoding="utf-8"):
            pass
        if is_new:
            path.unlink()
    except OSError as error:
        raise UsageError(f"cannot write {name} ({error.strerror})", where=option) from None
    return path


def write(path: Path, text: str, option: str) -> None:
    """Write what an option asked for.

    Raises:
        UsageError: it cannot be written, now that it is known: the disk is full, say.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot write {path} ({error.strerror})",
            where=option,
            hint="make room, or write elsewhere",
        ) from None


def chosen(what: str, name: str, known: Sequence[str]) -> str:
    """The one of ``known`` that is ``name``, in whatever case.

    Raises:
        UsageError: there is none; the message suggests the nearest.
    """
    by_folded = {item.casefold(): item for item in known}
    found = by_folded.get(name.casefold())
    if found is None:
        raise unknown_name(what, name, known)
    return found


def print_rows(rows: Sequence[tuple[str, ...]], head: tuple[str, ...]) -> None:
    """A table whose last column wraps."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for index, name in enumerate(head):
        last = index == len(head) - 1
        table.add_column(Text(name), no_wrap=not last, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    make_console().print(table)


def print_facts(title: str, facts: Sequence[tuple[str, str]]) -> None:
    """A title, and a name and a text per line."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    console = make_console()
    console.print(Text(title, style="bold"))
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, text in facts:
        grid.add_row(Text(name), Text(text))
    console.print(Padding(grid, (0, 0, 0, 2)))
