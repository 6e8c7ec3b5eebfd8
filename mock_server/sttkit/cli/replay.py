"""``sttkit replay``: the server side of a cassette on a real port, for any client."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from sttkit.cli.cassettes import add_cassette, complaints, load, shown
from sttkit.cli.console import Commands, add_several, bounded
from sttkit.cli.serve import START_OVER_S, Served, add_listening, serve_until_stopped
from sttkit.errors import UsageError

if TYPE_CHECKING:
    from sttkit.cassette.tape import Attempts, Timing
    from sttkit.server.fake import AnyListener


def add_to(commands: Commands) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "replay",
        help="play the server side of a cassette on a port",
        description="Play the server side of a cassette on a port, for any client in any language. "
        "A message comes when the client's audio has reached where it was when it was recorded, "
        "and never before the client's message that led to it. When nobody has been connected for "
        f"{START_OVER_S:g} s, the cassette starts over. Exit status 1 if a client said something "
        "else than was recorded, or did not stay to its end.",
        allow_abbrev=False,
    )
    add_cassette(parser)
    add_playing(parser)
    parser.add_argument(
        "--until", type=bounded(1, 1_000_000), metavar="N", help="play up to entry N, then nothing"
    )
    parser.add_argument(
        "--fault", metavar="CASE", help="a fault on top, such as reset@mid-utterance.2"
    )
    parser.add_argument("--once", action="store_true", help="end when the first client has left")
    add_listening(parser)
    parser.set_defaults(run=run)


def add_playing(parser: argparse._ActionsContainer) -> None:
    """The options of every command that plays a cassette."""
    parser.add_argument(
        "--timing",
        default="asap",
        metavar="asap|exact|scaled:X",
        help="when a message comes, once its cause is there: at once, after the recorded time, or "
        "after X times as long (default: asap)",
    )
    parser.add_argument(
        "--attempts",
        choices=("recorded", "continue"),
        help="what a further attempt gets: the next recorded session, or the rest of the one that "
        "was broken off (default: recorded, with faults on top: continue)",
    )
    add_several(parser, "--volatile", "NAME", "JSON fields and query keys that are not compared")
    parser.add_argument(
        "--allow-unplayed", action="store_true", help="entries may be left that were never played"
    )


def run(arguments: argparse.Namespace) -> int:
    """Replay until Ctrl-C."""
    from sttkit.cassette.matching import Rules
    from sttkit.cassette.spoken import speech_of
    from sttkit.cassette.tape import compiled
    from sttkit.deck.staging import environment_redactor
    from sttkit.scripting.cases import parse_case
    from sttkit.scripting.model import Script

    cassette = load(arguments.cassette)
    if arguments.until is not None and arguments.until > len(cassette.entries):
        raise UsageError(
            f"there is no entry {arguments.until}",
            where=f"--until {arguments.until}",
            expected=f"1 to {len(cassette.entries)}, the entries of {cassette.name}",
            hint=f"they are listed by: sttkit inspect {cassette.name}",
        )
    faults = parse_case(arguments.fault).faults if arguments.fault else ()
    timing, attempts = playing_of(arguments, is_faulted=bool(faults))
    tape = compiled(
        cassette,
        timing=timing,
        attempts=attempts,
        rules=Rules().also(*arguments.volatile),
        redactor=environment_redactor(),
        until=arguments.until,
    )
    allow = arguments.allow_unplayed or arguments.until is not None or bool(faults)
    failed = False

    def on_round(listener: AnyListener) -> bool:
        nonlocal failed
        playing = listener.line.playing
        assert playing is not None
        said = complaints(playing, allow_unplayed=allow)
        failed = failed or bool(said)
        for complaint in said:
            print(shown(complaint), file=sys.stderr)
        return not arguments.once

    script = Script(speech_of(cassette), faults, dialect=cassette.header.dialect)
    serve_until_stopped(arguments, Served(script, tape.dialect, tape=tape, on_round=on_round))
    return int(failed)


def playing_of(arguments: argparse.Namespace, *, is_faulted: bool) -> tuple[Timing, Attempts]:
    """Timing and attempts as the options of `add_playing` say.

    Raises:
        UsageError: there is no such timing.
    """
    from sttkit.cassette.tape import Timing

    attempts: Attempts = arguments.attempts or ("continue" if is_faulted else "recorded")
    return Timing.parse(arguments.timing), attempts
