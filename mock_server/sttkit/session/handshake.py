"""Answers to a handshake that are not the right one."""

from __future__ import annotations

import json
from http import HTTPStatus

from websockets.datastructures import Headers
from websockets.http11 import Response

from sttkit.dialects.model import Dialect
from sttkit.faults import Fault

WRONG_ACCEPT = "AAAAAAAAAAAAAAAAAAAAAAAAAAA="
"""A Sec-WebSocket-Accept that answers no key (RFC 6455, 4.1, step 4)."""
RETRY_AFTER_S = 1
REDIRECT_TO = "http://127.0.0.1:9/"
"""The discard port of this machine: a client that follows finds nobody, and leaves nothing."""

Extra = tuple[tuple[str, str], ...]


def phrase_of(status: int) -> str:
    """The reason phrase of an HTTP status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def refusal_of(fault: Fault) -> tuple[int, str, Extra]:
    """Status, message and extra headers of an ``http`` or ``redirect`` fault."""
    if fault.id == "redirect":
        return 302, "moved", (("Location", REDIRECT_TO),)
    status = int(str(fault.param))
    extra: Extra = (("Retry-After", str(RETRY_AFTER_S)),) if status == 429 else ()
    return status, phrase_of(status), extra


def refusal_bytes(
    dialect: Dialect, status: int, message: str, extra: Extra = ()
) -> tuple[bytes, float | None]:
    """An HTTP error answer in the provider's shape, and its Retry-After in seconds."""
    body = json.dumps(dialect.http_error(status, message)).encode()
    headers = Headers(
        [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
            *extra,
        ]
    )
    retry_after = headers.get("Retry-After")
    response = Response(status, phrase_of(status), headers, body)
    return response.serialize(), float(retry_after) if retry_after is not None else None
