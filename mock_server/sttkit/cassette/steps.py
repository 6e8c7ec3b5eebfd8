"""What a server did, step by step, and the named points that lie between the steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sttkit.cassette.model import Bytes, Close, End, Fin, Message, Ping, Pong
from sttkit.dialects.model import Message as Payload
from sttkit.events import (
    Final,
    Interim,
    ServerEvent,
    SpeechEnded,
    SpeechStarted,
    Transcript,
)
from sttkit.faults import Point

IDLE_AFTER_US = 200_000
"""Audio without speech before a session counts as idle, as with scripts."""


@dataclass(frozen=True)
class Step:
    """Something the server did, and its cue.

    Attributes:
        place: number of its entry in the cassette, from 1.
        audio_us: the audio position that must have been reached.
        said: how much of `Part.expected` must have come.
        delay_us: how long after that it came.
        entry: what it is; None for a mere point.
        data: the bytes it carries.
        event: what a message means, as far as the dialect can tell.
        point: a named point that only the audio tells.
        linger_us: of an end by FIN, how long after that the socket was gone.
    """

    place: int
    audio_us: int
    said: int
    delay_us: int
    entry: Message | Ping | Pong | Close | Bytes | Fin | End | None = None
    data: bytes = b""
    event: ServerEvent | None = None
    point: Point | None = None
    linger_us: int = 0

    @property
    def payload(self) -> Payload:
        """The data of a message: text or binary."""
        is_text = isinstance(self.entry, Message) and self.entry.opcode == "text"
        return self.data.decode("utf-8", "surrogatepass") if is_text else self.data


def with_points(steps: list[Step], audio_us: int) -> Iterator[Step]:
    """The steps, with the points between them that only the audio tells.

    ``audio_us`` is where the audio ended.
    """
    speaking = idle = False
    ended: Step | None = None
    said = 0
    for step in steps:
        begins = isinstance(step.event, (SpeechStarted, Interim)) or (
            isinstance(step.event, Final) and bool(step.event.text)
        )
        if not idle and (begins or step.audio_us > IDLE_AFTER_US):
            idle = True
            at_us = min(IDLE_AFTER_US, step.audio_us)
            yield Step(step.place, at_us, said, 0, point=Point.IDLE)
        if ended is not None and (begins or step.audio_us >= audio_us):
            begins_us = _time_us(step.event, begins=True) if begins else audio_us
            yield _between(ended, step.place, step.audio_us, begins_us)
            ended = None
        if begins:
            speaking = True
        elif speaking and isinstance(step.event, SpeechEnded):
            speaking, ended = False, step
        if isinstance(step.event, Final) and step.event.endpoint:
            speaking, ended = False, step
        said = step.said
        yield step


def _between(ended: Step, place: int, latest_us: int, begins_us: int | None) -> Step:
    """The middle of the pause between two utterances, but not before the first was answered."""
    ended_us = _time_us(ended.event, begins=False)
    middle = (
        (ended.audio_us + latest_us) // 2
        if ended_us is None or begins_us is None
        else (ended_us + begins_us) // 2
    )
    at_us = min(max(middle, ended.audio_us), latest_us)
    return Step(place, at_us, ended.said, 0, point=Point.BETWEEN_UTTERANCES)


def _time_us(event: ServerEvent | None, *, begins: bool) -> int | None:
    """Where in the audio an event says that speech begins or ends; None if it does not say."""
    if isinstance(event, (SpeechStarted, SpeechEnded)):
        at = event.at
    elif isinstance(event, Transcript):
        at = event.start if begins else event.end
    else:
        return None
    return round(at * 1e6) or None
