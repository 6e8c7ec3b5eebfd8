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
    from sttkit.targets import load_target, target_names, version_of

    rows = []
    for name in target_names():
        try:
            target = load_target(name)
        except SttkitError as error:  # somebody else's entry point
            rows.append((name, "-", "-", f"cannot be loaded: {error}"))
        else:
            version = version_of(target.package) if target.package else None
            rows.append((name, target.dialect, version or "not installed", target.summary))
    print_rows(rows, ("target", "dialect", "version", "what it is"))
    return 0
