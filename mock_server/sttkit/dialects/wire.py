"""Small pieces that many dialects share: JSON objects, WAV bodies and multipart forms."""

from __future__ import annotations

import base64
import io
import json
import wave
from collections.abc import Mapping
from email import policy
from email.parser import BytesParser

import msgspec

from sttkit.dialects.model import Message, Refusal, Request

MIN_RATE, MAX_RATE = 4000, 192_000
"""Sample rates that are served, Hz: all there are in practice, none that asks for gigabytes."""
_MAX_NESTING = 8


def text_of(value: Mapping[str, object]) -> str:
    """Compact JSON, as providers send it."""
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError:  # half of a surrogate pair, which a script may have words of
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def object_of(message: Message) -> Mapping[str, object] | None:
    """The JSON object in a text message, or None if it is anything else."""
    if not isinstance(message, str):
        return None
    try:
        value = json.loads(message)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def number(value: object, default: float = 0.0) -> float:
    """``value`` as a float where it is a number, else ``default``."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return default
    return float(value)


def sample_rate_of(value: object) -> int | None:
    """``value`` as a sample rate in Hz (a number, or text as in a query), or None if it is none."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 7:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if MIN_RATE <= value <= MAX_RATE else None


def base64_of(value: object) -> bytes | None:
    """The bytes that a base64 text stands for, or None if it is none."""
    if not isinstance(value, str):
        return None
    try:
        return base64.b64decode(value, validate=True)
    except ValueError:
        return None


def flat(value: Mapping[str, object]) -> dict[str, object]:
    """A nested configuration by dotted names, so that a later one changes only what it names.

    What is nested deeper than anyone nests settings is kept as it is.
    """
    found: dict[str, object] = {}
    left = [("", value, 0)]
    while left:
        prefix, inside, depth = left.pop()
        for key, part in inside.items():
            if isinstance(part, dict) and depth < _MAX_NESTING:
                left.append((f"{prefix}{key}.", part, depth + 1))
            else:
                found[prefix + key] = part
    return found


def read_wav_body(body: bytes) -> tuple[bytes, int] | Refusal:
    """PCM and rate of a WAV file in memory, or the refusal a provider answers with."""
    try:
        with wave.open(io.BytesIO(body), "rb") as file:
            if file.getsampwidth() != 2 or file.getnchannels() != 1:
                return Refusal(415, "16-bit mono WAV expected")
            if sample_rate_of(file.getframerate()) is None:
                return Refusal(415, f"a sample rate from {MIN_RATE} to {MAX_RATE} expected")
            return file.readframes(file.getnframes()), file.getframerate()
    except (wave.Error, EOFError):
        return Refusal(400, "the body is not a WAV file")


def form_file(request: Request, name: str) -> bytes | Refusal:
    """The content of one file field of a multipart form (RFC 7578)."""
    if not _is_form(request):
        return Refusal(415, "multipart/form-data expected")
    content = _form_field(request, name)
    return content if content is not None else Refusal(400, f"no field {name!r} in the form")


def form_text(request: Request, name: str) -> str:
    """The text of one field of a multipart form, empty if there is none."""
    content = _form_field(request, name) if _is_form(request) else None
    return content.decode("utf-8", "replace").strip() if content is not None else ""


def _is_form(request: Request) -> bool:
    content_type = request.headers.get("content-type", "")
    return content_type.lower().startswith("multipart/form-data")


def _form_field(request: Request, name: str) -> bytes | None:
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    form = BytesParser(policy=policy.HTTP).parsebytes(head + request.body)
    for part in form.iter_parts():
        if part.get_param("name", header="content-disposition") == name:
            payload = part.get_payload(decode=True)
            return payload if isinstance(payload, bytes) else b""
    return None


def socket_url(request: Request, path: str) -> str:
    """The WebSocket URL of ``path`` on the server that was asked, for a step before the session."""
    host = request.headers.get("host", "localhost")
    # With a port of its own it is a server on this machine, else the provider's name stands for it.
    return f"{'ws' if ':' in host else 'wss'}://{host}{path}"
