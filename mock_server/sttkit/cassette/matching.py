"""Whether a client says what it said when the cassette was recorded.

Compared are the path and query of requests, and what the client says besides audio and signs of
life; not compared are headers, chunks and times. Values that differ from run to run are *volatile*:
the names of their JSON fields and query keys are declared, by dialects too. What was redacted
matches anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sttkit.dialects.model import Message
from sttkit.trace import REDACTED

VOLATILE = frozenset({"request_id", "event_id", "timestamp", "nonce"})
"""Names of values that differ from run to run with every provider."""
_MAX_SHOWN = 300


@dataclass(frozen=True)
class Rules:
    """What is not compared.

    Attributes:
        volatile: names of JSON fields and query keys whose values may differ, or be missing.
    """

    volatile: frozenset[str] = VOLATILE

    def also(self, *names: str) -> Rules:
        """These rules, and further volatile names."""
        return Rules(self.volatile | set(names))

    def differences(self, recorded: Message, said: Message) -> list[str]:
        """How two messages differ, a clause each; empty if they say the same."""
        one, other = _value_of(recorded), _value_of(said)
        return list(self._compared(one, other, ""))

    def query_differences(
        self, recorded: Mapping[str, tuple[str, ...]], said: Mapping[str, tuple[str, ...]]
    ) -> list[str]:
        """How two queries differ."""
        return list(self._compared(_plain(recorded), _plain(said), ""))

    def _compared(self, recorded: object, said: object, path: str) -> Iterator[str]:
        if isinstance(recorded, str) and REDACTED in recorded and isinstance(said, str):
            return
        if isinstance(recorded, dict) and isinstance(said, dict):
            for key in dict.fromkeys([*recorded, *said]):
                if key in self.volatile:
                    continue
                inner = f"{path}.{key}" if path else str(key)
                if key not in said:
                    yield f"{inner} is missing, it was {_shown(recorded[key])}"
                elif key not in recorded:
                    yield f"{inner} is new: {_shown(said[key])}"
                else:
                    yield from self._compared(recorded[key], said[key], inner)
        elif isinstance(recorded, list) and isinstance(said, list) and len(recorded) == len(said):
            for index, (one, other) in enumerate(zip(recorded, said, strict=True)):
                yield from self._compared(one, other, f"{path}[{index}]")
        elif type(recorded) is not type(said) or recorded != said:
            yield f"{path or 'it'} was {_shown(recorded)}, and is {_shown(said)}"


def _value_of(message: Message) -> object:
    if isinstance(message, bytes):
        return f"{len(message)} bytes {message[:32].hex()}"
    try:
        return json.loads(message)
    except (ValueError, RecursionError):
        return message


def _plain(query: Mapping[str, tuple[str, ...]]) -> dict[str, object]:
    return {key: one[0] if len(one) == 1 else list(one) for key, one in query.items()}


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False) if not isinstance(value, bytes) else repr(value)
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + " …"


@dataclass(frozen=True)
class Mismatch:
    """A client did not say what it said when the cassette was recorded.

    Attributes:
        cassette: its name.
        interaction: number, from 1 as people count.
        place: of the nearest recorded entry, from 1; None if there is none.
        at_s: when that was, seconds since the interaction began.
        expected, got: what was recorded, and what came.
        differs: the differences, if the two can be compared.
        opening: whether it is about what opens a session, whatever happens later.
    """

    cassette: str
    interaction: int
    place: int | None
    at_s: float
    expected: str
    got: str
    differs: tuple[str, ...] = ()
    opening: bool = False

    def __str__(self) -> str:
        where = f"{self.cassette}, interaction {self.interaction}"
        if self.place is not None:
            where += f", entry {self.place} (upstream, +{self.at_s:.3f} s)"
        lines = [where, f"  expected  {self.expected}", f"  got       {self.got}"]
        lines.extend(f"  differs   {clause}" for clause in self.differs)
        if self.place is not None:
            lines.append(f"  rerun     sttkit replay {self.cassette} --until {self.place}")
        return "\n".join(lines)
