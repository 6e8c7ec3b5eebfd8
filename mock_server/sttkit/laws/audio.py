"""AUDIO: where every millisecond went."""

from __future__ import annotations

from itertools import islice

from sttkit.laws.connections import Connection
from sttkit.laws.judging import overall, secs
from sttkit.laws.ledger import (
    COUNTED_SLACK_S,
    EXACT_SLACK_S,
    FOREIGN_SLACK_S,
    altered,
    first_flaw,
    heard_of,
    heard_seconds,
    is_exact,
)
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
from sttkit.laws.streams import Stream
from sttkit.trace import Record

FLUSHED_S = 1.0
"""So soon after flush() the provider has to be asked, seconds."""
EXPECTED = "exactly the audio pushed"
_KEEPS_BACK = "the plugin sends speech only"


def healthy_lines_lose_nothing(run: Run) -> Judgement:
    return overall(
        (arrives_whole(run, stream) for stream in run.history.streams),
        otherwise="no stream was opened",
    )


def arrives_whole(run: Run, stream: Stream) -> Judgement:
    """Whether the server got the audio of a stream on an undisturbed line exactly."""
    if run.subject.speech_only:
        return inapplicable(_KEEPS_BACK)
    if not stream.pushes:
        return unexercised("no audio was pushed")
    if stream.in_other_form:
        return unexercised("the audio had to be converted")
    why_not = disturbed(run, stream)
    if why_not:
        return unexercised(why_not)
    spans = heard_of(stream)
    pushed = stream.pushed_end
    whole = _was_finished(stream)
    if not spans:
        lag = run.history.lag
        ready = next((c.ready.at for c in stream.connections if c.ready is not None), None)
        up = ready is not None and ready + lag < stream.closing
        on_the_way = stream.pushed_by(stream.closing - lag) < 2 * COUNTED_SLACK_S
        if not whole and (not up or on_the_way):
            return unexercised("the stream was closed before audio could arrive")
        return broken(EXPECTED, f"none of {secs(pushed)}")
    if not is_exact(stream):
        return _amounts(heard_seconds(spans), pushed, whole)
    flaw = first_flaw(spans, 0.0)
    if flaw is not None:
        return broken(EXPECTED, str(flaw), flaw.at)
    # On its way when the application closed the stream: not lost by the plugin.
    slack = EXACT_SLACK_S if whole else COUNTED_SLACK_S + run.history.lag
    rest = pushed - max(span.end for span in spans)
    if rest > slack and (whole or stream.ended_by_itself is not None):
        return broken(EXPECTED, f"{rest * 1000:.0f} ms lost at the end", spans[-1].at)
    if altered(stream) > FOREIGN_SLACK_S:
        return broken(EXPECTED, f"{secs(altered(stream))} of it altered")
    return passed()


def _amounts(heard: float, pushed: float, whole: bool) -> Judgement:
    if whole and heard < pushed - COUNTED_SLACK_S:
        return broken(EXPECTED, f"{secs(heard)} of {secs(pushed)}")
    if heard > pushed + COUNTED_SLACK_S:
        return unclear("audio was counted, not found, and more arrived than was pushed")
    if not whole:
        return unclear("audio was counted, not found, and the stream was closed early")
    return passed()


def disturbed(run: Run, stream: Stream) -> str:
    """Why a stream's line was not a healthy one, or nothing."""
    if stream.failures:
        return f"the line failed ({stream.failures[0].what})"
    for record in run.history.faults:
        stopped = record.data.get("deaf") and record.data["id"] != "no-close-reply"
        if stopped or record.data["id"] == "rfc":
            return f"the line was disturbed ({record.data['fault']})"
    if any(c.failure is not None for c in run.history.unassigned):
        return "an attempt failed, and it cannot be told whose it was"
    if len([c for c in stream.connections if c.ready is not None]) > 1:
        return "the plugin connected again by itself"
    if run.history.session_closed < float("inf"):
        return "the application closed the HTTP session"
    return ""


def _was_finished(stream: Stream) -> bool:
    """Whether the application ended its audio and left the plugin time to send it."""
    return stream.input_end_order < min(stream.closing_order, stream.ended_order) and (
        stream.ended_by_itself is not None
    )


def flushing_sends_the_rest(run: Run) -> Judgement:
    if run.subject.speech_only:
        return inapplicable(_KEEPS_BACK)
    judged: list[Judgement] = []
    for stream in run.history.streams:
        judged += [
            judgement
            for flush in stream.calls("flush")
            if (judgement := _rest_is_flushed(run, stream, flush)) is not None
        ]
        rest = _rest_is_sent(run, stream)
        if rest is not None:
            judged.append(rest)
    return overall(judged, otherwise="no flush or end of input met a working connection")


def _rest_is_flushed(run: Run, stream: Stream, flush: Record) -> Judgement | None:
    order = run.history.order(flush)
    if flush.data["error"] is not None or not stream.input_open(order):
        return None
    connection = _working(run, stream, order)
    if connection is None or not is_exact(stream, connection):
        return None
    asked = _asked_by(run, stream, connection, flush)
    until = asked.at if asked is not None else flush.at + 1.0 + run.history.lag
    if asked is None and min(stream.watch_end, connection.over) < until:
        return None
    pushed = max((r.data["end"] for r in stream.pushes if run.history.order(r) < order), default=0)
    if not pushed:
        return None
    arrived = max((s.end for s in heard_of(stream, connection) if s.at <= until), default=0.0)
    rest = float(pushed) - arrived
    if rest > EXACT_SLACK_S:
        observed = f"{rest * 1000:.0f} ms not there when the server was asked to flush"
        if asked is None:
            observed = f"{rest * 1000:.0f} ms not there {secs(until - flush.at)} later"
        return broken("all audio pushed before flush()", observed, flush.at)
    return passed()


def _asked_by(run: Run, stream: Stream, connection: Connection, flush: Record) -> Record | None:
    """The flush message that a flush() led to: not one of an earlier call, on its way until now."""
    order, moment = run.history.order, run.history.order(flush)
    earlier = [r for r in stream.calls("flush") if order(r) < moment]
    arrived = [
        r
        for c in stream.connections
        for r in c.of("control")
        if r.data["what"] == "flush" and order(r) < moment
    ]
    under_way = max(0, len(earlier) - len(arrived))
    asked = (r for r in connection.of("control") if r.data["what"] == "flush" and order(r) > moment)
    return next(islice(asked, under_way, None), None)


def _rest_is_sent(run: Run, stream: Stream) -> Judgement | None:
    if not _was_finished(stream) or not stream.pushes:
        return None
    connection = stream.connections[-1] if stream.connections else None
    if connection is None:
        return None
    ended = stream.input_end_order
    if connection.failure is not None or connection.ready is None:
        return None
    if connection.over < stream.input_end:
        return None
    if connection.order > ended and len(stream.connections) > 1:
        return None  # what was pushed before may have been lost with an earlier one
    if connection.deaf_fault is not None and connection.deaf_fault.data["id"] != "mute-after-end":
        return None
    spans = heard_of(stream, connection)
    if not is_exact(stream, connection):
        return None
    rest = stream.pushed_end - max((span.end for span in spans), default=0.0)
    if rest > EXACT_SLACK_S:
        observed = f"{rest * 1000:.0f} ms never arrived"
        return broken("all audio pushed before end_input()", observed, stream.input_end)
    return passed()


def flushes_are_asked_for(run: Run) -> Judgement:
    if not run.facts.flush_message:
        return inapplicable("the protocol has no message that asks for pending finals")
    able = [s for s in run.history.streams if s.says_it_flushes or _has_flushed(run, s)]
    if not able:
        return inapplicable("the plugin does not say that it can be flushed")
    return overall(
        (
            judged
            for stream in able
            for flush in stream.calls("flush")
            if (judged := _is_asked_for(run, stream, flush)) is not None
        ),
        otherwise="no flush met a working session with something left to say",
    )


def _has_flushed(run: Run, stream: Stream) -> bool:
    """Whether a flush() of the application made the plugin ask for pending finals."""
    order = run.history.order
    asked = [
        r
        for c in stream.connections
        for r in c.of("control")
        if r.data["what"] == "flush" and order(r) < stream.input_end_order
    ]
    return any(
        order(flush) < order(r) and r.at <= flush.at + FLUSHED_S
        for flush in stream.calls("flush")
        for r in asked
    )


def _is_asked_for(run: Run, stream: Stream, flush: Record) -> Judgement | None:
    history, order = run.history, run.history.order(flush)
    if flush.data["error"] is not None or not stream.input_open(order):
        return None
    session = _working(run, stream, order)
    if session is None or not _has_more_to_say(run, session, order):
        return None
    until = flush.at + FLUSHED_S + history.lag
    asked = (r for r in session.of("control") if r.data["what"] == "flush")
    if any(history.order(r) > order and r.at <= until for r in asked):
        return passed()
    if min(stream.watch_end, session.over) < until:
        return None
    observed = f"none in {secs(until - flush.at)}"
    return broken("the provider's message that asks for pending finals", observed, flush.at)


def _has_more_to_say(run: Run, session: Connection, order: int) -> bool:
    """Whether a session was in the middle of a segment at a place in the trace."""
    said = [r for r in session.sent if run.history.order(r) < order]
    spoken = [r for r in said if r.data.get("event") in ("interim", "final")]
    return bool(spoken) and spoken[-1].data["event"] == "interim"


def _working(run: Run, stream: Stream, order: int) -> Connection | None:
    """The connection that was up at a place in the trace and stayed so for a while."""
    connection = stream.current(order)
    if connection is None or connection.ready is None:
        return None
    if run.history.order(connection.ready) > order or connection.deaf_fault is not None:
        return None
    soon = run.history.records[order].at + run.history.lag
    ends = (r for r in connection.of("control") if r.data["what"] == "end")
    if any(r.at <= soon and run.history.order(r) < stream.input_end_order for r in ends):
        return None  # the plugin was leaving it, for other settings: the next one hears the rest
    return connection if connection.over > soon else None


def new_sessions_get_all_audio(run: Run) -> Judgement:
    if run.subject.speech_only:
        return inapplicable(_KEEPS_BACK)
    judged: list[Judgement] = []
    for stream in run.history.streams:
        for connection in stream.connections[1:]:
            if connection.ready is not None:
                judgement = _gets_all_audio(run, stream, connection)
                if judgement is not None:
                    judged.append(judgement)
    return overall(judged, otherwise="no audio was pushed after a reconnect")


def _gets_all_audio(run: Run, stream: Stream, connection: Connection) -> Judgement | None:
    history = run.history
    assert connection.ready is not None
    known = connection.ready.at + history.lag
    if connection.deaf_fault is not None and connection.deaf_fault.data["id"] != "mute-after-end":
        return None
    until = min(connection.over, stream.watch_end if not _was_finished(stream) else float("inf"))
    if until == float("inf"):
        until = history.end
    if connection.deaf_fault is not None and connection.client_end is not None:
        # Told the end, to move to another session, by a client that waits for an answer in vain.
        until = min(until, connection.client_end.at)
    begin = stream.pushed_by(known)
    # The last of it may have been on its way when the connection ended.
    finished = (
        _was_finished(stream) and connection.failure is None and connection.over >= stream.input_end
    )
    slack = EXACT_SLACK_S if finished else COUNTED_SLACK_S
    last = stream.pushed_end if finished else stream.pushed_by(until - history.lag)
    if last - begin <= max(slack, EXACT_SLACK_S):
        return None
    spans = heard_of(stream, connection)
    expected = f"all audio pushed from {secs(known)} on"
    if not is_exact(stream, connection):
        heard = heard_seconds(spans)
        if heard < last - begin - COUNTED_SLACK_S - slack:
            return broken(expected, f"{secs(heard)} of {secs(last - begin)}", known)
        return passed()
    flaw = first_flaw(spans, begin)
    if flaw is not None and flaw.what == "lost":
        return broken(expected, str(flaw), flaw.at)
    arrived = max((span.end for span in spans), default=begin)
    if connection.client_end is not None:
        arrived = _arrived_elsewhere(stream, connection, arrived)
    if last - arrived > slack:
        return broken(expected, f"{secs(last - max(arrived, begin))} never arrived", known)
    return passed()


def _arrived_elsewhere(stream: Stream, connection: Connection, arrived: float) -> float:
    """Until where audio arrived if the client moved to another session, with new options say."""
    later = [other for other in stream.connections if other.order > connection.order]
    spans = heard_of(stream, *later) if later else []
    goes_on = spans and min(span.start for span in spans) <= arrived + EXACT_SLACK_S
    return max(span.end for span in spans) if goes_on else arrived


LAWS = (
    Law(
        "AUDIO-1",
        "must",
        "On a healthy line the server receives exactly the audio pushed: nothing lost, doubled, "
        "reordered or altered; digital silence may be added.",
        "A recogniser that gets less than was said cannot be right, and nobody sees why.",
        "The audio that arrived, found in what was pushed sample by sample, or else its amount.",
        healthy_lines_lose_nothing,
    ),
    Law(
        "AUDIO-2",
        "must",
        "flush() and end_input() send what the plugin still buffers.",
        "The end of a word in a buffer is the word that the recogniser gets wrong, in every turn.",
        "What has arrived when the server is asked to flush, and when the session ends.",
        flushing_sends_the_rest,
    ),
    Law(
        "AUDIO-3",
        "must",
        "Across a reconnect, all audio pushed after the new session is ready arrives.",
        "A stream that reconnects and drops its audio looks healed and is deaf.",
        "The audio that arrived at each later session, from the moment it was ready.",
        new_sessions_get_all_audio,
    ),
    Law(
        "AUDIO-7",
        "must",
        "flush() makes the provider finish what it is in the middle of: its message for that is "
        "sent, where its protocol has one and the plugin says, or shows, that it can be flushed.",
        "Turns that are committed by hand, by a button or a VAD, wait for a final that nobody "
        "asked for.",
        "The provider's flush message within 1 s of a flush() in the middle of an utterance, if "
        "`STTCapabilities.manual_flush` is set, or another flush() led to one.",
        flushes_are_asked_for,
    ),
)
