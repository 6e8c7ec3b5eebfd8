"""The dialect-free vocabulary: what a recogniser says, and what a client says to it.

A dialect maps these to one provider's messages. Times are seconds as float, counted in the audio
that *this session* received, which is how every provider counts. Conventions follow the glossary:
an *interim* may still change, a *final* will not, a *segment* is what one final fixes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple


class Word(NamedTuple):
    """One word and where it was said, seconds."""

    text: str
    start: float
    end: float


# --- server -> client -------------------------------------------------------------------------


@dataclass(frozen=True)
class Ready:
    """The session is configured; audio is welcome (a greeting, where the dialect has one)."""


@dataclass(frozen=True)
class SpeechStarted:
    """Speech was noticed at ``at`` seconds (0 where the provider does not say)."""

    at: float = 0.0


@dataclass(frozen=True)
class Transcript:
    """Base of the three kinds of recognised text of one segment."""

    text: str
    start: float = 0.0
    end: float = 0.0
    words: tuple[Word, ...] = ()
    confidence: float = 0.95


@dataclass(frozen=True)
class Interim(Transcript):
    """Text that may still change."""


@dataclass(frozen=True)
class Final(Transcript):
    """Text that will not change.

    ``from_flush`` says that the client asked for it; ``endpoint`` that the utterance ends here too.
    The final of a whole recording holds those of its utterances in ``segments``.
    """

    from_flush: bool = False
    endpoint: bool = False
    segments: tuple[Final, ...] = ()


@dataclass(frozen=True)
class SpeechEnded:
    """The utterance ended at ``at`` seconds (0 where the provider does not say)."""

    at: float = 0.0


@dataclass(frozen=True)
class Usage:
    """The server's own count of audio, seconds, cumulative for the session."""

    audio_s: float


@dataclass(frozen=True)
class SessionEnded:
    """The server's answer to the end of the stream; nothing follows but a close frame.

    ``audio_s`` is how much it heard (0 where the provider does not say).
    """

    audio_s: float = 0.0


@dataclass(frozen=True)
class ProviderError:
    """An error message of the provider, by its name in the dialect's table of errors."""

    name: str


@dataclass(frozen=True)
class Acknowledged:
    """A message of the client's was taken; ``what`` is its kind."""

    what: Literal["config", "keepalive", "flush"]


ServerEvent = (
    Ready
    | SpeechStarted
    | Interim
    | Final
    | SpeechEnded
    | Usage
    | SessionEnded
    | ProviderError
    | Acknowledged
)


# --- client -> server -------------------------------------------------------------------------


class Audio(NamedTuple):
    """PCM, signed 16-bit little-endian mono at the session's rate, unwrapped by the dialect."""

    pcm: bytes


@dataclass(frozen=True)
class Config:
    """The first message of a dialect that is configured by message."""

    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Keepalive:
    """Application-level sign of life (a ping is a control frame, not this)."""


@dataclass(frozen=True)
class Flush:
    """Asks for the pending finals (providers say finalize, commit, endTurn …)."""


@dataclass(frozen=True)
class EndOfStream:
    """No more audio will come; the server finishes and ends the session."""


@dataclass(frozen=True)
class Unintelligible:
    """A client message that the provider refuses or does not know; ``reason`` says why.

    ``error`` names the error it is answered with, where that is not the dialect's usual one.
    """

    reason: str
    error: str | None = None


ClientEvent = Audio | Config | Keepalive | Flush | EndOfStream | Unintelligible
