"""``sttkit run``: play one script and look at what happens."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sttkit.cli.cassettes import complaints, load, shown
from sttkit.cli.console import DIALECT_HELP, Commands, bounded, has_color, make_console, width_of
from sttkit.cli.replay import add_playing, playing_of
from sttkit.errors import UsageError

if TYPE_CHECKING:
    from sttkit.cassette.tape import Tape
    from sttkit.conformance.result import Owner
    from sttkit.laws.model import Run
    from sttkit.scripting.model import Script
    from sttkit.worlds.played import Played


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
        "script",
        metavar="SCRIPT",
        help="a YAML file, a case id, the YAML itself on one line, or a cassette NAME.jsonl",
    )
    parser.add_argument("target", metavar="TARGET", help="as for sttkit check")
    parser.add_argument("--dialect", metavar="D", help=DIALECT_HELP)
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
    recorded = parser.add_argument_group("if it is a cassette")
    recorded.add_argument(
        "--fault", metavar="CASE", help="a case on top, such as reset@mid-utterance.2+aclose"
    )
    add_playing(recorded)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Play, print, judge."""
    script, tape = _played(arguments)
    from sttkit.conformance.casework import play_in, world_for
    from sttkit.conformance.surveying import survey, target_of
    from sttkit.conformance.timeline import timeline
    from sttkit.dialects import is_same

    # Building it once imports the plugin, which is not to be mistaken for a blocked loop.
    survey(arguments.target, arguments.dialect)
    target = target_of(arguments.target, arguments.dialect)
    if script.dialect is not None and not is_same(script.dialect, target.dialect):
        raise UsageError(
            f"the script is for {script.dialect}, and {target.name} speaks {target.dialect}",
            hint=f"if it does speak {script.dialect}: --dialect {script.dialect}",
        )
    world = world_for(target.loopback_only, "loopback" if arguments.loopback else None)
    if target.loopback_only and not arguments.loopback:
        print(f"over loopback: {target.loopback_only}", file=sys.stderr)
    played = play_in(world)(target, script, tape=tape)
    unlike = _unlike(played, arguments)
    if arguments.json:
        sys.stdout.write(played.trace.to_jsonl())
        return max(_print_broken(played.run, quiet=True), int(bool(unlike)))
    width = width_of(sys.stdout)
    print(timeline(played.trace.records, width=width, color=has_color(sys.stdout)))
    status = _print_broken(played.run)
    for complaint in unlike:
        print(shown(complaint))
    return max(status, int(bool(unlike)))


def _played(arguments: argparse.Namespace) -> tuple[Script, Tape | None]:
    """The script that was asked for, and the recording it is to be played with."""
    from sttkit.deck.staging import is_cassette, staged
    from sttkit.scripting.cases import parse_case

    path = Path(arguments.script)
    if not is_cassette(path):
        if arguments.fault is not None:
            raise UsageError("only a cassette takes faults on top", where="--fault")
        return script_of_argument(arguments.script, arguments.seed), None
    case = parse_case(arguments.fault) if arguments.fault else None
    timing, attempts = playing_of(arguments, is_faulted=case is not None)
    made = staged(
        load(arguments.script),
        faults=case.faults if case else (),
        client=case.script().client if case else (),
        timing=timing,
        attempts=attempts,
        volatile=arguments.volatile,
        seed=arguments.seed or 0,
    )
    return made.script, made.tape


def _unlike(played: Played, arguments: argparse.Namespace) -> list[str]:
    """What was not as recorded; with faults on top not everything can be played."""
    if played.playing is None:
        return []
    allowed = arguments.allow_unplayed or arguments.fault is not None
    return complaints(played.playing, allow_unplayed=allowed)


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
