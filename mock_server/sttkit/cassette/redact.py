"""Keeping secrets out of cassettes: by where they stand, what they look like, and what they are.

A `Redactor` is the guard of a `CassetteWriter`: it removes what authenticates from each entry
before it is written (headers, query values, JSON fields, known formats of keys), and then looks
once more at the line for the formats and for the values it was told, and refuses to write if one is
there. Recordings are read by many and live for long, so what merely looks like a key is removed.

Some marks are per connection only, such as the nonce of a handshake: they are removed as well, so
that a recording made anew differs only where something differs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import UNSET, Raw, UnsetType

from sttkit.cassette.anonymous import Pseudonyms
from sttkit.cassette.model import (
    AnyEntry,
    Carrier,
    Close,
    Message,
    Open,
    Pairs,
    Request,
    Response,
)
from sttkit.errors import UsageError
from sttkit.trace import REDACTED

_SECRET_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "set-cookie", "x-amz-security-token"}
)
_NONCE_HEADERS = frozenset({"sec-websocket-key", "sec-websocket-accept", "date"})
_NONCE = "[nonce]"
_SECRET_NAME = re.compile(
    r"(api|access|auth|secret|private|session|subscription|bearer|client|ephemeral)[-_. ]?"
    r"(key|token|secret|credential)s?$"
    r"|^(key|token|secret|password|passwd|pwd|credentials?|signature|sig|jwt|auth|authorization"
    r"|x-amz-.*|.*password|.*secret|.*token)$"
    r"|[-_]key$|^xi-api-key$",
    re.IGNORECASE,
)
_NOT_SECRET = frozenset({"max_tokens", "total_tokens", "idempotency-key", "sec-websocket-key"})
"""Names that look like those of secrets, and are none."""

_NAME_IT = "name the field it is in, so that its value is removed: --redact NAME"

KEY_FORMATS: Mapping[str, str] = {
    "an OpenAI key": r"\bsk-[A-Za-z0-9_-]{16,}",
    "an Anthropic key": r"\bsk-ant-[A-Za-z0-9_-]{16,}",
    "a Stripe or ElevenLabs key": r"\bsk_[A-Za-z0-9_]{16,}",
    "an AWS access key": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "a Google API key": r"\bAIza[A-Za-z0-9_-]{35}",
    "a Google OAuth token": r"\bya29\.[A-Za-z0-9_-]{20,}",
    "a GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})",
    "a Slack token": r"\bxox[abeprs]-[A-Za-z0-9-]{10,}",
    "a Hugging Face token": r"\bhf_[A-Za-z0-9]{30,}",
    "a Groq key": r"\bgsk_[A-Za-z0-9]{20,}",
    "a JSON web token": r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[A-Za-z0-9+/=\s-]|\\n)*",
    "a bearer token": r"(?i:\b(?:bearer|token)[ =:]+(?=[a-z0-9._~+/-]*[0-9])"
    r"[a-z0-9._~+/-]{20,}=*)",
    "a key in hexadecimal": r"(?<![0-9A-Fa-f])(?=[0-9a-f]*[a-f])(?=[0-9a-f]*[0-9])[0-9a-f]{40}"
    r"(?![0-9A-Fa-f])",
}
"""What the keys of providers look like; Deepgram's and AssemblyAI's are hexadecimal."""

_KEYS = re.compile("|".join(f"(?:{pattern})" for pattern in KEY_FORMATS.values()))
_KEYS_IN_LINE = re.compile(_KEYS.pattern.encode())
# Between other bytes nothing says where a word begins.
_KEYS_IN_BYTES = re.compile(_KEYS.pattern.replace(r"\b", "").encode())
_BEGINNINGS = tuple(
    beginning.encode()
    for beginning in (
        *("sk-", "sk_", "gsk_", "AKIA", "ASIA", "AIza", "ya29.", "github_pat_", "hf_", "eyJ"),
        *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "xox", "PRIVATE KEY"),
    )
)
_WORDS = (b"bearer", b"token")
_HEX_KEY = b"h" * 40
_NAME_PARTS = (
    *(b"key", b"token", b"secret", b"passw", b"pwd", b"credential", b"sig", b"jwt", b"auth"),
    b"x-amz",
)
"""What is in each name that `_SECRET_NAME` matches: one of these."""
_ROW = b"w" * 15
"""No key has fewer characters in a row of those that keys are made of, one in PEM apart."""
_FEW = b"w" * 3
_LONG = 1024
_WORDY = bytes(
    ord("w") if chr(byte).isascii() and (chr(byte).isalnum() or chr(byte) in "._~+/=-") else 32
    for byte in range(256)
)
_WORDY_OR_SPACE = _WORDY[:32] + b"w" + _WORDY[33:]
_HEX = bytes(ord("h") if chr(byte) in "0123456789abcdef" else 32 for byte in range(256))
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_PHONE = re.compile(r"(?<![\w.])\+?\d[\d ()./-]{6,}\d(?![\w.])")
_MIN_SECRET = 8
"""A value that is shorter is found everywhere by chance."""


def secrets_of(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Values of an environment that look like secrets by the names of their variables."""
    return tuple(
        value
        for name, value in environment.items()
        if len(value) >= _MIN_SECRET
        and re.search(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|AUTH", name.upper())
        and not value.startswith(("/", "~"))
    )


@dataclass(frozen=True)
class Redactor:
    """Removes secrets, and refuses what it cannot remove.

    Attributes:
        secrets: values that must not be written, whatever they look like.
        names: further names of headers, query keys and JSON fields whose values are removed.
        personal: also remove e-mail addresses and telephone numbers from texts.
        pseudonyms: replace what was said by other words.
    """

    secrets: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    personal: bool = False
    pseudonyms: Pseudonyms | None = None
    _bytes: tuple[bytes, ...] = field(default=(), init=False, repr=False)
    _odd: tuple[bytes, ...] = field(default=(), init=False, repr=False)
    """Those of `_bytes` that are no such row as keys are."""

    def __post_init__(self) -> None:
        kept = tuple(secret for secret in self.secrets if len(secret) >= _MIN_SECRET)
        object.__setattr__(self, "secrets", tuple(sorted(kept, key=len, reverse=True)))
        spellings = [spelt for secret in self.secrets for spelt in _spellings(secret)]
        object.__setattr__(self, "_bytes", tuple(dict.fromkeys(spellings)))
        odd = tuple(one for one in self._bytes if not _has_row(one))
        object.__setattr__(self, "_odd", odd)

    # --- the guard of a writer ------------------------------------------------------------

    def entry(self, entry: AnyEntry) -> AnyEntry:
        """``entry`` without secrets."""
        changes: dict[str, Any] = {}
        if isinstance(entry, Open):
            changes = {"origin": self.text(_without_user(entry.origin))}
        elif isinstance(entry, Request):
            changes = {
                "path": self.text(entry.path),
                "query": self.query(entry.query),
                "headers": self.headers(entry.headers),
            }
        elif isinstance(entry, Response):
            changes = {"reason": self.text(entry.reason), "headers": self.headers(entry.headers)}
        elif isinstance(entry, Close):
            changes = {"reason": self.text(entry.reason)}
        elif isinstance(entry, Carrier):
            changes = self._data(entry, is_transcript=entry.side == "server")
        changed = {name: value for name, value in changes.items() if value != getattr(entry, name)}
        return msgspec.structs.replace(entry, **changed) if changed else entry

    def aside(self, data: bytes) -> bytes:
        """Bytes to be kept beside the cassette, without secrets; as long as before."""
        return self._bytes_without(data)

    def is_clean(self, documents: bytes) -> bool:
        """Whether there is certainly nothing to remove from documents, a line each."""
        if self.personal or self.pseudonyms is not None:
            return False
        if b"\\" in documents or not documents.isascii():  # letters may be spelt otherwise
            return False
        return not (
            _has_row(documents)
            or _holds(documents, self._odd)
            or _may_name_secret(documents.lower(), self.names)
        )

    def line(self, line: bytes) -> None:
        """A last look at a line.

        Raises:
            UsageError: there is still a secret in it.
        """
        is_likely = _has_row(line)
        if _holds(line, self._bytes if is_likely else self._odd):
            raise UsageError(
                "a secret would be written: a value of the environment, or one that was named",
                expected="a recording without secrets",
                hint=_NAME_IT,
            )
        found = _KEYS_IN_LINE.search(line) if is_likely and _may_hold_key(line) else None
        if found is not None:
            raise UsageError(
                f"a secret would be written: it looks like {_format_of(found.group().decode())}",
                expected="a recording without secrets",
                hint=_NAME_IT,
            )

    # --- texts ----------------------------------------------------------------------------

    def text(self, text: str) -> str:
        """``text`` without secrets."""
        for secret in self.secrets:
            text = text.replace(secret, REDACTED)
        if len(text) >= len(_ROW):
            text = _KEYS.sub(REDACTED, text)
        if self.personal:
            text = _PHONE.sub("[phone]", _EMAIL.sub("[e-mail]", text))
        return text

    def is_secret_name(self, name: str) -> bool:
        """Whether what has this name is removed."""
        lower = name.lower()
        if lower in _NOT_SECRET:
            return False
        return lower in self.names or bool(_SECRET_NAME.search(lower))

    def headers(self, headers: Pairs) -> Pairs:
        """Headers without secrets and nonces."""
        return tuple((name, self._header(name.lower(), value)) for name, value in headers)

    def _header(self, name: str, value: str) -> str:
        if name in _NONCE_HEADERS:
            return _NONCE
        if name in _SECRET_HEADERS or self.is_secret_name(name):
            return REDACTED
        if name == "sec-websocket-protocol":  # some clients authenticate in there
            return ", ".join(
                REDACTED if len(part) > 24 else self.text(part) for part in value.split(", ")
            )
        return self.text(value)

    def query(self, query: Pairs) -> Pairs:
        """A query without secrets."""
        return tuple(
            (name, REDACTED if self.is_secret_name(name) else self.text(value))
            for name, value in query
        )

    def knowing(self, query: Pairs, headers: Pairs) -> Redactor:
        """This redactor, which also knows the secrets that a request was sent with.

        Wherever they turn up later, they are removed: a server may repeat them.
        """
        named = [value for name, value in query if self.is_secret_name(name)]
        for name, value in headers:
            lower = name.lower()
            if lower in _SECRET_HEADERS or self.is_secret_name(lower):
                # "Bearer key" has the key behind a space; a cookie has it behind its name.
                named += [part.partition("=")[2] or part for part in re.split(r"[\s;,]+", value)]
                named.append(value)
        long = {value for value in named if len(value) >= _MIN_SECRET and REDACTED not in value}
        new = long - set(self.secrets)
        return replace(self, secrets=(*self.secrets, *sorted(new))) if new else self

    # --- data -----------------------------------------------------------------------------

    def _data(self, entry: Carrier, *, is_transcript: bool) -> dict[str, Any]:
        if not isinstance(entry.json, UnsetType):
            document = bytes(entry.json)
            if self.is_clean(document):
                return {}
            before = document.decode()
            return self._as_text(entry, before, self._json(before, is_transcript=is_transcript))
        if not isinstance(entry.text, UnsetType):
            after = self.document(entry.text, is_transcript=is_transcript)
            return self._as_text(entry, entry.text, after)
        if not isinstance(entry.base64, UnsetType):
            return {"base64": self._bytes_without(entry.base64)}
        return {}

    def _as_text(self, entry: Carrier, before: str, after: str) -> dict[str, Any]:
        if after == before:
            return {}
        changes: dict[str, Any] = (
            {"text": after}
            if isinstance(entry.json, UnsetType)
            else {"json": Raw(after.encode()), "text": UNSET}
        )
        if isinstance(entry, Message) and entry.frames:
            changes["frames"] = _fitted(entry.frames, len(after.encode()))
        return changes

    def _json(self, text: str, *, is_transcript: bool) -> str:
        try:
            value = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            return self.text(text)
        cleaned = self._value(value)
        if is_transcript and self.pseudonyms is not None:
            cleaned = self.pseudonyms.value(cleaned)
        if cleaned == value:
            return text
        return msgspec.json.encode(cleaned).decode()

    def document(self, text: str, *, is_transcript: bool) -> str:
        """A text that may be JSON, without secrets."""
        stripped = text.strip()
        if stripped[:1] in ("{", "["):
            cleaned = self._json(stripped, is_transcript=is_transcript)
            return text if cleaned == stripped else cleaned
        cleaned = self.text(text)
        # A bare text of a server may be all transcript.
        if is_transcript and self.pseudonyms is not None:
            return self.pseudonyms.text(cleaned)
        return cleaned

    def _value(self, value: object) -> object:
        if isinstance(value, dict):
            return {
                self.text(str(key)): REDACTED
                if isinstance(inner, str) and inner and self.is_secret_name(str(key))
                else self._value(inner)
                for key, inner in value.items()
            }
        if isinstance(value, list):
            return [self._value(inner) for inner in value]
        return self.text(value) if isinstance(value, str) else value

    def _bytes_without(self, data: bytes) -> bytes:
        is_likely = _has_row(data)
        for secret in self._bytes if is_likely else self._odd:
            if secret in data:
                data = data.replace(secret, b"*" * len(secret))
        if not is_likely or not _may_hold_key(data):
            return data
        return _KEYS_IN_BYTES.sub(lambda found: b"*" * len(found.group()), data)


def _has_row(data: bytes) -> bool:
    """Whether a key would stand out: audio has no such row, and most messages have none."""
    # A row, or the beginning of a key in PEM, goes over three bytes of each fourth one. These are
    # upper halves of samples in PCM, which seldom look like letters: most of a session needs no
    # closer look.
    if len(data) > _LONG and _FEW not in data[1::4].translate(_WORDY_OR_SPACE):
        return False
    return _ROW in data.translate(_WORDY) or b"PRIVATE KEY" in data


def _holds(data: bytes, parts: Iterable[bytes]) -> bool:
    for part in parts:  # noqa: SIM110  # a loop costs half of what `any` does
        if part in data:
            return True
    return False


def _spellings(secret: str) -> tuple[bytes, ...]:
    """A secret as it may stand in a text, in JSON, and in a URL."""
    return (
        secret.encode(),
        msgspec.json.encode(secret)[1:-1],
        quote(secret, safe="").encode(),
    )


def _may_hold_key(data: bytes) -> bool:
    """Whether it is worth looking closely: all that is recorded passes here.

    Searching for one literal after the other is far quicker than for all of them in one expression.
    """
    return (
        _holds(data, _BEGINNINGS)
        or _holds(data.lower(), _WORDS)
        or _HEX_KEY in data.translate(_HEX)
    )


def _may_name_secret(lower: bytes, names: Iterable[str]) -> bool:
    """Whether there may be a name of a secret in a document, given in lower case."""
    return _holds(lower, _NAME_PARTS) or any(name.encode() in lower for name in names)


def _format_of(text: str) -> str:
    for name, pattern in KEY_FORMATS.items():
        if re.search(pattern, text):
            return name
    return "a key"


def _without_user(origin: str) -> str:
    scheme, separator, rest = origin.partition("://")
    host = rest.rpartition("@")[2]
    return f"{scheme}{separator}{host}" if separator else origin


def _fitted(frames: Iterable[int], size: int) -> tuple[int, ...]:
    """Sizes of frames for a message that has become longer or shorter."""
    fitted: list[int] = []
    for frame in frames:
        fitted.append(min(frame, size))
        size -= fitted[-1]
    fitted[-1] += size
    return tuple(fitted)
