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

from sttkit.cassette.exchange import Exchange
from sttkit.cassette.frames import BINARY, PING, PONG, Frames, alike, texts_of
from sttkit.cassette.model import How, Pairs, Side
from sttkit.cassette.writing import InteractionWriter

Transport = Literal["fin", "reset", "silence"]
"""How a transport can end."""

MAX_HEAD_BYTES = 65_536
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
        self._frames: dict[Side, Frames] = {}
        self._exchange: Exchange | None = None
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

    def receive_all(self, side: Side, pieces: Sequence[bytes], times: Sequence[int]) -> int:
        """Several pieces passed, sent by ``side``; ``times`` is when each did.

        Returns how many were taken: what is left is for another tap (see `is_over`).
        """
        at, count = 0, len(pieces)
        while at < count:
            if side == "client":
                if self._is_over:
                    break
                if self._begins_message(side) and (payloads := alike(pieces, at)):
                    self._writer.binaries(times[at : at + len(payloads)], payloads)
                    at += len(payloads)
                    continue
            elif self._begins_message(side) and self._writer.answers(
                times[at], texts_of(pieces[at])
            ):
                self._pinged_us = None
                at += 1
                continue
            self.receive(side, pieces[at], times[at])
            at += 1
        return at

    def _begins_message(self, side: Side) -> bool:
        """Whether the next byte begins a message."""
        frames = self._frames.get(side)
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
                self._frames[side] = Frames(side, self, is_stray=True)
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
            self._exchange = Exchange(self._writer)
            self._exchange.begin(head + rest, at_us)
        else:
            self._frames["client"] = Frames("client", self)
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
            self._frames["server"] = Frames("server", self)
            if rest:
                self._frames["server"].receive(rest, at_us)
            return
        self._exchange = Exchange(self._writer)
        self._exchange.refuse(self._asked, head + rest, at_us)
        self._answered(at_us)

    # --- what the parsers say -------------------------------------------------------------

    def on_message(
        self, side: Side, opcode: int, data: bytes, frames: tuple[int, ...], at_us: int
    ) -> bool:
        """A whole message; false if it is no valid text."""
        if opcode == BINARY:
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
        if opcode == PING:
            if side == "client" and self._pinged_us is None:
                self._pinged_us = at_us
            self._writer.ping(at_us, side, data)
        elif opcode == PONG:
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


def _parsed(head: bytes) -> tuple[str, Pairs]:
    first, *rest = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    pairs = [line.partition(":") for line in rest]
    return first, tuple((name, value.strip()) for name, _, value in pairs)
