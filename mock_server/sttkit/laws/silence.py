"""LIVE, second half: a line, a server or a caller that falls silent."""

from __future__ import annotations

from sttkit.laws.connections import Connection, Failure
from sttkit.laws.evidence import where_it_waits
from sttkit.laws.judging import overall, secs
from sttkit.laws.model import Judgement, Law, Run, broken, passed, unclear, unexercised
from sttkit.laws.streams import WATCH_SLACK_S, Stream
from sttkit.trace import Record

MUTED_S = 60.0
"""A caller who pushes nothing for so long is muted, not just slow."""
_SPEECH_WORDS = 2
"""Messages that a stalled server must have kept back before it can be noticed."""


def half_open_is_noticed(run: Run) -> Judgement:
    return overall(
        (
            _is_noticed(run, stream, failure)
            for stream in run.history.streams
            for failure in stream.open_failures
            if failure.id == "half-open"
        ),
        otherwise="no connection went half-open while input was open",
    )


def _is_noticed(run: Run, stream: Stream, failure: Failure) -> Judgement:
    limit = run.limits.half_open
    connection = next(c for c in stream.connections if c.number == failure.conn)
    sign = stream.notice_of(connection, failure.order)
    # What comes when the application has ended its audio may be no more than the answer to that.
    unasked = sign is not None and run.history.order(sign) < stream.input_end_order
    if sign is not None and unasked and sign.at - failure.at <= limit:
        return passed()
    watched = stream.watch_end - failure.at
    if watched < limit - WATCH_SLACK_S:
        return _too_short(stream, watched, limit, "the line went half-open")
    late = f"after {secs(sign.at - failure.at)}" if sign is not None and unasked else None
    observed = (late or f"not in {secs(watched)}") + where_it_waits(run, failure.at)
    return broken(f"the half-open line is noticed within {secs(limit)}", observed, failure.at)


def _too_short(stream: Stream, watched: float, limit: float, what: str) -> Judgement:
    if stream.left_by_application:
        return unexercised(f"the application left {secs(watched)} after {what}")
    return unclear(f"watched for {secs(watched)} of {secs(limit)} only")


def stalls_are_noticed(run: Run) -> Judgement:
    history = run.history
    return overall(
        (
            _stall_is_noticed(run, stream, connection, fault)
            for stream in history.streams
            for connection in stream.connections
            for fault in connection.of("fault")
            if fault.data["id"] == "stall" and stream.input_open(history.order(fault))
        ),
        otherwise="no server stalled while input was open",
    )


def _stall_is_noticed(run: Run, stream: Stream, connection: Connection, fault: Record) -> Judgement:
    history, limit = run.history, run.limits.recovery
    order = history.order(fault)
    after = [r for r in connection.of("withheld") if history.order(r) > order]
    kept_back = [r for r in after if r.data.get("text")]
    if len(kept_back) < _SPEECH_WORDS:
        return unexercised("nothing was said after the server stalled")
    sign = stream.notice_of(connection, order)
    told = _logged(run, order)
    until = min(fault.at + limit, stream.watch_end)
    if any(r is not None and r.at <= until for r in (sign, told)):
        return passed()
    watched = stream.watch_end - fault.at
    if watched < limit - WATCH_SLACK_S:
        return _too_short(stream, watched, limit, "the server stalled")
    observed = f"nothing in {secs(watched)} of speech" + where_it_waits(run, fault.at)
    return broken("a reconnect, an error or at least a line in the log", observed, fault.at)


def _logged(run: Run, order: int) -> Record | None:
    """The first warning behind a place in the trace that had not been there before it."""
    logs = run.history.of("log")
    before = {r.data["message"] for r in logs if run.history.order(r) < order}
    after = (r for r in logs if run.history.order(r) > order)
    return next((r for r in after if r.data["message"] not in before), None)


def muted_callers_are_heard_again(run: Run) -> Judgement:
    return overall(
        (
            _is_heard_again(run, stream, pause)
            for stream in run.history.streams
            for pause in stream.actions("pause")
            if pause.data["value"] >= MUTED_S
        ),
        otherwise=f"no caller was muted for {secs(MUTED_S)}",
    )


def _is_heard_again(run: Run, stream: Stream, pause: Record) -> Judgement:
    order, limit = run.history.order, run.limits.recovery
    seconds = float(pause.data["value"])
    again = pause.at + seconds
    if not _was_left_alone(stream, again):
        return unexercised("the line broke as well")
    expected = f"speech after {secs(seconds)} without audio is transcribed within {secs(limit)}"
    later = stream.later_transcript(order(pause), pause.at)
    if later is not None and later.at - again <= limit:
        return passed()
    ended = stream.ended_by_itself
    if ended is not None and order(pause) < stream.ended_order < stream.input_end_order:
        error = (ended.data["error"] or {}).get("type")
        how = f"{error} raised" if ended.data["how"] == "raised" else "iteration just ended"
        return broken(expected, f"{how} {secs(ended.at - pause.at)} after the last of it", ended.at)
    watched = stream.watch_end - again
    if watched < limit - WATCH_SLACK_S:
        return _too_short(stream, max(0.0, watched), limit, "the silence")
    return broken(expected, f"nothing in {secs(watched)}" + where_it_waits(run, again), again)


def _was_left_alone(stream: Stream, until: float) -> bool:
    """Whether no fault breaks the line before a moment, or a session that came up later had as
    long a silence as any that is judged.
    """
    breaks = [
        fault.at
        for connection in stream.connections
        for fault in connection.of("fault")
        if fault.data.get("breaks") and fault.at < until
    ]
    ready = (c.ready.at for c in stream.connections if c.ready is not None)
    return not breaks or any(max(breaks) < at <= until - MUTED_S for at in ready)


LAWS = (
    Law(
        "LIVE-2",
        "must",
        "A half-open connection, with no end, no reset, no answer to pings and every write "
        "swallowed, is noticed within 60 s.",
        "Pulled cables and dropped NAT entries are everyday; without a heartbeat the stream is "
        "deaf for ever, and nothing tells.",
        "The first error event, next attempt, end of iteration, or hang-up of the client after the "
        "line fell silent, while audio keeps coming.",
        half_open_is_noticed,
    ),
    Law(
        "LIVE-6",
        "should",
        "A connected server that answers pings but sends no transcript while speech flows is "
        "noticed, or at least logged.",
        "A stuck recogniser looks like a caller who says nothing; without a line in the log nobody "
        "finds out which it was.",
        "An error event, attempt, end of iteration or new warning in the log within 60 s of speech "
        "that a stalled server heard and did not answer.",
        stalls_are_noticed,
    ),
    Law(
        "LIVE-7",
        "must",
        "A caller who is muted for minutes, so that no audio is pushed at all, is heard again "
        "afterwards: the session is kept alive, or its idle close is survived.",
        "Muting is a button in every client; a stream that dies of it leaves the caller unheard "
        "for the rest of the call.",
        "Transcripts of words that were pushed after a pause of a minute or more.",
        muted_callers_are_heard_again,
    ),
)
