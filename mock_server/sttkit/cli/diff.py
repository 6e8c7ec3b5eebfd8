"""``sttkit diff``: two cassettes, compared by meaning."""

from __future__ import annotations

import argparse
import sys

from sttkit.cli.cassettes import add_cassette, load_to_show, shown
from sttkit.cli.console import Commands, add_several, has_color, make_console


def add_to(commands: Commands) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "diff",
        help="compare two cassettes by meaning",
        description="Compare what two cassettes say: requests, messages, closings and endings, but "
        "not times, chunks and values that differ from run to run. Exit status 1 if they differ.",
        allow_abbrev=False,
    )
    add_cassette(parser, "before")
    add_cassette(parser, "after")
    add_several(parser, "--volatile", "NAME", "JSON fields and query keys that are not compared")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Compare."""
    from rich.text import Text

    from sttkit.cassette.comparing import differences
    from sttkit.cassette.matching import Rules

    rules = Rules().also(*arguments.volatile)
    lines = differences(load_to_show(arguments.before), load_to_show(arguments.after), rules)
    if not has_color(sys.stdout):
        for line in lines:
            print(shown(line))
        return int(bool(lines))
    console = make_console()
    styles = {"+": "green", "-": "red", "@": "dim", "~": "yellow"}
    for line in lines:
        console.print(Text(shown(line), style=styles.get(line[:1], "")), soft_wrap=True)
    return int(bool(lines))
