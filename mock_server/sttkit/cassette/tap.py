"""From the bytes on a connection to the entries of a cassette, without touching either.

    tap = Tap(writer.open(at_us, origin))
    tap.receive("client", data, at_us)      # as they pass
    tap.receive("server", data, at_us)
    tap.shut("server", at_us)               # FIN, while the other direction goes on
    tap.ended("reset", "client", at_us)     # how the transport ended

A tap sees one interaction, in the order in which its owner saw the bytes. What RFC 6455 does not
allow is kept as bytes, and so is everything behind it in that direction. A plain HTTP exchange is
over with its answer: what comes then on a connection that is kept alive is for another tap.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

import h11
from websockets.frames import apply_mask  # type: ignore[attr-defined]  # in C, if it can be

from sttkit.cassette.model import How, Pairs, Side
from sttkit.cassette.writing import InteractionWriter

Transport = Literal["fin", "reset", "silence"]
"""How a transport can end."""
Piece = tuple[Side, bytes, int]
"""Bytes that passed, who sent them, and when."""

_TEXT, _BINARY, _CONT, _CLOSE, _PING, _PONG = 1, 2, 0, 8, 9, 10
_OPCODES = frozenset({_TEXT, _BINARY, _CONT, _CLOSE, _PING, _PONG})
_USUAL = b"\x82\xfe"
"""How a whole masked binary frame of 126 to 65,535 bytes begins."""
MAX_HEAD_BYTES = 65_536
MAX_MESSAGE_BYTES = 64 << 20
"""A message that is longer is kept as bytes, piece by piece, and not gathered in memory."""
UNANSWERED_US = 1_000_000
"""A server that leaves a ping unanswered for so long, until its client gives up, fell silent."""


class Tap:
    """Listens in on one connection.

    Args:
        writer: of the interaction.
    """

    def __init__(self, writer: InteractionWriter) -> None:
        self._writer = writer
        self._heads: dict[Side, bytearray] = {"client": bytearray(), "server": bytearray()}
        self._frames: dict[Side, _Frames] = {}
        self._exchange: _Exchange | None = None
        self._is_upgrade = False
        self._status: int | None = None
        self._closed: list[Side] = []
        self._shut: list[Side] = []
        self._asked = b""
        """The request of an upgrade, to understand an answer that is none."""
        self._pinged_us: int | None = None
        """When the client sent a ping that nothing has come after."""
        self._is_over = False

    @property
    def is_over(self) -> bool:
        """Whether the interaction has ended."""
        return self._is_over

    @property
    def is_closed(self) -> bool:
        """Whether both sides have sent close frames."""
        return len(set(self._closed)) == 2

    def receive_all(self, pieces: Sequence[Piece]) -> Sequence[Piece]:
        """Several pieces passed; returns those that are for another tap (see `is_over`)."""
        take_audio, is_between = self._writer.binary, self._is_between_messages
        for number, (side, data, at_us) in enumerate(pieces):
            # Nearly all of a session is audio, a whole frame of it in each piece: these few lines
            # are a third of what it costs to record one.
            if (
                data.startswith(_USUAL)
                and side == "client"
                and is_between
                and 133 < len(data) == 8 + (data[2] << 8 | data[3])
            ):
                take_audio(at_us, apply_mask(data[8:], data[4:8]))
            elif self._is_over and side == "client":
                return pieces[number:]
            else:
                self.receive(side, data, at_us)
                is_between = self._is_between_messages
        return ()

    @property
    def _is_between_messages(self) -> bool:
        """Whether the next byte of the client begins a message."""
        frames = self._frames.get("client")
        return frames is not None and frames.is_between_messages and not self._is_over

    def receive(self, side: Side, data: bytes, at_us: int) -> None:
        """Bytes passed, sent by ``side``."""
        if self._is_over:
            return
        if side == "server":
            self._pinged_us = None
        if self._exchange is not None:
            self._exchange.receive(side, data, at_us)
            self._answered(at_us)
        elif side in self._frames:
            self._frames[side].receive(data, at_us)
        else:
            self._receive_head(side, data, at_us)

    def shut(self, side: Side, at_us: int) -> None:
        """``side`` sent FIN, and the other direction goes on."""
        if self._is_over or side in self._shut:
            return
        self._shut.append(side)
        if self._exchange is not None and side == "server":
            self._exchange.receive_end()
            self._answered(at_us)
        # Behind both close frames a FIN is what has to come.
        if not self._is_over and not self.is_closed:
            self._writer.fin(at_us, side)

    def ended(self, how: Transport, by: Side, at_us: int) -> None:
        """The transport ended: ``by`` sent FIN first or RST, or fell silent."""
        if self._is_over:
            return
        self._end(at_us, *self._ending(how, by, at_us))

    def _end(self, at_us: int, how: How, by: Side) -> None:
        self._is_over = True
        self._writer.end(at_us, how, by)

    def _answered(self, at_us: int) -> None:
        if self._exchange is not None and self._exchange.is_answered:
            self._end(at_us, "status" if self._is_upgrade else "answered", "server")

    def _ending(self, how: Transport, by: Side, at_us: int) -> tuple[How, Side]:
        if how == "fin" and self.is_closed:
            return "close", self._closed[0]
        is_answered = self._status is not None or (
            self._exchange is not None and self._exchange.is_begun
        )
        if not is_answered and (by == "client" or how == "silence"):
            # Whoever waits for an answer in vain has to give up at some time.
            return "no-answer", "server"
        pinged_us = self._pinged_us
        if by == "client" and pinged_us is not None and at_us - pinged_us >= UNANSWERED_US:
            return "silence", "server"
        return how, by

    def _receive_head(self, side: Side, data: bytes, at_us: int) -> None:
        head = self._heads[side]
        head += data
        end = head.find(b"\r\n\r\n")
        if end < 0:
            if len(head) > MAX_HEAD_BYTES:
                self._frames[side] = _Frames(self, side, is_stray=True)
                self._frames[side].receive(bytes(head), at_us)
            return
        whole, rest = bytes(head[: end + 4]), bytes(head[end + 4 :])
        if side == "client":
            self._request(whole, rest, at_us)
        else:
            self._response(whole, rest, at_us)

    def _request(self, head: bytes, rest: bytes, at_us: int) -> None:
        line, headers = _parsed(head)
        method, _, target = line.partition(" ")
        target = target.rpartition(" ")[0] or target
        self._is_upgrade = any(n.lower() == "upgrade" and "websocket" in v for n, v in headers)
        try:
            split = urlsplit(target)
            path, query = split.path, parse_qsl(split.query, keep_blank_values=True)
        except ValueError:
            path, query = target, []
        self._writer.request(at_us, method, path, query, headers)
        if not self._is_upgrade:
            self._exchange = _Exchange(self._writer)
            self._exchange.begin(head + rest, at_us)
        else:
            self._frames["client"] = _Frames(self, "client")
            self._asked = head
            if rest:
                self._frames["client"].receive(rest, at_us)

    def _response(self, head: bytes, rest: bytes, at_us: int) -> None:
        line, headers = _parsed(head)
        _, _, said = line.partition(" ")
        code, _, reason = said.partition(" ")
        self._status = int(code) if code.isdecimal() and 100 <= int(code) <= 999 else 999
        if self._status == 101:
            self._writer.response(at_us, self._status, reason, headers)
            self._frames["server"] = _Frames(self, "server")
            if rest:
                self._frames["server"].receive(rest, at_us)
            return
        self._exchange = _Exchange(self._writer)
        self._exchange.refuse(self._asked, head + rest, at_us)
        self._answered(at_us)

    # --- what the parsers say -------------------------------------------------------------

    def on_message(
        self, side: Side, opcode: int, data: bytes, frames: tuple[int, ...], at_us: int
    ) -> bool:
        """A whole message; false if it is no valid text."""
        if opcode == _BINARY:
            self._writer.message(at_us, side, data, frames)
            return True
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return False
        self._writer.message(at_us, side, text, frames)
        return True

    def on_control(self, side: Side, opcode: int, data: bytes, at_us: int) -> bool:
        """A control frame; false if it is not valid."""
        if opcode == _PING:
            if side == "client" and self._pinged_us is None:
                self._pinged_us = at_us
            self._writer.ping(at_us, side, data)
        elif opcode == _PONG:
            self._writer.pong(at_us, side, data)
        else:
            if len(data) == 1:
                return False
            try:
                reason = data[2:].decode()
            except UnicodeDecodeError:
                return False
            code = int.from_bytes(data[:2], "big") if data else None
            if code == 1005:  # forbidden on the wire, and the sign for an empty body here
                return False
            self._writer.close(at_us, side, code, reason)
            self._closed.append(side)
        return True

    def on_stray(self, side: Side, data: bytes, at_us: int) -> None:
        """Bytes that are no frame."""
        self._writer.stray(at_us, side, data)


class _Frames:
    """Takes one direction apart (RFC 6455, 5.2).

    Most reads are one whole frame: nothing is copied for those but the payload.
    """

    def __init__(self, tap: Tap, side: Side, *, is_stray: bool = False) -> None:
        self._tap = tap
        self._side: Side = side
        self._mask_bit = 0x80 if side == "client" else 0
        self._begun = bytearray()
        """The beginning of a frame."""
        self._needed = 0
        """Its size, as far as it is known."""
        self._parts: list[bytes] = []
        self._opcode = 0
        self._raw = bytearray()
        """The frames of the message that is being gathered."""
        self._is_stray = is_stray

    @property
    def is_between_messages(self) -> bool:
        """Whether the next byte begins a message."""
        return not (self._begun or self._parts or self._is_stray)

    def receive(self, data: bytes, at_us: int) -> None:
        if self._is_stray:
            self._tap.on_stray(self._side, data, at_us)
            return
        if self._begun:
            self._begun += data
            if len(self._begun) < self._needed:
                return
            data = bytes(self._begun)
            self._begun.clear()
        at, size = 0, len(data)
        while at < size:
            taken = self._take_frame(data, at, at_us)
            if not taken:
                break
            at += taken
        if at == size:
            return
        rest = data[at:]
        if self._is_stray:
            self._tap.on_stray(self._side, bytes(self._raw) + rest, at_us)
        else:
            self._begun += rest

    def _take_frame(self, data: bytes, begin: int, at_us: int) -> int:
        """Take the frame that begins there; returns its size, 0 if it is not whole or none."""
        there = len(data) - begin
        if there < 2:
            return self._wait_for(2)
        first, second = data[begin], data[begin + 1]
        opcode, fin = first & 0x0F, first & 0x80
        size = second & 0x7F
        head = 2
        if size > 125:
            head = 4 if size == 126 else 10
            if there < head:
                return self._wait_for(head)
            size = int.from_bytes(data[begin + 2 : begin + head], "big")
            if size < 126 or (head == 10 and not 65_535 < size < 1 << 63):
                return self._stray()
        is_control = opcode >= _CLOSE
        if (
            first & 0x70
            or opcode not in _OPCODES
            or second & 0x80 != self._mask_bit
            or (is_control and (not fin or size > 125))
            or (not is_control and (opcode == _CONT) != bool(self._parts))
            or len(self._raw) + size > MAX_MESSAGE_BYTES
        ):
            return self._stray()
        if self._mask_bit:
            head += 4
        whole = head + size
        if there < whole:
            return self._wait_for(whole)
        payload = data[begin + head : begin + whole]
        if self._mask_bit and payload:
            payload = apply_mask(payload, data[begin + head - 4 : begin + head])
        if is_control:
            is_valid = self._tap.on_control(self._side, opcode, payload, at_us)
        elif fin and not self._parts:
            is_valid = self._tap.on_message(self._side, opcode, payload, (), at_us)
        else:
            is_valid = self._gather(opcode, payload, data[begin : begin + whole], fin != 0, at_us)
        return whole if is_valid else self._stray()

    def _gather(self, opcode: int, payload: bytes, frame: bytes, fin: bool, at_us: int) -> bool:
        """A frame of a message in several; false if it makes the message an invalid one."""
        if opcode != _CONT:
            self._opcode = opcode
        if fin:
            parts = [*self._parts, payload]
            sizes = tuple(map(len, parts))
            if not self._tap.on_message(self._side, self._opcode, b"".join(parts), sizes, at_us):
                return False
            self._parts.clear()
            self._raw.clear()
        else:
            self._parts.append(payload)
            self._raw += frame
        return True

    def _wait_for(self, size: int) -> int:
        self._needed = size
        return 0

    def _stray(self) -> int:
        self._is_stray = True
        return 0


class _Exchange:
    """A plain HTTP request and its answer."""

    def __init__(self, writer: InteractionWriter) -> None:
        self._writer = writer
        self._requests = h11.Connection(h11.SERVER)
        self._answers = h11.Connection(h11.CLIENT)
        self._is_stray = False
        self._is_asked = False
        self._is_told = False
        self.is_begun = False
        """Whether an answer has begun."""

    @property
    def is_answered(self) -> bool:
        """Whether both sides have said all."""
        return self._is_asked and self._is_told

    def begin(self, data: bytes, at_us: int) -> None:
        self.receive("client", data, at_us)

    def refuse(self, asked: bytes, answer: bytes, at_us: int) -> None:
        """An upgrade was asked for, and answered otherwise."""
        self.receive("client", asked, at_us)
        self.receive("server", answer, at_us)

    def receive_end(self) -> None:
        """FIN of the server, which may be how an answer ends."""
        try:
            self._answers.receive_data(b"")
            self._is_told = self._is_told or isinstance(
                self._answers.next_event(), h11.EndOfMessage
            )
        except (h11.RemoteProtocolError, h11.LocalProtocolError):
            return  # in the middle of it

    def receive(self, side: Side, data: bytes, at_us: int) -> None:
        if self._is_stray:
            self._writer.stray(at_us, side, data)
            return
        parser = self._requests if side == "client" else self._answers
        try:
            parser.receive_data(data)
            while True:
                event = parser.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    return
                self._take(side, event, at_us)
        except (h11.RemoteProtocolError, h11.LocalProtocolError):
            self._is_stray = True
            self._writer.stray(at_us, side, data)

    def _take(self, side: Side, event: object, at_us: int) -> None:
        if isinstance(event, h11.Request):
            # The parser of the answer has to know what was asked.
            self._answers.send(event)
        elif isinstance(event, h11.Response):
            self.is_begun = True
            headers = _pairs(event.headers.raw_items())
            self._writer.response(at_us, event.status_code, event.reason.decode("latin-1"), headers)
        elif isinstance(event, h11.Data):
            self._writer.body(at_us, side, bytes(event.data))
            if side == "client":
                self._answers.send(event)
        elif isinstance(event, h11.EndOfMessage):
            if side == "client":
                self._answers.send(h11.EndOfMessage())
                self._is_asked = True
            else:
                self._is_told = True


def _parsed(head: bytes) -> tuple[str, Pairs]:
    first, *rest = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    pairs = [line.partition(":") for line in rest]
    return first, tuple((name, value.strip()) for name, _, value in pairs)


def _pairs(items: object) -> Pairs:
    assert isinstance(items, list)
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in items)
