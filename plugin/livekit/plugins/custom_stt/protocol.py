"""Wire protocol 1 as data: what the two sides say, and how it is written and read.

There is no I/O here and nothing of LiveKit. `decode` and its siblings never raise: whatever a
server sends is a message, an `Unknown` one, or `Malformed`. What they return is sane: times are
finite and ordered, confidences are probabilities, text can be encoded. All times are seconds from
the first audio of the session.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias, TypeVar

Task: TypeAlias = Literal["transcribe", "translate"]

_T = TypeVar("_T")
_Transcript = TypeVar("_Transcript", bound="Transcript")
_Fields: TypeAlias = dict[str, object]

PROTOCOL_VERSION = 1

CLOSE_POLICY_VIOLATION = 1008
"""The close code of a server that will refuse the next connection too (a wrong key, say)."""


# -- client to server ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Config:
    """What the client asks for. The first message of every session repeats it."""

    language: str = "en"
    sample_rate: int = 16000
    task: Task = "transcribe"
    model: str | None = None
    interim_results: bool = True


def encode_config(config: Config, *, session_id: str) -> str:
    """The first message: what follows is mono 16-bit little-endian PCM, to be read like this."""
    wanted = {key: value for key, value in asdict(config).items() if value is not None}
    return json.dumps(
        {
            "type": "config",
            **wanted,
            "encoding": "pcm_s16le",
            "channels": 1,
            "session_id": session_id,
        }
    )


def encode_keepalive() -> str:
    """Keeps a session from being closed as idle while the caller is muted."""
    return json.dumps({"type": "keepalive"})


def encode_flush() -> str:
    """Asks for the final of what was heard so far. The session goes on."""
    return json.dumps({"type": "flush"})


def encode_end_of_stream() -> str:
    """No more audio. The server answers with the last finals and `SessionEnded`."""
    return json.dumps({"type": "end_of_stream"})


# -- server to client ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Ready:
    """The server listens; no audio is sent before."""

    session_id: str = ""
    protocol: int = PROTOCOL_VERSION


@dataclass(frozen=True)
class SpeechStarted:
    start: float | None = None


@dataclass(frozen=True)
class Word:
    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Transcript:
    """What was said when. ``seq`` grows with every message of a session."""

    text: str
    start: float = 0.0
    end: float = 0.0
    confidence: float | None = None
    language: str | None = None
    words: tuple[Word, ...] = ()
    seq: int | None = None


@dataclass(frozen=True)
class Interim(Transcript):
    """Text that may still change."""


@dataclass(frozen=True)
class Final(Transcript):
    """Text that will not change."""


@dataclass(frozen=True)
class SpeechEnded:
    end: float | None = None


@dataclass(frozen=True)
class Usage:
    audio_seconds: float | None = None


@dataclass(frozen=True)
class Error:
    """The server failed, and says whether another connection may do better."""

    message: str
    code: str | None = None
    retryable: bool = True


@dataclass(frozen=True)
class SessionEnded:
    """All that was to be said after `encode_end_of_stream` has been said."""

    audio_seconds: float | None = None


@dataclass(frozen=True)
class Unknown:
    """A message of a type that this version does not know: to be skipped."""

    type: str


@dataclass(frozen=True)
class Malformed:
    """What is no message at all. The reason quotes nothing of it, so it may be logged."""

    reason: str


ServerMessage: TypeAlias = (
    Ready | SpeechStarted | Interim | Final | SpeechEnded | Usage | Error | SessionEnded
)


def decode(message: str | bytes) -> ServerMessage | Unknown | Malformed:
    """Read one WebSocket message of the server."""
    if isinstance(message, bytes):
        return Malformed("binary where text was expected")
    fields = _json_object(message)
    if isinstance(fields, Malformed):
        return fields
    kind = fields.get("type")
    if not isinstance(kind, str):
        return Malformed("no type")
    try:
        return _message(kind, fields)
    except _WrongTypeError as wrong:
        return Malformed(f"{_MEANING.get(kind, kind)}: {wrong}")


_MEANING = {"partial": "interim"}
"""Other names that servers of this family use."""


def _message(kind: str, fields: _Fields) -> ServerMessage | Unknown:
    # A transcript has to be right in every field. Of the other messages only the type matters: a
    # session that ends is over even if it cannot tell its length.
    match _MEANING.get(kind, kind):
        case "ready":
            return Ready(
                session_id=_detail(_text, fields, "session_id") or "",
                protocol=_detail(_integer, fields, "protocol") or PROTOCOL_VERSION,
            )
        case "speech_started":
            return SpeechStarted(start=_detail(_number, fields, "start"))
        case "interim":
            return _transcript(Interim, fields)
        case "final":
            return _transcript(Final, fields)
        case "speech_ended":
            return SpeechEnded(end=_detail(_number, fields, "end"))
        case "usage":
            return Usage(audio_seconds=_detail(_number, fields, "audio_seconds"))
        case "error":
            return _error(fields)
        case "session_ended":
            return SessionEnded(audio_seconds=_detail(_number, fields, "audio_seconds"))
    return Unknown(_clean(kind)[:40])


def _transcript(made: type[_Transcript], fields: _Fields) -> _Transcript:
    text = _text(fields, "text")
    if text is None:
        raise _WrongTypeError("no text")
    start, end = _span(fields)
    return made(
        text=text,
        start=start,
        end=end,
        confidence=_probability(fields, "confidence"),
        language=_text(fields, "language"),
        words=tuple(_word(item) for item in _objects(fields, "words")),
        seq=_integer(fields, "seq"),
    )


def _word(fields: _Fields) -> Word:
    text = _text(fields, "word")
    if text is None:
        raise _WrongTypeError("a word without text")
    start, end = _span(fields)
    return Word(text, start, end)


def _error(fields: _Fields) -> Error:
    code = fields.get("code")
    retryable = fields.get("retryable")
    return Error(
        message=_detail(_text, fields, "message") or "the server reported an error",
        code=_clean(str(code)) if isinstance(code, str | int) else None,
        retryable=retryable if isinstance(retryable, bool) else True,
    )


# -- batch answers -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Segment:
    text: str
    start: float = 0.0
    end: float = 0.0
    confidence: float | None = None


@dataclass(frozen=True)
class Transcription:
    """The answer to a whole recording."""

    text: str
    segments: tuple[Segment, ...] = ()
    language: str | None = None


def decode_transcription(body: str) -> Transcription | Malformed:
    """Read the body of a successful ``POST /transcribe``."""
    fields = _json_object(body)
    if isinstance(fields, Malformed):
        return fields
    try:
        text = _text(fields, "text")
        if text is None:
            return Malformed("no text")
        segments = tuple(_segment(item) for item in _objects(fields, "segments"))
        return Transcription(text, segments, _text(fields, "language"))
    except _WrongTypeError as wrong:
        return Malformed(str(wrong))


def _segment(fields: _Fields) -> Segment:
    start, end = _span(fields)
    confidence = _probability(fields, "confidence")
    return Segment(_text(fields, "text") or "", start, end, confidence)


def decode_failure(body: str) -> str | None:
    """The message in the body of an HTTP error, if the server put one there."""
    fields = _json_object(body)
    if isinstance(fields, Malformed):
        return None
    error = fields.get("error")
    return _detail(_text, error, "message") if isinstance(error, dict) else None


# -- fields --------------------------------------------------------------------------------------


class _WrongTypeError(Exception):
    """A field is not what the protocol says; the text names the field, never its value."""


def _json_object(text: str) -> _Fields | Malformed:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return Malformed("not JSON")
    return value if isinstance(value, dict) else Malformed("not a JSON object")


def _text(fields: _Fields, key: str) -> str | None:
    value = fields.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise _WrongTypeError(f"{key} is not text")
    return _clean(value)


def _clean(text: str) -> str:
    # JSON can spell half a surrogate pair, which would blow up only later, where it is written.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _number(fields: _Fields, key: str) -> float | None:
    value = fields.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _WrongTypeError(f"{key} is not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _WrongTypeError(f"{key} is not finite")
    return number


def _detail(read: Callable[[_Fields, str], _T | None], fields: _Fields, key: str) -> _T | None:
    """Read a field that nothing depends on: None if it is wrong."""
    try:
        return read(fields, key)
    except _WrongTypeError:
        return None


def _integer(fields: _Fields, key: str) -> int | None:
    value = fields.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise _WrongTypeError(f"{key} is not an integer")
    return value


def _span(fields: _Fields) -> tuple[float, float]:
    """Start and end; a server whose clock is off cannot make time run backwards."""
    start = max(0.0, _number(fields, "start") or 0.0)
    return start, max(start, _number(fields, "end") or 0.0)


def _probability(fields: _Fields, key: str) -> float | None:
    """A confidence in [0, 1]. Whisper's is a log-probability: negative, and 0 means certain."""
    value = _number(fields, key)
    if value is None:
        return None
    return math.exp(value) if value < 0 else min(value, 1.0)


def _objects(fields: _Fields, key: str) -> list[_Fields]:
    value = fields.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise _WrongTypeError(f"{key} is not a list of objects")
    return value
