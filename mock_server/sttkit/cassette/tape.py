"""A cassette compiled into what a session plays.

Each thing the server did becomes a `Step` with a cue: the audio position the client had reached,
how much the client had said besides audio, and how long after the later of the two it came. So a
step survives another chunk size, another pace and a retry, and never comes before what led to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from sttkit.cassette.matching import Rules
from sttkit.cassette.meter import Meter
from sttkit.cassette.model import (
    AnyEntry,
    Audio,
    Body,
    Bytes,
    Carrier,
    Cassette,
    Close,
    End,
    Fin,
    Interaction,
    Message,
    Ping,
    Pong,
    Request,
    Response,
    query_of,
)
from sttkit.cassette.raw import dialect_of
from sttkit.cassette.redact import Redactor
from sttkit.cassette.steps import Step, with_points
from sttkit.dialects.model import Dialect
from sttkit.dialects.model import Message as Payload
from sttkit.dialects.model import Request as DialectRequest
from sttkit.errors import UsageError
from sttkit.events import (
    ClientEvent,
    Config,
    EndOfStream,
    Flush,
    Keepalive,
    Unintelligible,
)

Attempts = Literal["recorded", "continue"]

_WORDS: dict[type, str] = {
    Config: "config",
    Flush: "flush",
    EndOfStream: "end",
    Unintelligible: "message",
    Keepalive: "keepalive",
}


@dataclass(frozen=True)
class Timing:
    """When a step comes, once its cue is there: at once, or after the recorded time × ``scale``."""

    scale: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Timing:
        """``asap``, ``exact`` or ``scaled:X`` (X times as long as recorded).

        Raises:
            UsageError: it is none of these.
        """
        if text in ("asap", "exact"):
            return cls(float(text == "exact"))
        name, colon, factor = text.partition(":")
        try:
            scale = float(factor) if name == "scaled" and colon else -1.0
        except ValueError:
            scale = -1.0
        if not 0.0 <= scale <= 1000.0:
            raise UsageError(
                f"the timing {text!r}", expected="asap, exact, or scaled:X with X from 0 to 1000"
            )
        return cls(scale)


ASAP, EXACT = Timing(0.0), Timing(1.0)


@dataclass(frozen=True)
class Expected:
    """Something the client said besides audio.

    Attributes:
        what: config, flush, end, message or close.
        before_audio: whether it opened the session, and so has to come on each connection.
    """

    place: int
    at_us: int
    what: str
    payload: Payload
    before_audio: bool


@dataclass(frozen=True)
class Part:
    """One interaction, compiled.

    Attributes:
        began_us: when it began.
        request, response: of the handshake, or of a plain HTTP exchange.
        answer_after_us: how long after the request the response came.
        body: of the response.
        is_websocket: whether the request asks for an upgrade (or there is none to tell).
        steps: what the server did on the open connection, in order.
        expected: what the client said on it besides audio, in order.
        reply: the server's close frame that answers the client's; None if there is none.
        end: how it ended; None if it was going on when the recording ended.
        audio_us: how much audio the client sent in all.
        before_us: how much it had sent on the interactions before.
        place: of its first entry.
    """

    number: int
    began_us: int
    request: Request | None
    response: Response | None
    answer_after_us: int
    body: bytes
    is_websocket: bool
    steps: tuple[Step, ...]
    expected: tuple[Expected, ...]
    reply: Close | None
    end: End | None
    audio_us: int
    before_us: int
    place: int

    @property
    def is_open(self) -> bool:
        """Whether it became an open WebSocket."""
        return self.is_websocket and self.response is not None and self.response.status == 101


@dataclass(frozen=True)
class Tape:
    """A compiled cassette, and how it is to be played.

    Attributes:
        timing: when steps come.
        attempts: what a further attempt gets: the next interaction of the cassette, or the rest of
            one that was broken off, by audio position.
        rules: what is not compared.
        redactor: keeps secrets out of what is said about mismatches.
    """

    name: str
    dialect: Dialect
    parts: tuple[Part, ...]
    timing: Timing = ASAP
    attempts: Attempts = "recorded"
    rules: Rules = field(default_factory=Rules)
    redactor: Redactor = field(default_factory=Redactor)


def compiled(
    cassette: Cassette,
    *,
    timing: Timing = ASAP,
    attempts: Attempts = "recorded",
    rules: Rules | None = None,
    redactor: Redactor | None = None,
    until: int | None = None,
) -> Tape:
    """``cassette`` as it can be played; ``until`` is the last entry the server plays.

    Raises:
        UsageError: the cassette has no interactions, names a dialect that there is not, or lacks
            bytes that the server sent.
    """
    header = cassette.header
    dialect = dialect_of(header.dialect, header.sample_rate, where=f"{cassette.name}:1")
    parts: list[Part] = []
    before_us = 0
    for one in cassette.interactions():
        parts.append(_part(cassette, one, dialect, until, before_us))
        before_us += parts[-1].audio_us
    if not parts:
        raise UsageError("nothing is recorded", where=cassette.name, expected="an interaction")
    return Tape(
        cassette.name,
        dialect,
        tuple(parts),
        timing,
        attempts,
        (rules or Rules()).also(*dialect.volatile),
        redactor or Redactor(),
    )


def _part(
    cassette: Cassette, one: Interaction, dialect: Dialect, until: int | None, before_us: int
) -> Part:
    entries = list(zip(one.places, one.entries, strict=True))
    request, response = one.request, one.response
    body = b"".join(
        _data(cassette, entry, place)
        for place, entry in entries
        if isinstance(entry, Body) and entry.side == "server"
    )
    compiler = _Compiler(cassette, dialect, request)
    if one.is_websocket and response is not None:
        for place, entry in entries:
            compiler.take(place, entry)
    after_us = response.at_us - request.at_us if request and response else 0
    steps = [step for step in compiler.steps if until is None or step.place <= until]
    return Part(
        number=one.number,
        began_us=one.entries[0].at_us,
        request=request,
        response=response,
        answer_after_us=max(0, after_us),
        body=body,
        is_websocket=one.is_websocket,
        steps=tuple(with_points(steps, one.entries[-1].audio_us)),
        expected=tuple(compiler.expected),
        reply=compiler.reply,
        end=one.end,
        audio_us=one.entries[-1].audio_us,
        before_us=before_us,
        place=one.places[0],
    )


class _Compiler:
    """Goes through the entries of an open connection in their order."""

    def __init__(self, cassette: Cassette, dialect: Dialect, request: Request | None) -> None:
        self._cassette = cassette
        self._dialect = dialect
        self._meter = Meter(dialect)
        if request is not None:
            self._meter.knock(dialect_request(request))
        self._cause_us = 0
        self._ended = False
        self._client_closed = False
        self._server_closed = False
        self._last_of_server: AnyEntry | None = None
        self._last_place = 0
        self._is_shut = False
        self.steps: list[Step] = []
        self.expected: list[Expected] = []
        self.reply: Close | None = None

    def take(self, place: int, entry: AnyEntry) -> None:
        if isinstance(entry, Response):
            self._cause_us = entry.at_us
        elif isinstance(entry, Audio):
            self._cause_us = entry.at_us + sum(entry.gaps_us)
        elif isinstance(entry, End):
            self._end(place, entry)
        elif isinstance(entry, (Message, Ping, Pong, Close, Bytes, Fin)):
            if entry.side == "server":
                self._last_of_server, self._last_place = entry, place
                self._server(place, entry)
            elif not self._is_shut:  # a server that has sent FIN hears nothing
                self._client(place, entry)

    def _client(self, place: int, entry: Message | Ping | Pong | Close | Bytes | Fin) -> None:
        if isinstance(entry, Message):
            data = _data(self._cassette, entry, place)
            payload: Payload = data.decode() if entry.opcode == "text" else data
            event = self._meter.hear(payload)
            what = word_of(event)
            if what is None:
                return
            self._expect(place, entry, what, payload)
            self._ended = self._ended or what == "end"
        elif isinstance(entry, Close):
            self._expect(place, entry, "close", f"{entry.code or 1005} {entry.reason}".strip())
            self._client_closed = True
        else:
            return
        self._cause_us = entry.at_us

    def _expect(self, place: int, entry: AnyEntry, what: str, payload: Payload) -> None:
        self.expected.append(Expected(place, entry.at_us, what, payload, not entry.audio_us))

    def _server(self, place: int, entry: Message | Ping | Pong | Close | Bytes | Fin) -> None:
        if isinstance(entry, Pong):
            return  # whoever pings is answered
        if isinstance(entry, Close):
            if self._client_closed and not self._server_closed:
                self.reply = entry  # comes when the client has closed, and not by itself
                self._server_closed = True
                return
            self._server_closed = True
        data = _data(self._cassette, entry, place) if isinstance(entry, Carrier) else b""
        step = self._step(place, entry, entry)
        self._is_shut = self._is_shut or isinstance(entry, Fin)
        if isinstance(entry, Message):
            payload = replace(step, data=data).payload
            step = replace(step, event=self._dialect.explain(payload))
        self.steps.append(replace(step, data=data))

    def _end(self, place: int, entry: End) -> None:
        if entry.by == "client" or entry.how == "close":
            return  # whoever is closed closes; the state machine sees to it
        if entry.how == "silence":
            # The line fell silent after the last that was heard of the server, pongs included; what
            # the client said then reached nobody.
            self.expected = [one for one in self.expected if one.place < self._last_place]
            if not self._is_shut:
                self.steps.append(self._step(place, self._last_of_server or entry, entry))
        elif entry.how == "fin" and self.steps and isinstance(self.steps[-1].entry, Fin):
            self.steps[-1] = replace(self.steps[-1], entry=entry, linger_us=self._since_fin(entry))
        else:
            self.steps.append(self._step(place, entry, entry))

    def _since_fin(self, entry: End) -> int:
        assert self._last_of_server is not None
        return entry.at_us - self._last_of_server.at_us

    def _step(
        self,
        place: int,
        cue: AnyEntry,
        entry: Message | Ping | Pong | Close | Bytes | Fin | End,
    ) -> Step:
        return Step(
            place=place,
            audio_us=cue.audio_us,
            said=len(self.expected),
            delay_us=max(0, cue.at_us - self._cause_us),
            entry=entry,
        )


def word_of(event: ClientEvent) -> str | None:
    """What a client said, in a word; None for audio and signs of life, which are not compared."""
    word = _WORDS.get(type(event))
    return None if word == "keepalive" else word


def dialect_request(request: Request, body: bytes = b"") -> DialectRequest:
    """A recorded request as dialects see it."""
    headers = {name.lower(): value for name, value in request.headers}
    return DialectRequest(request.method, request.path, query_of(request.query), headers, body)


def _data(cassette: Cassette, entry: Carrier, place: int) -> bytes:
    data = cassette.data_of(entry)
    if data is None:
        if entry.side == "client":
            return b""
        raise UsageError(
            "what the server sent was left out",
            where=f"{cassette.name}:{place + 1}",
            expected="its bytes, here or beside the cassette",
        )
    return data
