"""``sttkit shrink``: the smallest script, or case, that still breaks what a larger one breaks."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from sttkit.cli.console import DIALECT_HELP, Commands, add_several, bounded, writable, write
from sttkit.cli.run import script_of_argument
from sttkit.errors import UsageError

if TYPE_CHECKING:
    from sttkit.conformance.plan import World
    from sttkit.laws.model import Judgement
    from sttkit.scripting.cases import Case
    from sttkit.scripting.model import Script

_T = TypeVar("_T")


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
    parser.add_argument(
        "--speech",
        metavar="SCRIPT",
        help="as for sttkit check, a cassette NAME.jsonl perhaps: a case id is made smaller, and "
        "what is said, or was recorded, stays as it is",
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
    from sttkit.conformance.jobs import DEFAULT_WORLD

    world: World = "loopback" if arguments.loopback else DEFAULT_WORLD
    if arguments.speech is not None:
        return _run(arguments, world, _case_on_speech(arguments, world))
    return _run(arguments, world, _whole_script(arguments, world))


@dataclass(frozen=True)
class _Task(Generic[_T]):
    """What is made smaller, and how the smallest is told.

    Attributes:
        simpler: what is one step simpler.
        script_of: the script that is played.
        text_of: as it is printed and written.
        again_of: the line that plays it again.
    """

    large: _T
    simpler: Callable[[_T], Iterator[_T]]
    script_of: Callable[[_T], Script]
    text_of: Callable[[_T], str]
    again_of: Callable[[_T], str]


def _whole_script(arguments: argparse.Namespace, world: World) -> _Task[Script]:
    from sttkit.deck.staging import is_cassette

    if is_cassette(Path(arguments.script)):
        raise UsageError(
            "a cassette is not made smaller",
            where=arguments.script,
            expected="a script or a case id",
            hint="shrink the case that was put on it: "
            + shlex.join(
                ["sttkit", "shrink", "CASE", arguments.target, "--speech", arguments.script]
            ),
        )
    script = script_of_argument(arguments.script, arguments.seed)
    from sttkit.conformance.reproduce import reproducer_of
    from sttkit.conformance.shrink import simpler_scripts
    from sttkit.scripting.yaml import dump_script

    return _Task(
        script,
        simpler_scripts,
        script_of=lambda script: script,
        text_of=dump_script,
        again_of=lambda script: reproducer_of(arguments.target, script, arguments.dialect, world),
    )


def _case_on_speech(arguments: argparse.Namespace, world: World) -> _Task[Case]:
    from sttkit.conformance.casework import script_of, speech_of
    from sttkit.conformance.reproduce import reproducer
    from sttkit.conformance.shrink import simpler_cases
    from sttkit.scripting.cases import parse_case

    given, speech, seed = arguments.script, arguments.speech, arguments.seed or 0
    if "@" not in given or _place(given) is not None:
        raise UsageError(
            f"a script has its own speech: {given!r}",
            where="--speech",
            expected="a case id in place of the script",
        )
    if arguments.output is not None:
        raise UsageError(
            "a case on something else's speech is no script that could be written",
            where="-o",
            hint="copy the line that is printed: it plays the case again",
        )
    case = parse_case(given)
    speech_of(speech)
    return _Task(
        case,
        simpler_cases,
        script_of=lambda case: script_of(case.id, seed, speech=speech),
        text_of=lambda case: f"{case.id}\n",
        again_of=lambda case: reproducer(
            arguments.target, case.id, seed, arguments.dialect, world, speech
        ),
    )


def _run(arguments: argparse.Namespace, world: World, task: _Task[_T]) -> int:
    from sttkit.conformance.casework import play_on
    from sttkit.conformance.holding import asserted_laws, broken_by, law_told
    from sttkit.conformance.shrink import shrink
    from sttkit.conformance.surveying import target_of

    output = writable(arguments.output, "-o") if arguments.output is not None else None
    laws = asserted_laws(arguments.law)
    target = target_of(arguments.target, arguments.dialect)
    play = play_on(arguments.speech, world)

    def broken_in(it: _T) -> Mapping[str, Judgement]:
        return broken_by(target, task.script_of(it), laws, world, play)

    def still(smaller: _T) -> bool:
        try:
            return bool(broken_in(smaller))
        except UsageError:  # without that fault or action, it is not the client that was recorded
            if arguments.speech is None:
                raise
            return False

    broken = broken_in(task.large)
    if not broken:
        if arguments.law:
            see = shlex.join(["sttkit", "run", arguments.script, arguments.target])
            if arguments.speech is not None:
                see = task.again_of(task.large)
            raise UsageError(
                f"{target.name} does not break {' or '.join(law.id for law in laws)} in it",
                where=_place(arguments.script),
                hint=f"see what it does: {see}",
            )
        print("no law of level must is broken: nothing to shrink", file=sys.stderr)
        return 0
    laws = tuple(law for law in laws if law.id in broken)
    shrunk = shrink(task.large, still, task.simpler, most_runs=arguments.runs)
    text = task.text_of(shrunk.smallest)
    left = broken_in(shrunk.smallest)
    sys.stdout.write(text)
    for law in laws:
        if law.id in left:
            print(f"\n{law_told(law, left[law.id])}")
    print(f"again: {task.again_of(shrunk.smallest)}")
    rest = "" if shrunk.complete else "; it may get smaller still: --runs"
    large, small = task.script_of(task.large), task.script_of(shrunk.smallest)
    print(f"{_size(large)} -> {_size(small)}, in {shrunk.runs} runs{rest}")
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
