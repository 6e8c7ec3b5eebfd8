"""Batch requests by VCR.py: recorded once, and answered from the file ever after.

    with http_cassette("cassettes/recognize.jsonl"):      # in recognize.http.yaml
        await plugin.recognize(audio)

The file is one that plain VCR.py reads. What VCR.py leaves to its users is seen to here:

* forms of aiohttp get a boundary made from what they carry, so that a request that is made again is
  the same to the byte;
* a WebSocket's upgrade is none of VCR.py's business: it passes by, to a `recording` for one;
* secrets are removed from what is written, compared, logged and said in errors;
* a file that is damaged, or would build objects, is an error, and so is a misspelt mode;
* in mode ``none`` nothing reaches the network, whatever tries.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from sttkit.cassette.model import Request
from sttkit.cassette.redact import Redactor
from sttkit.cassette.vcr import import_vcr
from sttkit.deck.files import VCR_SUFFIXES
from sttkit.deck.modes import checked_mode
from sttkit.deck.staging import environment_redactor
from sttkit.errors import UsageError
from sttkit.recording.guarding import blocked_sockets, replaced

MATCHED = ("method", "scheme", "host", "port", "path", "query", "body")


def http_path(path: str | os.PathLike[str]) -> Path:
    """Where the batch requests that belong to a cassette are: ``NAME.http.yaml``."""
    given = Path(path)
    return given if given.suffix in VCR_SUFFIXES else given.with_suffix(".http.yaml")


@contextmanager
def http_cassette(
    path: str | os.PathLike[str],
    *,
    mode: str = "none",
    redact: Iterable[str] = (),
    secrets: Iterable[str] = (),
    personal: bool = False,
    allow: Iterable[str] = (),
) -> Iterator[Any]:
    """Record and play HTTP by VCR.py; yields its cassette.

    Args:
        path: of the cassette it belongs to, or of a YAML file.
        mode: ``none`` plays only, and blocks every socket; ``once`` records if there is no file;
            ``new_episodes`` records what is not there yet; ``all`` records everything anew.
        redact: further headers, query keys and JSON fields whose values are removed.
        secrets: values that are removed wherever they turn up.
        personal: also remove e-mail addresses and telephone numbers.
        allow: addresses that may be reached in mode ``none`` all the same.

    Raises:
        UsageError: no such mode, VCR.py is not installed, the file is damaged, a secret would be
            written; and, in the code that asks and once more at the end, that a request is not
            recorded, or that something tried to reach the network in mode ``none``.
    """
    checked_mode(mode)
    try:
        import vcr
        from vcr.record_mode import RecordMode
    except ImportError:
        raise UsageError("VCR.py is not installed", hint="pip install 'sttkit[vcr]'") from None
    where = http_path(path)
    known = environment_redactor()
    cleaner = _Cleaner(
        replace(
            known,
            secrets=(*known.secrets, *secrets),
            names=frozenset(name.lower() for name in redact),
            personal=personal,
        )
    )
    if where.exists():
        import_vcr(where.read_bytes(), name=str(where))  # an error with file and line, if any
    elif mode == "none":
        raise UsageError("no such cassette", where=str(where), hint="record it: mode='once'")
    maker = vcr.VCR(
        record_mode=RecordMode(mode),
        match_on=MATCHED,
        before_record_request=cleaner.request,
        before_record_response=cleaner.response,
    )
    maker.register_matcher("body", body)
    maker.register_serializer("sttkit", cleaner)
    with ExitStack() as stack:
        stack.enter_context(_quiet(logging.getLogger("vcr")))
        refused = stack.enter_context(blocked_sockets(allow)) if mode == "none" else []
        stack.enter_context(_aiohttp(maker, where, cleaner))
        try:
            yield cleaner.cassette
        except Exception as error:
            # Plugins take any error for a bad line, and retry: what counts is the first.
            for first in (*cleaner.missed, *refused):
                if first is not error:
                    raise first from error
            raise
        for first in (*cleaner.missed, *refused):
            raise first


@contextmanager
def _aiohttp(maker: Any, where: Path, cleaner: _Cleaner) -> Iterator[None]:
    """VCR.py's patches, and around that of aiohttp what it does not see to."""
    from vcr.errors import CannotOverwriteExistingCassetteException

    try:
        import aiohttp
    except ImportError:
        with maker.use_cassette(str(where), serializer="sttkit") as cleaner.cassette:
            yield
        return
    real = aiohttp.ClientSession._request
    with maker.use_cassette(str(where), serializer="sttkit") as cleaner.cassette:
        recorded: Any = aiohttp.ClientSession._request

        async def request(self: Any, method: str, url: Any, **options: Any) -> Any:
            headers = _lower(options.get("headers"))
            if headers.get("upgrade", "").lower() == "websocket":
                return await real(self, method, url, **options)
            options = await _spelled_out(options)
            try:
                return await recorded(self, method, url, **options)
            except CannotOverwriteExistingCassetteException as error:
                cleaner.missed.append(missing := cleaner.missing(error, where))
            raise missing

        with replaced(aiohttp.ClientSession, {"_request": request}):
            yield


async def _spelled_out(options: dict[str, Any]) -> dict[str, Any]:
    """A request whose body is bytes, the same whenever the same is asked."""
    from aiohttp import FormData
    from aiohttp.payload import Payload
    from multidict import CIMultiDict

    data = options.get("data")
    body = data() if isinstance(data, FormData) else data
    headers = CIMultiDict(options.get("headers") or {})
    headers["Accept-Encoding"] = "identity"  # so that what is recorded can be read
    options = {**options, "headers": headers}
    if isinstance(body, Payload):
        writer = _Memory()
        await body.write(writer)  # type: ignore[arg-type]
        content, kind = _with_own_boundary(bytes(writer.data), body.content_type or "")
        options["data"] = content
        headers.setdefault("Content-Type", kind)
    return options


def _with_own_boundary(body: bytes, kind: str) -> tuple[bytes, str]:
    """A multipart body whose boundary follows from what it carries."""
    name, separator, boundary = kind.partition("boundary=")
    boundary = boundary.strip('"')
    if not name.startswith("multipart/") or not separator:
        return body, kind
    old = boundary.encode()
    own = b"sttkit-" + hashlib.sha256(body.replace(old, b"")).hexdigest()[:32].encode()
    return body.replace(b"--" + old, b"--" + own), f"{name}boundary={own.decode()}"


class _Memory:
    """What aiohttp writes a payload to."""

    def __init__(self) -> None:
        self.data = bytearray()

    async def write(self, chunk: Any) -> None:
        self.data += chunk

    async def write_eof(self, chunk: Any = b"") -> None:
        self.data += chunk

    async def drain(self) -> None: ...


class _Cleaner:
    """Keeps secrets out of what VCR.py writes; also its serializer."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self.cassette: Any = None
        self.missed: list[UsageError] = []

    def request(self, request: Any) -> Any:
        """A copy of a request, without secrets."""
        split = urlsplit(request.uri)
        query = tuple(parse_qsl(split.query, keep_blank_values=True))
        headers = tuple(_pairs(request.headers))
        asked = Request(
            interaction=0,
            at_us=0,
            method=request.method,
            path=split.path,
            query=query,
            headers=headers,
        )
        self._redactor = redactor = self._redactor.knowing(asked.query, asked.headers)
        netloc = split.netloc.rpartition("@")[2]
        clean = urlencode(redactor.query(query), safe="[]")
        request.uri = urlunsplit((split.scheme, netloc, redactor.text(split.path), clean, ""))
        request.headers = _by_name(redactor.headers(headers))
        if isinstance(request.body, (bytes, bytearray)):
            request.body = self._body(bytes(request.body))
        return request

    def response(self, response: dict[str, Any]) -> dict[str, Any]:
        """A response without secrets."""
        made = dict(response)
        made["headers"] = _by_name(self._redactor.headers(tuple(_pairs(response["headers"]))))
        body = response.get("body") or {}
        if isinstance(body.get("string"), bytes):
            made["body"] = {**body, "string": self._body(body["string"])}
        return made

    def serialize(self, cassette: Any) -> str:
        """As VCR.py does, after a last look.

        Raises:
            UsageError: there is still a secret in it.
        """
        from vcr.serializers import yamlserializer

        text: str = yamlserializer.serialize(cassette)
        self._redactor.line(text.encode())
        return text

    def deserialize(self, text: str) -> Any:
        """As VCR.py does."""
        from vcr.serializers import yamlserializer

        return yamlserializer.deserialize(text)

    def missing(self, error: Any, where: Path) -> UsageError:
        """What to say of a request that is not on the cassette."""
        asked = self.request(error.failed_request)
        similar = self.cassette.find_requests_with_most_matches(error.failed_request)
        nearest = [
            f"{one.method} {one.uri}, which differs in {' and '.join(name for name, _ in failed)}"
            for one, _, failed in similar[:1]
            if failed
        ]
        return UsageError(
            f"{asked.method} {asked.uri} is not recorded",
            where=str(where),
            expected=nearest[0] if nearest else f"{len(self.cassette)} requests, each once",
            hint="record it: mode='new_episodes'",
        )

    def _body(self, body: bytes) -> bytes:
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return self._redactor.aside(body)
        return self._redactor.document(text, is_transcript=False).encode()


def body(one: Any, other: Any) -> None:
    """Whether two requests carry the same; VCR.py calls a matcher by the name of its function."""
    # Not the bodies themselves: they are long, and somebody's voice.
    assert _bytes_of(one.body) == _bytes_of(other.body), "the bodies differ"


def _bytes_of(body: Any) -> Any:
    if hasattr(body, "read"):
        body = body.read()
    return body.encode() if isinstance(body, str) else body or b""


def _pairs(headers: Any) -> Iterator[tuple[str, str]]:
    for name, values in headers.items():
        for value in values if isinstance(values, (list, tuple)) else [values]:
            yield str(name), value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _by_name(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _lower(headers: Any) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in dict(headers or {}).items()}


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """VCR.py logs whole URLs, with the keys in their queries."""
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
