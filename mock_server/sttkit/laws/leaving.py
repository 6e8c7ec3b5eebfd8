"""CLOSE, the rest: calls after the end, what the server is told, and early or abrupt ends."""

from __future__ import annotations

from sttkit.laws.budget import budget_of
from sttkit.laws.connections import Connection
from sttkit.laws.judging import overall, secs
from sttkit.laws.ledger import heard_of
from sttkit.laws.model import (
    Judgement,
    Law,
    Run,
    broken,
    inapplicable,
    passed,
    unclear,
    unexercised,
)
from sttkit.laws.streams import CLOSING_ACTIONS, NEVER, Stream, text_of
from sttkit.laws.words import lacking, quoted, words_of

_LATE_CALLS = ("late:push_frame", "late:flush", "late:end_input")
_DARK = frozenset({"half-open", "stop-reading"})


def late_calls_are_refused(run: Run) -> Judgement:
    return overall(
        (_refuses_late_calls(run, stream) for stream in run.history.streams),
        otherwise="no stream was opened",
    )


def _refuses_late_calls(run: Run, stream: Stream) -> Judgement:
    order = run.history.order
    for record in stream.refusals("push_frame", "flush", "end_input"):
        name, error = record.data["name"], record.data["error"]
        if name == "push_frame" and stream.in_other_form:
            continue  # whether that form is refused is another law's
        said = f"{error['type']}: {str(error['message'])[:80]}"
        return broken(f"{name}() returns while input is open", said, record.at)
    late = stream.calls(*_LATE_CALLS)
    for record in late:
        error = record.data["error"]
        name = record.data["name"].removeprefix("late:")
        if error is None:
            return broken(f"{name}() after the end raises RuntimeError", "it returned", record.at)
        if error["type"] != "RuntimeError":
            expected = f"{name}() after the end raises RuntimeError"
            return broken(expected, f"{error['type']}", record.at)
    flushes = [
        r for r in stream.calls("flush") if stream.input_open(order(r)) and r.data["error"] is None
    ]
    for flush in flushes:
        ended = stream.ended_by_itself
        if ended is None or ended.data["how"] != "stop":
            continue
        failed = any(f.order < stream.ended_order for f in stream.failures)
        if order(flush) < stream.ended_order < stream.input_end_order and not failed:
            observed = f"iteration ended {secs(ended.at - flush.at)} later"
            return broken("flush() ends nothing", observed, ended.at)
    if not late and not flushes:
        return unexercised("nothing was called after the end, nor flushed")
    return passed()


def the_server_is_told(run: Run) -> Judgement:
    if run.history.session_closed_order < NEVER:
        return unexercised("the application closed the HTTP session")
    return overall(
        (_is_told(run, stream) for stream in run.history.streams),
        otherwise="no stream was opened",
    )


def _is_told(run: Run, stream: Stream) -> Judgement:
    history = run.history
    ended = stream.input_end_order < stream.closing_order
    done = stream.input_end_order if ended else stream.closing_order
    last = stream.current(done) if done < NEVER else None
    later = stream.next_attempt(done) if done < NEVER else None
    last = later if ended and later is not None else last
    if last is None or last.ready is None:
        return unexercised("there was no working session to be ended")
    if ended and run.facts.end_marker and last.client_end is None and last.provoked:
        garbled = [r for r in last.of("control") if r.data["what"] == "unintelligible"]
        late = next((r for r in garbled if history.order(r) > done), None)
        if late is not None:
            said = f"what it does not understand: {late.data['text'][:60]}"
            return broken("the provider's end-of-stream message", said, late.at)
    if last.failure is not None:
        return unexercised("there was no working session to be ended")
    if last.deaf_fault is not None and last.deaf_fault.data["id"] in _DARK:
        return unexercised("the server did not listen any more")
    if last.left is not None and history.order(last.left) < done:
        return unexercised("there was no working session to be ended")
    if not ended and last.ready.at + history.lag > stream.closing:
        return unexercised("the session was only just ready")
    if ended and run.facts.end_marker and last.client_end is None:
        return broken("the provider's end-of-stream message", "none", stream.input_end)
    if last.left is not None and last.left.kind != "close-received":
        how = "a shut socket" if last.left.kind == "eof" else f"a {last.left.data.get('how')}"
        return broken("a close frame", how, last.left.at)
    if last.left is None and last.first("close-sent") is None:
        return broken("a close frame", "none by the end of the run", history.end)
    shut, sent = last.first("eof"), last.first("close-sent")
    if shut is not None and last.first("close-received") is None:
        if sent is not None and shut.at - sent.at < history.backlog:
            return unclear("the server's close frame was still on its way on a narrow line")
        # RFC 6455, 5.5.1: a close frame is answered by a close frame.
        return broken("a close frame", "a shut socket in answer to the server's", shut.at)
    return passed()


def early_audio_is_transcribed(run: Run) -> Judgement:
    return overall(
        (_early_audio(run, stream) for stream in run.history.streams),
        otherwise="no stream was opened",
    )


def _early_audio(run: Run, stream: Stream) -> Judgement:
    history = run.history
    ready = next((c.ready for c in stream.connections if c.ready is not None), None)
    if stream.input_end_order == NEVER or not stream.pushes:
        return unexercised("no audio was pushed and ended")
    if ready is not None and history.order(ready) < stream.input_end_order:
        return unexercised("the session was ready before the end of input")
    if not _may_try_again(run, stream) or any(r.data.get("deaf") for r in history.faults):
        return unexercised("the line failed")
    if any(c.violation is not None for c in stream.connections):
        return unexercised("the server broke the protocol of the line")
    if any(c.failure is not None for c in history.unassigned):
        return unexercised("an attempt failed, and it cannot be told whose it was")
    if stream.actions(*CLOSING_ACTIONS) or history.session_closed_order < NEVER:
        return unexercised("the application closed the stream or its HTTP session")
    words = stream.words_pushed()
    if not words:
        return unexercised("no words were pushed")
    withheld = [
        word
        for c in stream.connections
        for r in c.of("withheld")
        if r.data.get("event") == "final"
        for word in words_of(text_of(r))
    ]
    missing = lacking(words, (*stream.final_words, *withheld))
    if not missing:
        return passed()
    if not stream.connections:
        return broken("all that was pushed is transcribed", "there was no connection at all")
    ended = stream.ended_by_itself
    if ended is not None and ended.at - stream.input_end < history.backlog:
        return unclear("what the server said was still on its way on a narrow line")
    arrived = max((s.end for c in stream.connections for s in heard_of(stream, c)), default=0.0)
    observed = f"{quoted(missing)} is missing; {secs(arrived)} of {secs(stream.pushed_end)} arrived"
    return broken("all that was pushed is transcribed", observed, stream.input_end)


def _may_try_again(run: Run, stream: Stream) -> bool:
    """Whether nothing failed but attempts, of which there was another one left each time."""
    failed = [c for c in stream.connections if c.failure is not None]
    return len(failed) <= budget_of(run) and all(
        c.ready is None and c.failure is not None and c.failure.nature(run.facts) == "transient"
        for c in failed
    )


def a_closed_session_is_an_end(run: Run) -> Judgement:
    history = run.history
    if history.session_closed_order == NEVER:
        return unexercised("the application did not close the HTTP session")
    return overall(
        (_is_an_end(run, stream) for stream in history.streams), otherwise="no stream was opened"
    )


def _is_an_end(run: Run, stream: Stream) -> Judgement:
    history, limit = run.history, run.limits.recovery
    at, order = history.session_closed, history.session_closed_order
    if stream.over_order < order or history.order(stream.opened) > order:
        return unexercised("the stream was not alive then")
    current = stream.current(order)
    if current is not None and current.failure is not None and current.failure.order < order:
        return unexercised("the line had failed before")
    # An attempt under way by then may fail by the line's fault, and be told of as such.
    excused = sum(
        one.failure is not None and one.failure.order > order and one.ready is None
        for one in stream.connections
        if one.began <= at + history.attempt_lag
    )
    told = [e for e in stream.errors if history.order(e) > order and e.data["recoverable"]]
    for number, error in enumerate(told):
        if number >= excused:
            kind = (error.data["error"] or {}).get("type")
            return broken("an end, not an error to retry", f"a recoverable {kind}", error.at)
    again = stream.next_attempt(order)
    if again is not None and again.began > at + history.attempt_lag:
        return broken("no further attempt", f"one {secs(again.began - at)} later", again.began)
    if current is not None and not _was_lost(run, current):
        return inapplicable("the plugin does not use the HTTP session it is given")
    ended = stream.ended
    if ended is not None and ended.at - at <= limit:
        return passed()
    waited = min(stream.closing, history.end) - at
    if ended is None and waited < limit:
        if stream.closing < history.end:
            return broken("iteration ends", f"not in {secs(waited)}, until aclose()", at)
        return unclear(f"watched for {secs(waited)} of {secs(limit)} only")
    return broken(f"iteration ends within {secs(limit)}", f"not in {secs(waited)}", at)


def _was_lost(run: Run, connection: Connection) -> bool:
    """Whether the client's side of a connection went away when the session was closed."""
    gone = connection.client_gone(run.history.session_closed_order)
    return gone is not None and gone.at <= run.history.session_closed + run.limits.grace


LAWS = (
    Law(
        "CLOSE-10",
        "must",
        "push_frame(), flush() and end_input() raise RuntimeError after the end, and nothing "
        "before it; flush() in mid-stream ends nothing.",
        "Audio that is accepted and thrown away hides a bug of the application; an exception in "
        "mid-call ends the task that feeds the stream.",
        "What such calls raised after the end, and while input was open and the stream did not end "
        "soon after; and the end of iteration after a flush.",
        late_calls_are_refused,
    ),
    Law(
        "CLOSE-11",
        "should",
        "The server is told of the end: by the provider's end-of-stream message after end_input(), "
        "and by a close frame, not a dropped socket; the server's own close frame is answered.",
        "Providers bill and hold sessions of clients that just vanish, and count them against "
        "limits of concurrency.",
        "The last messages and the close frame of the session that was up.",
        the_server_is_told,
    ),
    Law(
        "CLOSE-12",
        "must",
        "Audio that was pushed and ended before the first session was up is still sent and "
        "transcribed, should it take another attempt or two to get there.",
        "Short utterances, and everything recorded beforehand, would be lost.",
        "Words pushed against words in finals, where input ended before the first session was "
        "ready.",
        early_audio_is_transcribed,
    ),
    Law(
        "CLOSE-14",
        "must",
        "When the application closes the HTTP session that it shares with the plugin, the stream "
        "ends; this is not an error to retry.",
        "At every shutdown a retry loop would run against a closed session and fill the logs.",
        "Error events, attempts and the end of iteration after the session was closed.",
        a_closed_session_is_an_end,
    ),
)
