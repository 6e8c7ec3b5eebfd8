"""WebSocket frames of an open connection (RFC 6455): the client's come in, ours are built.

Nearly everything that clients send is a whole message in one short frame, fifty times a second and
stream. Such frames are taken apart here; ``websockets``' protocol object, whose generators take
several times as long, parses and judges everything else. What it would answer by itself is thrown
away: it has parsed everything it was given before the first frame is handled, so its answers would
come in another order when the same bytes arrive in other pieces. Pongs and close frames are built
here instead, when their turn comes, and so are frames it would refuse to build.
"""

from __future__ import annotations

import websockets.frames
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import State as ProtocolState
from websockets.server import ServerProtocol

from sttkit.dialects.model import Message

_MAX_REASON_BYTES = 123
_FIN = 0x80
_MASKED = 0x80
_LONG = 0x10000
_TWO_BYTES_OF_LENGTH = 126
_PLAIN = {_FIN | opcode: opcode for opcode in Opcode if opcode is not Opcode.CONT}
"""Opcodes by the first byte of a frame that is a whole message or a control frame (5.2)."""
_BINARY, _TEXT = Opcode.BINARY, Opcode.TEXT  # members of an enum take long to look up
_LONG_HEAD = 8
"""Bytes before the payload of a frame with two bytes of length and a mask."""
_AUDIO = bytes((_FIN | Opcode.BINARY, _MASKED | _TWO_BYTES_OF_LENGTH))
# Not documented, but no other way leads to the compiled one.
_unmasked = websockets.frames.apply_mask  # type: ignore[attr-defined]


Arrived = tuple[Opcode, bytes]
"""A control frame or a whole message: what it is, and its payload."""


class ClientFrames:
    """What the client sends on an open connection.

    Args:
        protocol: of the connection, after the handshake.
    """

    def __init__(self, protocol: ServerProtocol) -> None:
        assert protocol.state is ProtocolState.OPEN
        self._protocol = protocol
        self._parts: list[Frame] = []
        self._plain = True  # so far every frame was a plain one
        self._rest = b""  # the beginning of one

    def receive(self, data: bytes) -> list[Arrived]:
        """The control frames and whole messages that ``data`` completes, in order."""
        if self._rest:
            data, self._rest = self._rest + data, b""
        start, size = 0, len(data)
        if (  # a single message of audio, as nearly always
            self._plain
            and data.startswith(_AUDIO)
            and size == _LONG_HEAD + int.from_bytes(data[2:4], "big")
        ):
            return [(_BINARY, _unmasked(data[_LONG_HEAD:], data[4:_LONG_HEAD]))]
        whole: list[Arrived] = []
        while self._plain and start < size:
            opcode = _PLAIN.get(data[start])
            at = start + 2
            length = data[start + 1] if at <= size else _MASKED
            if opcode is None or not _MASKED <= length <= _MASKED | _TWO_BYTES_OF_LENGTH:
                self._plain = False
                break
            length &= ~_MASKED
            if length == _TWO_BYTES_OF_LENGTH:
                length = int.from_bytes(data[at : at + 2], "big")
                at += 2
            end = at + 4 + length
            if end > size:
                self._rest = data[start:]
                break
            if opcode is _BINARY or opcode is _TEXT:
                whole.append((opcode, _unmasked(data[at + 4 : end], data[at : at + 4])))
            else:
                whole += self._judged(data[start:end])
                self._plain = self._protocol.state is ProtocolState.OPEN
            start = end
        if not self._plain:
            whole += self._judged(data[start:])
        return whole

    def _judged(self, data: bytes) -> list[Arrived]:
        """The same by the protocol object, which begins between two frames."""
        protocol = self._protocol
        protocol.receive_data(data)
        protocol.data_to_send()
        whole: list[Arrived] = []
        for event in protocol.events_received():
            if not isinstance(event, Frame):
                continue
            if event.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT) or (
                event.fin and not self._parts
            ):
                whole.append((event.opcode, bytes(event.data)))
            else:
                self._parts.append(event)
                if event.fin:
                    whole.append(self._assembled())
        return whole

    def _assembled(self) -> Arrived:
        parts, self._parts = self._parts, []
        return parts[0].opcode, b"".join(part.data for part in parts)

    @property
    def violation(self) -> Close | None:
        """Close code and reason for a client that broke the protocol; it is heard no more."""
        if self._plain or self._protocol.parser_exc is None:
            return None
        return self._protocol.close_sent


def message_bytes(message: Message, frames: tuple[int, ...] = ()) -> bytes:
    """A whole message, in one frame or in ``frames`` of such payload sizes (5.4).

    Text may hold what is no valid UTF-8.
    """
    if isinstance(message, str):
        opcode, payload = Opcode.TEXT, message.encode("utf-8", "surrogatepass")
    else:
        opcode, payload = Opcode.BINARY, message
    if len(frames) < 2 or sum(frames) != len(payload):
        return _serialized(opcode, payload)
    out = b""
    for index, size in enumerate(frames):
        piece, payload = payload[:size], payload[size:]
        last = index == len(frames) - 1
        out += Frame(Opcode.CONT if index else opcode, piece, fin=last).serialize(mask=False)
    return out


def ping_bytes(payload: bytes) -> bytes:
    """A ping (5.5.2)."""
    return _serialized(Opcode.PING, payload)


def pong_bytes(payload: bytes) -> bytes:
    """The answer to a ping (5.5.3)."""
    return _serialized(Opcode.PONG, payload)


def close_bytes(payload: bytes) -> bytes:
    """A close frame with this body (5.5.1)."""
    return _serialized(Opcode.CLOSE, payload)


def close_payload(code: int, reason: str) -> bytes:
    """The body of a close frame with any code, the reason cut to what fits."""
    text = reason.encode()[:_MAX_REASON_BYTES].decode("utf-8", "ignore")
    return code.to_bytes(2, "big") + text.encode()


def _serialized(opcode: Opcode, payload: bytes) -> bytes:
    size = len(payload)
    if size >= _LONG:
        return Frame(opcode, payload).serialize(mask=False)
    if size >= _TWO_BYTES_OF_LENGTH:
        return bytes((_FIN | opcode, _TWO_BYTES_OF_LENGTH, size >> 8, size & 0xFF)) + payload
    return bytes((_FIN | opcode, size)) + payload
