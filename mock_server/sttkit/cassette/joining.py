"""Two cassettes as one: what was recorded later goes behind what was there."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UnsetType

from sttkit.cassette.model import AnyEntry, Audio, Carrier, Cassette
from sttkit.errors import UsageError


def joined(first: Cassette, second: Cassette) -> Cassette:
    """The interactions of ``first``, and then those of ``second``; the header is the first's.

    Nothing that was in ``first`` changes, so that a diff shows what is new.

    Raises:
        UsageError: they do not fit together: one is cut off, or their headers say different things
            of the audio or of the dialect.
    """
    for one in (first, second):
        if one.cut is not None or one.lacks_blob:
            raise UsageError(
                one.cut or "the audio beside it is missing",
                where=one.name,
                expected="a whole cassette, to append to",
            )
    for name in ("dialect", "audio", "transcript", "sample_rate"):
        was, is_now = getattr(first.header, name), getattr(second.header, name)
        if was != is_now:
            raise UsageError(
                f"{name} is {was!r} here, and {is_now!r} in what would be appended",
                where=first.name,
                expected="a cassette recorded in the same way",
                hint="record it anew: mode all",
            )
    number = len(first.interactions())
    later_us = max((entry.at_us for entry in first.entries), default=0)
    offset = len(first.blob or b"")
    added = tuple(_moved(entry, number, later_us, offset) for entry in second.entries)
    blob = (first.blob or b"") + (second.blob or b"")
    return Cassette(first.header, (*first.entries, *added), blob or None, name=first.name)


def _moved(entry: AnyEntry, number: int, later_us: int, offset: int) -> AnyEntry:
    changes: dict[str, Any] = {
        "interaction": entry.interaction + number,
        "at_us": entry.at_us + later_us,
    }
    if isinstance(entry, Audio) and not isinstance(entry.offset, UnsetType):
        changes["offset"] = entry.offset + offset
    elif isinstance(entry, Carrier) and not isinstance(entry.blob, UnsetType):
        changes["blob"] = (entry.blob[0] + offset, entry.blob[1])
    return msgspec.structs.replace(entry, **changes)
