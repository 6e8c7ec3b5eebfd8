"""``sttkit check``: judge plugins."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from sttkit.cli.console import (
    DIALECT_HELP,
    Commands,
    add_several,
    bounded,
    make_console,
    writable,
    write,
)

if TYPE_CHECKING:
    from sttkit.conformance.check import Progress

_INTERRUPTED = 130


def add_to(commands: Commands) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "check",
        help="judge plugins by the contract",
        description="Play many cases to each plugin, each with something going wrong, and judge "
        "what it does by the contract. Exit status 1 if a plugin broke a law of level must, 3 if "
        "a plugin, or a case of it, could not be run, no case could be judged, or one was not the "
        "same --twice.",
        epilog="Options that take ids may be repeated, or take several, separated by commas.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "targets",
        nargs="*",
        metavar="TARGET",
        help="a name (see sttkit targets), module:factory, or path/file.py:factory",
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="every plugin with a name that is installed; those that are not are listed, and so "
        "are those that cannot be simulated with --simulated",
    )
    what = parser.add_argument_group("what to play")
    what.add_argument(
        "--tier",
        choices=("smoke", "default"),
        default="default",
        help="smoke: the most telling cases only (default: default)",
    )
    add_several(what, "--case", "ID", "these cases only, such as close=1011@mid-utterance.2")
    what.add_argument("--fault", metavar="ID", help="planned cases with this fault only")
    what.add_argument("--at", metavar="POINT", help="planned cases with a fault at this point only")
    what.add_argument(
        "--examples",
        type=bounded(0, 1_000_000),
        default=0,
        metavar="N",
        help="and so many scripts that are made up: what they break is shrunk, then reported",
    )
    what.add_argument(
        "--seed",
        type=bounded(0, 2**63 - 1),
        default=0,
        metavar="N",
        help="decides every choice of the kit (default: 0)",
    )
    how = parser.add_argument_group("how to play it")
    how.add_argument(
        "--speech",
        metavar="SCRIPT",
        help="say what this YAML script says, a recording perhaps, in place of two short phrases; "
        "of a cassette NAME.jsonl the server's side is played too, in all cases",
    )
    how.add_argument(
        "--loopback",
        action="store_true",
        help="over real sockets on this machine in real time, not simulated",
    )
    how.add_argument(
        "--simulated",
        action="store_true",
        help="simulated only: without the plugins that can only be played over real sockets",
    )
    how.add_argument(
        "--twice",
        action="store_true",
        help="play each case a second time and compare the traces to the byte",
    )
    how.add_argument(
        "--jobs",
        type=bounded(1, 64),
        metavar="N",
        help="cases played at the same time, each in a process (default: 1 per core; over real "
        "sockets, where a case mostly waits, 4 per core and at most 16). Those of plugins that "
        "cannot be simulated are played beside the others",
    )
    how.add_argument("--dialect", metavar="D", help=DIALECT_HELP)
    said = parser.add_argument_group("what to say")
    add_several(said, "--law", "ID", "report and judge by these laws only")
    add_several(
        said, "--advisory", "TARGET", "what this target breaks does not make the exit status 1"
    )
    said.add_argument(
        "--json", metavar="FILE", help="write the result as JSON; - for standard output alone"
    )
    said.add_argument("--junit", metavar="FILE", help="write the result as JUnit XML")
    parser.set_defaults(run=run, complain=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Check, report, and say by the exit status whether the contract held."""
    from sttkit.conformance.check import check
    from sttkit.conformance.jobs import DEFAULT_WORLD
    from sttkit.conformance.options import CheckOptions, every_plugin
    from sttkit.conformance.result import as_json

    named, absent = every_plugin(simulated_only=arguments.simulated) if arguments.all else ((), ())
    targets = tuple(dict.fromkeys((*arguments.targets, *named)))
    if not targets:
        arguments.complain("no target; expected a name (sttkit targets lists them), or --all")
    options = CheckOptions(
        targets=targets,
        advisory=frozenset(arguments.advisory),
        tier=arguments.tier,
        cases=tuple(arguments.case),
        fault=arguments.fault,
        at=arguments.at,
        examples=arguments.examples,
        laws=tuple(arguments.law),
        seed=arguments.seed,
        jobs=arguments.jobs,
        dialect=arguments.dialect,
        world="loopback" if arguments.loopback else DEFAULT_WORLD,
        simulated_only=arguments.simulated,
        speech=arguments.speech,
        twice=arguments.twice,
    )
    # A result that took minutes must not get lost for want of a folder.
    json_path = writable(arguments.json, "--json") if arguments.json not in (None, "-") else None
    junit_path = writable(arguments.junit, "--junit") if arguments.junit is not None else None
    with _progress() as on_progress:
        result = replace(check(options, on_progress=on_progress), absent=absent)
    if arguments.json is not None:
        text = json.dumps(as_json(result), indent=2, ensure_ascii=False) + "\n"
        if json_path is None:
            sys.stdout.write(text)
        else:
            write(json_path, text, "--json")
    if junit_path is not None:
        from sttkit.conformance.junit import as_junit

        write(junit_path, as_junit(result), "--junit")
    if arguments.json != "-":
        from sttkit.conformance.report import print_report

        print_report(result, make_console())
    return _INTERRUPTED if result.interrupted else result.exit_status


@contextmanager
def _progress() -> Iterator[Callable[[Progress], None]]:
    """A progress bar on standard error, if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda progress: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    with Bar(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[broken]}", style="red", markup=False),
        console=make_console(sys.stderr),
        transient=True,
    ) as bar:
        task = bar.add_task("importing", total=None, broken="")
        broken = 0

        def show(progress: Progress) -> None:
            nonlocal broken
            broken += progress.broken
            bar.update(
                task,
                completed=progress.done,
                total=progress.total,
                description=progress.latest[:48],
                broken=f"{broken} with failures" if broken else "",
            )

        yield show
