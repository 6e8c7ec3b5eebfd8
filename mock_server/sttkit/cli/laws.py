"""``sttkit laws``: the contract."""

from __future__ import annotations

import argparse

from sttkit.cli.console import Commands, chosen, print_facts, print_rows


def add_to(commands: Commands) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "laws",
        help="the contract, law by law",
        description="What an application may rely on, whatever the line does.",
        allow_abbrev=False,
    )
    parser.add_argument("id", nargs="?", metavar="ID", help="one law in full, such as RETRY-1")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """List the laws, or tell one in full."""
    from sttkit.conformance.summary import title_of
    from sttkit.laws import ALL_LAWS

    if arguments.id is None:
        print_rows([(law.id, law.level, title_of(law)) for law in ALL_LAWS], ("id", "level", "law"))
        return 0
    law_id = chosen("law", arguments.id, [law.id for law in ALL_LAWS])
    law = next(law for law in ALL_LAWS if law.id == law_id)
    since = "livekit-agents " + ".".join(map(str, law.since)) if law.since else "always"
    print_facts(
        f"{law.id} ({law.level})",
        [
            ("law", law.statement),
            ("why", law.why),
            ("observed", law.observed),
            ("since", since),
        ],
    )
    return 0
