"""``sttkit redact``: a cassette as it may be shown to others."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from sttkit.cli.cassettes import add_cassette, load
from sttkit.cli.console import Commands, add_several


def add_to(commands: Commands) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "redact",
        help="remove secrets, audio or words from a cassette",
        description="Write a cassette anew without secrets, and, if asked to, without the audio or "
        "the words. It refuses to write what still looks like a secret, and values of environment "
        "variables that are named like secrets.",
        allow_abbrev=False,
    )
    add_cassette(parser)
    parser.add_argument(
        "output", nargs="?", metavar="OUTPUT", help="another file (default: the same)"
    )
    parser.add_argument(
        "--audio",
        choices=("keep", "drop", "replace"),
        default="keep",
        help="drop: lengths and positions stay; replace: by noise as loud (default: keep)",
    )
    parser.add_argument(
        "--transcript",
        choices=("keep", "pseudonyms"),
        default="keep",
        help="pseudonyms: other words, as many and as long (default: keep)",
    )
    parser.add_argument(
        "--personal", action="store_true", help="also remove e-mail addresses and phone numbers"
    )
    add_several(
        parser, "--redact", "NAME", "headers, query keys and JSON fields whose values are removed"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Redact."""
    from sttkit.cassette.anonymous import Pseudonyms
    from sttkit.cassette.redacting import redacted
    from sttkit.deck.files import save_cassette
    from sttkit.deck.staging import environment_redactor
    from sttkit.errors import UsageError

    output = Path(arguments.output or arguments.cassette)
    if output.suffix != ".jsonl":
        raise UsageError("the name of the cassette", where=str(output), expected="NAME.jsonl")
    redactor = replace(
        environment_redactor(),
        names=frozenset(name.lower() for name in arguments.redact),
        personal=arguments.personal,
        pseudonyms=Pseudonyms() if arguments.transcript == "pseudonyms" else None,
    )
    made = redacted(load(arguments.cassette), redactor, audio=arguments.audio)
    save_cassette(made, output)
    return 0
