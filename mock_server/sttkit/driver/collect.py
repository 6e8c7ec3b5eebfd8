"""What the plugin hands to the application, as plain records; and whether a secret is in it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from enum import Enum
from typing import TYPE_CHECKING, Any

from sttkit.trace import REDACTED, Trace

if TYPE_CHECKING:
    from livekit.agents import stt

STREAM: ContextVar[str] = ContextVar("sttkit_stream", default="main")
"""The stream on whose behalf code runs.

Tasks inherit it, so an ``error`` event of the STT, which does not name its stream, is attributed by
the context it is emitted in.
"""

_EXCERPT = 160
_MAX_CHAIN = 20


class Collector:
    """Writes what comes out of one STT into the trace."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    def attach(self, plugin: stt.STT[Any]) -> Callable[[], None]:
        """Listen to the STT's own events; returns a function that stops it."""
        plugin.on("error", self._on_error)
        plugin.on("metrics_collected", self._on_metrics)

        def detach() -> None:
            plugin.off("error", self._on_error)
            plugin.off("metrics_collected", self._on_metrics)

        return detach

    def event(self, event: stt.SpeechEvent, stream: str) -> None:
        """Note an event that iteration delivered."""
        # getattr throughout: a plugin may put anything into its events, and some fields came later.
        alternatives = getattr(event, "alternatives", None) or ()
        first = alternatives[0] if alternatives else None
        language = getattr(first, "language", None)
        words = getattr(first, "words", None) or ()
        self._trace.note(
            "client",
            "event",
            None,
            stream,
            type=_value(getattr(event, "type", None)),
            text=self._trace.redact(str(getattr(first, "text", None) or "")),
            start=getattr(first, "start_time", None),
            end=getattr(first, "end_time", None),
            confidence=getattr(first, "confidence", None),
            language=str(language) if language is not None else None,
            alternatives=len(alternatives),
            usage_s=getattr(getattr(event, "recognition_usage", None), "audio_duration", None),
            words=len(words),
            words_span=_span_of(words),
            began=self._in_the_run(getattr(event, "speech_start_time", None)),
        )
        self.check("event", _safe(repr, event), stream)

    def _in_the_run(self, moment: object) -> float | None:
        """A moment on the clock of `time.time`, seconds since the run began."""
        if not isinstance(moment, (int, float)):
            return None
        return self._trace.now() - (time.time() - moment)

    def failure(self, error: BaseException, place: str, stream: str) -> dict[str, Any]:
        """The facts of an exception, after looking for secrets in it and its causes."""
        for link in _chain(error):
            self.check(f"{place}: str of {type(link).__name__}", _safe(str, link), stream)
            self.check(f"{place}: repr of {type(link).__name__}", _safe(repr, link), stream)
        return error_facts(error, self._trace)

    def check(self, place: str, text: str, stream: str | None) -> None:
        """Note a leak if ``text`` holds a secret."""
        if self._trace.holds_secret(text):
            self._trace.note(
                "client", "leak", None, stream, place=place, text=excerpt(self._trace.redact(text))
            )

    def _on_error(self, event: Any) -> None:
        stream = STREAM.get()
        error = getattr(event, "error", None)
        if not isinstance(error, BaseException):
            error = TypeError(f"an error event with {type(error).__name__} for its error")
        facts = self.failure(error, "error event", stream)
        self.check("error event", _safe(repr, event), stream)
        recoverable = bool(getattr(event, "recoverable", False))
        self._trace.note("client", "error", None, stream, recoverable=recoverable, error=facts)

    def _on_metrics(self, metrics: Any) -> None:
        stream = STREAM.get()
        audio = getattr(metrics, "audio_duration", 0.0)
        # Reports of how long a connection took share the event, from livekit-agents 1.5 on; they
        # speak of no request and no audio.
        connection = hasattr(metrics, "acquire_time") and not getattr(metrics, "request_id", "")
        self._trace.note(
            "client",
            "metrics",
            None,
            stream,
            audio_duration=audio,
            duration=getattr(metrics, "duration", 0.0),
            streamed=bool(getattr(metrics, "streamed", True)),
            acquired=connection and not audio,
        )
        self.check("metrics", _safe(repr, metrics), stream)


def _span_of(words: object) -> list[object] | None:
    """Where the first of them starts and the last one ends; None where they do not say."""
    if not isinstance(words, Sequence) or not words:
        return None
    span = (getattr(words[0], "start_time", None), getattr(words[-1], "end_time", None))
    # What was not given is an object of its own.
    return [value if isinstance(value, (int, float)) else None for value in span]


def error_facts(error: BaseException, trace: Trace) -> dict[str, Any]:
    """An exception as plain facts, without secrets."""
    from livekit.agents import APIError

    is_api = isinstance(error, APIError)
    status = getattr(error, "status_code", getattr(error, "status", None))
    return {
        "type": type(error).__name__,
        "module": type(error).__module__,
        "api": is_api,
        "retryable": bool(getattr(error, "retryable", False)) if is_api else None,
        "status": int(status) if isinstance(status, int) else None,  # not an IntEnum
        "message": trace.redact(_safe(str, error)),
        "repr": trace.redact(_safe(repr, error)),
        "cancelled": isinstance(error, asyncio.CancelledError),
        "causes": [type(link).__name__ for link in _chain(error)][1:],
    }


def did_not_return() -> dict[str, Any]:
    """Facts that stand for the error of a call that had to be given up."""
    return {
        "type": "DidNotReturn",
        "module": "sttkit",
        "api": False,
        "retryable": None,
        "status": None,
        "message": "did not return",
        "repr": "did not return",
        "cancelled": False,
        "causes": [],
    }


def excerpt(redacted: str) -> str:
    """The surroundings of the first secret in a text that it was removed from."""
    at = max(0, redacted.find(REDACTED))
    return redacted[max(0, at - _EXCERPT) : at + len(REDACTED) + _EXCERPT]


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what a traceback would show as its causes; ``from None`` hides them."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen and len(seen) < _MAX_CHAIN:
        seen.add(id(link))
        yield link
        hidden = None if link.__suppress_context__ else link.__context__
        link = link.__cause__ if link.__cause__ is not None else hidden


def _value(kind: object) -> str:
    return str(kind.value) if isinstance(kind, Enum) else str(kind)


def _safe(say: Callable[[Any], str], thing: object) -> str:
    try:
        return say(thing)
    except Exception as error:  # a third party's repr may raise
        return f"<{type(thing).__name__}: no {say.__name__}, {type(error).__name__}>"
