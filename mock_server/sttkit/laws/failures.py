"""RETRY, second half: how a failure shows, and what must not pass for an end."""

from __future__ import annotations

from collections.abc import Iterator

from sttkit.laws.batch import failed_tries
from sttkit.laws.budget import budget_of
from sttkit.laws.connections import Connection, Failure
from sttkit.laws.judging import count, overall, secs
from sttkit.laws.model import (
    Judgement,
    Law,
    Run,
    broken,
    inapplicable,
    passed,
    unexercised,
    warned,
)
from sttkit.laws.retry import is_retried
from sttkit.laws.streams import Stream
from sttkit.trace import Record

_HARMLESS = frozenset({"empty-transcript", "early-message"})
"""Messages as a healthy server may send them: no reason for an error."""
SENDING_S = 1.0
"""A break at most this long before the application pushed after standing still."""


def errors_match_failures(run: Run) -> Judgement:
    history = run.history
    if not history.streams and not history.of("batch"):
        return unexercised("nothing was opened")
    events = [r for s in history.streams for r in _own_errors(run, s)]
    failures = sum(_causes(c) for c in history.connections if not c.is_batch)
    if history.of("batch"):
        events = list(history.of("error"))
        failures = failed_tries(run)
    if len(events) > failures:
        first = sorted(events, key=history.order)[failures]
        expected = f"no more than {count(failures, 'error event')}, one per failure"
        return broken(
            expected if failures else "no error event on a healthy line",
            count(len(events), "error event") + f", the last of them {_said(first)}",
            first.at,
        )
    for stream in history.streams:
        for failure in stream.open_failures:
            warning = _lacks_event(run, stream, failure)
            if warning is not None:
                return warning
    return passed()


def _own_errors(run: Run, stream: Stream) -> list[Record]:
    """Error events before the application took the stream or its HTTP session away."""
    until = min(stream.closing_order, run.history.session_closed_order)
    return [r for r in stream.errors if run.history.order(r) < until]


def _causes(connection: Connection) -> int:
    """How many error events a connection gives reason for, at most."""
    if connection.provoked:
        return 0  # what the server then complains of is the client's own doing
    messages = len([r for r in connection.of("injected") if r.data["what"] not in _HARMLESS])
    messages += len([r for r in connection.sent if r.data.get("event") == "provider_error"])
    violations = [r for r in connection.of("fault") if r.data["id"] == "rfc"]
    failed = connection.failure or connection.deaf_fault or violations
    return max(messages, 1 if failed else 0)


def _lacks_event(run: Run, stream: Stream, failure: Failure) -> Judgement | None:
    """The should-part: each failure emits one event, recoverable if it is retried."""
    history = run.history
    if failure.polite:
        return None  # a server that says goodbye has not failed
    reaction = stream.reaction(failure, run.limits.recovery)
    if reaction.what not in ("retried", "raised") or reaction.record is None:
        return None
    until = history.order(reaction.record)
    if any(failure.order < history.order(r) < until for r in stream.calls("update_options")):
        return None  # it would have connected again anyway
    said = [r for r in stream.errors if failure.order < history.order(r) < until]
    if not said:
        return warned(f"an error event for {failure.what}", "none", failure.at)
    if reaction.what == "retried" and not said[0].data["recoverable"]:
        expected = f"a recoverable error event for {failure.what}, which is retried"
        return warned(expected, "an unrecoverable one", said[0].at)
    return None


def _said(event: Record) -> str:
    error = event.data["error"] or {}
    return f"{error.get('type')}: {str(error.get('message'))[:80]}"


def errors_are_api_errors(run: Run) -> Judgement:
    return overall(
        (
            passed() if error.get("api") else broken("an APIError", _raw(place, error), at)
            for stream in run.history.streams
            for place, error, at in _reaching(run, stream)
        ),
        otherwise="no error reached the application",
    )


def _reaching(run: Run, stream: Stream) -> Iterator[tuple[str, dict[str, object], float]]:
    for record in _own_errors(run, stream):
        yield "in an error event", dict(record.data["error"] or {}), record.at
    ended = stream.ended_by_itself
    if ended is not None and ended.data["how"] != "stop":
        yield "out of the iteration", dict(ended.data["error"] or {}), ended.at


def _raw(place: str, error: dict[str, object]) -> str:
    return f"{error.get('module')}.{error.get('type')} {place}"


def senders_failures_are_retried(run: Run) -> Judgement:
    if budget_of(run) == 0:
        return inapplicable("the plugin has a budget of 0 retries")
    return overall(
        (
            _sender_is_no_exception(run, stream, failure)
            for stream in run.history.streams
            for failure in stream.open_failures
            if failure.nature(run.facts) == "transient"
            and failure.id != "no-answer"
            and any(
                -SENDING_S <= failure.at - action.at <= SENDING_S / 2
                for action in stream.actions("block-loop", "burst")
            )
        ),
        otherwise="no connection broke while the application was sending a burst",
    )


def _sender_is_no_exception(run: Run, stream: Stream, failure: Failure) -> Judgement:
    for place, error, at in _reaching(run, stream):
        if at >= failure.at and not error.get("api"):
            return broken("an APIError, as when the receiver sees it", _raw(place, error), at)
    return is_retried(run, stream, failure)


def routine_closes_end_nothing(run: Run) -> Judgement:
    return overall(
        (
            _ends_nothing(run, stream, failure)
            for stream in run.history.streams
            for failure in stream.open_failures
            if failure.routine
        ),
        otherwise="the server never said goodbye while input was open",
    )


def _ends_nothing(run: Run, stream: Stream, failure: Failure) -> Judgement:
    reaction = stream.reaction(failure, run.limits.recovery)
    expected = f"a new connection or an exception after {failure.what}"
    if reaction.what in ("retried", "raised"):
        return passed()
    if reaction.what == "cut short":
        return unexercised(f"the application left when {failure.what} had just happened")
    after = secs(reaction.at - failure.at)
    if reaction.what == "ended":
        return broken(expected, f"iteration just ended after {after}", reaction.at)
    return broken(expected, f"neither in {after}", failure.at)


LAWS = (
    Law(
        "RETRY-6",
        "must",
        "A healthy stream emits no error event, and there are never more error events than "
        "failures; that each failure emits one, recoverable if it is retried, is a should.",
        "Applications count error events to decide about fallbacks and alarms.",
        "Error events, against the failures, violations and error messages of the server; a batch "
        "request that the client gave up before the connect timeout did not fail.",
        errors_match_failures,
    ),
    Law(
        "RETRY-7",
        "must",
        "What reaches the application, by an error event or out of the iteration, is an APIError.",
        "The base class retries APIErrors only, and applications catch nothing else: a raw error "
        "kills the stream at once.",
        "The class of every error in error events and of the exception that ends iteration.",
        errors_are_api_errors,
    ),
    Law(
        "RETRY-8",
        "must",
        "A failure that the sender meets first is retried, and reported as an APIError, like one "
        "that the receiver meets.",
        "Under load the sender often sees a lost connection first; a raw error from there ends the "
        "stream although a retry would have saved it.",
        "Connections that break while the application stands still or bursts audio.",
        senders_failures_are_retried,
    ),
    Law(
        "RETRY-9",
        "must",
        "A close by the server with 1000 or 1001 while input is open, after a message that ends "
        "the session or without one, is not an end: the stream reconnects or raises, it does not "
        "just end.",
        "Idle limits and deploys close politely; a stream that takes that for an end leaves the "
        "session open and deaf.",
        "The next attempt or the end of iteration after such a close.",
        routine_closes_end_nothing,
    ),
)
