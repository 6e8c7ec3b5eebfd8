"""One direction of a WebSocket, taken apart into messages and control frames (RFC 6455, 5.2).

    frames = Frames("client", listener)
    frames.receive(data, at_us)              # as it passes; the listener is told what it holds

What is no frame is told as bytes, and so is everything behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import Protocol

from websockets.frames import apply_mask  # type: ignore[attr-defined]  # in C, if it can be

from sttkit.cassette.model import Side

TEXT, BINARY, CONT, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
_OPCODES = frozenset({TEXT, BINARY, CONT, CLOSE, PING, PONG})
_USUAL = b"\x82\xfe"
"""How a whole masked binary frame of 126 to 65,535 bytes begins."""
_WHOLE_TEXT = 0x81
"""How a whole text frame begins."""
MAX_MESSAGE_BYTES = 64 << 20
"""A message that is longer is kept as bytes, piece by piece, and not gathered in memory."""


class Listener(Protocol):
    """Is told what a direction holds."""

    def on_message(
        self, side: Side, opcode: int, data: bytes, frames: tuple[int, ...], at_us: int
    ) -> bool:
        """A whole message; false if it is not valid."""
        ...

    def on_control(self, side: Side, opcode: int, data: bytes, at_us: int) -> bool:
        """A control frame; false if it is not valid."""
        ...

    def on_stray(self, side: Side, data: bytes, at_us: int) -> None:
        """Bytes that are no frame."""


def alike(pieces: Sequence[bytes], begin: int) -> list[bytes]:
    """The payloads of the pieces from ``begin`` on, as long as each is one frame like the first.

    That is a whole masked binary frame of a usual size: nearly all of a session is audio, and these
    lines are a good part of what it costs to record one.
    """
    head, size = pieces[begin][:4], len(pieces[begin])
    if head[:2] != _USUAL or not 133 < size == 8 + int.from_bytes(head[2:], "big"):
        return []
    same = pieces[begin:] if begin else pieces
    sizes = list(map(len, same))
    if sizes.count(size) < len(sizes):
        same = same[: next(at for at, other in enumerate(sizes) if other != size)]
    whole = b"".join(same)
    # The same byte of each piece in a row: how many of them are as in the first.
    rows = [(whole[at::size], head[at : at + 1]) for at in range(4)]
    whole = whole[: size * min(len(row) - len(row.lstrip(first)) for row, first in rows)]
    unmasked = Struct(f"4x4s{size - 8}s").iter_unpack(whole)
    return [apply_mask(payload, mask) for mask, payload in unmasked]


def texts_of(data: bytes) -> list[bytes]:
    """The payloads of what is whole unmasked text frames and nothing else; none if it is not.

    Answers of a server mostly come so: one in each read, or as many as there was no time to read.
    """
    texts: list[bytes] = []
    at, count = 0, len(data)
    while at + 2 <= count and data[at] == _WHOLE_TEXT:
        size = data[at + 1]
        at += 2
        if size == 126:
            size = int.from_bytes(data[at : at + 2], "big")
            at += 2
            if size < 126:
                return []
        elif size > 126:
            return []
        texts.append(data[at : at + size])
        at += size
    return texts if at == count else []


class Frames:
    """Takes one direction apart.

    Most reads are one whole frame: nothing is copied for those but the payload.

    Args:
        side: whose bytes these are.
        listener: is told what they hold.
        is_stray: whether they are known to be no frames.
    """

    def __init__(self, side: Side, listener: Listener, *, is_stray: bool = False) -> None:
        self._listener = listener
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
        """Bytes passed."""
        if self._is_stray:
            self._listener.on_stray(self._side, data, at_us)
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
            self._listener.on_stray(self._side, bytes(self._raw) + rest, at_us)
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
        is_control = opcode >= CLOSE
        if (
            first & 0x70
            or opcode not in _OPCODES
            or second & 0x80 != self._mask_bit
            or (is_control and (not fin or size > 125))
            or (not is_control and (opcode == CONT) != bool(self._parts))
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
            is_valid = self._listener.on_control(self._side, opcode, payload, at_us)
        elif fin and not self._parts:
            is_valid = self._listener.on_message(self._side, opcode, payload, (), at_us)
        else:
            is_valid = self._gather(opcode, payload, data[begin : begin + whole], fin != 0, at_us)
        return whole if is_valid else self._stray()

    def _gather(self, opcode: int, payload: bytes, frame: bytes, fin: bool, at_us: int) -> bool:
        """A frame of a message in several; false if it makes the message an invalid one."""
        if opcode != CONT:
            self._opcode = opcode
        if fin:
            parts = [*self._parts, payload]
            sizes = tuple(map(len, parts))
            whole = b"".join(parts)
            if not self._listener.on_message(self._side, self._opcode, whole, sizes, at_us):
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
