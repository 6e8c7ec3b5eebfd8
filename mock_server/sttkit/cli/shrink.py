"""``sttkit shrink``: the smallest script that still breaks what a larger one breaks."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sttkit.cli.console import DIALECT_HELP, Commands, add_several, bounded, writable, write
from sttkit.cli.run import script_of_argument
from sttkit.errors import UsageError

if TYPE_CHECKING:
    from sttkit.scripting.model import Script


def add_to(commands: Commands) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "shrink",
        help="make a script that breaks a law as small as possible",
        description="Play smaller and smaller variants of a script to a plugin that breaks a law "
        "in it, and print the smallest that still breaks it: fewer faults first, then fewer "
        "actions, less speech, default parameters, an ideal network. Exit status 1, since a law "
        "was broken; 0 if the script breaks none.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "script", metavar="SCRIPT", help="a YAML file, a case id, or the YAML itself on one line"
    )
    parser.add_argument("target", metavar="TARGET", help="as for sttkit check")
    add_several(
        parser, "--law", "ID", "it must go on breaking one of these (default: the musts it breaks)"
    )
    parser.add_argument("--dialect", metavar="D", help=DIALECT_HELP)
    parser.add_argument(
        "--seed",
        type=bounded(0, 2**63 - 1),
        metavar="N",
        help="decides every choice of the kit (default: the script's)",
    )
    parser.add_argument(
        "--runs",
        type=bounded(1, 100_000),
        default=500,
        metavar="N",
        help="play at most so many scripts (default: 500)",
    )
    parser.add_argument(
        "--loopback",
        action="store_true",
        help="over real sockets on this machine in real time, not simulated",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write the smallest script there")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Shrink, and print what is left."""
    from sttkit.deck.staging import is_cassette

    if is_cassette(Path(arguments.script)):
        raise UsageError(
            "a cassette is not made smaller",
            where=arguments.script,
            expected="a script or a case id",
            hint="shrink the case that was put on it: "
            + shlex.join(["sttkit", "shrink", "CASE", arguments.target]),
        )
    script = script_of_argument(arguments.script, arguments.seed)
    from sttkit.conformance.holding import asserted_laws, broken_by, law_told
    from sttkit.conformance.jobs import DEFAULT_WORLD
    from sttkit.conformance.reproduce import reproducer_of
    from sttkit.conformance.shrink import shrink
    from sttkit.conformance.surveying import target_of
    from sttkit.scripting.yaml import dump_script

    output = writable(arguments.output, "-o") if arguments.output is not None else None
    laws = asserted_laws(arguments.law)
    target = target_of(arguments.target, arguments.dialect)
    world = "loopback" if arguments.loopback else DEFAULT_WORLD
    broken = broken_by(target, script, laws, world)
    if not broken:
        if arguments.law:
            raise UsageError(
                f"{target.name} does not break {' or '.join(law.id for law in laws)} in it",
                where=_place(arguments.script),
                hint="see what it does: "
                + shlex.join(["sttkit", "run", arguments.script, arguments.target]),
            )
        print("no law of level must is broken: nothing to shrink", file=sys.stderr)
        return 0
    laws = tuple(law for law in laws if law.id in broken)
    shrunk = shrink(
        script,
        lambda smaller: bool(broken_by(target, smaller, laws, world)),
        most_runs=arguments.runs,
    )
    text = dump_script(shrunk.script)
    left = broken_by(target, shrunk.script, laws, world)
    sys.stdout.write(text)
    for law in laws:
        if law.id in left:
            print(f"\n{law_told(law, left[law.id])}")
    again = reproducer_of(arguments.target, shrunk.script, arguments.dialect, world)
    print(f"again: {again}")
    rest = "" if shrunk.complete else "; it may get smaller still: --runs"
    print(f"{_size(script)} -> {_size(shrunk.script)}, in {shrunk.runs} runs{rest}")
    if output is not None:
        write(output, text, "-o")
    return 1


def _place(given: str) -> str | None:
    from sttkit.scripting.yaml import is_line

    return None if is_line(given) or not Path(given).exists() else given


def _size(script: Script) -> str:
    words = sum(1 for _ in script.speech.words())
    parts = ((len(script.faults), "fault"), (len(script.client), "action"), (words, "word"))
    return ", ".join(f"{n} {noun}" if n == 1 else f"{n} {noun}s" for n, noun in parts)
