"""One accepted connection as a state machine.

Rules: everything that changes the state goes through `_enter`, which looks the step up in
`TRANSITIONS`; everything in and out goes through one delay line per direction, endings included, so
that a toxic acts on all traffic alike and what was sent before an ending arrives before it; what
the client observes does not depend on how its bytes were cut into pieces.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

from sttkit.cassette.tape import Part
from sttkit.dialects.model import Message, Opening, Request
from sttkit.faults import Fault
from sttkit.session.actions import Action, Drop, Reset, Resume, Send, Shut, StopReading
from sttkit.session.batch import BatchExchange
from sttkit.session.delay import DelayLine, DelayModel
from sttkit.session.dialogue import Dialogue
from sttkit.session.door import Door
from sttkit.session.effects import apply_to
from sttkit.session.engine import Answer, OpenQuestions, Work
from sttkit.session.frames import ClientFrames, close_bytes, close_payload, message_bytes
from sttkit.session.handshake import noted_request
from sttkit.session.line import Line
from sttkit.session.playback import Playback
from sttkit.session.recorded import fail_as
from sttkit.session.state import TRANSITIONS, State
from sttkit.session.websocket import WebSocketExchange

CLOSE_TIMEOUT_S = 2.0
"""How long the server waits for the client's close frame before it drops the connection."""

_END_OF_DATA = b""
"""On its way in like any data: the client shut its direction."""

_OPEN, _CLOSING = State.OPEN, State.CLOSING
"""Members of an enum take long to look up, and every message asks."""

_MOST_PIECES = 4096
"""Of one write: a megabyte byte by byte would keep the client's loop from turning, in no time."""


class Connection:
    """One connection: give it bytes and the time, carry out its `actions`.

    Args:
        line: what it shares with the other connections of its client.
        now: time of the accept, seconds of any clock that does not go back.

    Attributes:
        line: as passed.
        state: where it stands.
        stream: whose audio was heard last.
        now: time of the current call.
    """

    def __init__(self, line: Line, now: float) -> None:
        self.line = line
        self.state = State.HEAD
        self.stream: str | None = None
        self.now = now
        self._actions: list[Action] = []
        model = DelayModel(line.script.network.latency, line.script.network.jitter)
        self._out: DelayLine[Action] = DelayLine(model, line.rng.random)
        self._in: DelayLine[bytes] = DelayLine(model, line.rng.random)
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._timer_ids = itertools.count()
        self._piece_bytes: int | None = None
        self._next_frames: tuple[int, ...] = ()
        self.door: Door = self._make_door()
        self._dialogue: Dialogue | None = None
        self._websocket: WebSocketExchange | None = None
        self._batch: BatchExchange | None = None
        self._lost_how: str | None = None
        self._lost_by = "server"
        self._reads = True
        self._questions: OpenQuestions | None = None
        if line.engine is not None:
            self._questions = OpenQuestions(self._act, line.engine.limits.behind_bytes)
            self.later(line.engine.limits.request_s, self._give_up_waiting)
        self._client_left = False
        self.is_distrusted = False
        self.ignores_close = False
        self.number, faults = line.begin_attempt()
        for fault in faults:
            self.apply(fault)
        silent = line.playing.take_silent() if line.playing is not None and not faults else None
        if silent is not None:
            fail_as(self, silent.end)

    def _make_door(self) -> Door:
        return Door(self)

    # --- what a shell calls ---------------------------------------------------------------

    def receive_data(self, data: bytes, now: float) -> None:
        """Bytes arrived."""
        self.now = now
        if not self._in.is_direct:
            self._in.put(data, now, size=len(data))
        elif self.state is _OPEN and self._websocket is not None:  # nearly always
            self._websocket.receive(data)
        else:
            self._receive(data)

    def receive_eof(self, now: float) -> None:
        """The client shut its direction."""
        self.now = now
        if self._in.is_direct:
            self._receive_end()
        else:
            self._in.put(_END_OF_DATA, now)

    def lost(self, now: float, how: str) -> None:
        """The transport is gone: ``how`` is reset, fin or abort, as the shell saw it."""
        self.now = now
        if self.state is State.GONE:
            return
        if how == "fin":  # what the client sent before is still on its way in, and arrives
            for data in self._in.take(math.inf):
                if data:
                    self._receive(data)
        ending = self._lost_how is not None or self.state in (State.CLOSING, State.SHUT)
        by = self._lost_by if ending else "client"
        self.note("lost", by=by, how=self._lost_how or how)
        if self._dialogue is not None:
            self._dialogue.over()
        self._enter(State.GONE)

    def receive_answer(self, answer: Answer, now: float) -> None:
        """The engine has done the oldest piece of work it was asked for."""
        self.now = now
        if self._questions is not None and self.state is not State.GONE:
            self._questions.receive(answer)

    def advance_to(self, now: float) -> None:
        """Time passed; do what was due."""
        self.now = now
        for data in self._in.take(now):
            if data:
                self._receive(data)
            else:
                self._receive_end()
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2]()

    def next_deadline(self) -> float | None:
        """When `advance_to` has to be called next, or None."""
        due = self._timers[0][0] if self._timers else None
        if self._in.is_direct and self._out.is_direct:
            return due
        for at in (self._in.next_due, self._out.next_due):
            if at is not None and (due is None or at < due):
                due = at
        return due

    def actions(self) -> Sequence[Action]:
        """What the shell has to do now, in order."""
        arrived = () if self._out.is_direct else self._out.take(self.now)
        if not self._actions:
            return arrived
        taken, self._actions = self._actions, []
        taken.extend(arrived)
        return taken

    @property
    def is_open(self) -> bool:
        """Whether messages can be exchanged."""
        return self.state is _OPEN

    @property
    def is_closing(self) -> bool:
        """Whether a close frame was sent or received."""
        return self.state is State.CLOSING

    @property
    def sees_end(self) -> bool:
        """Whether the client holds the connection, or this side would not notice that it left."""
        return self._reads and self.state is not State.DARK and not self._client_left

    # --- what the dialogue and the exchanges call -----------------------------------------

    def note(self, kind: str, **data: object) -> None:
        """A record of this connection."""
        self.line.trace.add("server", kind, self.number, self.stream, data)

    def later(self, delay: float, then: Callable[[], None]) -> None:
        """Call ``then`` after ``delay`` seconds, unless the connection is gone by then."""

        def if_alive() -> None:
            if self.state is not State.GONE:
                then()

        heapq.heappush(self._timers, (self.now + delay, next(self._timer_ids), if_alive))

    def send_message(self, message: Message) -> bool:
        """Send a whole message; False if the connection does not take any more."""
        if self.state is not _OPEN:
            return False
        frames, self._next_frames = self._next_frames, ()
        self.emit(message_bytes(message, frames))
        return True

    def ask(self, work: Work, then: Callable[[Answer], None]) -> None:
        """Have the engine do ``work``, and call ``then`` with what it says."""
        assert self._questions is not None
        self._questions.ask(work, then)

    def fragment_next(self, frames: tuple[int, ...]) -> None:
        """Send the next message in frames of these payload sizes."""
        self._next_frames = frames

    def close(self, code: int | None, reason: str = "") -> None:
        """Begin the close handshake (RFC 6455, 7.1.2); without a code, the frame is empty."""
        if self.state is State.OPEN:
            self._send_close(code, reason)
            self._enter(State.CLOSING)
            self.later(CLOSE_TIMEOUT_S, lambda: self.drop("close"))

    def apply(self, fault: Fault) -> None:
        """Carry out a fault that acts on the connection, not on single messages."""
        if self.state in (State.HEAD, State.OPEN, State.CLOSING):
            apply_to(self, fault)

    def fail(self, code: int, reason: str) -> None:
        """Close at once, as a server does for a client that breaks the protocol (7.1.7)."""
        if self.state is State.OPEN:
            self._send_close(code, reason)
        self.drop("close")

    def answer_close(self, payload: bytes) -> None:
        """The client has begun the close handshake: answer it, unless its frame is ignored."""
        self._enter(State.CLOSING)
        if self.ignores_close:
            self._lost_by = "client"
        else:
            self.emit(close_bytes(payload))
            self.drop("close")

    def _send_close(self, code: int | None, reason: str) -> None:
        self.note("close-sent", code=1005 if code is None else code, reason=reason)
        self.emit(close_bytes(b"" if code is None else close_payload(code, reason)))

    # --- receiving ------------------------------------------------------------------------

    def _receive(self, data: bytes) -> None:
        state = self.state
        if state is _OPEN or state is _CLOSING:
            assert self._websocket is not None
            self._websocket.receive(data)
        elif state is State.HEAD:
            rest = self.door.receive(data)
            if rest:  # an impatient client sends frames before it has seen the answer
                self._receive(rest)
        elif state is State.HTTP:
            assert self._batch is not None
            self._batch.receive(data)

    def become_http(self, head: bytes) -> None:
        """The first request is a plain one."""
        self._enter(State.HTTP)
        self._batch = BatchExchange(self)
        self._batch.receive(head)

    def become_open(
        self, frames: ClientFrames | None, opening: Opening | None, part: Part | None = None
    ) -> None:
        """The handshake was answered with 101; without an opening there is nobody to talk.

        ``frames`` takes apart what the client sends, where that is a WebSocket's; ``part`` is a
        recorded interaction to be played.
        """
        self._enter(State.OPEN)
        if opening is not None:
            self._dialogue = (
                Dialogue(self, opening) if part is None else Playback(self, opening, part)
            )
        if frames is not None:
            self._websocket = WebSocketExchange(self, frames, self._dialogue)
        if self._dialogue is not None:
            self._dialogue.begin()

    def note_request(self, request: Request) -> None:
        """Note an HTTP request, without the values that authenticate it."""
        noted = noted_request(request, self.line.trace.redact)
        if request.path in self.line.dialect.steps:
            noted["step"] = True
        self.note("request", **noted)

    def _give_up_waiting(self) -> None:
        """The client has had time enough to bring its request."""
        brings = self.state is State.HTTP and self._batch is not None and self._batch.is_reading
        if self.state is State.HEAD or brings:
            self.drop("abort")

    def _receive_end(self) -> None:
        if self.state in (State.DARK, State.GONE):
            return
        self.note("eof")
        self._client_left = True
        # A client that has shut its direction and gets no more answer from us is done with.
        if self.state in (State.HEAD, State.HTTP, State.OPEN):
            self._lost_by = "client"
        closing = self.state is State.CLOSING and self._lost_by == "server"
        self.drop("close" if closing else "fin")

    # --- sending --------------------------------------------------------------------------

    def emit(self, data: bytes) -> None:
        """Send bytes, whatever they say."""
        size = self._piece_bytes
        if size is None:
            self._do(Send(data), len(data))
            return
        size = max(size, -(-len(data) // _MOST_PIECES))
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            self._do(Send(piece, apart=True), len(piece))

    def _do(self, action: Action, size: int = 0) -> None:
        if self._out.is_direct:
            self._actions.append(action)
        else:
            self._out.put(action, self.now, size=size)

    def _act(self, action: Action) -> None:
        """Ask something of the shell that the client sees nothing of."""
        if not isinstance(action, Resume) or self._reads:
            self._actions.append(action)

    def drop(self, how: str) -> None:
        """Send FIN and be done with it."""
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
        """From now on swallow everything and say nothing."""
        self._enter(State.DARK)

    def reset(self) -> None:
        """End with RST."""
        self._do(Reset())
        self._end_as("reset")

    def finish(self, *, linger: float | None) -> None:
        """Send FIN without a close frame; the socket follows after ``linger`` seconds, or never."""
        self._do(Shut())
        if linger is None:
            self._enter(State.SHUT)
        else:
            self._end_as("fin")
            self.later(linger, lambda: self._do(Drop()))

    def ignore_close(self) -> None:
        """Leave the client's close frame, when it comes, without an answer."""
        self.ignores_close = True

    def stop_reading(self) -> None:
        """Leave what the client sends in its socket buffers."""
        self._reads = False
        self._do(StopReading())

    @property
    def reads(self) -> bool:
        """Whether the server still reads what the client sends."""
        return self._reads

    def set_pieces(self, size: int) -> None:
        """Send in pieces of ``size`` bytes from now on."""
        self._piece_bytes = size

    def distrust(self) -> None:
        """The client is not to trust the certificate, which is for the world below to show."""
        self.is_distrusted = True

    def hold(self, seconds: float) -> None:
        """Let nothing out for so long."""
        self._out.hold(self.now + seconds)

    @property
    def directions(self) -> tuple[DelayLine[Any], DelayLine[Any]]:
        """To the client and from it; their models may be changed."""
        return self._out, self._in

    def _end_as(self, how: str) -> None:
        if self._lost_how is None:
            self._lost_how = how
        if self.state is not State.SHUT:
            self._enter(State.SHUT)
