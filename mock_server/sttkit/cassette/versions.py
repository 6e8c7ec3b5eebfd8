"""Older formats: one converter per step, each from one version to the next.

A converter takes and gives a header and entries as plain JSON data, so it goes on working when the
classes of `sttkit.cassette.model` change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from sttkit.errors import UsageError

Plain = dict[str, Any]


def upgraded(lines: list[bytes], version: int, name: str) -> list[bytes]:
    """The lines of a file of an older ``version`` in today's format.

    Raises:
        UsageError: a line is no JSON object, lacks what its version requires, or there is no way
            from that version to today's.
    """
    if version not in CONVERTERS:
        raise UsageError(f"format {version} is not known", where=f"{name}:1")
    decode = msgspec.json.Decoder(Plain).decode
    plain: list[Plain] = []
    for number, line in enumerate(lines, start=1):
        try:
            plain.append(decode(line))
        except (msgspec.DecodeError, RecursionError) as error:
            raise UsageError(
                f"not JSON ({error})", where=f"{name}:{number}", expected="one entry"
            ) from None
    while version in CONVERTERS:
        converted: list[Plain] = []
        convert = CONVERTERS[version]
        for number, entry in enumerate(plain, start=1):
            try:
                converted.append(convert(entry, number == 1))
            except (KeyError, TypeError, ValueError) as error:
                raise UsageError(
                    f"not an entry of format {version} ({error!r})", where=f"{name}:{number}"
                ) from None
        plain, version = converted, version + 1
    return list(map(msgspec.json.encode, plain))


def _from_0(entry: Plain, is_header: bool) -> Plain:
    """Version 0, a draft: milliseconds as fractions, directions, a message of audio per line."""
    entry = dict(entry)
    if is_header:
        return {**entry, "sttkit-cassette": 1}
    made: Plain = {"kind": entry.pop("kind"), "i": entry.pop("i")}
    made["at_us"] = round(entry.pop("at_ms") * 1000)
    if "audio_ms" in entry:
        made["audio_us"] = round(entry.pop("audio_ms") * 1000)
    if "dir" in entry:
        side = {"up": "client", "down": "server"}[entry.pop("dir")]
        if made["kind"] != "audio":
            made["side"] = side
    if made["kind"] == "audio":
        made["sizes"] = [entry.pop("size")]
    return {**made, **entry}


CONVERTERS: dict[int, Callable[[Plain, bool], Plain]] = {0: _from_0}
"""From each version to the next."""
