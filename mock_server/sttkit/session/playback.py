"""A recorded dialogue in place of a recogniser: the same points, faults and notes around it.

Recorded messages go the way that a healthy recogniser's go (`Dialogue._say`), so every fault can
sit on a recording. Only where the recording is over, and the application goes on talking to see
whether its stream recovers, the healthy recogniser answers for what is said then.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from websockets.frames import Close as CloseFrame

from sttkit.audio.locate import Span
from sttkit.audio.speech import Speech
from sttkit.cassette.model import Bytes, Close, End, Fin, Ping
from sttkit.cassette.model import Message as RecordedMessage
from sttkit.cassette.steps import Step
from sttkit.cassette.tape import Part
from sttkit.dialects.model import Message, Opening, View
from sttkit.events import (
    Audio,
    Config,
    EndOfStream,
    Flush,
    Keepalive,
    Ready,
    ServerEvent,
    SessionEnded,
    SpeechEnded,
    SpeechStarted,
    Transcript,
)
from sttkit.faults import Family, Fault, Point
from sttkit.recogniser import Reached, Recogniser, Said
from sttkit.session.dialogue import Dialogue
from sttkit.session.ear import Ear, KnownSpeech
from sttkit.session.frames import close_payload, ping_bytes
from sttkit.session.recorded import fail_as

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sttkit.session.connection import Connection

_BYTES_PER_SAMPLE = 2
RECORDED_TRACK = "main"
"""The stream that says what was recorded; others of the same run say other words."""


class Playback(Dialogue):
    """One recorded session.

    Args:
        connection: carries messages, timers and endings.
        opening: what the door let in.
        part: what is played.
    """

    def __init__(self, connection: Connection, opening: Opening, part: Part) -> None:
        super().__init__(connection, opening)
        playing = connection.line.playing
        assert playing is not None
        self._playing = playing
        self._reel = playing.reel(part)
        self._step: Step | None = None
        self._bytes = 0
        self._began_us: int | None = None if self._reel.is_rest else 0
        self._said_utterances = 0
        self._said_ends = False
        self._closes = False
        self._wakes_at: float | None = None

    def _make_ear(self) -> Ear:
        recogniser = Recogniser(
            {
                name: _encore_of(speech) if name == RECORDED_TRACK else speech
                for name, speech in self._line.tracks.items()
            },
            signals_end=self._facts.signals_end,
            answers_empty_flush=False,
            late_transcripts=self._facts.late_transcripts,
            endpointing=self._facts.endpointing,
        )
        return KnownSpeech(self._connection, recogniser, self._say_all, self._found)

    # --- the client -----------------------------------------------------------------------

    def begin(self) -> None:
        """The handshake was answered."""
        if self._facts.greeting != "on-config":
            self._connection.note("config", values=self._noted_config())
        self._apply_all(self.reach(Point.UPGRADED))
        self._reel.begin(self._connection.now)
        if self._facts.greeting == "never":
            self._become_ready()
        self._play()

    def hear(self, message: Message) -> None:
        """A whole client message arrived."""
        now = self._connection.now
        event = self._read(message, self._view)
        if isinstance(event, Audio):
            self._bytes += len(event.pcm)
            if not self._ended:
                self._ear.hear(event.pcm, self._rate)
            if self._began_us is not None:
                self._reel.heard(self._began_us + self._heard_us, now)
            self._play()
            return
        self._note_control(event, message)
        if isinstance(event, Keepalive):
            return
        if isinstance(event, Config):
            self._config.update(event.values)
            self._rate = self._dialect.rate_of(self._config)
            self._connection.note("config", values=self._noted_config())
        faults = self._reached_by(event)
        if self._apply_endings(faults):
            return
        if any(fault.id == "mute-after-end" for fault in faults):
            self._mouth.mute()
        late = sum(fault.seconds for fault in faults if fault.id == "late-final")
        if late:
            self._reel.hold(now + late)
        self._reel.hear(event, message, now)
        self._play()

    def reply_to(self, close: CloseFrame, payload: bytes) -> bytes:
        """The client closes; what the server still said comes before its own close frame."""
        if self._connection.is_closing and not self._closes:
            return payload  # a fault closed, not the recording
        self._reel.hear_close(close.code, close.reason, self._connection.now)
        self._play()
        part = self._reel.part
        if part.reply is not None:
            code = part.reply.code
            return b"" if code is None else close_payload(code, part.reply.reason)
        closed_first = any(one.what == "close" for one in part.expected)
        if closed_first and part.end is not None and part.end.how != "close":
            self._connection.ignore_close()
        return payload

    def over(self) -> None:
        """The connection is gone."""
        super().over()
        self._playing.gone(self._reel)

    def _reached_by(self, event: object) -> list[Fault]:
        if isinstance(event, Flush) and not self._ended:
            return self.reach(Point.FLUSH)
        if isinstance(event, EndOfStream) and not self._ended:
            self._ended = True
            self._ear.settle()
            return self.reach(Point.AFTER_END)
        return []

    @property
    def _heard_us(self) -> int:
        return self._bytes * 1_000_000 // (_BYTES_PER_SAMPLE * self._rate)

    def _found(self, spans: list[Span]) -> None:
        """The rest of a session begins where its first audio is in what was recorded."""
        if self._began_us is None and spans:
            found = next((s for s in spans if s.track is not None and s.exact), None)
            before_us = self._reel.part.before_us
            at_us = round(found.start * 1e6) - before_us if found else self._reel.broke_off_at_us
            self._began_us = max(0, at_us)
            self._reel.resume_at(self._began_us)

    def _say_all(self, said: Iterable[Said | Reached]) -> None:
        # Points of the recording are marked where they were in the recording.
        super()._say_all([one for one in said if not isinstance(one, Reached)])

    # --- the server -----------------------------------------------------------------------

    def _play(self) -> None:
        """Do what is due, and come again when more is."""
        connection = self._connection
        now = connection.now
        while step := self._reel.due(now):
            # Behind a close frame nothing comes but the end.
            if not (connection.is_open or (connection.is_closing and isinstance(step.entry, End))):
                break
            self._reel.played()
            self._perform(step)
        due = self._reel.next_due
        if due is not None and due > now and self._wakes_at != due:
            self._wakes_at = due
            connection.later(due - now, self._play)

    def _perform(self, step: Step) -> None:
        connection, entry = self._connection, step.entry
        if step.point is not None:
            self._say(Reached(step.point))
        elif isinstance(entry, RecordedMessage):
            if connection.is_open:
                self._say_recorded(step, entry)
        elif self._mouth.is_muted:  # a stalled recogniser does not come round for the end
            return
        elif isinstance(entry, Close):
            self._close(entry)
        elif isinstance(entry, Ping):
            connection.emit(ping_bytes(step.data))
        elif isinstance(entry, Bytes):
            connection.emit(step.data)
        elif isinstance(entry, Fin):
            connection.finish(linger=None)
        elif isinstance(entry, End):
            fail_as(connection, entry, step.linger_us)

    def _say_recorded(self, step: Step, entry: RecordedMessage) -> None:
        connection = self._connection
        event = self._in_this_session(step.event)
        if event is None:
            if not self._mouth.is_muted and connection.send_message(step.payload):
                connection.note("sent", event="other", text=_start_of(step.payload))
            return
        self._step = step if event is step.event else None
        if entry.frames and self._step is not None:
            connection.fragment_next(entry.frames)
        if isinstance(event, Ready) and not self._ready:
            self._greet()
            return
        if isinstance(event, SessionEnded) and not self._is_answered():
            return
        if isinstance(event, SpeechStarted):
            self._said_utterances += 1
        about = isinstance(event, (Transcript, SpeechStarted, SpeechEnded))
        number = max(0, self._said_utterances - 1)
        if isinstance(event, (SessionEnded, Ready)):
            self._mouth.say(Said(event))
        else:
            self._say(Said(event, connection.stream, number) if about else Said(event))
        self._step = None

    def _is_answered(self) -> bool:
        """Whether the session goes on to its end, now that all has been said."""
        if self._ended and not self._said_ends:
            self._said_ends = True
            faults = self.reach(Point.AFTER_END_ANSWER)
            if self._apply_endings(faults):
                return False
            self._apply_all(faults)
            if any(fault.id == "mute-after-end" for fault in faults):
                self._mouth.mute()
                return False
            late = sum(fault.seconds for fault in faults if fault.id == "late-close")
            if late:
                self._reel.hold(self._connection.now + late)
        return True

    def _close(self, entry: Close) -> None:
        if not self._connection.is_open or not self._is_answered():
            return
        for fault in self.reach(Point.CLOSING):
            if fault.kind.family is Family.ENDING:
                self._connection.apply(fault)
                return
        self._closes = True
        self._connection.close(entry.code, entry.reason)

    def _write(self, event: ServerEvent, view: View) -> list[Message]:
        """What was recorded, as it was; anything else as the dialect says it."""
        step = self._step
        if step is not None and (event is step.event or isinstance(event, Ready)):
            return [step.payload]
        return super()._write(event, view)

    def _in_this_session(self, event: ServerEvent | None) -> ServerEvent | None:
        """``event`` with its times counted from where this session began, and no earlier words."""
        shift = (self._began_us or 0) * 1e-6
        if not shift or event is None:
            return event
        if isinstance(event, Transcript):
            words = tuple(
                w._replace(start=round(w.start - shift, 3), end=round(w.end - shift, 3))
                for w in event.words
                if w.start + w.end >= 2 * shift
            )
            text = " ".join(w.text for w in words) if len(words) < len(event.words) else event.text
            return replace(
                event,
                text=text,
                words=words,
                start=max(0.0, round(event.start - shift, 3)),
                end=max(0.0, round(event.end - shift, 3)),
            )
        if isinstance(event, (SpeechStarted, SpeechEnded)):
            return replace(event, at=max(0.0, round(event.at - shift, 3)))
        return event


def _encore_of(speech: Speech) -> Speech:
    return replace(speech, utterances=speech.utterances[speech.core :], core=0)


def _start_of(message: Message) -> str:
    return message[:80] if isinstance(message, str) else f"{len(message)} bytes"
