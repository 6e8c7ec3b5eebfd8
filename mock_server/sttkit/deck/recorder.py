"""A recording of live connections: what proxies and taps inside a process have in common.

    recorder = Recorder.begin(path, Header(version=VERSION, dialect="custom_stt"), loop.time)
    one = recorder.connection("wss://stt.example")
    one.receive("client", data)
    one.ended("fin", "client")
    recorder.flush()                 # about once a second
    recorder.close()

Recording never disturbs what is recorded: when it cannot go on (a secret that cannot be removed, a
full disk), it stops, and `Recorder.failure` says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sttkit.cassette.model import VERSION, AnyEntry, Header, How, Request, Side
from sttkit.cassette.redact import Redactor
from sttkit.cassette.redacting import AudioPolicy
from sttkit.cassette.tap import Piece, Tap, Transport
from sttkit.deck.files import Recording
from sttkit.deck.staging import environment_redactor
from sttkit.errors import SttkitError, UsageError

FLUSH_S = 1.0
"""What a crash may lose, seconds."""
HELD_PIECES, HELD_BYTES = 64, 1 << 18
"""What passed is taken apart in batches of no more than this: that costs the client less."""


@dataclass(frozen=True)
class Terms:
    """What is kept of what is recorded.

    Attributes:
        dialect: name of the wire protocol, if it is known.
        audio: whether the audio is kept, dropped or replaced by noise.
        names: further headers, query keys and JSON fields whose values are removed.
        personal: also remove e-mail addresses and telephone numbers.
        truth: what is really said, a text per utterance.
        note: a remark for people.
    """

    dialect: str | None = None
    audio: AudioPolicy = "keep"
    names: tuple[str, ...] = ()
    personal: bool = False
    truth: tuple[str, ...] = ()
    note: str = ""

    def header(self) -> Header:
        """The first line of the cassette."""
        return Header(
            version=VERSION,
            dialect=self.dialect,
            audio={"keep": "kept", "drop": "dropped", "replace": "replaced"}[self.audio],  # type: ignore[arg-type]
            truth=self.truth,
            note=self.note,
        )


class Recorder:
    """Records connections into one cassette.

    Attributes:
        failure: why recording stopped; None while it goes on.
        is_closed: whether the cassette is finished.
        connections: attempts that were recorded so far.
    """

    def __init__(self, recording: Recording, now: Callable[[], float]) -> None:
        self._recording = recording
        self.now = now
        self._began: float | None = None
        self._last_us = 0
        self._holding: set[ConnectionRecorder] = set()
        self.connections = 0
        self.failure: SttkitError | None = None
        self.is_closed = False

    @classmethod
    def begin(
        cls,
        path: Path,
        terms: Terms,
        now: Callable[[], float],
        *,
        secrets: Iterable[str] = (),
    ) -> Recorder:
        """Begin a cassette in place of what was there; ``now`` is a clock that does not go back.

        The values of environment variables that are named like secrets are kept out of it, and
        ``secrets`` besides.

        Raises:
            UsageError: it cannot be written, or its dialect does not exist.
        """
        known = environment_redactor()
        guard = replace(
            known,
            secrets=(*known.secrets, *secrets),
            names=frozenset(name.lower() for name in terms.names),
            personal=terms.personal,
        )
        return cls(Recording.begin(path, terms.header(), _LearningGuard(guard)), now)

    @property
    def at_us(self) -> int:
        """Now, microseconds since the first connection was tried."""
        now = self.now()
        if self._began is None:
            self._began = now
        at_us = round((now - self._began) * 1e6)
        if at_us > self._last_us:
            self._last_us = at_us
        return self._last_us

    @property
    def size(self) -> int:
        """Bytes written so far, the audio included."""
        return self._recording.size

    def connection(
        self,
        origin: str,
        at_us: int | None = None,
        *,
        on_write: Callable[[], None] = lambda: None,
    ) -> ConnectionRecorder:
        """A connection was tried; ``at_us``: when, if it was not just now.

        ``on_write`` is called whenever there is something to flush.
        """
        self.connections += 1
        began_us = self.at_us if at_us is None else at_us
        return ConnectionRecorder(self, origin, began_us, on_write)

    def guarded(self, write: Callable[[], None]) -> None:
        """Write, unless recording has stopped; it stops when that fails."""
        if self.failure is not None or self.is_closed:
            return
        try:
            write()
        except SttkitError as error:
            self.failure = error
        except OSError as error:
            self.failure = UsageError(f"the cassette cannot be written ({error.strerror})")

    def stop(self, why: SttkitError) -> None:
        """Record no more: the cassette would not be whole."""
        self.failure = self.failure or why

    def tap(self, origin: str, at_us: int) -> Tap:
        """Listen in on an interaction."""
        return Tap(self._recording.writer.open(at_us, origin))

    def fail(self, origin: str, how: How, at_us: int, ended_us: int | None = None) -> None:
        """An attempt failed before there was a connection; by default just now."""
        self.connections += 1
        ended_us = self.at_us if ended_us is None else ended_us

        def write() -> None:
            self._recording.writer.open(at_us, origin).end(ended_us, how, "server")

        self.guarded(write)

    def hold(self, one: ConnectionRecorder) -> None:
        """A connection has something that is not taken apart yet."""
        self._holding.add(one)

    def flush(self) -> None:
        """Let a crash lose nothing of what was recorded so far."""
        while self._holding:
            self._holding.pop().settle()
        self.guarded(self._recording.flush)

    def close(self, *, quietly: bool = False) -> None:
        """Finish the cassette.

        Raises:
            SttkitError: it is not whole, and that is not to be passed over ``quietly``; the message
                says why.
        """
        self.flush()
        self.is_closed = True
        self._recording.abandon()
        if self.failure is not None and not quietly:
            raise self.failure


class _LearningGuard:
    """Removes secrets, and learns them from the requests that are sent with them."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def entry(self, entry: AnyEntry) -> AnyEntry:
        if isinstance(entry, Request):
            self._redactor = self._redactor.knowing(entry.query, entry.headers)
        return self._redactor.entry(entry)

    def aside(self, data: bytes) -> bytes:
        return self._redactor.aside(data)

    def line(self, line: bytes) -> None:
        self._redactor.line(line)


class ConnectionRecorder:
    """Records one connection: an interaction, or one for each request if it is kept alive."""

    def __init__(
        self, recorder: Recorder, origin: str, at_us: int, on_write: Callable[[], None]
    ) -> None:
        self._recorder = recorder
        self._on_write = on_write
        self._origin = origin
        self._tap: Tap | None = None
        self._held: list[Piece] = []
        self._held_bytes = 0

        def begin() -> None:
            self._tap = recorder.tap(origin, at_us)

        recorder.guarded(begin)

    @property
    def is_closed(self) -> bool:
        """Whether both sides have sent close frames, so that only the end is missing."""
        self.settle()
        return self._tap is not None and self._tap.is_closed

    def receive(self, side: Side, data: bytes) -> None:
        """Bytes passed, sent by ``side``."""
        recorder, held = self._recorder, self._held
        if not held:
            if self._tap is None or recorder.failure is not None:
                return
            recorder.hold(self)
            self._on_write()
        held.append((side, data, recorder.at_us))
        self._held_bytes += len(data)
        if self._held_bytes > HELD_BYTES or len(held) >= HELD_PIECES:
            self.settle()

    def settle(self) -> None:
        """Take apart what has passed."""
        held, self._held, self._held_bytes = self._held, [], 0
        if held:
            self._recorder.guarded(lambda: self._hear(held))

    def _hear(self, held: Sequence[Piece]) -> None:
        while held and self._tap is not None:
            held = self._tap.receive_all(held)
            if held:  # kept alive, for another request
                self._tap = self._recorder.tap(self._origin, held[0][2])

    def shut(self, side: Side) -> None:
        """``side`` sent FIN."""
        self.settle()
        tap = self._tap
        if tap is not None:
            self._recorder.guarded(lambda: tap.shut(side, self._recorder.at_us))

    def ended(self, how: Transport, by: Side) -> None:
        """The transport ended."""
        self.settle()
        tap = self._tap
        if tap is not None:
            self._recorder.guarded(lambda: tap.ended(how, by, self._recorder.at_us))
