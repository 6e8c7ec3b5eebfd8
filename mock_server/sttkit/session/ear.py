"""What a session hears with: the known speech, which answers at once, or an engine, which thinks.

To the dialogue both are an `Ear`; what is recognised comes back through the callback that the ear
was given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from sttkit.audio.locate import Locator, Span
from sttkit.dialects.model import Facts
from sttkit.events import SessionEnded
from sttkit.recogniser import Reached, Recogniser, Said
from sttkit.session.engine import Answer, Begin, End, Engine, Failure, Finalize, Hear

if TYPE_CHECKING:
    from sttkit.session.connection import Connection

Say = Callable[[Iterable[Said | Reached]], None]
Then = Callable[[], None]


class Ear(Protocol):
    """One session's ear."""

    def objection(self, config: Mapping[str, object], rate: int) -> str | None:
        """Why a session with this configuration cannot be served, or None."""
        ...

    def begin(self, config: Mapping[str, object], rate: int, then: Then) -> None:
        """The session is configured; ``then`` is called when audio may come."""
        ...

    def hear(self, pcm: bytes, rate: int) -> None:
        """Audio arrived, at a rate in Hz."""
        ...

    def flush(self) -> None:
        """The client asks for what is pending."""
        ...

    def retract(self) -> None:
        """What was said of the utterance that is heard is taken back."""
        ...

    def settle(self) -> None:
        """No more audio comes: take what was held back for what it is."""
        ...

    def end(self, then: Then) -> None:
        """Say all that is still to be said, then call ``then``."""
        ...

    def session_end(self) -> Said:
        """The session's own end."""
        ...

    def over(self) -> None:
        """The connection is gone."""
        ...


class KnownSpeech:
    """Finds what arrived in what may be said, and says at once what a healthy provider would.

    Args:
        connection: whose line knows the tracks.
        recogniser: says what it hears in that.
        say: called with what is recognised.
        found: called with where arriving audio was found, before what is recognised in it.
    """

    def __init__(
        self,
        connection: Connection,
        recogniser: Recogniser,
        say: Say,
        found: Callable[[list[Span]], None] | None = None,
    ) -> None:
        self._connection = connection
        self._line = connection.line
        self._trace = connection.line.trace
        self._recogniser = recogniser
        self._say = say
        self._found = found
        self._locator: Locator | None = None
        self._noted_to = (0.0, 0.0)  # where the last span ended, and that rounded

    def objection(self, config: Mapping[str, object], rate: int) -> str | None:
        return None

    def begin(self, config: Mapping[str, object], rate: int, then: Then) -> None:
        then()

    def hear(self, pcm: bytes, rate: int) -> None:
        locator = self._locator
        if locator is None:
            locator = self._locator = Locator(
                self._line.pcm(rate), rate, resume_at=self._line.counted_s
            )
        self._hear(locator.feed(pcm), len(pcm))

    def flush(self) -> None:
        self._say(self._recogniser.flush())

    def retract(self) -> None:
        self._say(self._recogniser.retract())

    def settle(self) -> None:
        if self._locator is not None:
            self._hear(self._locator.finish(), 0)

    def end(self, then: Then) -> None:
        self._say(self._recogniser.end())
        then()

    def session_end(self) -> Said:
        return self._recogniser.session_end()

    def over(self) -> None:
        if self._locator is not None:
            self._note(self._locator.finish(), 0)

    def _hear(self, spans: list[Span], size: int) -> None:
        self._note(spans, size)
        if self._found is not None:
            self._found(spans)
        for span in spans:
            said = self._recogniser.hear(span)
            if said:  # of most audio, nothing
                self._say(said)

    def _note(self, spans: list[Span], size: int) -> None:
        noted = []
        reached, rounded = self._noted_to
        for track, start, end, exact, silent in spans:
            if track is not None and exact:
                self._connection.stream = track
            elif track is not None:
                self._line.counted_s = end
            begin = rounded if start == reached else round(start, 6)
            reached, rounded = end, round(end, 6)
            noted.append((track, begin, rounded, exact, silent))
        self._noted_to = (reached, rounded)
        if noted or size:
            connection, facts = self._connection, {"spans": tuple(noted), "bytes": size}
            self._trace.add("server", "audio", connection.number, connection.stream, facts)


class EngineEar:
    """Passes everything on to an engine, and what that says to the client.

    Args:
        connection: that carries the questions.
        engine: that answers them.
        facts: about the provider.
        say: called with what is recognised.
        fail: called with a failure of the engine.
    """

    def __init__(
        self,
        connection: Connection,
        engine: Engine,
        facts: Facts,
        say: Say,
        fail: Callable[[Failure], None],
    ) -> None:
        self._connection = connection
        self._engine = engine
        self._limit_close = facts.limit_close
        self._say = say
        self._fail = fail
        self._rate: int | None = None
        self._bytes = 0
        self._is_over = False

    def objection(self, config: Mapping[str, object], rate: int) -> str | None:
        if self._rate not in (None, rate):
            return "the sample rate cannot change within a session"
        return self._engine.objection({**config, "sample_rate": rate})

    def begin(self, config: Mapping[str, object], rate: int, then: Then) -> None:
        self._rate = rate
        self._connection.later(self._engine.limits.session_s, self._reach_limit)
        self._connection.ask(Begin(rate), lambda answer: self._heed(answer, then))

    def hear(self, pcm: bytes, rate: int) -> None:
        if self._is_over:
            return
        if self._rate is None:  # a dialect that does not wait for a greeting
            self.begin({}, rate, lambda: None)
        start = self._heard_s
        self._bytes += len(pcm)
        span = (None, round(start, 6), round(self._heard_s, 6), False, False)
        self._connection.note("audio", spans=(span,), bytes=len(pcm))
        for piece in pieces(pcm, rate):
            self._connection.ask(Hear(piece), self._heed)
        if self._heard_s > self._engine.limits.session_s:
            self._reach_limit()

    def flush(self) -> None:
        if self._rate is not None and not self._is_over:
            self._connection.ask(Finalize(), self._heed)

    def retract(self) -> None:
        pass  # what an engine says, it means

    def settle(self) -> None:
        pass

    def end(self, then: Then) -> None:
        if not self._is_over:  # the client's end and the limit may meet: the first one counts
            self._is_over = True
            if self._rate is None:  # nothing was ever heard
                then()
            else:
                self._connection.ask(End(), lambda answer: self._heed(answer, then))

    def session_end(self) -> Said:
        return Said(SessionEnded(round(self._heard_s, 3)))

    def over(self) -> None:
        pass

    def _reach_limit(self) -> None:
        self.end(lambda: self._connection.close(*self._limit_close))

    @property
    def _heard_s(self) -> float:
        return self._bytes / 2 / self._rate if self._rate else 0.0

    def _heed(self, answer: Answer, then: Then | None = None) -> None:
        if not self._connection.is_open:
            return
        if answer.failure is not None:
            self._fail(answer.failure)
            return
        self._say(Said(event) for event in answer.events)
        if then is not None and self._connection.is_open:
            then()


def pieces(pcm: bytes, rate: int) -> list[bytes]:
    """Audio in pieces of at most a second, so that no piece of work takes long."""
    size = 2 * rate
    return [pcm[at : at + size] for at in range(0, len(pcm), size)]
