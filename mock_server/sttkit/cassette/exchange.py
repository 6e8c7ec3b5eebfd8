"""A plain HTTP request and its answer, as they pass."""

from __future__ import annotations

import h11

from sttkit.cassette.model import Pairs, Side
from sttkit.cassette.writing import InteractionWriter


class Exchange:
    """Takes one exchange down.

    Args:
        writer: of the interaction.
    """

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
        """The client asks."""
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
        """Bytes passed, sent by ``side``."""
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


def _pairs(items: object) -> Pairs:
    assert isinstance(items, list)
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in items)
