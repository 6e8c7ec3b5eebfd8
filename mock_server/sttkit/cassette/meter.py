"""What the messages of a client mean, and how much audio they have carried so far.

Recorder and player count the audio by the same rule, so that a position means the same to both.
"""

from __future__ import annotations

from sttkit.dialects.model import Dialect, Message, Opening, View
from sttkit.dialects.model import Request as DialectRequest
from sttkit.events import Audio, ClientEvent, Config

_BYTES_PER_SAMPLE = 2


class Meter:
    """Listens to the client's side of one interaction.

    Args:
        dialect: what is spoken.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._read = dialect.read
        self._config: dict[str, object] = {}
        self._view = View("session-0", self._config)
        self._rate = dialect.rate_of({})
        self._before_us = 0
        self._bytes = 0

    def knock(self, request: DialectRequest) -> None:
        """The client asks to be let in; its request may configure the session."""
        opening = self._dialect.open(request)
        if isinstance(opening, Opening):
            self._config.update(opening.config)
            self._set_rate(opening.sample_rate)

    def hear(self, message: Message) -> ClientEvent:
        """What a message means."""
        event = self._read(message, self._view)
        if isinstance(event, Audio):
            self._bytes += len(event.pcm)
        elif isinstance(event, Config):
            self._config.update(event.values)
            self._set_rate(self._dialect.rate_of(self._config))
        return event

    def is_pcm(self, size: int) -> bool:
        """Whether a binary message of so many bytes would be heard as audio and nothing else."""
        return self._dialect.pcm(size, self._view)

    def hear_pcm(self, size: int) -> None:
        """Such messages, of so many bytes in all."""
        self._bytes += size

    @property
    def sample_rate(self) -> int:
        """Of the audio, Hz."""
        return self._rate

    @property
    def position_us(self) -> int:
        """Audio heard so far, microseconds."""
        return self._before_us + self._bytes * 1_000_000 // (_BYTES_PER_SAMPLE * self._rate)

    def _set_rate(self, rate: int) -> None:
        if rate != self._rate:
            self._before_us, self._bytes = self.position_us, 0
            self._rate = rate
