"""How long the application goes on talking after a fault: until something is learned.

After a connection broke or went deaf, the question is whether later speech is transcribed. So the
application talks on until a final of audio pushed after the fault was delivered and its utterance
had time to be closed, or until patience runs out. Faults that still need audio to happen are given
some, too. Reads nothing but records of the trace; has no clock of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sttkit.audio.speech import Speech
from sttkit.driver.tracks import LONG_PAUSE_S
from sttkit.faults import Family, Placed, Point, kind_of
from sttkit.laws.model import Limits
from sttkit.trace import Record

HEARD = frozenset({"fault", "action", "close-sent", "error", "event"})
"""Kinds of records that tell anything about that."""
CLOSING_S = 1.0
"""Time for the END of an utterance after its final: longer than any pause between utterances."""
UNFIRED_S = 5.0
"""Time for a fault to happen that waits for its point: two utterances and more."""
SILENT_POINTS = frozenset(
    {Point.AFTER_END, Point.AFTER_END_ANSWER, Point.CLOSING, Point.BATCH, Point.BACKOFF}
)
"""Points that more audio does not bring nearer."""


class Settling:
    """Follows one stream's faults and finals.

    Args:
        speech: what the stream says; its words tell a final's place in the pushed audio.
        placements: faults as the server plays them, in order.
        limits: how patient to be after a fault.
        stream: name of the stream.
        waits: whether to give faults that have not happened yet the audio they need.
    """

    def __init__(
        self,
        speech: Speech,
        placements: Sequence[Placed],
        limits: Limits,
        stream: str,
        *,
        waits: bool = True,
    ) -> None:
        self._starts = {_plain(word.text): word.start for word in speech.words()}
        self._unfired = list(placements)
        self._limits = limits
        self._patience = limits.recovery
        self._stream = stream
        self._waits = waits
        self._broken: tuple[float, float] | None = None  # when, and the position pushed by then
        self._patient_until = 0.0
        self._reported = False
        self._later_final: float | None = None
        self._closed = False
        self._quiet_since: float | None = None
        self._given_up = False
        # A server that limits its sessions may close at any time, once more at the very end.
        self._limited = any(placed.fault.id == "session-limit" for placed in placements)

    def hear(self, record: Record, position: float) -> None:
        """Take note of a record while input is open; ``position`` is what was pushed by then."""
        if record.stream not in (None, self._stream):
            return
        if record.kind == "fault" and self._fires(record.data):
            fault = str(record.data["id"])
            if _leaves_a_doubt(fault):
                self._doubt(record.at, position, self._limits.after(fault))
            self._quiet_since = record.at
        elif record.kind == "action" and record.data["action"] == "pause":
            if record.data["value"] >= LONG_PAUSE_S:
                self._doubt(record.at, position, record.data["value"] + self._patience)
        elif record.kind == "close-sent" and self._limited:
            self._doubt(record.at, position, self._patience)
        elif record.kind == "error" and self._broken is not None and not self._reported:
            # A stream that says it will try again gets as much time once more.
            self._reported = True
            if record.data.get("recoverable"):
                self._patient_until = record.at + self._patience
        elif record.kind == "event" and record.stream == self._stream and self._broken:
            if record.data["type"] == "final_transcript" and self._is_later(record.data["text"]):
                if self._later_final is None:
                    self._later_final = record.at
            elif record.data["type"] == "end_of_speech" and self._later_final is not None:
                self._closed = True

    @property
    def out_of_patience(self) -> bool:
        """Whether the application gave up waiting for a later final."""
        return self._given_up

    def _doubt(self, at: float, position: float, patience: float) -> None:
        """From now on only a later final tells that the stream still hears."""
        self._broken = (at, position)
        self._patient_until = max(self._patient_until, at + patience)
        self._later_final, self._closed, self._reported = None, False, False

    def settled(self, now: float) -> bool:
        """Whether no more audio is needed; asked once the scripted speech was said."""
        if self._quiet_since is None:
            self._quiet_since = now
        if self._broken is not None:
            if self._later_final is None:
                self._given_up = now >= self._patient_until
                return self._given_up
            if not self._closed and now - self._later_final < CLOSING_S:
                return False
            self._broken = None
            self._quiet_since = now
        if self._waits and self._unfired and self._unfired[0].point not in SILENT_POINTS:
            return now - self._quiet_since >= min(UNFIRED_S, self._patience)
        return True

    def awaits(self, point: Point) -> bool:
        """Whether a fault at this point has not happened yet."""
        return any(placed.point is point for placed in self._unfired)

    def _fires(self, fault: Mapping[str, object]) -> bool:
        """Whether this is a placement's first effect; repeats on each connection do not count."""
        for index, placed in enumerate(self._unfired):
            if str(placed.fault) == fault["fault"] and placed.point.value == fault["point"]:
                del self._unfired[index]
                return True
        return False

    def _is_later(self, text: str) -> bool:
        assert self._broken is not None
        _, position = self._broken
        starts = [self._starts.get(_plain(word)) for word in text.split()]
        known = [start for start in starts if start is not None]
        # Text that shares no word with what was said (a real recogniser) cannot be placed.
        return bool(text.strip()) and (not known or max(known) >= position)


def _leaves_a_doubt(fault_id: str) -> bool:
    """Whether only a later final tells that the stream still hears after this fault."""
    kind = kind_of(fault_id)
    return kind.breaks or kind.deaf or kind.family in (Family.BYTES, Family.MESSAGES)


def _plain(word: str) -> str:
    return "".join(char for char in word.lower() if char.isalnum())
