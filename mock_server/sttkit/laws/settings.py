"""What of a configuration is a setting: all that a client chose, and not what names this session.

Names come from any provider, flattened: ``session.model``, ``modelId``, ``x-request-id``. Which
part of a message a value is in says little, so the last part decides, and the one before it only
says whose ``id`` it is.
"""

from __future__ import annotations

import re

_OWNERS = frozenset(
    {"session", "request", "client", "connection", "conn", "call", "conversation", "message"}
    | {"event", "trace", "tracing", "span", "correlation", "idempotency", "stream", "job"}
)
"""Whose id is a new one each time; a model's or a voice's is a choice."""
_IDS = frozenset({"id", "uuid", "guid"})
_FRESH = frozenset({"token", "nonce", "ts", "timestamp", "signature"})
"""Last words of what is made for one connection: proofs and times."""
_WHOLE = frozenset({"session", "request", "traceparent", "tracestate", "baggage"})
"""Names that are ids, or hold them, without saying so."""
_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", re.ASCII)


def is_setting(name: str) -> bool:
    """Whether a value of this name is to be the same on every connection of a stream.

    >>> [is_setting(name) for name in ("model_id", "session.model", "session_id", "traceparent")]
    [True, True, False, False]
    """
    *parents, last = name.split(".")
    words = _words(last)
    if not words or words[-1] in _FRESH or "".join(words) in _WHOLE:
        return not words
    if words[-1] not in _IDS:
        return not any(words[-1] == owner + suffix for owner in _OWNERS for suffix in _IDS)
    whose = words[:-1] or (_words(parents[-1]) if parents else [])
    return bool(whose) and _OWNERS.isdisjoint(whose)


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]
