"""``sttkit dialects``: the wire protocols that the fake server speaks."""

from __future__ import annotations

import argparse
from pathlib import Path

from sttkit.cli.console import Commands, print_rows


def add_to(commands: Commands) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "dialects",
        help="the wire protocols that the fake server speaks",
        description="The wire protocols that the fake server speaks.",
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    actions = parser.add_subparsers(title="to add one", metavar="new")
    new = actions.add_parser(
        "new",
        help="begin a dialect: one file, and its test",
        description="Begin a dialect: one file, and its test.",
        allow_abbrev=False,
    )
    new.add_argument("name", metavar="NAME", help="of the provider, as in a Python name")
    new.add_argument(
        "--folder", default=".", metavar="DIR", help="where the files go (default: here)"
    )
    new.set_defaults(run=begin)


def run(arguments: argparse.Namespace) -> int:
    """List the dialects."""
    from sttkit.dialects import dialect_names, load_dialect
    from sttkit.errors import SttkitError

    rows = []
    for name in dialect_names():
        try:
            dialect = load_dialect(name)
        except SttkitError as error:  # somebody else's entry point
            rows.append((name, "-", f"cannot be loaded: {error}"))
        else:
            rows.append((dialect.name, dialect.host or "-", dialect.source))
    print_rows(rows, ("dialect", "in production at", "source"))
    return 0


def begin(arguments: argparse.Namespace) -> int:
    """Write the two files of a new dialect."""
    from sttkit.dialects import dialect_names
    from sttkit.dialects.scaffold import scaffold
    from sttkit.errors import UsageError

    name, folder = arguments.name, Path(arguments.folder)
    if not (name.isascii() and name.isidentifier() and name == name.lower()):
        raise UsageError(
            f"{name!r} cannot be the name of a dialect",
            expected="small letters, digits and underscores, a letter first",
        )
    if name in dialect_names():
        raise UsageError(f"there is a dialect {name!r} already", hint="sttkit dialects lists them")
    if not folder.is_dir():
        raise UsageError(f"there is no folder {str(folder)!r}")
    files = {folder / file: text for file, text in scaffold(name).items()}
    for path in files:
        if path.exists():
            raise UsageError(f"{path} exists already", hint="it is not written over")
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    source, test = files
    print(f"wrote {source} and {test}; next:")
    print(f"  pytest {test}")
    print(f"  sttkit check {source}:build --case none@idle")
    return 0
