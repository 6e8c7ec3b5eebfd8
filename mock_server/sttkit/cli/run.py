"""``sttkit run``: play one script and look at what happens."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sttkit.cli.console import Commands, bounded, has_color, make_console, width_of
from sttkit.errors import UsageError

if TYPE_CHECKING:
    from sttkit.conformance.result import Owner
    from sttkit.laws.model import Run
    from sttkit.scripting.model import Script


def add_to(commands: Commands) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "run",
        help="play one script to a plugin and print what happens",
        description="Play one script to a plugin and print what happens as a timeline, then the "
        "laws that were broken. Exit status 1 if the plugin broke a law of level must.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "script", metavar="SCRIPT", help="a YAML file, a case id, or the YAML itself on one line"
    )
    parser.add_argument("target", metavar="TARGET", help="as for sttkit check")
    parser.add_argument("--dialect", metavar="D", help="the wire protocol that the target speaks")
    parser.add_argument(
        "--seed",
        type=bounded(0, 2**63 - 1),
        metavar="N",
        help="decides every choice of the kit (default: the script's)",
    )
    parser.add_argument(
        "--loopback",
        action="store_true",
        help="over real sockets on this machine in real time, not simulated",
    )
    parser.add_argument(
        "--json", action="store_true", help="print the trace as JSON lines instead, and no laws"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Play, print, judge."""
    script = script_of_argument(arguments.script, arguments.seed)
    from sttkit.conformance.casework import play_in, survey, target_of, world_for
    from sttkit.conformance.timeline import timeline

    # Building it once imports the plugin, which is not to be mistaken for a blocked loop.
    survey(arguments.target, arguments.dialect)
    target = target_of(arguments.target, arguments.dialect)
    if script.dialect not in (None, target.dialect):
        raise UsageError(
            f"the script is for {script.dialect}, and {target.name} speaks {target.dialect}",
            hint=f"if it does speak {script.dialect}: --dialect {script.dialect}",
        )
    world = world_for(target.loopback_only, "loopback" if arguments.loopback else None)
    if target.loopback_only and not arguments.loopback:
        print(f"over loopback: {target.loopback_only}", file=sys.stderr)
    played = play_in(world)(target, script)
    if arguments.json:
        sys.stdout.write(played.trace.to_jsonl())
        return _print_broken(played.run, quiet=True)
    width = width_of(sys.stdout)
    print(timeline(played.trace.records, width=width, color=has_color(sys.stdout)))
    return _print_broken(played.run)


def script_of_argument(given: str, seed: int | None) -> Script:
    """The script in a file, one spelled on the command line, or the one of a case id."""
    from sttkit.scripting.cases import parse_case
    from sttkit.scripting.yaml import is_line, load_script, parse_script

    if is_line(given):
        script = parse_script(given, base=Path())
    elif "@" in given and not Path(given).exists():
        return parse_case(given).script(seed=seed or 0)
    else:
        script = load_script(Path(given))
    return script if seed is None else replace(script, seed=seed)


def _print_broken(run: Run, *, quiet: bool = False) -> int:
    """Say which laws the run broke; returns the exit status."""
    from rich.text import Text

    from sttkit.conformance.casework import unfired
    from sttkit.conformance.holding import broken_by_framework, broken_in
    from sttkit.conformance.report import print_broken_law
    from sttkit.laws import ALL_LAWS

    found = broken_in(run, ALL_LAWS)
    broken = [law for law in ALL_LAWS if law.id in found and found[law.id].verdict.value == "fail"]
    theirs = broken_by_framework(run) if any(law.level == "must" for law in broken) else set()
    status = int(any(law.level == "must" and law.id not in theirs for law in broken))
    if quiet:
        return status
    console = make_console()
    for missing in unfired(run.script, run.records):
        console.print(Text(f"never happened: {missing}", style="magenta"))
    for law in broken:
        owner: Owner = "framework" if law.id in theirs else "plugin"
        print_broken_law(law, found[law.id], owner, console)
    if not broken:
        console.print(Text("no law broken", style="green"))
    return status
