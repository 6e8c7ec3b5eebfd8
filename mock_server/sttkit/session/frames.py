"""WebSocket frames of an open connection (RFC 6455): the client's come in, ours are built.

``websockets``' protocol object parses and judges the client's bytes. What it would answer by itself
is thrown away: it has parsed everything it was given before the first frame is handled, so its
answers would come in another order when the same bytes arrive in other pieces. Pongs and close
frames are built here instead, when their turn comes, and so are frames it would refuse to build.
"""

from __future__ import annotations

from websockets.frames import Close, Frame, Opcode
from websockets.protocol import State as ProtocolState
from websockets.server import ServerProtocol

from sttkit.dialects.model import Message

_MAX_REASON_BYTES = 123


class ClientFrames:
    """What the client sends on an open connection.

    Args:
        protocol: of the connection, after the handshake.
    """

    def __init__(self, protocol: ServerProtocol) -> None:
        assert protocol.state is ProtocolState.OPEN
        self._protocol = protocol
        self._parts: list[Frame] = []

    def receive(self, data: bytes) -> list[Frame]:
        """The control frames and whole messages that ``data`` completes, in order."""
        protocol = self._protocol
        protocol.receive_data(data)
        protocol.data_to_send()
        whole: list[Frame] = []
        for event in protocol.events_received():
            if not isinstance(event, Frame):
                continue
            if event.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT) or (
                event.fin and not self._parts
            ):
                whole.append(event)
            else:
                self._parts.append(event)
                if event.fin:
                    whole.append(self._assembled())
        return whole

    def _assembled(self) -> Frame:
        parts, self._parts = self._parts, []
        return Frame(parts[0].opcode, b"".join(part.data for part in parts))

    @property
    def violation(self) -> Close | None:
        """Close code and reason for a client that broke the protocol; it is heard no more."""
        return self._protocol.close_sent if self._protocol.parser_exc is not None else None


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
    return Frame(opcode, payload).serialize(mask=False)
