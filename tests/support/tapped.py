"""Sessions of real clients with the fake server, recorded beside the server's socket."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sttkit.cassette.format import parse
from sttkit.cassette.model import VERSION, Cassette, Header
from sttkit.cassette.redact import Redactor
from sttkit.cassette.tap import Tap
from sttkit.cassette.writing import CassetteWriter
from sttkit.server import listening
from sttkit.server.shell import Shell
from sttkit.session.actions import Action, Send, Shut
from sttkit.session.state import State


class Recorded:
    """What was recorded."""

    def __init__(self, dialect: str) -> None:
        self._lines = bytearray()
        self._blob = bytearray()
        header = Header(version=VERSION, dialect=dialect)
        self.writer = CassetteWriter(header, self._lines.extend, self._blob.extend, Redactor())
        self.began: float | None = None

    def at_us(self, now: float) -> int:
        if self.began is None:
            self.began = now
        return round((now - self.began) * 1e6)

    @property
    def data(self) -> bytes:
        self.writer.settle()
        return bytes(self._lines)

    def cassette(self, name: str = "recorded.jsonl") -> Cassette:
        return parse(self.data, name=name, blob=bytes(self._blob))


@contextmanager
def recording(dialect: str) -> Iterator[Recorded]:
    """Record all that passes through the fake server meanwhile."""
    recorded = Recorded(dialect)

    class TappedShell(Shell):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.tap = Tap(recorded.writer.open(self._at_us, "ws://recorded"))
            super().connection_made(transport)

        @property
        def _at_us(self) -> int:
            return recorded.at_us(self._loop.time())

        def data_received(self, data: bytes) -> None:
            self.tap.receive("client", data, self._at_us)
            super().data_received(data)

        def connection_lost(self, exc: Exception | None) -> None:
            dark = self.connection is not None and self.connection.state is State.DARK
            super().connection_lost(exc)
            ours = [r.data for r in self._line.trace.records if r.kind == "lost"]
            how = "silence" if dark else "fin"
            by = "server"
            if ours and ours[-1]["how"] == "reset":
                how, by = "reset", ours[-1]["by"]
            elif not dark:
                by = ours[-1]["by"] if ours else "client"
            self.tap.ended(how, by, self._at_us)  # type: ignore[arg-type]

        def _do(self, action: Action) -> None:
            if isinstance(action, Send):
                self.tap.receive("server", action.data, self._at_us)
            elif isinstance(action, Shut):
                self.tap.shut("server", self._at_us)
            super()._do(action)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listening, "Shell", TappedShell)
        yield recorded
