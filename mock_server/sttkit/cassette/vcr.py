"""HTTP interactions recorded by VCR.py, as a cassette.

VCR.py writes YAML (or JSON, which YAML reads too): version 1, a list of requests with their
responses, no times. Only plain data is read: a tag that would make an object is an error at its
line, and documents that expand beyond their size are refused.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sttkit.cassette.format import MAX_INTERACTIONS, parse
from sttkit.cassette.model import VERSION, Cassette, Header, Pairs
from sttkit.cassette.redact import Redactor
from sttkit.cassette.writing import CassetteWriter
from sttkit.errors import UsageError

MAX_BYTES = 64 << 20
MAX_DEPTH = 20
MAX_ALIASES = 1000
_STEP_US = 1000
"""VCR.py keeps no times: interactions are so far apart."""
# About the connection that was, not about the answer; the length is counted anew.
_DROPPED = frozenset({"content-length", "transfer-encoding", "connection"})
_EXPECTED = "a cassette of VCR.py: version: 1 and a list of interactions"


def import_vcr(
    data: bytes, *, name: str, dialect: str | None = None, redactor: Redactor | None = None
) -> Cassette:
    """The cassette that a file of VCR.py is.

    Raises:
        UsageError: it is no such file, too large, or holds what is no plain data.
    """
    document = _loaded(data, name)
    interactions = document.get("interactions") if isinstance(document, dict) else None
    if not isinstance(interactions, list) or document.get("version", 1) != 1:
        raise UsageError("no cassette of VCR.py", where=name, expected=_EXPECTED)
    if len(interactions) > MAX_INTERACTIONS:
        raise UsageError("too many interactions", where=name, expected=f"{MAX_INTERACTIONS}")
    lines, blob = bytearray(), bytearray()
    header = Header(version=VERSION, dialect=dialect, note="imported from VCR.py")
    writer = CassetteWriter(header, lines.extend, blob.extend, redactor or Redactor())
    for number, one in enumerate(interactions):
        try:
            _write(writer, one, number * _STEP_US)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UsageError(
                f"not an interaction ({error!r})",
                where=f"{name}, interaction {number + 1}",
                expected="request and response as VCR.py writes them",
            ) from None
    writer.settle()
    return parse(bytes(lines), name=name, blob=bytes(blob))


def _loaded(data: bytes, name: str) -> Any:
    import yaml

    if len(data) > MAX_BYTES:
        raise UsageError("too large", where=name, expected=f"at most {MAX_BYTES} bytes")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        depth = aliases = 0
        for event in yaml.parse(data, Loader=loader):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            aliases += isinstance(event, yaml.AliasEvent)
            if depth > MAX_DEPTH or aliases > MAX_ALIASES:
                raise UsageError(
                    "nested too deeply" if depth > MAX_DEPTH else "too many aliases",
                    where=_place(name, event.start_mark),
                    expected=_EXPECTED,
                )
        return yaml.load(data, Loader=loader)
    except yaml.MarkedYAMLError as error:
        raise UsageError(
            f"not plain YAML: {error.problem or error.context}",
            where=_place(name, error.problem_mark or error.context_mark),
            expected=_EXPECTED,
        ) from None
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise UsageError(f"not plain YAML: {error}", where=name, expected=_EXPECTED) from None


def _place(name: str, mark: Any) -> str:
    return name if mark is None else f"{name}:{mark.line + 1}"


def _write(writer: CassetteWriter, one: Any, at_us: int) -> None:
    request, response = one["request"], one["response"]
    split = urlsplit(str(request["uri"]))
    interaction = writer.open(at_us, f"{split.scheme}://{split.netloc}")
    interaction.request(
        at_us,
        str(request["method"]),
        split.path or "/",
        parse_qsl(split.query, keep_blank_values=True),
        _headers(request.get("headers")),
    )
    sent = _body(request.get("body"))
    if sent:
        interaction.body(at_us, "client", sent)
    body = _body(response.get("body"))
    status = response["status"]
    headers = tuple(
        pair for pair in _headers(response.get("headers")) if pair[0].lower() not in _DROPPED
    )
    interaction.response(
        at_us,
        int(status["code"]),
        str(status.get("message") or ""),
        (*headers, ("Content-Length", str(len(body)))),
    )
    if body:
        interaction.body(at_us, "server", body)
    interaction.end(at_us, "answered", "server")


def _headers(value: Any) -> Pairs:
    pairs: list[tuple[str, str]] = []
    for name, values in (value or {}).items():
        for one in values if isinstance(values, list) else [values]:
            text = one.decode("latin-1") if isinstance(one, bytes) else str(one)
            pairs.append((str(name), text))
    return tuple(pairs)


def _body(value: Any) -> bytes:
    if isinstance(value, dict):
        value = value.get("string")
    if value is None:
        return b""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    raise ValueError(f"a body that is a {type(value).__name__}")
