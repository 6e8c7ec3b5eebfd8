"""A dialect for what nobody has described: binary messages are audio, and texts are texts.

With it, a cassette of an unknown protocol still plays: by audio position, and by the order of the
client's texts. What needs meaning (points such as ``mid-utterance``) is not there.
"""

from __future__ import annotations

from sttkit.dialects import load_dialect
from sttkit.dialects.model import Dialect, Facts, Message, Opening, View
from sttkit.events import Audio, ClientEvent, Unintelligible

NAME = "raw"


def raw_dialect(sample_rate: int) -> Dialect:
    """The dialect of an unknown protocol with 16-bit mono PCM of ``sample_rate`` Hz."""

    def read(message: Message, view: View) -> ClientEvent:
        if isinstance(message, bytes):
            return Audio(message)
        return Unintelligible("an unknown protocol")

    return Dialect(
        name=NAME,
        source="any WebSocket server",
        host="localhost",
        open=lambda request: Opening({}, sample_rate),
        read=read,
        pcm=lambda size, view: True,
        write=lambda event, view: [],
        explain=lambda message: None,
        http_error=lambda status, message: {"error": message},
        errors={},
        unknown="unknown",
        wrong_types=(),
        facts=Facts(end_marker=False, flush_message=False),
        rate_of=lambda config: sample_rate,
    )


def dialect_of(name: str | None, sample_rate: int, *, where: str | None = None) -> Dialect:
    """The dialect that a cassette names, or one for what is unknown.

    Raises:
        UsageError: there is none of that name.
    """
    return raw_dialect(sample_rate) if name is None else load_dialect(name, where=where)
