"""Cassettes made in memory: of what passes between a caller and the session's state machine."""

from __future__ import annotations

from sttkit.cassette.format import parse
from sttkit.cassette.model import VERSION, Cassette, Header, Side
from sttkit.cassette.tap import Tap
from sttkit.cassette.writing import CassetteWriter
from tests.support.caller import Caller, Stage


class TapedCaller(Caller):
    """A caller whose connection is recorded, as from a place beside the server."""

    def __init__(self, stage: TapedStage, **options: object) -> None:
        self._client_shut = False
        self.tap = Tap(stage.writer.open(stage.at_us, "ws://server.test"))
        super().__init__(stage, **options)  # type: ignore[arg-type]
        self._taped = stage

    def write(self, data: bytes) -> None:
        if self.reading and not self.is_lost:
            self.tap.receive("client", data, self._taped.at_us)
        super().write(data)

    def hang_up(self) -> None:
        self._client_shut = True
        super().hang_up()

    def give_up(self) -> None:
        """Wait no longer: the line is silent."""
        self.tap.ended("silence", "server", self._taped.at_us)

    def _receive(self, data: bytes) -> None:
        self.tap.receive("server", data, self._taped.at_us)
        super()._receive(data)

    def _receive_eof(self) -> None:
        if not self.is_lost and not self.eof:
            self.tap.shut("server", self._taped.at_us)
        super()._receive_eof()

    def _lose(self, *, reset: bool) -> None:
        by: Side = "client" if self._client_shut else "server"
        self.tap.ended("reset" if reset else "fin", by, self._taped.at_us)
        super()._lose(reset=reset)


class TapedStage(Stage):
    """A stage whose callers are recorded; `cassette` is what was recorded so far."""

    def __init__(self, *faults: object, audio: str = "kept", **options: object) -> None:
        super().__init__(*faults, **options)  # type: ignore[arg-type]
        self._began = self.now
        self._lines = bytearray()
        self._blob = bytearray()
        header = Header(version=VERSION, dialect=self.dialect.name, audio=audio)  # type: ignore[arg-type]
        self.writer = CassetteWriter(header, self._lines.extend, self._blob.extend)

    @property
    def at_us(self) -> int:
        return round((self.now - self._began) * 1e6)

    def dial(self, **options: object) -> TapedCaller:
        caller = TapedCaller(self, **options)
        self.callers.append(caller)
        caller.carry_out()
        return caller

    @property
    def data(self) -> bytes:
        """The file."""
        self.writer.settle()
        return bytes(self._lines)

    def cassette(self) -> Cassette:
        return parse(self.data, name="taped.jsonl", blob=bytes(self._blob))
