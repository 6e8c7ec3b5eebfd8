"""One accepted connection as a state machine.

Rules: everything that changes the state goes through `_enter`, which looks the step up in
`TRANSITIONS`; every byte out goes through one delay line, so a toxic on it acts on all traffic
alike; frames are built and parsed by ``websockets``' protocol object, except for the bytes that RFC
6455 forbids and it would refuse to build.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from enum import Enum
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import ProtocolError
from websockets.frames import Close, Frame, Opcode
from websockets.http11 import Request as UpgradeRequest
from websockets.protocol import SEND_EOF
from websockets.server import ServerProtocol

from sttkit.dialects.model import Message, Refusal, Request
from sttkit.faults import Family, Fault, Point
from sttkit.session.actions import Action, Drop, Reset, Send, Shut, StopReading
from sttkit.session.batch import BatchExchange
from sttkit.session.delay import DelayLine, LineModel
from sttkit.session.dialogue import Dialogue
from sttkit.session.effects import apply_to
from sttkit.session.handshake import WRONG_ACCEPT, refusal_bytes, refusal_of
from sttkit.session.line import Line
from sttkit.trace import REDACTED

MAX_HEAD_BYTES = 65_536
MAX_MESSAGE_BYTES = 4 << 20
CLOSE_TIMEOUT_S = 2.0
"""How long the server waits for the client's close frame before it drops the connection."""
LINGER_S = 0.05
"""Between FIN and the end of the socket when a process ends."""

_SECRET_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "xi-api-key"}
)


class State(Enum):
    """Where a connection stands."""

    HEAD = "waiting for the request"
    HTTP = "answering a plain HTTP request"
    OPEN = "WebSocket open"
    CLOSING = "close frame sent or received"
    DARK = "half-open: swallows everything, says nothing"
    SHUT = "FIN sent, nothing more is said"
    GONE = "the transport is gone"


TRANSITIONS: dict[State, frozenset[State]] = {
    State.HEAD: frozenset({State.HTTP, State.OPEN, State.DARK, State.SHUT, State.GONE}),
    State.HTTP: frozenset({State.DARK, State.SHUT, State.GONE}),
    State.OPEN: frozenset({State.CLOSING, State.DARK, State.SHUT, State.GONE}),
    State.CLOSING: frozenset({State.DARK, State.SHUT, State.GONE}),
    State.DARK: frozenset({State.GONE}),
    State.SHUT: frozenset({State.GONE}),
    State.GONE: frozenset(),
}


class Connection:
    """One connection: give it bytes and the time, carry out its `actions`.

    Args:
        line: what it shares with the other connections of its client.
        now: time of the accept, seconds of any clock that does not go back.
    """

    def __init__(self, line: Line, now: float) -> None:
        self.line = line
        self.state = State.HEAD
        self.stream: str | None = None
        self._now = now
        self._actions: list[Action] = []
        network = line.script.network
        self._out: DelayLine[Action] = DelayLine(
            LineModel(network.latency, network.jitter), line.rng.random
        )
        self._in: DelayLine[bytes] = DelayLine(
            LineModel(network.latency, network.jitter), line.rng.random
        )
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._timer_ids = itertools.count()
        self._piece_bytes: int | None = None
        self._head = bytearray()
        self._protocol = ServerProtocol(max_size=MAX_MESSAGE_BYTES)
        self._parts: list[Frame] = []
        self._dialogue: Dialogue | None = None
        self._batch: BatchExchange | None = None
        self._lost_how: str | None = None
        self._ignore_close = False
        self._answer_with: Fault | None = None
        self.number, faults = line.begin_attempt()
        for fault in faults:
            apply_to(self, fault)

    # --- what a shell calls ---------------------------------------------------------------

    def receive_data(self, data: bytes, now: float) -> None:
        """Bytes arrived."""
        self._now = now
        if self._in.is_direct:
            self._receive(data)
        else:
            self._in.put(data, now, size=len(data))

    def receive_eof(self, now: float) -> None:
        """The client shut its direction."""
        self._now = now
        if self.state in (State.DARK, State.GONE):
            return
        self.note("eof")
        # A client that has shut its direction and gets no more answer from us is done with.
        self._drop("fin")

    def lost(self, now: float, how: str) -> None:
        """The transport is gone: ``how`` is reset, fin or abort, as the shell saw it."""
        self._now = now
        if self.state is State.GONE:
            return
        by = "server" if self._lost_how else "client"
        self.note("lost", by=by, how=self._lost_how or how)
        if self._dialogue is not None:
            self._dialogue.over()
        self._enter(State.GONE)

    def advance_to(self, now: float) -> None:
        """Time passed; do what was due."""
        self._now = now
        for data in self._in.take(now):
            self._receive(data)
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2]()

    def next_deadline(self) -> float | None:
        """When `advance_to` has to be called next, or None."""
        due = [self._timers[0][0]] if self._timers else []
        due.extend(at for at in (self._in.next_due, self._out.next_due) if at is not None)
        return min(due, default=None)

    def actions(self) -> list[Action]:
        """What the shell has to do now, in order."""
        taken, self._actions = self._actions, []
        taken.extend(self._out.take(self._now))
        return taken

    @property
    def is_open(self) -> bool:
        """Whether the client could still use this connection."""
        return self.state in (State.HEAD, State.HTTP, State.OPEN, State.CLOSING)

    # --- what the dialogue calls ----------------------------------------------------------

    def now(self) -> float:
        """Time of the current call."""
        return self._now

    def note(self, kind: str, **data: object) -> None:
        """A record of this connection."""
        self.line.trace.note("server", kind, self.number, self.stream, **data)

    def later(self, delay: float, then: Callable[[], None]) -> None:
        """Call ``then`` after ``delay`` seconds, unless the connection is gone by then."""

        def if_alive() -> None:
            if self.state is not State.GONE:
                then()

        heapq.heappush(self._timers, (self._now + delay, next(self._timer_ids), if_alive))

    def send_message(self, message: Message) -> bool:
        """Send a whole message; False if the connection does not take any more."""
        if self.state is not State.OPEN:
            return False
        if isinstance(message, str):
            self._protocol.send_text(message.encode("utf-8", "surrogatepass"))
        else:
            self._protocol.send_binary(message)
        self._send_pending()
        return True

    def close(self, code: int, reason: str = "") -> None:
        """Begin the close handshake (RFC 6455, 7.1.2)."""
        if self.state is not State.OPEN:
            return
        self.note("close-sent", code=code, reason=reason)
        # Codes such as 1005 or 5000 are refused by the protocol object, and wanted here.
        payload = code.to_bytes(2, "big") + reason.encode()[:123]
        try:
            self._protocol.send_close(code, reason)
        except ProtocolError:
            self._emit(bytes([0x88, len(payload)]) + payload)
        self._send_pending()
        self._enter(State.CLOSING)
        self.later(CLOSE_TIMEOUT_S, lambda: self._drop("close"))

    def apply(self, fault: Fault) -> None:
        """Carry out a fault that acts on the connection, not on single messages."""
        if self.state in (State.HEAD, State.OPEN, State.CLOSING):
            apply_to(self, fault)

    def _refuse(
        self, status: int, message: str, extra: tuple[tuple[str, str], ...] = ()
    ) -> None:
        head, retry_after = refusal_bytes(self.line.dialect, status, message, extra)
        self.note("response", status=status, retry_after=retry_after)
        self._emit(head)
        self._drop("close")

    # --- receiving ------------------------------------------------------------------------

    def _receive(self, data: bytes) -> None:
        if self.state in (State.DARK, State.SHUT, State.GONE):
            return
        if self.state is State.HEAD:
            self._receive_head(data)
        elif self.state is State.HTTP:
            assert self._batch is not None
            self._batch.receive(data)
        else:
            self._receive_frames(data)

    def _receive_head(self, data: bytes) -> None:
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            if len(self._head) > MAX_HEAD_BYTES:
                self._drop("abort")
            return
        head = bytes(self._head)
        if b"upgrade: websocket" not in head[:end].lower():
            self._enter(State.HTTP)
            self._batch = BatchExchange(self)
            self._batch.receive(head)
            return
        self._protocol.receive_data(head)
        for event in self._protocol.events_received():
            if isinstance(event, UpgradeRequest):
                self._handshake(event)
        if self.state is State.HEAD:  # the protocol object could not make sense of it
            self._send_pending()
            self._drop("close")

    def _handshake(self, upgrade: UpgradeRequest) -> None:
        split = urlsplit(upgrade.path)
        request = Request(
            "GET",
            split.path,
            {
                key: tuple(values)
                for key, values in parse_qs(split.query, keep_blank_values=True).items()
            },
            {name.lower(): value for name, value in upgrade.headers.raw_items()},
        )
        self.note_request(request)
        if self._answer_with is not None and self._answer_with.id in ("http", "redirect"):
            status, message, extra = refusal_of(self._answer_with)
            self._refuse(status, message, extra)
            return
        opening = self.line.dialect.open(request)
        if isinstance(opening, Refusal):
            self._refuse(opening.status, opening.message)
            return
        response = self._protocol.accept(upgrade)
        if self._answer_with is not None and "Sec-WebSocket-Accept" in response.headers:
            del response.headers["Sec-WebSocket-Accept"]
            response.headers["Sec-WebSocket-Accept"] = WRONG_ACCEPT
        self._protocol.send_response(response)
        self.note("response", status=response.status_code)
        self._send_pending()
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            self._drop("close")
            return
        self._enter(State.OPEN)
        self._dialogue = Dialogue(self, opening)
        self._dialogue.begin()

    def note_request(self, request: Request) -> None:
        """Note an HTTP request, without the values that authenticate it."""
        headers = {
            name: REDACTED if name in _SECRET_HEADERS else self.line.trace.redact(value)
            for name, value in request.headers.items()
        }
        query = {
            key: [self.line.trace.redact(value) for value in values]
            for key, values in request.query.items()
        }
        self.note("request", method=request.method, path=request.path, query=query, headers=headers)

    def _receive_frames(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._receive_frame(event)
            if self.state not in (State.OPEN, State.CLOSING):
                return
        self._send_pending()

    def _receive_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.PING:
            self.note("ping")
        elif frame.opcode is Opcode.CLOSE:
            self._receive_close(Close.parse(frame.data))
        elif frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            if frame.fin and not self._parts:
                self._receive_message(frame.opcode, frame.data)
                return
            self._parts.append(frame)
            if frame.fin:
                parts, self._parts = self._parts, []
                whole = b"".join(bytes(part.data) for part in parts)
                self._receive_message(parts[0].opcode, whole)

    def _receive_message(self, opcode: Opcode, data: bytes | bytearray | memoryview) -> None:
        if self._dialogue is None or self.state is not State.OPEN:
            return
        raw = bytes(data)
        self._dialogue.hear(raw.decode("utf-8", "replace") if opcode is Opcode.TEXT else raw)

    def _receive_close(self, close: Close) -> None:
        self.note("close-received", code=close.code, reason=close.reason)
        if self.state is State.CLOSING:
            if not self._ignore_close:
                self._drop("close")
            return
        if self._ignore_close:
            self._protocol.data_to_send()  # the reply that the protocol object has ready
            return
        assert self._dialogue is not None
        for fault in self._dialogue.reach(Point.CLOSING):
            if fault.id == "no-close-reply":
                self._protocol.data_to_send()  # the reply that the protocol object has ready
                self._ignore_close = True
                return
            if fault.kind.family is Family.ENDING and fault.id != "close":
                self._protocol.data_to_send()
                self.apply(fault)
                return
        self._enter(State.CLOSING)
        self._send_pending()

    # --- sending --------------------------------------------------------------------------

    def _send_pending(self) -> None:
        for data in self._protocol.data_to_send():
            if data == SEND_EOF:
                self._drop("close")
            else:
                self._emit(data)

    def _emit(self, data: bytes) -> None:
        size = self._piece_bytes
        if size is None:
            self._do(Send(data), len(data))
            return
        for start in range(0, len(data), size):
            self._do(Send(data[start : start + size]), min(size, len(data) - start))

    def send_http(self, data: bytes, *, then_drop: bool) -> None:
        """Send bytes of an HTTP answer."""
        self._emit(data)
        if then_drop:
            self._drop("close")

    def _do(self, action: Action, size: int = 0) -> None:
        if self._out.is_direct:
            self._actions.append(action)
        else:
            self._out.put(action, self._now, size=size)

    def _drop(self, how: str) -> None:
        if self._lost_how is None and self.state not in (State.GONE, State.DARK):
            self._lost_how = how
            if self.state is not State.SHUT:
                self._enter(State.SHUT)
            self._do(Drop())

    def _enter(self, state: State) -> None:
        assert state in TRANSITIONS[self.state], f"{self.state} -> {state}"
        self.state = state

    # --- what effects are made of ---------------------------------------------------------

    def go_dark(self) -> None:
        """From now on swallow everything and say nothing; what was on its way is lost."""
        self._out.clear()
        self._actions.clear()
        self._enter(State.DARK)

    def reset(self) -> None:
        """End with RST."""
        self._out.clear()
        self._actions = [Reset()]
        self._end_as("reset")

    def finish(self, *, linger: float | None) -> None:
        """Send FIN without a close frame; the socket follows after ``linger`` seconds, or never."""
        self._do(Shut())
        if linger is None:
            self._enter(State.SHUT)
        else:
            self._end_as("fin")
            self.later(linger, lambda: self._do(Drop()))

    def emit_raw(self, data: bytes) -> None:
        """Send bytes that no protocol object would build."""
        self._emit(data)

    def ignore_close(self) -> None:
        """Leave the client's close frame, when it comes, without an answer."""
        self._ignore_close = True

    def stop_reading(self) -> None:
        """Leave what the client sends in its socket buffers."""
        self._do(StopReading())

    def set_pieces(self, size: int) -> None:
        """Send in pieces of ``size`` bytes from now on."""
        self._piece_bytes = size

    def hold(self, seconds: float) -> None:
        """Let nothing out for so long."""
        self._out.hold(self._now + seconds)

    @property
    def line_models(self) -> tuple[LineModel, LineModel]:
        """The models of both directions, to be changed in place."""
        return self._out.model, self._in.model

    def answer_handshake_with(self, fault: Fault) -> None:
        """Remember a fault that replaces the answer to the handshake."""
        self._answer_with = fault

    def _end_as(self, how: str) -> None:
        if self._lost_how is None:
            self._lost_how = how
        if self.state is not State.SHUT:
            self._enter(State.SHUT)
