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

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from sttkit.cassette.model import VERSION, AnyEntry, Header, How, Request, Side
from sttkit.cassette.redact import Redactor
from sttkit.cassette.redacting import AudioPolicy
from sttkit.cassette.tap import Tap, Transport
from sttkit.deck.files import Recording
from sttkit.deck.staging import environment_redactor
from sttkit.dialects import name_in_files
from sttkit.errors import SttkitError, UsageError

FLUSH_S = 1.0
"""What a crash may lose, seconds."""
HELD_PIECES = 1000
"""So much of what passed on a connection is taken apart at once: that costs the client less."""
LARGE_BYTES = 8192
"""A piece that is longer does not wait for others, which bounds what is held in memory."""

Spell = tuple[Side, list[bytes], list[float]]
"""What one side sent while the other was silent, piece by piece, and when each passed."""


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
            dialect=self.dialect and name_in_files(self.dialect),
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

    def __init__(
        self,
        recording: Recording,
        now: Callable[[], float],
        here: Callable[[], tuple[Callable[[], float], float]] | None = None,
    ) -> None:
        self._recording = recording
        self.now = now
        self._here = here
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
        here: Callable[[], tuple[Callable[[], float], float]] | None = None,
        secrets: Iterable[str] = (),
    ) -> Recorder:
        """Begin a cassette in place of what was there; ``now`` is a clock that does not go back.

        ``here`` gives a quicker one to a connection, whose event loop is running then and stays,
        and the seconds that it is behind ``now``.
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
        return cls(Recording.begin(path, terms.header(), _LearningGuard(guard)), now, here)

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

    def clock(self) -> tuple[Callable[[], float], float]:
        """A clock for a connection of the running loop, and how far it is behind `now`."""
        return (self.now, 0.0) if self._here is None else self._here()

    def microseconds(self, times: Iterable[float], behind: float) -> list[int]:
        """Times of a `clock` as `at_us` would have been then."""
        began = self._began or 0.0
        found = [round((at + behind - began) * 1e6) for at in times]
        self._last_us = max(self._last_us, *found[-1:])
        return found

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

    def is_clean(self, documents: bytes) -> bool:
        return self._redactor.is_clean(documents)

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
        self._now, self._behind = recorder.clock()
        self._last_us = at_us
        self._spells: list[Spell] = []
        self._side: Side | None = None
        self._pieces: list[bytes] = []
        self._times: list[float] = []
        """Of the last spell, which this side began."""
        self._room = HELD_PIECES
        """For how many pieces more in this spell."""

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
        if side != self._side and not self._begin_spell(side):
            return
        self._pieces.append(data)
        self._times.append(self._now())
        if len(self._times) >= self._room or len(data) > LARGE_BYTES:
            self.settle()

    def _begin_spell(self, side: Side) -> bool:
        if self._side is None:
            if self._tap is None or self._recorder.failure is not None:
                return False
            self._recorder.hold(self)
            self._on_write()
        else:
            self._room -= len(self._pieces)
        self._side, self._pieces, self._times = side, [], []
        self._spells.append((side, self._pieces, self._times))
        return True

    def settle(self) -> None:
        """Take apart what has passed."""
        if self._side is not None:
            spells, self._spells = self._spells, []
            self._side, self._room = None, HELD_PIECES
            self._recorder.guarded(lambda: self._hear(spells))

    def _hear(self, spells: Iterable[Spell]) -> None:
        for side, pieces, times in spells:
            at_us = self._recorder.microseconds(times, self._behind)
            if at_us[0] < self._last_us:  # by another loop's clock
                at_us = [max(one, self._last_us) for one in at_us]
            self._last_us = at_us[-1]
            while pieces and self._tap is not None:
                taken = self._tap.receive_all(side, pieces, at_us)
                pieces, at_us = pieces[taken:], at_us[taken:]
                if pieces:  # kept alive, for another request
                    self._tap = self._recorder.tap(self._origin, at_us[0])

    def shut(self, side: Side) -> None:
        """``side`` sent FIN."""
        self.settle()
        tap = self._tap
        if tap is not None:
            self._last_us = at_us = self._recorder.at_us
            self._recorder.guarded(lambda: tap.shut(side, at_us))

    def ended(self, how: Transport, by: Side) -> None:
        """The transport ended."""
        self.settle()
        tap = self._tap
        if tap is not None:
            self._recorder.guarded(lambda: tap.ended(how, by, self._recorder.at_us))
