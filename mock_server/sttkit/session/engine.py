"""A real recogniser behind the state machine: what it is asked, what it answers, what it allows.

The session does no work of its own: it emits an `Ask` with a piece of `Work`, and the shell, which
has processes to do it in, brings back one `Answer` for each, in the same order. Until then the
session goes on reading and answering everything else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from sttkit.events import ServerEvent
from sttkit.session.actions import Action, Ask, Pause, Resume


@dataclass(frozen=True)
class Begin:
    """A new session: everything heard before is forgotten. Audio comes at this rate, Hz."""

    sample_rate: int


@dataclass(frozen=True)
class Hear:
    """More audio: s16le mono at the session's rate."""

    pcm: bytes


@dataclass(frozen=True)
class Finalize:
    """Say now what is pending; the utterance may go on."""


@dataclass(frozen=True)
class End:
    """No more audio will come."""


Work = Begin | Hear | Finalize | End


@dataclass(frozen=True)
class Failure:
    """Why a piece of work was not done.

    ``busy``: no recogniser is free, which passes. ``broken``: the recogniser failed.
    """

    kind: Literal["busy", "broken"]
    text: str


@dataclass(frozen=True)
class Answer:
    """What the engine says to one piece of work."""

    events: tuple[ServerEvent, ...] = ()
    failure: Failure | None = None


@dataclass(frozen=True)
class EngineLimits:
    """What one client may ask of an engine.

    Attributes:
        rates: the lowest and the highest sample rate, Hz.
        session_s: one session, seconds, of audio and of time alike.
        recording_s: a recording that is recognised as a whole, seconds.
        body_bytes: the request that brings it.
        request_s: time for a client to bring its request, seconds.
        behind_bytes: audio taken and not yet recognised, beyond which the client is not read.
        connections: open at a time.
    """

    rates: tuple[int, int] = (8000, 48_000)
    session_s: float = 3600.0
    recording_s: float = 120.0
    body_bytes: int = 16 << 20
    request_s: float = 30.0
    behind_bytes: int = 1 << 20
    connections: int = 32


class Engine(Protocol):
    """A recogniser, as far as a session has to know it."""

    @property
    def limits(self) -> EngineLimits: ...

    @property
    def is_loaded(self) -> bool:
        """Whether the model can be used."""
        ...

    def objection(self, options: Mapping[str, object]) -> str | None:
        """Why a session or request with these options cannot be served, or None.

        They are the provider's own, and ``sample_rate`` in Hz.
        """
        ...


class OpenQuestions:
    """What one connection has asked and not been answered yet, oldest first.

    Args:
        act: carries out an action.
        behind_bytes: see `EngineLimits`.
    """

    def __init__(self, act: Callable[[Action], None], behind_bytes: int) -> None:
        self._act = act
        self._most = behind_bytes
        self._open: deque[tuple[int, Callable[[Answer], None]]] = deque()
        self._bytes = 0
        self._paused = False

    def ask(self, work: Work, then: Callable[[Answer], None]) -> None:
        """Have ``work`` done, and call ``then`` with the answer."""
        size = len(work.pcm) if isinstance(work, Hear) else 0
        self._open.append((size, then))
        self._bytes += size
        self._act(Ask(work))
        if self._bytes > self._most and not self._paused:
            self._paused = True
            self._act(Pause())

    def receive(self, answer: Answer) -> None:
        """The answer to the oldest question."""
        size, then = self._open.popleft()
        self._bytes -= size
        if self._paused and self._bytes <= self._most // 2:
            self._paused = False
            self._act(Resume())
        then(answer)
