"""What two cassettes say, compared by meaning.

Not compared are times, chunks and the order in which the two sides' messages crossed: they differ
from run to run. Nor are signs of life, nonces, and values that differ from run to run.
"""

from __future__ import annotations

import json

from msgspec import UnsetType

from sttkit.cassette.changes import diff_lines
from sttkit.cassette.matching import Rules
from sttkit.cassette.meter import Meter
from sttkit.cassette.model import (
    AnyEntry,
    Audio,
    Body,
    Bytes,
    Carrier,
    Cassette,
    Close,
    Fin,
    Interaction,
    Message,
    Pairs,
    Request,
    Response,
    Side,
    size_of,
)
from sttkit.cassette.raw import dialect_of
from sttkit.cassette.tape import dialect_request
from sttkit.dialects.model import Dialect
from sttkit.events import Keepalive

AUDIO_TOLERANCE_S = 0.25
"""When a connection breaks, a little more or less of the audio has gone out."""
_COMPARED_HEADERS = frozenset({"content-type", "retry-after", "location", "www-authenticate"})


def differences(one: Cassette, other: Cassette, rules: Rules | None = None) -> list[str]:
    """How ``other`` differs from ``one``, as lines of a diff; empty if it does not."""
    before, after = meaning_of(one, rules), meaning_of(other, rules, like=one)
    return diff_lines(before, after, one.name, other.name, rules or Rules())


def meaning_of(
    cassette: Cassette, rules: Rules | None = None, *, like: Cassette | None = None
) -> list[str]:
    """What a cassette says, a line each: by interaction, the client's side, then the server's.

    Audio that is about as long as on the cassette ``like`` is told to be as long.
    """
    usual = [_audio_s(one) for one in like.interactions()] if like is not None else []
    dialect = dialect_of(cassette.header.dialect, cassette.header.sample_rate)
    rules = (rules or Rules()).also(*dialect.volatile)
    lines = [f"dialect {cassette.header.dialect or 'unknown'}"]
    for one in cassette.interactions():
        lines.append(f"interaction {one.number + 1}")
        lines += [f"  client {said}" for said in _said(cassette, one, "client", dialect, rules)]
        audio_s = _audio_s(one)
        if one.number < len(usual) and abs(usual[one.number] - audio_s) <= AUDIO_TOLERANCE_S:
            audio_s = usual[one.number]
        lines.append(f"  client audio {audio_s:.2f} s")
        lines += [f"  server {said}" for said in _said(cassette, one, "server", dialect, rules)]
        end = one.end
        lines.append(f"  ended {end.how} by {end.by}" if end else "  did not end")
    return lines


def _audio_s(one: Interaction) -> float:
    return one.entries[-1].audio_us / 1e6


def _said(
    cassette: Cassette, one: Interaction, side: Side, dialect: Dialect, rules: Rules
) -> list[str]:
    meter = Meter(dialect)
    lines: list[str] = []
    body = b""
    for entry in one.entries:
        if isinstance(entry, Request):
            meter.knock(dialect_request(entry))
        line = _line_of(entry, side, rules)
        if line is not None:
            lines.append(line)
        if not isinstance(entry, Carrier) or entry.side != side:
            continue
        if isinstance(entry, Body):
            body += cassette.data_of(entry) or b""
        elif isinstance(entry, Message):
            data = cassette.data_of(entry)
            text = data.decode() if data is not None and entry.opcode == "text" else data
            if side == "client" and text is not None and isinstance(meter.hear(text), Keepalive):
                continue
            frames = f" in {len(entry.frames)} frames" if entry.frames else ""
            lines.append(f"{entry.opcode}{frames} {_shown(entry, data, rules)}")
        elif isinstance(entry, Bytes):
            lines.append(f"bytes {_shown(entry, cassette.data_of(entry), rules)}")
    if body:
        lines.append(f"body {_text_of(body, rules)}")
    return lines


def _line_of(entry: AnyEntry, side: Side, rules: Rules) -> str | None:
    if isinstance(entry, Request) and side == "client":
        query = {k: v for k, v in entry.query if k not in rules.volatile}
        return f"{entry.method} {entry.path} {json.dumps(query, sort_keys=True)}"
    if isinstance(entry, Response) and side == "server":
        return f"answers {entry.status} {_headers(entry.headers)}".rstrip()
    if isinstance(entry, Close) and entry.side == side:
        return f"closes {entry.code or 'without a code'} {json.dumps(entry.reason)}"
    if isinstance(entry, Fin) and entry.side == side:
        return "shuts its direction"
    if isinstance(entry, Audio) and side == "client" and entry.frames:
        return "fragments audio"
    return None


def _headers(headers: Pairs) -> str:
    return ", ".join(
        f"{name.lower()}: {value}"
        for name, value in sorted(headers)
        if name.lower() in _COMPARED_HEADERS
    )


def _shown(entry: Carrier, data: bytes | None, rules: Rules) -> str:
    if data is None:
        return f"{size_of(entry)} bytes"
    if not isinstance(entry.base64, UnsetType):
        return data.hex()
    return _text_of(data, rules)


def _text_of(data: bytes, rules: Rules) -> str:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return repr(data.decode("utf-8", "backslashreplace"))
    return json.dumps(_stable(value, rules), sort_keys=True, ensure_ascii=False)


def _stable(value: object, rules: Rules) -> object:
    if isinstance(value, dict):
        return {k: _stable(v, rules) for k, v in value.items() if k not in rules.volatile}
    if isinstance(value, list):
        return [_stable(inner, rules) for inner in value]
    return value
