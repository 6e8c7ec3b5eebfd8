"""The command line: one small module per command, and what they have in common here.

Exit statuses: 0 the contract held, 1 a plugin broke it, 2 wrong usage, 3 a target could not be run
or judged; 130 after Ctrl-C. A command's module builds its parser and imports the rest when it runs,
so that ``sttkit --help`` is quick.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence

from sttkit._version import __version__
from sttkit.cli import (
    check,
    dialects,
    diff,
    faults,
    inspect,
    laws,
    record,
    redact,
    replay,
    run,
    serve,
    shrink,
    targets,
)
from sttkit.conformance.wording import printable
from sttkit.errors import SttkitError, UsageError

_COMMANDS = (
    check,
    run,
    shrink,
    serve,
    record,
    replay,
    inspect,
    diff,
    redact,
    laws,
    faults,
    dialects,
    targets,
)
_INTERRUPTED = 130
_BROKEN_PIPE = 141
"""What a shell reports of a process that SIGPIPE ended."""
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""Of a file that cannot take what is written. Uncaught it would be status 1: a law broken."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    _never_fail_on_encoding()
    try:
        arguments = make_parser().parse_args(argv)
        status: int = arguments.run(arguments)
        sys.stdout.flush()
    except SystemExit as leaving:  # argparse: --help, --version, wrong usage
        return leaving.code if isinstance(leaving.code, int) else 2
    except SttkitError as error:
        print(f"sttkit: error: {printable(str(error))}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        _close_output()
        return _BROKEN_PIPE
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        _close_output()
        place = error.filename or "what it prints"
        full = UsageError(
            f"cannot write {place} ({error.strerror})", hint="make room, or write elsewhere"
        )
        print(f"sttkit: error: {printable(str(full))}", file=sys.stderr)
        return full.exit_status
    return status


def _close_output() -> None:
    """The interpreter flushes standard output once more when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def make_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="sttkit",
        description="What does your LiveKit speech-to-text stream do when the line goes bad?",
        epilog="Exit status: 0 the contract held, 1 a plugin broke it, 2 wrong usage, "
        "3 a target could not be run or judged.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"sttkit {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_to(commands)
    return parser


def _never_fail_on_encoding() -> None:
    """A terminal that cannot show a character gets another one, not a traceback."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


__all__ = ["main", "make_parser"]
