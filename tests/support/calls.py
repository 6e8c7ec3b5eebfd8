"""A gRPC client and the state machine, joined by hand: no sockets, no grpcio, no real time.

call = Call("nvidia", faults.close(1011, at="after-final"))
call.speak([0.02])
assert call.status == (Status.INTERNAL, "internal error")
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import cycle
from random import Random

from sttkit import Placed, Speech, script, speech
from sttkit.dialects import load_dialect
from sttkit.dialects.protobuf import Schema, encode
from sttkit.events import Final, ServerEvent
from sttkit.session.actions import Drop, Reset, Send, Shut
from sttkit.session.calls import accept_on
from sttkit.session.envelope import Frames, Status, message_frame, request_head, status_in
from sttkit.session.line import Line
from sttkit.trace import Record, Trace
from tests.support.audio import chunks
from tests.support.caller import SAID

RATE = 16000
_CONFIG: dict[str, tuple[str, Mapping[str, object]]] = {
    "google": (
        "audio_content",
        {"streaming_config": {"config": {"sample_rate_hertz": RATE}, "interim_results": True}},
    ),
    "google_v2": (
        "audio",
        {
            "recognizer": "projects/p/locations/global/recognizers/_",
            "streaming_config": {
                "config": {"explicit_decoding_config": {"sample_rate_hertz": RATE}},
                "streaming_features": {
                    "interim_results": True,
                    "enable_voice_activity_events": True,
                },
            },
        },
    ),
    "nvidia": (
        "audio_content",
        {"streaming_config": {"config": {"sample_rate_hertz": RATE}, "interim_results": True}},
    ),
}
OVER_GRPC = tuple(_CONFIG)


def asks_of(dialect: str) -> Schema:
    """What the clients of a dialect send."""
    asks: Schema = __import__(f"sttkit.dialects.{dialect}", fromlist=["ASKS"]).ASKS
    return asks


class Call:
    """One call of a client.

    Attributes:
        messages: what the server sent.
        status: how it ended the call, or None; "reset" and "dropped" without a status.
    """

    def __init__(
        self,
        dialect: str,
        *faults: Placed,
        said: Speech | None = None,
        method: str | None = None,
    ) -> None:
        self.now = 1000.0
        self.dialect = load_dialect(dialect)
        played = script(said or speech(*SAID), *faults)
        self.trace = Trace(lambda: self.now)
        self.line = Line(
            played, self.dialect, {"main": played.speech}, self.trace, Random(played.seed)
        )
        self.connection = accept_on(self.line, self.now)
        self.messages: list[bytes] = []
        self.status: tuple[Status, str] | str | None = None
        self._headed = False
        self._frames = Frames()
        self._audio, self._config = _CONFIG[dialect]
        self._asks = asks_of(dialect)
        self.write(request_head(method or self.dialect.example, [("user-agent", "test")]))

    def configure(self) -> None:
        self.send(encode(self._asks, self._config))

    def speak(self, sizes: Iterable[float]) -> None:
        """Configure, and send the whole speech in chunks of these sizes in turn, seconds."""
        self.configure()
        counts = cycle(2 * max(1, round(size * RATE)) for size in sizes)
        for chunk in chunks(self.line.pcm(RATE)["main"], counts):
            self.send(encode(self._asks, {self._audio: chunk}))

    def send(self, message: bytes) -> None:
        self.write(message_frame(message))

    def half_close(self) -> None:
        if self.status is None:
            self.connection.receive_eof(self.now)
            self._carry_out()

    def cancel(self) -> None:
        self.connection.lost(self.now, "abort")

    def write(self, data: bytes) -> None:
        if self.status is None:
            self.connection.receive_data(data, self.now)
            self._carry_out()

    @property
    def events(self) -> list[ServerEvent]:
        explained = [self.dialect.explain(message) for message in self.messages]
        return [event for event in explained if event is not None]

    @property
    def finals(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Final)]

    def records(self, kind: str) -> list[Record]:
        return [record for record in self.trace if record.kind == kind]

    def _carry_out(self) -> None:
        for action in self.connection.actions():
            if isinstance(action, Send):
                self._receive(action.data)
            elif isinstance(action, (Drop, Reset, Shut)) and self.status is None:
                self.status = "reset" if isinstance(action, Reset) else "dropped"

    def _receive(self, data: bytes) -> None:
        if not self._headed:
            self._headed = True
            head, _, data = data.partition(b"\r\n\r\n")
            self.status = status_in(head)
        for is_end, inside in self._frames.receive(data):
            if is_end:
                self.status = status_in(inside)
            else:
                self.messages.append(inside)
