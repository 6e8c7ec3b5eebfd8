"""What is wrong with a dialect that somebody wrote: the part, and why.

A dialect is data and functions, and Python finds a wrong part only when a session needs it, in the
middle of a run. So a dialect from elsewhere is looked at when it is loaded: each part's type, and
what its functions make of ordinary questions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields

from sttkit.dialects.model import (
    Batch,
    Dialect,
    Facts,
    Opening,
    ProviderFailure,
    Refusal,
    Request,
    View,
)
from sttkit.events import (
    Acknowledged,
    Audio,
    Config,
    EndOfStream,
    Final,
    Flush,
    Interim,
    Keepalive,
    Ready,
    ServerEvent,
    SessionEnded,
    SpeechEnded,
    SpeechStarted,
    Unintelligible,
    Usage,
    Word,
)

_HEARD = (Audio, Config, Keepalive, Flush, EndOfStream, Unintelligible)
_WORDS = (Word("hello", 0.5, 0.8), Word("there", 0.84, 1.1))
SAMPLES: tuple[ServerEvent, ...] = (
    Ready(),
    SpeechStarted(0.5),
    Interim("hello", 0.5, 0.8, _WORDS[:1]),
    Final("hello there", 0.5, 1.1, _WORDS),
    SpeechEnded(1.1),
    Usage(1.4),
    SessionEnded(1.4),
    Acknowledged("config"),
)
"""What a recogniser says in a short session."""
_FUNCTIONS = ("open", "read", "write", "explain", "http_error", "rate_of")
_TEXTS = ("name", "source", "host", "example")


def first_flaw(dialect: object) -> str | None:
    """What is wrong with it: the part and what was found there; None if nothing is."""
    if not isinstance(dialect, Dialect):
        return f"a {type(dialect).__name__} is no sttkit.dialects.model.Dialect"
    return next(_flaws(dialect), None)


def _flaws(dialect: Dialect) -> Iterator[str]:
    for name in _TEXTS:
        value = getattr(dialect, name)
        if not isinstance(value, str) or not value:
            yield f"its part {name!r} is {value!r}, and should be a text"
    for name in _FUNCTIONS:
        if not callable(getattr(dialect, name)):
            yield f"its part {name!r} is {getattr(dialect, name)!r}, and should be a function"
    if not isinstance(dialect.facts, Facts):
        yield f"its part 'facts' is {dialect.facts!r}, and should be a Facts"
    if dialect.batch is not None and not isinstance(dialect.batch, Batch):
        yield f"its part 'batch' is {dialect.batch!r}, and should be a Batch or None"
    if dialect.carrier not in ("websocket", "grpc"):
        yield f"its part 'carrier' is {dialect.carrier!r}, and should be 'websocket' or 'grpc'"
    yield from _wrong_errors(dialect)
    yield from _wrong_messages(dialect)
    yield from _wrong_answers(dialect)


def _wrong_errors(dialect: Dialect) -> Iterator[str]:
    if not isinstance(dialect.errors, Mapping):
        yield f"its part 'errors' is {dialect.errors!r}, and should be a mapping"
        return
    for name, failure in dialect.errors.items():
        if not isinstance(failure, ProviderFailure):
            yield f"its part 'errors' has {failure!r} as {name!r}, which is no ProviderFailure"
        elif failure.message is None and failure.close is None:
            yield f"its part 'errors' has {name!r}, which neither says anything nor closes"
    limit = dialect.facts.session_limit
    named = {
        "bad_message": dialect.facts.bad_message,
        "overloaded": dialect.facts.overloaded,
        "session_limit": limit[1] if limit else None,
    }
    for fact, error in named.items():
        if error is not None and error not in dialect.errors:
            yield f"its part 'facts' names {error!r} as {fact}, which is none of its errors"


def _wrong_messages(dialect: Dialect) -> Iterator[str]:
    if not isinstance(dialect.unknown, (str, bytes)):
        yield f"its part 'unknown' is {dialect.unknown!r}, and should be a message"
    for message in dialect.wrong_types:
        if not isinstance(message, (str, bytes)):
            yield f"its part 'wrong_types' has {message!r}, and should have messages only"


def _wrong_answers(dialect: Dialect) -> Iterator[str]:
    view = View("session-0", {"type": "config"})
    request = Request("GET", dialect.example.partition("?")[0])
    yield from _asked("open", lambda: dialect.open(request), (Opening, Refusal))
    for message in ("", "{}", b"\0\0"):
        yield from _asked("read", lambda m=message: dialect.read(m, view), _HEARD)  # type: ignore[misc]
    yield from _asked("http_error", lambda: dialect.http_error(503, "busy"), (object,))
    yield from _asked("rate_of", lambda: dialect.rate_of({}), (int,))
    said_final = False
    for event in SAMPLES:
        kind = type(event).__name__
        try:
            messages = dialect.write(event, view)
        except Exception as error:
            yield _failed("write", f"asked for a {kind}", error)
            continue
        if not isinstance(messages, list) or not all(isinstance(m, (str, bytes)) for m in messages):
            yield f"its part 'write' gave {messages!r} for a {kind}, and should give messages"
            continue
        said_final = said_final or (isinstance(event, Final) and bool(messages))
        told: list[object] = []
        for message in messages:
            try:
                told.append(dialect.explain(message))
            except Exception as error:
                yield _failed("explain", f"given {message!r}", error)
        beside = isinstance(
            event, (SessionEnded, Usage, Acknowledged)
        )  # may go with another message
        if messages and not beside and not any(isinstance(one, type(event)) for one in told):
            yield f"its part 'explain' does not know the {kind} that 'write' says"
    if not said_final:
        yield "its part 'write' has no message for a Final"


def _asked(part: str, ask: Callable[[], object], kinds: tuple[type, ...]) -> Iterator[str]:
    try:
        answer = ask()
    except Exception as error:
        yield _failed(part, "asked", error)
        return
    if not isinstance(answer, kinds):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        yield f"its part {part!r} gave {answer!r}, and should give {wanted}"


def _failed(part: str, when: str, error: Exception) -> str:
    return f"its part {part!r} failed when {when}: {type(error).__name__}: {error}"


assert {field.name for field in fields(Dialect)} >= {*_TEXTS, *_FUNCTIONS}
