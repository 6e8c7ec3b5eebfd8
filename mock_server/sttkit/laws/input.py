"""INPUT: bad input from the server."""

from __future__ import annotations

import re
from typing import Any

from sttkit.laws.budget import budget_of, most_used
from sttkit.laws.connections import Connection, Failure
from sttkit.laws.finals import Item, undelivered
from sttkit.laws.judging import overall, secs
from sttkit.laws.model import Judgement, Law, Run, broken, passed, unclear, unexercised
from sttkit.laws.streams import Stream, text_of
from sttkit.laws.words import quoted, words_of
from sttkit.trace import Record

MALFORMED = frozenset(
    {
        "not-json",
        "json-array",
        "json-null",
        "wrong-types",
        "unknown-type",
        "empty",
        "binary-for-text",
        "text-for-binary",
        "huge",
        "nested",
        "null-error",
    }
)
VIOLATIONS = frozenset({"rfc", "cut"})
_REACTION_S = 0.5


def malformed_messages_do_no_harm(run: Run) -> Judgement:
    return overall(
        (
            _does_no_harm(run, stream, connection, record)
            for stream in run.history.streams
            for connection in stream.connections
            for record in connection.of("injected")
            if record.data["what"] in MALFORMED
        ),
        otherwise="no malformed message was sent",
    )


def _does_no_harm(run: Run, stream: Stream, connection: Connection, record: Record) -> Judgement:
    order = run.history.order(record)
    what = record.data["what"]
    if stream.over_order < order:
        return unexercised(f"the stream was over when {what} was sent")
    ended = stream.ended_by_itself
    if ended is not None and ended.data["how"] == "raised":
        error = ended.data["error"] or {}
        if not error.get("api"):
            return broken(f"an APIError after {what}", _raw(error), ended.at)
        # One that gives up says so at once, not when there is nothing left to be deaf to.
        heard = ended.at - _REACTION_S - run.history.lag
        missing = [item for item in undelivered(run, stream, since=order) if item.at < heard]
        if missing:
            late = f"{secs(ended.at - missing[0].at)} before {error.get('type')} was raised"
            return broken(f"the finals that follow {what}", f"{_words(missing)}, {late}", record.at)
        return passed()
    broke = any(order < f.order < stream.ended_order for f in stream.failures)
    if ended is not None and stream.ended_order < stream.input_end_order and not broke:
        observed = f"iteration just ended {secs(ended.at - record.at)} later"
        return broken(f"the stream goes on after {what}, or an APIError", observed, ended.at)
    missing = undelivered(run, stream, since=order)
    if missing:
        return broken(f"the finals that follow {what}", _words(missing), record.at)
    if any(run.history.order(r) > order and text_of(r) for r in stream.sent):
        return passed()
    given_up = _given_up(run, stream, connection, order)
    if given_up:
        return broken(f"a new connection or an APIError after {what}", given_up, record.at)
    if ended is not None:
        return passed()
    return unexercised(f"nothing valid followed {what}")


def _words(missing: list[Item]) -> str:
    return f"{quoted(word for item in missing for word in item.texts[0])} is missing"


def _given_up(run: Run, stream: Stream, connection: Connection, order: int) -> str:
    """How long a stream did nothing after it had given up its connection, or nothing."""
    gone = connection.client_gone(order)
    if gone is None or not stream.input_open(order) or stream.next_attempt(order) is not None:
        return ""
    if stream.ended_by_itself is not None and stream.ended_order < stream.input_end_order:
        return ""
    waited = stream.watch_end - gone.at
    # Twice what the longest wait before a retry may take.
    if waited < 2 * (run.options.retry_interval + _REACTION_S):
        return ""
    return f"the connection was given up, and no other one in {secs(waited)}"


def violations_fail_cleanly(run: Run) -> Judgement:
    judged = []
    for stream in run.history.streams:
        for connection in stream.connections:
            for record in connection.of("fault"):
                order = run.history.order(record)
                if record.data["id"] in VIOLATIONS and stream.input_open(order):
                    judged.append(_fails_cleanly(run, stream, connection, record))
    return overall(judged, otherwise="RFC 6455 was not violated while input was open")


def _fails_cleanly(run: Run, stream: Stream, connection: Connection, record: Record) -> Judgement:
    what = str(record.data["fault"])
    failure = Failure(record, run.history.order(record), connection.number, what)
    expected = f"{what} processed, or the connection failed and retried"
    reaction = stream.reaction(failure, run.limits.recovery)
    left = min(stream.closing_order, run.history.session_closed_order)
    for event in stream.errors:
        if failure.order < run.history.order(event) < left and not event.data["error"]["api"]:
            return broken(expected, _raw(event.data["error"]), event.at)
    if reaction.what == "raised":
        assert reaction.record is not None
        error = reaction.record.data["error"] or {}
        if not error.get("api"):
            return broken(expected, _raw(error), reaction.at)
    heard_again = stream.later_transcript(failure.order, failure.at) is not None
    if reaction.what == "retried" or heard_again:
        return passed()
    if reaction.what == "raised":
        assert reaction.record is not None
        index = stream.connections.index(connection)
        if most_used(run, stream, index) >= budget_of(run):
            return passed()
        raised = run.history.order(reaction.record)
        if any(failure.order < one.order < raised for one in run.history.unassigned):
            return unclear("it cannot be told whose attempts followed")
        kind = (reaction.record.data["error"] or {}).get("type")
        return broken(expected, f"{kind} raised without a retry", reaction.at)
    if reaction.what == "ended":
        return broken(expected, "iteration just ended", reaction.at)
    told = [
        r
        for r in connection.sent
        if run.history.order(r) > failure.order
        and r.data.get("event") == "final"
        and words_of(text_of(r))
        and r.at + run.history.lag < min(stream.closing, run.history.session_closed)
    ]
    given_up = _given_up(run, stream, connection, failure.order)
    if given_up:
        return broken(expected, given_up, record.at)
    if told and _arrived_all_the_same(run, stream, failure, told):
        return passed()
    if told or reaction.what == "nothing":
        silent = secs(run.history.end - record.at)
        return broken(expected, f"neither, and no transcript in {silent}", record.at)
    if stream.left_by_application:
        return unexercised(f"the application left when {what} had just happened")
    return unclear(f"nothing was said in the {secs(reaction.at - record.at)} after {what}")


def _arrived_all_the_same(run: Run, stream: Stream, failure: Failure, told: list[Record]) -> bool:
    """Whether finals that the server sent after a violation were delivered."""
    words = {
        word
        for record in stream.transcripts
        if run.history.order(record) > failure.order
        for word in words_of(text_of(record))
    }
    return all(word in words for record in told for word in words_of(text_of(record)))


def provider_errors_are_told(run: Run) -> Judgement:
    return overall(
        (
            _is_told(run, stream, record)
            for stream in run.history.streams
            for connection in stream.connections
            for record in _error_messages(run, connection)
        ),
        otherwise="the server sent no error message",
    )


def _error_messages(run: Run, connection: Connection) -> list[Record]:
    """Those of a connection that the client was still there to read."""
    order = run.history.order
    told = [r for r in connection.sent if r.data.get("event") == "provider_error"]
    if connection.violation is not None:
        # A client that failed the connection for a violation before reads no more.
        told = [r for r in told if order(r) < order(connection.violation)]
    # Nor does one that gave it up for a message before, though others were on their way.
    upset = [*connection.of("injected"), *told]
    first = min(upset, key=order, default=None)
    gone = connection.client_gone(order(first)) if first is not None else None
    until = gone.at - run.history.lag if gone is not None else float("inf")
    return [r for r in told if r is first or r.at < until]


def _is_told(run: Run, stream: Stream, record: Record) -> Judgement:
    history = run.history
    name = str(record.data.get("name", ""))
    declared = run.errors.get(name)
    text = declared.text if declared is not None else text_of(record)
    order = history.order(record)
    ended = stream.ended_by_itself
    left = min(stream.closing, history.session_closed)
    hasty = ended is None and left - record.at < _REACTION_S + history.lag
    if stream.over_order < order or hasty:
        return unexercised("the application left when the error message was sent")
    expected = f'an error that says "{text}"'
    shown = [r for r in stream.errors if history.order(r) > order]
    if ended is not None and stream.ended_order > order and ended.data["how"] == "raised":
        shown.append(ended)
    told = next((r for r in shown if _says(r.data["error"], text)), None)
    if told is None:
        if not shown:
            observed = f"none in {secs(min(left, history.end) - record.at)}"
            return broken(expected, observed, record.at)
        error = shown[0].data["error"] or {}
        observed = f"{error.get('type')}: {str(error.get('message'))[:80]}"
        return broken(expected, observed, shown[0].at)
    retryable = (told.data["error"] or {}).get("retryable")
    wanted = declared.retryable if declared is not None else None
    # Once input has ended there may be nothing left that another session could transcribe.
    moot = wanted and history.order(told) > stream.input_end_order
    if wanted is not None and retryable is not None and wanted != retryable and not moot:
        return broken(
            f'"{text}" as {"" if wanted else "not "}retryable',
            f"{'' if retryable else 'not '}retryable",
            told.at,
        )
    return passed()


def _says(error: Any, text: str) -> bool:
    facts = error or {}
    return _plain(text) in _plain(f"{facts.get('message')} {facts.get('repr')}")


def _plain(text: str) -> str:
    return re.sub(r"\W+", " ", text.casefold()).strip()


def _raw(error: Any) -> str:
    return f"{error.get('module')}.{error.get('type')}"


LAWS = (
    Law(
        "INPUT-1",
        "must",
        "A malformed message never ends a stream without an APIError, and never silences the valid "
        "messages that follow, on that connection or the next.",
        "Providers change their messages and proxies inject theirs; neither may end a call.",
        "The end of iteration, and the finals that the server sent after the message.",
        malformed_messages_do_no_harm,
    ),
    Law(
        "INPUT-2",
        "must",
        "A violation of RFC 6455 is either processed, as the client library does it, or the "
        "connection fails and is retried; never a raw error, never deafness.",
        "A parser that gives up in silence leaves the stream waiting for a connection that it will "
        "not read again.",
        "The next attempt, later transcripts and errors after the violation.",
        violations_fail_cleanly,
    ),
    Law(
        "INPUT-3",
        "must",
        "An error message of the provider reaches the application, as an error event or exception "
        "with the provider's text, retryable or not as the provider documents it.",
        "Without the text nobody finds out that a quota is used up or a model is gone.",
        "Error events and the exception after the message: their text and whether they are "
        "retryable.",
        provider_errors_are_told,
    ),
)
