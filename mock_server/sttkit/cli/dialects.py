"""``sttkit dialects``: the wire protocols that the fake server speaks."""

from __future__ import annotations

import argparse

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


def run(arguments: argparse.Namespace) -> int:
    """List the dialects."""
    from sttkit.dialects import dialect_names, load_dialect

    loaded = [load_dialect(name) for name in dialect_names()]
    print_rows(
        [(dialect.name, dialect.host or "-", dialect.source) for dialect in loaded],
        ("dialect", "in production at", "source"),
    )
    return 0
