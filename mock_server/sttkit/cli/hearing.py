"""What ``sttkit serve`` says of the audio it hears, where a client would wonder at its transcripts.

What is recognised follows from where the audio was found in what the script says. Silence is found
nowhere; of a client that sends none of the script's audio, the seconds are counted instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sttkit.audio.locate import Span

if TYPE_CHECKING:
    from sttkit.audio.speech import Speech
    from sttkit.trace import Record

SILENT_S = 1.0
"""A shorter silence in the beginning is a pause."""


@dataclass
class _Heard:
    """What was heard on one connection, and said of it."""

    silent_s: float = 0.0
    is_sound: bool = False
    told: set[str] = field(default_factory=set)


class AudioHints:
    """Says, once per connection, what its audio means for the transcripts on it.

    Args:
        speech: what the script says.
    """

    def __init__(self, speech: Speech) -> None:
        self._duration = speech.duration
        self._heard: dict[int | None, _Heard] = {}

    def feed(self, record: Record) -> list[str]:
        """What there is to say of ``record``: mostly nothing."""
        if record.kind == "lost":
            self._heard.pop(record.conn, None)
        if record.kind != "audio":
            return []
        heard = self._heard.setdefault(record.conn, _Heard())
        said = [hint for span in record.data["spans"] for hint in self._hints(heard, Span(*span))]
        new = [hint for hint in dict.fromkeys(said) if hint not in heard.told]
        heard.told.update(new)
        return [f"#{record.conn} {hint}" for hint in new]

    def _hints(self, heard: _Heard, span: Span) -> Iterator[str]:
        if span.silent:
            heard.silent_s += span.duration
            if heard.silent_s >= SILENT_S and not heard.is_sound:
                yield "sends digital silence: there is no word in it, so no transcript comes"
            return
        heard.is_sound = True
        if span.exact:
            return
        if span.track is None:
            yield (
                "sends audio that is not the script's, after audio that is: no word is heard in it"
            )
            return
        if span.start < self._duration:
            yield (
                "sends audio that is not the script's: its seconds are counted, and the script's "
                "words come where the script has them, whatever is said"
            )
        if span.end > self._duration:
            yield (
                f"has sent more than the {self._duration:.2f} s of the script: no transcript comes "
                "until the script starts over"
            )
