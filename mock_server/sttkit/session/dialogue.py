"""What the two sides say to each other on one open connection.

Client messages become events, audio goes to the recogniser, and what it says goes out through the
dialect - past the faults that sit at the point each message marks. Points are reached here, in the
order of the catalogue; the connection carries out the faults that are not about messages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from websockets.frames import Close

from sttkit.dialects.model import Message, Opening, View
from sttkit.events import (
    Acknowledged,
    Audio,
    ClientEvent,
    Config,
    EndOfStream,
    Final,
    Flush,
    Interim,
    Keepalive,
    Ready,
    ServerEvent,
    SpeechStarted,
    Unintelligible,
)
from sttkit.faults import Family, Fault, Point
from sttkit.recogniser import Reached, Recogniser, Said
from sttkit.session.ear import Ear, EngineEar, KnownSpeech
from sttkit.session.engine import Failure
from sttkit.session.messages import malformed
from sttkit.session.mouth import Mouth

if TYPE_CHECKING:
    from sttkit.session.connection import Connection

_EARLY = "early-message"
"""The one fault at the greeting that comes before it."""


class Dialogue:
    """One session in dialect-free terms.

    Args:
        connection: carries messages, timers and endings.
        opening: what the door let in.
    """

    def __init__(self, connection: Connection, opening: Opening) -> None:
        self._connection = connection
        self._line = connection.line
        self._dialect = connection.line.dialect
        self._read = self._dialect.read
        self._facts = self._dialect.facts
        self._config: dict[str, object] = dict(opening.config)
        self._view = View(f"session-{connection.number}", self._config)
        self._counts: Counter[Point] = Counter()
        self._interims = 0
        self._utterances = 0
        self._rate = opening.sample_rate
        self._mouth = Mouth(connection, self._write, self._view)
        self._ear = self._make_ear()
        self._ready = False
        self._ended = False
        self._last_heard = connection.now

    # --- beginning ------------------------------------------------------------------------

    def begin(self) -> None:
        """The handshake was answered."""
        if self._facts.idle_limit is not None:
            self._connection.later(self._facts.idle_limit, self._check_idle)
        if self._facts.session_limit is not None:
            seconds, error = self._facts.session_limit
            self._connection.later(seconds, lambda: self._say_failure(error))
        if self._facts.greeting != "on-config":
            self._connection.note("config", values=self._noted_config())
        self._apply_all(self.reach(Point.UPGRADED))
        if self._facts.greeting == "on-connect":
            self._greet()
        elif self._facts.greeting == "never":
            self._become_ready()

    def over(self) -> None:
        """The connection is gone; note the audio that was still held back."""
        self._ear.over()

    def _make_ear(self) -> Ear:
        engine = self._line.engine
        if engine is None:
            recogniser = Recogniser(
                self._line.tracks,
                signals_end=self._facts.signals_end,
                answers_empty_flush=self._facts.answers_empty_flush,
                late_transcripts=self._facts.late_transcripts,
                endpointing=self._facts.endpointing,
            )
            return KnownSpeech(self._connection, recogniser, self._say_all)
        return EngineEar(self._connection, engine, self._facts, self._say_all, self._fail)

    def reply_to(self, close: Close, payload: bytes) -> bytes:
        """The client closes; returns the body of the close frame that answers it."""
        return payload

    def _write(self, event: ServerEvent, view: View) -> list[Message]:
        """The messages that say an event."""
        return self._dialect.write(event, view)

    def _greet(self) -> None:
        faults = self.reach(Point.GREETING)
        if any(fault.id == "no-greeting" for fault in faults):
            self._mouth.mute()  # whatever a client says that does not wait for it
            return
        endings = [fault for fault in faults if fault.kind.family is Family.ENDING]
        if endings:  # they come instead of the greeting
            self._apply_all(endings)
            return
        self._apply_all([fault for fault in faults if fault.id == _EARLY])
        self._mouth.say(Said(Ready()), faults)
        self._apply_all([fault for fault in faults if fault.id != _EARLY])
        self._become_ready()

    def _become_ready(self) -> None:
        if self._ready or not self._connection.is_open:
            return
        self._ready = True
        self._connection.note("ready")
        self._apply_all(self.reach(Point.BEFORE_AUDIO))

    # --- hearing --------------------------------------------------------------------------

    def hear(self, message: Message) -> None:
        """A whole client message arrived."""
        event = self._read(message, self._view)
        if isinstance(event, Audio):
            self._last_heard = self._connection.now
            if not self._ended:
                pcm, view = event.pcm, self._view
                seconds = len(pcm) / 2 / self._rate
                view.heard_s += seconds
                view.unflushed_s += seconds
                view.chunk_bytes = len(pcm)
                self._ear.hear(pcm, self._rate)
            return
        self._note_control(event, message)
        if isinstance(event, Keepalive):
            self._last_heard = self._connection.now
            self._mouth.say(Said(Acknowledged("keepalive")))
        elif isinstance(event, Config):
            self._configure(event)
        elif isinstance(event, Flush) and not self._ended:
            self._hear_flush()
        elif isinstance(event, EndOfStream) and not self._ended:
            self._hear_end()
        elif isinstance(event, Unintelligible):
            self._say_failure(event.error or self._facts.bad_message, event.reason)

    def _note_control(self, event: ClientEvent, message: Message) -> None:
        """Note what the client says besides audio."""
        text = message if isinstance(message, str) else f"{len(message)} bytes"
        what = _CONTROL[type(event)]
        self._connection.note("control", what=what, text=self._line.trace.redact(text[:500]))

    def _configure(self, config: Config) -> None:
        first = not self._config
        self._config.update(config.values)
        self._rate = self._dialect.rate_of(self._config)
        self._connection.note("config", values=self._noted_config())
        if objection := self._ear.objection(self._config, self._rate):
            self._say_failure(self._facts.bad_message, objection)
        elif first and self._facts.greeting == "on-config":
            self._ear.begin(self._config, self._rate, self._greet)
        else:
            self._mouth.say(Said(Acknowledged("config")))

    def _hear_flush(self) -> None:
        faults = self.reach(Point.FLUSH)
        if self._apply_endings(faults):
            return
        self._view.unflushed_s = 0.0
        self._mouth.say(Said(Acknowledged("flush")))
        self._ear.flush()

    def _hear_end(self) -> None:
        self._ended = True
        self._ear.settle()
        if not self._connection.is_open:
            return
        faults = self.reach(Point.AFTER_END)
        if self._apply_endings(faults):
            return
        if any(fault.id == "mute-after-end" for fault in faults):
            self._mouth.mute()
        if self._mouth.is_muted:  # a stalled recogniser does not come round for the end
            return
        late = sum(fault.seconds for fault in faults if fault.id == "late-final")
        self._soon(late, self._answer_end)

    def _answer_end(self) -> None:
        self._ear.end(self._end_answered)

    def _end_answered(self) -> None:
        if not self._connection.is_open:
            return
        faults = self.reach(Point.AFTER_END_ANSWER)
        if self._apply_endings(faults):
            return
        self._apply_all(faults)
        if any(fault.id == "mute-after-end" for fault in faults):
            self._mouth.mute()
            return
        late = sum(fault.seconds for fault in faults if fault.id == "late-close")
        self._soon(late, lambda: self._end_session(faults))

    def _end_session(self, faults: list[Fault]) -> None:
        self._mouth.say(self._ear.session_end())
        if any(fault.id == "final-after-end" for fault in faults):
            self._mouth.say(Said(Final("afterthought")), [], after_end=True)
        for fault in self.reach(Point.CLOSING):
            if fault.kind.family is Family.ENDING:
                self._connection.apply(fault)
                return
        self._connection.close(1000, "")

    def _soon(self, delay: float, then: Callable[[], None]) -> None:
        def if_open() -> None:
            if self._connection.is_open:
                then()

        if delay > 0:
            self._connection.later(delay, if_open)
        else:
            if_open()

    # --- saying ---------------------------------------------------------------------------

    def _say_all(self, said: Iterable[Said | Reached]) -> None:
        for one in said:
            if self._connection.is_open:  # until a fault has ended it
                self._say(one)

    def _say(self, said: Said | Reached) -> None:
        if isinstance(said, Reached):
            faults = self.reach(said.point)
            # No message marks this point, so an edit waits for the next message.
            self._mouth.edit_next(faults)
            self._apply_all(faults)
            return
        event = said.event
        if isinstance(event, SpeechStarted):
            self._interims = 0
            self._view.utterance = self._utterances
            self._utterances += 1
        point: Point | None = None
        n = 0
        if isinstance(event, Interim):
            self._interims += 1
            point, n = Point.MID_UTTERANCE, self._interims
        elif isinstance(event, Final) and event.text:
            self._counts[Point.AFTER_FINAL] += 1
            point, n = Point.AFTER_FINAL, self._counts[Point.AFTER_FINAL]
        faults = self._due(point, n) if point is not None else []
        self._mouth.say(said, faults)
        if point is not None:
            self._mark(point, n, faults)
            self._apply_all(faults)

    def _say_failure(self, name: str | None, reason: str | None = None) -> None:
        """The error ``name`` of the provider, with the reason where the provider gives one."""
        if name is not None:
            self._mouth.say_failure(name, self._dialect.errors[name], reason)

    def _fail(self, failure: Failure) -> None:
        """The engine did not do what it was asked."""
        self._connection.note("engine-failed", reason=failure.text)
        if failure.kind == "busy":
            self._say_failure(self._facts.overloaded)
            self._connection.close(1013, "try again later")
        else:
            self._connection.close(1011, "the recogniser failed")

    # --- points and faults ----------------------------------------------------------------

    def reach(self, point: Point) -> list[Fault]:
        """The next occurrence of ``point`` on this connection, and the faults that sit there."""
        self._counts[point] += 1
        n = self._counts[point]
        faults = self._due(point, n)
        self._mark(point, n, faults)
        return faults

    def _due(self, point: Point, n: int) -> list[Fault]:
        return self._line.plan.due(point, n, self._connection.number)

    def _mark(self, point: Point, n: int, faults: list[Fault]) -> None:
        connection = self._connection
        for fault in faults:
            self._line.note_fault(fault, point, n, connection.number, connection.stream)
        connection.note("point", point=point.value, n=n)

    def _apply_endings(self, faults: list[Fault]) -> bool:
        endings = [fault for fault in faults if fault.kind.family is Family.ENDING]
        self._apply_all(endings)
        return bool(endings)

    def _apply_all(self, faults: list[Fault]) -> None:
        for fault in faults:
            if fault.id == "stall":
                self._mouth.mute()
            elif fault.id == "bad-times":
                self._mouth.lie_about_times()
            elif fault.id == "retract":
                self._mouth.withhold_said()
                self._ear.retract()
            elif fault.id == "provider-error":
                self._say_failure(str(fault.param) or next(iter(self._dialect.errors)))
            else:
                if fault.id == "unasked-end":
                    self._mouth.say(self._ear.session_end())
                noise = malformed(fault.id, self._dialect, self._view_of(fault))
                self._mouth.say_anyway(fault.id, noise)
                self._connection.apply(fault)

    def _view_of(self, fault: Fault) -> View:
        """What a fault's messages are written with: noise is an utterance of its own."""
        if fault.id != "empty-transcript":
            return self._view
        self._utterances += 1
        return replace(self._view, utterance=self._utterances - 1)

    # --- idleness -------------------------------------------------------------------------

    def _check_idle(self) -> None:
        limit = self._facts.idle_limit
        assert limit is not None
        due_in = self._last_heard + limit - self._connection.now
        if due_in > 1e-6 and self._connection.is_open:
            self._connection.later(due_in, self._check_idle)
        elif not self._ended and self._connection.reads:
            # A server that stopped reading has not noticed that nothing comes.
            self._connection.close(*self._facts.idle_close)

    def _noted_config(self) -> dict[str, object]:
        redact = self._line.trace.redact
        return {
            key: redact(value) if isinstance(value, str) else value
            for key, value in self._config.items()
        }


_CONTROL: dict[type, str] = {
    Config: "config",
    Keepalive: "keepalive",
    Flush: "flush",
    EndOfStream: "end",
    Unintelligible: "unintelligible",
}
"""Names of what a client says besides audio, as they are noted."""
