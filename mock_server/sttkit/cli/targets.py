"""``sttkit targets``: the plugins that can be judged by name."""

from __future__ import annotations

import argparse

from sttkit.cli.console import Commands, print_rows


def add_to(commands: Commands) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "targets",
        help="the plugins that can be judged by name",
        description="The plugins that can be judged by name. Any other plugin is judged as "
        "module:factory or path/file.py:factory, where factory(context) returns an STT.",
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """List the registered targets, whether or not their plugins are installed."""
    from sttkit.errors import SttkitError
    from sttkit.targets import load_target, target_names

    rows = []
    for name in target_names():
        try:
            target = load_target(name)
        except SttkitError as error:  # somebody else's entry point
            rows.append((name, "-", f"cannot be loaded: {error}"))
        else:
            rows.append((name, target.dialect, target.summary))
    print_rows(rows, ("target", "dialect", "what it is"))
    return 0
