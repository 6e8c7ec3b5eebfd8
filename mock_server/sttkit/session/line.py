"""What the server knows of one client across its connections.

A listener serves one STT under test. Its line numbers the connection attempts, keeps the faults
that have not happened yet, and knows all audio that may arrive (one track per stream), so every
session can tell whose audio it hears. Audio that is not of any track is counted, and its position
continues from session to session.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sttkit.audio.speech import Speech
from sttkit.audio.synth import render
from sttkit.cassette.playing import Playing
from sttkit.cassette.tape import Tape
from sttkit.dialects.model import Dialect
from sttkit.errors import UsageError, unknown_name
from sttkit.faults import Fault, Point
from sttkit.faults.carriers import missing_on
from sttkit.scripting.model import Script
from sttkit.session.engine import Engine
from sttkit.session.plan import FaultPlan
from sttkit.trace import Trace

if TYPE_CHECKING:
    from random import Random


class Line:
    """State shared by the connections of one listener.

    Args:
        script: faults and network.
        dialect: what is spoken.
        tracks: what is said, by name of the stream.
        trace: where everything is noted.
        rng: seeded; the only source of chance.
        engine: a real recogniser that hears the audio; None: what is recognised follows from the
            tracks.
        tape: a recording to be played, faults and all, in place of a healthy recogniser.

    Raises:
        UsageError: the script names an error that the dialect does not have, or a fault that its
            carrier does not have.
    """

    def __init__(
        self,
        script: Script,
        dialect: Dialect,
        tracks: Mapping[str, Speech],
        trace: Trace,
        rng: Random,
        engine: Engine | None = None,
        tape: Tape | None = None,
    ) -> None:
        self.script = script
        self.dialect = dialect
        self.tracks = dict(tracks)
        self.trace = trace
        self.rng = rng
        self.engine = engine
        self.tape = tape
        self.playing = Playing(tape) if tape is not None else None
        for placed in script.placements():
            _check_fault(placed.fault, dialect)
        self.plan = FaultPlan(script.placements())
        self.attempts = 0
        """Connection attempts so far, refused ones included."""
        self.counted_s = 0.0
        """Where unmarked audio continues, seconds."""

    def pcm(self, sample_rate: int) -> dict[str, bytes]:
        """All tracks as PCM at a rate."""
        return {name: render(speech, sample_rate) for name, speech in self.tracks.items()}

    def blocked_attempt(self, fault_id: str) -> bool:
        """Whether the attempt that is about to begin must fail with ``fault_id`` before TCP does.

        The shell asks when it can see attempts before they reach the listener; a failed attempt is
        numbered and noted here, since no connection will be accepted for it.
        """
        number = self.attempts
        faults = self.plan.due(
            Point.CONNECTING, number + 1, number, only=lambda fault: fault.id == fault_id
        )
        if not faults and not (self.playing is not None and self.playing.take_blocked(fault_id)):
            return False
        self.attempts += 1
        self.trace.note("server", "attempt", number, outcome=fault_id)
        self.trace.note("server", "point", number, point=Point.CONNECTING.value, n=number + 1)
        for fault in faults:
            self.note_fault(fault, Point.CONNECTING, number + 1, number, None)
        return True

    def begin_attempt(self) -> tuple[int, list[Fault]]:
        """Number an accepted attempt; returns the faults at its beginning too."""
        number = self.attempts
        self.attempts += 1
        self.trace.note("server", "attempt", number, outcome="accepted")
        self.trace.note("server", "point", number, point=Point.CONNECTING.value, n=number + 1)
        faults = self.plan.due(Point.CONNECTING, number + 1, number)
        for fault in faults:
            self.note_fault(fault, Point.CONNECTING, number + 1, number, None)
        return number, faults

    def note_fault(self, fault: Fault, point: Point, n: int, conn: int, stream: str | None) -> None:
        """Write down that ``fault`` takes effect."""
        kind = fault.kind
        self.trace.note(
            "server",
            "fault",
            conn,
            stream,
            fault=str(fault),
            id=fault.id,
            point=point.value,
            n=n,
            breaks=kind.breaks,
            deaf=kind.deaf,
        )


def _check_fault(fault: Fault, dialect: Dialect) -> None:
    missing = missing_on(dialect.carrier, fault)
    if missing is not None:
        raise UsageError(f"there is no {fault.id} in the dialect {dialect.name}: {missing}")
    if fault.id != "provider-error":
        return
    if not dialect.errors:
        raise UsageError(f"the dialect {dialect.name} documents no error messages")
    if str(fault.param) not in ("", *dialect.errors):
        raise unknown_name(f"error of {dialect.name}", str(fault.param), dialect.errors)
