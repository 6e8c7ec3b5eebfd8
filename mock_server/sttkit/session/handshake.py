"""HTTP on the way to a session: requests as dialects see them, and answers that are not 101."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from websockets.datastructures import Headers
from websockets.http11 import Response

from sttkit.dialects.model import Dialect, Request
from sttkit.faults import Fault
from sttkit.trace import REDACTED

WRONG_ACCEPT = "AAAAAAAAAAAAAAAAAAAAAAAAAAA="
"""A Sec-WebSocket-Accept that answers no key (RFC 6455, 4.1, step 4)."""
RETRY_AFTER_S = 1
REDIRECT_TO = "http://127.0.0.1:9/"
"""The discard port of this machine: a client that follows finds nobody, and leaves nothing."""

_SECRET_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "xi-api-key"}
)

Extra = tuple[tuple[str, str], ...]


def request_of(
    method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes = b""
) -> Request | None:
    """A request as dialects see it, or None if its target is no URL."""
    try:
        split = urlsplit(target)
        query = parse_qs(split.query, keep_blank_values=True)
    except ValueError:
        return None
    return Request(
        method,
        split.path,
        {key: tuple(values) for key, values in query.items()},
        {name.lower(): value for name, value in headers},
        body,
    )


def noted_request(request: Request, redact: Callable[[str], str]) -> dict[str, object]:
    """A request as it is noted: without the values that authenticate it."""
    return {
        "method": request.method,
        "path": redact(request.path),
        "query": {key: [redact(v) for v in values] for key, values in request.query.items()},
        "headers": {
            name: REDACTED if name in _SECRET_HEADERS else redact(value)
            for name, value in request.headers.items()
        },
    }


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
