"""A strict client and the server's state machine, joined by hand: no sockets, no real time.

    stage = Stage(faults.reset(at="after-final"))
    caller = stage.call()
    caller.speak(until=2.0)
    caller.end()
    stage.wait(10)
    assert caller.reset

A `Stage` is one listener's line with a clock that only tests move; a `Caller` is one connection to
it. The client side is ``websockets``' own protocol object, which judges what it receives by RFC
6455; what the server does to the transport is carried out as a shell would do it.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State as ProtocolState
from websockets.uri import parse_uri

from sttkit import Placed, Script, Speech, script, speech
from sttkit.cassette.tape import Tape
from sttkit.dialects import load_dialect
from sttkit.dialects.model import Message
from sttkit.events import Final, Interim, ServerEvent
from sttkit.scripting.model import Network
from sttkit.session.actions import Ask, Drop, Pause, Reset, Resume, Send, Shut, StopReading
from sttkit.session.connection import Connection
from sttkit.session.engine import Answer, Engine, Failure, Work
from sttkit.session.line import Line
from sttkit.trace import Record, Trace
from tests.support.tongues import ALL_TONGUES

SAID = ("hello there friend", "how are you today")
FRAME_S = 0.02
PATIENCE_S = 2.0
FOREVER = 3600.0


class Stage:
    """A line and its callers, under one clock.

    Args:
        faults: of the script.
        said: what is said on the track ``main``.
        tracks: all tracks, if there are more than that one.
        engine: a recogniser whose answers the test gives, by `Caller.answer`.
        tape: a recording to be played.
    """

    def __init__(
        self,
        *faults: Placed,
        said: Speech | None = None,
        dialect: str = "custom_stt",
        network: Network | None = None,
        tracks: Mapping[str, Speech] | None = None,
        played: Script | None = None,
        engine: Engine | None = None,
        seed: int = 0,
        tape: Tape | None = None,
    ) -> None:
        self.now = 1000.0
        self.dialect = load_dialect(dialect)
        self.tongue = ALL_TONGUES[dialect]
        self.script = played or script(said or speech(*SAID), *faults, network=network, seed=seed)
        self.trace = Trace(lambda: self.now, secrets=("secret",))
        self.line = Line(
            self.script,
            self.dialect,
            tracks or {"main": self.script.speech},
            self.trace,
            Random(seed),
            engine,
            tape,
        )
        self.callers: list[Caller] = []

    def call(self, **options: Any) -> Caller:
        """A connection that has shaken hands and is configured, as far as the server lets it."""
        caller = self.dial(**options)
        caller.shake_hands()
        if caller.protocol.state is ProtocolState.CONNECTING:
            self.wait(PATIENCE_S)  # a slow handshake, or one that is never answered
        if self.tongue.config is not None:
            caller.send(self.tongue.config)
        if self.tongue.header:
            caller.send(self.tongue.header)
        return caller

    def dial(self, **options: Any) -> Caller:
        """A connection that has said nothing yet."""
        caller = Caller(self, **options)
        self.callers.append(caller)
        caller.carry_out()
        return caller

    def wait(self, seconds: float) -> None:
        """Let time pass, with all that is due meanwhile."""
        until = self.now + seconds
        while True:
            due = [(caller.connection.next_deadline(), caller) for caller in self.callers]
            alive = [(at, caller) for at, caller in due if at is not None and not caller.is_lost]
            at, caller = min(alive, key=lambda entry: entry[0], default=(None, None))
            if at is None or caller is None or at > until:
                break
            self.now = max(self.now, at)
            caller.connection.advance_to(self.now)
            caller.carry_out()
        self.now = until

    def records(self, kind: str, **data: object) -> list[Record]:
        """The records of a kind whose data holds these values."""
        return [
            record
            for record in self.trace
            if record.kind == kind and data.items() <= record.data.items()
        ]


class Caller:
    """One connection, seen from the client.

    Attributes:
        chunks: time and bytes of each write of the server.
        frames: time and frame of each frame that arrived.
        response: the answer to the handshake.
        eof, reset: how the server ended the connection, as far as it did.
        reading: whether the server still reads.
    """

    def __init__(
        self,
        stage: Stage,
        *,
        track: str = "main",
        target: str | None = None,
        headers: Mapping[str, str] | None = None,
        cut: Any = None,
    ) -> None:
        self._stage = stage
        self._track = track
        self._cut = cut  # cuts what is sent into pieces; None sends it whole
        tongue = stage.tongue
        uri = parse_uri("ws://server.test" + (target if target is not None else tongue.target))
        self.protocol = ClientProtocol(uri, max_size=2 << 20)
        self._headers = Headers(headers if headers is not None else tongue.headers)
        self.chunks: list[tuple[float, bytes]] = []
        self.frames: list[tuple[float, Frame]] = []
        self.response: Response | None = None
        self.eof = False
        self.reset = False
        self.reading = True
        self.paused = False
        self.questions: list[Work] = []
        self.is_lost = False
        self.spoken_s = 0.0
        self.connection = Connection(stage.line, stage.now)

    # --- what the client does -------------------------------------------------------------

    def shake_hands(self) -> None:
        request = self.protocol.connect()
        request.headers.update(self._headers)
        self.protocol.send_request(request)
        self._flush_out()

    def send(self, message: Message) -> None:
        """Send a message, if the client still can."""
        if self.protocol.state is not ProtocolState.OPEN:
            return
        if isinstance(message, str):
            self.protocol.send_text(message.encode())
        else:
            self.protocol.send_binary(message)
        self._flush_out()

    def speak(self, until: float, *, frame_s: float = FRAME_S) -> None:
        """Send the track's audio up to ``until`` seconds, frame by frame, at real pace."""
        tongue = self._stage.tongue
        pcm = self._stage.line.pcm(tongue.rate)[self._track]
        while self.spoken_s < until - 1e-9:
            following = min(until, self.spoken_s + frame_s)
            first, last = round(self.spoken_s * tongue.rate), round(following * tongue.rate)
            self.send(tongue.wrap(pcm[2 * first : 2 * last]))
            self._stage.wait(following - self.spoken_s)
            self.spoken_s = following

    def skip(self, to: float) -> None:
        """Go on with the audio elsewhere."""
        self.spoken_s = to

    def flush(self) -> None:
        self.send(self._stage.tongue.flush)

    def keepalive(self) -> None:
        self.send(self._stage.tongue.keepalive)

    def end(self) -> None:
        self.send(self._stage.tongue.end)

    def ping(self, payload: bytes = b"?") -> bool:
        """Whether a ping is answered at once."""
        if self.protocol.state is not ProtocolState.OPEN:
            return False
        before = self.pongs.count(payload)
        self.protocol.send_ping(payload)
        self._flush_out()
        return self.pongs.count(payload) == before + 1

    def close(self, code: int = 1000, reason: str = "") -> None:
        self.protocol.send_close(code, reason)
        self._flush_out()

    def hang_up(self) -> None:
        """Shut the client's direction."""
        self.connection.receive_eof(self._stage.now)
        self.carry_out()

    def write(self, data: bytes) -> None:
        """Send bytes, whatever they say."""
        for piece in self._cut(data) if self._cut else [data]:
            if self.reading and not self.is_lost:
                self.connection.receive_data(piece, self._stage.now)
                self.carry_out()

    # --- what the engine does -------------------------------------------------------------

    def answer(self, *events: ServerEvent, failure: Failure | None = None) -> None:
        """The engine answers the oldest question."""
        self.questions.pop(0)
        self.connection.receive_answer(Answer(events, failure), self._stage.now)
        self.carry_out()

    # --- what the client saw --------------------------------------------------------------

    @property
    def messages(self) -> list[Message]:
        return [message for _, message in self.timed_messages]

    @property
    def timed_messages(self) -> list[tuple[float, Message]]:
        kinds = (Opcode.TEXT, Opcode.BINARY)
        return [
            (
                at,
                bytes(f.data).decode("utf-8", "surrogatepass")
                if f.opcode is Opcode.TEXT
                else bytes(f.data),
            )
            for at, f in self.frames
            if f.opcode in kinds
        ]

    @property
    def events(self) -> list[ServerEvent]:
        """What the server said, as the dialect explains it."""
        return [event for _, event in self.timed_events]

    @property
    def timed_events(self) -> list[tuple[float, ServerEvent]]:
        explain = self._stage.dialect.explain
        explained = [(at, explain(message)) for at, message in self.timed_messages]
        return [(at, event) for at, event in explained if event is not None]

    @property
    def finals(self) -> list[str]:
        if not self._stage.tongue.by_word:
            return [event.text for event in self.events if isinstance(event, Final)]
        told: list[str] = []
        words: list[str] = []
        for event in self.events:
            if isinstance(event, Interim):
                words.append(event.text)
            elif isinstance(event, Final):
                told.append(" ".join(words))
                words.clear()
        return told

    @property
    def interims(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Interim)]

    @property
    def pongs(self) -> list[bytes]:
        return [bytes(frame.data) for _, frame in self.frames if frame.opcode is Opcode.PONG]

    @property
    def ended(self) -> bool:
        """Whether the client knows that the connection is over."""
        return self.eof or self.reset

    @property
    def close_code(self) -> int:
        """The close code as an application sees it."""
        received = self.protocol.close_rcvd
        return received.code if received is not None else 1006

    @property
    def close_reason(self) -> str:
        received = self.protocol.close_rcvd
        return received.reason if received is not None else ""

    @property
    def raw(self) -> bytes:
        """All that arrived."""
        return b"".join(data for _, data in self.chunks)

    # --- the shell ------------------------------------------------------------------------

    def carry_out(self) -> None:
        """Do what the server asks of its transport."""
        while not self.is_lost and (actions := self.connection.actions()):
            for action in actions:
                if isinstance(action, Send):
                    self._receive(action.data)
                elif isinstance(action, Shut):
                    self._receive_eof()
                elif isinstance(action, StopReading):
                    self.reading = False
                elif isinstance(action, (Pause, Resume)):
                    self.paused = isinstance(action, Pause)
                elif isinstance(action, Ask):
                    self.questions.append(action.work)
                elif isinstance(action, (Drop, Reset)):
                    self._lose(reset=isinstance(action, Reset))
                    return
            self.connection.advance_to(self._stage.now)

    def _receive(self, data: bytes) -> None:
        self.chunks.append((self._stage.now, data))
        if self.protocol.reader.eof:
            return
        self.protocol.receive_data(data)
        for event in self.protocol.events_received():
            if isinstance(event, Response):
                self.response = event
            elif isinstance(event, Frame):
                self.frames.append((self._stage.now, event))
        self._flush_out()

    def _receive_eof(self) -> None:
        self.eof = True
        self.protocol.receive_eof()
        self.protocol.data_to_send()

    def _lose(self, *, reset: bool) -> None:
        self.is_lost = True
        if reset:
            self.reset = True
            self.protocol.receive_eof()
        else:
            self._receive_eof()
        self.connection.lost(self._stage.now, "reset" if reset else "abort")

    def _flush_out(self) -> None:
        for data in self.protocol.data_to_send():
            if data:
                self.write(data)
