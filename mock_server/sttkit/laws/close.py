"""CLOSE, first half: ``aclose()``, cancellation, and what is left behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from sttkit.laws.evidence import where_it_waits
from sttkit.laws.judging import count, overall, secs
from sttkit.laws.model import Judgement, Law, Run, broken, passed, unclear, unexercised
from sttkit.laws.streams import CLOSING_ACTIONS, NEVER, TRANSCRIPTS, Stream, text_of
from sttkit.laws.words import quoted, words_of
from sttkit.trace import Record

_FD_GROWTH = 2
"""Descriptors that two more runs must have added before it is a leak: one might be a pool's."""
_LOOP_COMPLAINTS = ("never retrieved", "was destroyed but it is pending", "Unclosed ")
_NOT_RETURNED = "DidNotReturn"
_INSTANT_S = 0.001
_CLOCK_SLACK_S = 0.1
"""A timer of exactly the limit fires a little later."""


def closing_returns(run: Run) -> Judgement:
    limit = run.limits.aclose
    judged = []
    for stream in run.history.streams:
        calls = stream.calls("aclose", "stt_aclose")
        for record in calls:
            took = float(record.data["took"])
            given_up = (record.data["error"] or {}).get("type") == _NOT_RETURNED
            if took > limit + _CLOCK_SLACK_S or given_up:
                observed = f"not in {secs(took)}" if given_up else f"after {secs(took)}"
                observed += where_it_waits(run, record.at - took)
                judged.append(broken(f"aclose() returns within {secs(limit)}", observed, record.at))
            else:
                judged.append(passed())
        begun = stream.actions("aclose", "aclose-twice", "aclose-at-once")
        if begun and not calls:
            waited = run.history.end - begun[0].at
            if waited > limit:
                observed = f"not in {secs(waited)}{where_it_waits(run, begun[0].at)}"
                judged.append(
                    broken(f"aclose() returns within {secs(limit)}", observed, begun[0].at)
                )
            else:
                judged.append(unclear(f"the run ended {secs(waited)} into aclose()"))
    return overall(judged, otherwise="nothing was closed")


def nothing_is_left(run: Run) -> Judgement:
    history = run.history
    for record in history.of("loop-error"):
        return broken("a loop that reports nothing", str(record.data["message"])[:160], record.at)
    for record in history.of("log"):
        message = str(record.data["message"])
        if record.data["logger"] == "asyncio" and any(c in message for c in _LOOP_COMPLAINTS):
            return broken("a loop that reports nothing", message[:160], record.at)
    held = _held_open(run)
    if held is not None:
        return held
    census = {str(r.data["label"]): r for r in history.of("census")}
    before, first, third = (census.get(label) for label in ("before", "after-1", "after-3"))
    if before is None or (first is None and third is None):
        return unclear("there was no census")
    if first is not None and not _grown(before.data, first.data, fds=1):
        return passed()
    if third is None:
        return unclear("something was left, and it was not seen whether more is left each time")
    if first is None:
        return unclear("there was no census after the first stream")
    grown = _grown(first.data, third.data, fds=_FD_GROWTH)
    if grown:
        return broken("no more left after three streams than after one", grown, third.at)
    return passed()


def _held_open(run: Run) -> Judgement | None:
    """Sessions that were still open a while after the STT was closed."""
    released = next(iter(run.history.of("released")), None)
    if released is None or run.history.session_closed_order < NEVER:
        return None
    order = run.history.order
    held = [
        connection
        for connection in run.history.connections
        if connection.ready is not None
        and connection.deaf_fault is None
        and not any(
            order(r) < order(released)
            for kind in ("close-received", "eof", "lost")
            for r in connection.of(kind)
        )
    ]
    if not held:
        return None
    observed = f"{count(len(held), 'session')} open until the application closed the HTTP session"
    return broken("no session left open by STT.aclose()", observed, released.at)


def _grown(before: Any, after: Any, *, fds: int) -> str:
    """What there is more of, in a few words; nothing if there is no more of anything."""
    tasks = Counter(after["tasks"]) - Counter(before["tasks"])
    if len(after["tasks"]) > len(before["tasks"]) and tasks:
        return count(tasks.total(), "more task") + f": {', '.join(sorted(tasks)[:3])}"
    threads = Counter(after["threads"]) - Counter(before["threads"])
    if len(after["threads"]) > len(before["threads"]) and threads:
        return count(threads.total(), "more thread") + f": {', '.join(sorted(threads)[:3])}"
    for key, noun, least in (
        ("sessions", "more unclosed HTTP session", 1),
        ("open_connections", "more open connection", 1),
        ("fds", "more file descriptor", fds),
    ):
        more = after[key] - before[key]
        if more >= least:
            return count(more, noun)
    return ""


def closing_is_quiet(run: Run) -> Judgement:
    return overall(
        (_is_quiet(run, stream) for stream in run.history.streams),
        otherwise="no stream was opened",
    )


def _is_quiet(run: Run, stream: Stream) -> Judgement:
    history = run.history
    calls = stream.calls("aclose")
    if not calls:
        return unexercised("the stream was not closed")
    begun = stream.closing_order
    # A connection under way is accepted a moment later than it was begun.
    under_way = history.attempt_lag
    for connection in stream.connections:
        if connection.order > begun and connection.began > stream.closing + under_way:
            after = secs(connection.began - stream.closing)
            return broken(
                "no connection after aclose() began", f"one {after} later", connection.began
            )
    for error in stream.errors:
        if _tells_of_before(stream, error.at):
            continue
        if history.order(error) > begun and history.alone(stream, history.order(error)):
            kind = (error.data["error"] or {}).get("type")
            return broken("no error event after aclose() began", str(kind), error.at)
    returned = history.order(calls[0])
    queued = {
        word
        for record in stream.sent
        if history.order(record) < returned
        for word in words_of(text_of(record))
    }
    for event in stream.events:
        if history.order(event) > returned and event.data["type"] in TRANSCRIPTS:
            new = [word for word in words_of(text_of(event)) if word not in queued]
            if new:
                observed = f"{quoted(new)}, which the server had not said by then"
                return broken("nothing new after aclose() returned", observed, event.at)
    return passed()


def waiting_consumers_wake(run: Run) -> Judgement:
    return overall(
        (_consumer_wakes(run, stream) for stream in run.history.streams),
        otherwise="no stream was opened",
    )


def _consumer_wakes(run: Run, stream: Stream) -> Judgement:
    history, limits = run.history, run.limits
    calls = stream.calls("aclose")
    if stream.actions("cancel-consumer"):
        return unexercised("the consumer was cancelled")
    if stream.ended_by_itself is not None or not (calls or stream.actions(*CLOSING_ACTIONS)):
        return unexercised("iteration ended before the stream was closed")
    returned = min((r.at for r in calls), default=stream.closing + limits.aclose)
    # A consumer that naps is not waiting in __anext__.
    napping = 1.5 if stream.actions("slow-consumer") else 0.0
    limit = limits.grace + napping
    expected = f"the end of iteration within {secs(limit)} of aclose()"
    if stream.ended is None:
        waited = history.end - returned
        if waited < limit and not stream.calls("__anext__"):
            return unclear(f"the run ended {secs(waited)} after aclose()")
        observed = f"not in {secs(waited)}{where_it_waits(run, returned)}"
        return broken(expected, observed, returned)
    took = stream.ended.at - returned
    return passed() if took <= limit else broken(expected, secs(took), stream.ended.at)


def closing_is_idempotent(run: Run) -> Judgement:
    return overall(
        (_is_idempotent(run, stream) for stream in run.history.streams),
        otherwise="no stream was opened",
    )


def _is_idempotent(run: Run, stream: Stream) -> Judgement:
    for record in stream.calls("aclose", "stt_aclose"):
        error = record.data["error"]
        if error is not None and error["type"] != _NOT_RETURNED:
            said = f"{error['type']}: {str(error['message'])[:80]}"
            of_stream = record.data["name"] == "aclose"
            name = "aclose()" if of_stream else "STT.aclose()"
            return broken(f"{name} raises nothing", said, record.at)
    calls = stream.calls("aclose")
    ended = stream.ended_by_itself
    failed = ended is not None and ended.data["how"] == "raised"
    if len(calls) > 1 or (calls and (failed or stream.actions("aclose-at-once"))):
        return passed()
    return unexercised("the stream was closed once, while it was read, and had not failed")


def cancelling_is_cancelling(run: Run) -> Judgement:
    return overall(
        (_is_cancelling(run, stream) for stream in run.history.streams),
        otherwise="no stream was opened",
    )


def _tells_of_before(stream: Stream, at: float) -> bool:
    """Whether an error is told in the instant of closing, of a failure just before, or just then.

    The stream's task was woken by the failure already; the call comes too late to keep it quiet.
    """
    broken_by_then = any(f.at - stream.closing <= _INSTANT_S for f in stream.failures)
    return broken_by_then and at - stream.closing <= _INSTANT_S


def _is_cancelling(run: Run, stream: Stream) -> Judgement:
    history = run.history
    actions = stream.actions(*CLOSING_ACTIONS)
    begun = stream.closing_order
    if not actions or stream.ended_order < begun:
        return unexercised("nothing was cancelled while the stream was alive")
    expected = "cancellation ends the stream as such"
    for error, place, at in _after_cancelling(stream, history.order, begun):
        broke_before = any(f.order < begun for f in stream.failures)
        if error.get("api") and broke_before and place == "out of the iteration":
            continue  # what had gone wrong by then may still be told
        if error.get("api") and _tells_of_before(stream, at):
            continue
        # A consumer that is cancelled and then iterates again gets this from the base class.
        if error.get("type") == "InvalidStateError" and stream.actions("cancel-consumer"):
            continue
        return broken(expected, f"{error.get('type')} {place}", at)
    under_way = history.attempt_lag
    for connection in stream.connections:
        if connection.order > begun and connection.began > stream.closing + under_way:
            after = secs(connection.began - stream.closing)
            return broken("no retry after cancellation", f"one {after} later", connection.began)
    return passed()


def _after_cancelling(
    stream: Stream, order: Any, begun: int
) -> Iterator[tuple[dict[str, Any], str, float]]:
    ended: Record | None = stream.ended
    if ended is not None and order(ended) > begun and ended.data["how"] == "raised":
        yield dict(ended.data["error"] or {}), "out of the iteration", ended.at
    for record in stream.calls("aclose"):
        error = record.data["error"]
        if order(record) > begun and error is not None and error["cancelled"]:
            yield dict(error), "out of aclose()", record.at
    for record in stream.errors:
        if order(record) > begun and not stream.actions("cancel-consumer"):
            yield dict(record.data["error"] or {}), "in an error event", record.at


LAWS = (
    Law(
        "CLOSE-1",
        "must",
        "aclose() returns within 5 s, whatever state the stream and its connection are in.",
        "A session that cannot be closed holds a worker, and in the end the whole process.",
        "How long each aclose() took.",
        closing_returns,
    ),
    Law(
        "CLOSE-2",
        "must",
        "After aclose() of stream and STT no task, socket, session, thread or descriptor of the "
        "stream is left, and the event loop has nothing to report.",
        "What is left of each call adds up until the worker is killed.",
        "Sessions that are still open 1 s after the STT was closed; a census before and after, and "
        "where something is left, another one after two more runs, so "
        "that pools do not count. And what the loop's exception handler is told.",
        nothing_is_left,
    ),
    Law(
        "CLOSE-3",
        "must",
        "aclose() opens no connection and emits no error event, and nothing is delivered after it "
        "that was not queued before.",
        "A caller who has hung up must not be transcribed, billed or retried.",
        "Attempts and error events after aclose() began, and transcripts after it returned.",
        closing_is_quiet,
    ),
    Law(
        "CLOSE-4",
        "must",
        "A consumer that waits for the next event wakes, and its iteration ends, when the stream "
        "is closed from elsewhere; so does that of one who begins to read only then.",
        "Otherwise the task that reads the transcripts waits for ever.",
        "The end of iteration after an aclose() from another task.",
        waiting_consumers_wake,
    ),
    Law(
        "CLOSE-5",
        "must",
        "aclose() may be called twice, from two tasks at once, before iteration begins, or after "
        "a failure, and does not raise the stream's old error; nor does STT.aclose() raise any.",
        "Cleanup code runs on many paths; an exception there hides the real one and skips the "
        "rest of the cleanup.",
        "What each aclose() raised, where there were several, the stream had failed or had not "
        "been read; and what the STT's own raised.",
        closing_is_idempotent,
    ),
    Law(
        "CLOSE-6",
        "must",
        "Cancellation is not turned into another exception or an error event, and no retry follows "
        "it.",
        "A shutdown that is taken for a failure makes an application connect again while it exits.",
        "Exceptions, error events and attempts after the application closed or cancelled a live "
        "stream.",
        cancelling_is_cancelling,
    ),
)
