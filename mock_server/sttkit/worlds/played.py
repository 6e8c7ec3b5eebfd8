"""What a world hands over: a script that was played, ready to be judged."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata

from sttkit.cassette.playing import Playing
from sttkit.cassette.tape import Tape
from sttkit.dialects.model import Dialect
from sttkit.driver.options import RunOptions
from sttkit.faults import Point
from sttkit.laws.model import Run, Subject
from sttkit.scripting.model import Script
from sttkit.targets.model import Target
from sttkit.trace import Trace


@dataclass(frozen=True)
class Played:
    """A script that was played to a plugin.

    Attributes:
        run: what the laws are given.
        trace: all that happened, both sides.
        wall_s: how long it took, real seconds.
        playing: the recording that was played, if there was one: what did not match it.
    """

    run: Run
    trace: Trace
    wall_s: float
    playing: Playing | None = None


def is_batch(script: Script, tape: Tape | None = None) -> bool:
    """Whether a script is played to ``recognize()``: it has something at the batch request.

    So is a recording of nothing else.
    """
    if tape is not None and not any(part.is_websocket for part in tape.parts):
        return True
    return any(placed.point is Point.BATCH for placed in script.faults)


def run_of(
    target: Target,
    script: Script,
    dialect: Dialect,
    options: RunOptions,
    trace: Trace,
) -> Run:
    """The facts of a run for the laws."""
    return Run(
        script=script,
        records=tuple(trace.records),
        facts=dialect.facts,
        errors=dict(dialect.errors),
        options=options.conn,
        limits=options.limits,
        subject=Subject(
            name=target.name,
            framework=framework_version(),
            max_retry=target.max_retry,
            updates=tuple(target.expects.items()),
            speech_only=target.speech_only,
        ),
        world="loopback" if options.real_time else "simulated",
    )


@lru_cache(maxsize=1)
def framework_version() -> tuple[int, ...]:
    """Version of the installed livekit-agents, as numbers."""
    numbers = []
    for part in metadata.version("livekit-agents").split("."):
        if not part.isdecimal():
            break
        numbers.append(int(part))
    return tuple(numbers)
