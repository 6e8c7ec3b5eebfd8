"""CLOSE, second half: from the end of input to the end of iteration."""

from __future__ import annotations

from sttkit.laws.connections import Connection
from sttkit.laws.evidence import where_it_waits
from sttkit.laws.finals import undelivered
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
from sttkit.trace import Record

_ANSWER_S = 2.0
"""A client that waits less for the server's end has not met a silent one."""


def all_finals_come_before_the_end(run: Run) -> Judgement:
    if not run.facts.end_marker:
        return inapplicable("the protocol has no message that ends the audio")
    return overall(
        (_ends_with_the_server(run, stream) for stream in run.history.streams),
        otherwise="no stream was opened",
    )


def _ends_with_the_server(run: Run, stream: Stream) -> Judgement:
    history = run.history
    last = _last_session(stream)
    if last is None or _has_left_early(run, stream):
        return unexercised("input was not ended on a working session")
    end = last.server_end
    if end is None:
        return _does_not_hang_up(run, stream, last)
    missing = undelivered(run, stream, since=stream.input_end_order)
    if missing:
        words = quoted(word for item in missing for word in item.texts[0])
        return broken("every final that the server sent before its end", f"{words} is missing")
    limit = run.limits.end_after_server + history.lag
    expected = (
        f"the end of iteration within {secs(run.limits.end_after_server)} of the server's end"
    )
    ended = stream.ended_by_itself
    if ended is None:
        waited = min(stream.closing, history.end) - end.at
        if waited <= limit:
            return unclear(f"watched for {secs(waited)} after the server's end only")
        return broken(expected, f"not in {secs(waited)}{where_it_waits(run, end.at)}", end.at)
    if ended.at - end.at > limit:
        return broken(expected, f"after {secs(ended.at - end.at)}", ended.at)
    if ended.at - end.at <= history.backlog:
        return unclear("the server's end was still on its way on a narrow line")
    if ended.data["how"] == "raised" and history.order(ended) > history.order(end):
        kind = (ended.data["error"] or {}).get("type")
        return broken("a normal end of iteration", f"{kind} raised", ended.at)
    return passed()


def _last_session(stream: Stream) -> Connection | None:
    """The session that was up when input ended and did not fail afterwards."""
    if stream.input_end_order == NEVER or not stream.connections:
        return None
    last = stream.connections[-1]
    usable = last.ready is not None and last.failure is None and last.deaf_fault is None
    return last if usable and last.violation is None else None


def _has_left_early(run: Run, stream: Stream) -> bool:
    left = min(stream.closing_order, run.history.session_closed_order)
    acted = stream.actions(*CLOSING_ACTIONS)
    return run.history.session_closed_order < NEVER or bool(acted and left < stream.ended_order)


def _does_not_hang_up(run: Run, stream: Stream, last: Connection) -> Judgement:
    """The client left before the server could say its last: was anything still to come?"""
    left = last.left
    if left is None or run.history.order(left) < stream.input_end_order:
        return unexercised("the server did not end the session")
    pending = _pending_words(run, stream, last, left)
    if pending:
        told = "" if last.client_end is not None else " and never told the server of the end"
        return broken(
            "the client waits for the last final",
            f"it left {secs(left.at - stream.input_end)} after end_input() without "
            f"{quoted(pending)}{told}",
            left.at,
        )
    return unexercised("the server did not end the session")


def _pending_words(run: Run, stream: Stream, session: Connection, left: Record) -> tuple[str, ...]:
    """Words that a session had heard whole and not yet made a final of."""
    spans = heard_of(stream, session)
    heard = tuple(
        word
        for word in stream.words_pushed()
        if any(s.start <= stream.places[word] <= s.end for s in spans)
    )
    told = [
        word
        for r in (*session.sent, *session.of("withheld"))
        if r.data.get("event") == "final" and run.history.order(r) < run.history.order(left)
        for word in words_of(text_of(r))
    ]
    return lacking(heard, (*told, *stream.final_words))


def silence_does_not_hold_the_end_up(run: Run) -> Judgement:
    return overall(
        (_ends_in_silence(run, stream) for stream in run.history.streams),
        otherwise="no stream was opened",
    )


def _ends_in_silence(run: Run, stream: Stream) -> Judgement:
    history, limit = run.history, run.limits.end_of_input
    if stream.input_end_order == NEVER:
        return unexercised("input was not ended")
    last = stream.connections[-1] if stream.connections else None
    if last is None or last.ready is None:
        return unexercised("no session was up at the end of input")
    if last.over < stream.input_end or history.session_closed_order < NEVER:
        return unexercised("no session was up at the end of input")
    if last.server_end is not None and last.deaf_fault is None:
        return unexercised("the server ended the session")
    failure = last.failure
    if failure is not None and failure.id != "half-open":
        return unexercised("the line failed in another way")
    spoke = [r.at for r in last.sent if history.order(r) > stream.input_end_order]
    since = max([stream.input_end, *spoke])
    expected = f"the end of iteration within {secs(limit)}"
    ended = stream.ended_by_itself
    if ended is not None:
        waited = ended.at - since
        if last.deaf_fault is None and waited <= _ANSWER_S:
            return unexercised("the client did not wait for the server")
        return passed() if waited <= limit else broken(expected, f"after {secs(waited)}", ended.at)
    waited = min(stream.closing, history.session_closed, history.end) - since
    if waited > limit:
        observed = f"not in {secs(waited)} of silence{where_it_waits(run, since)}"
        return broken(expected, observed, since)
    if stream.actions(*CLOSING_ACTIONS):
        return unexercised("the application closed the stream before")
    return unclear(f"watched for {secs(waited)} of {secs(limit)} only")


def ended_streams_stay_ended(run: Run) -> Judgement:
    return overall(
        (_stays_ended(run, stream) for stream in run.history.streams),
        otherwise="no stream was opened",
    )


def _stays_ended(run: Run, stream: Stream) -> Judgement:
    history = run.history
    if stream.input_end_order == NEVER:
        return unexercised("input was not ended")
    ends: list[Record] = []
    for connection in stream.connections:
        late = connection.server_end
        # A plugin may move to another session, with new options say, while its input is still
        # queued; only a session that was told of the end is left for good.
        if late is None and (connection.client_end is not None or not run.facts.end_marker):
            late = connection.left
        if late is not None:
            ends.append(late)
    ended = stream.ended_by_itself
    if ended is not None and ended.data["how"] == "stop":
        ends.append(ended)
    ends = [r for r in ends if history.order(r) > stream.input_end_order]
    if not ends or any(f.order > stream.input_end_order for f in stream.failures):
        return unexercised("the stream did not come to a normal end")
    first = min(ends, key=history.order)
    again = stream.next_attempt(history.order(first))
    # Audio that was pushed after the options were changed belongs to another session.
    if again is not None and not any(not heard.silent for heard in again.heard):
        observed = f"one {secs(again.began - first.at)} after the end"
        return broken("no new session after a normal end", observed, again.began)
    return passed()


LAWS = (
    Law(
        "CLOSE-7",
        "must",
        "After end_input() every final that the server sends before its own end is delivered, and "
        "iteration ends within 2 s of that end; the client does not leave while one is to come.",
        "The last sentence is the one that is acted upon.",
        "Finals sent after end_input() against those delivered, and the time from the server's end "
        "to the end of iteration.",
        all_finals_come_before_the_end,
    ),
    Law(
        "CLOSE-8",
        "must",
        "After end_input(), with a server that says nothing more, the stream ends or raises within "
        "30 s.",
        "A lost end message would hold a session open for ever.",
        "The time from end_input(), or the server's last word, to the end of iteration.",
        silence_does_not_hold_the_end_up,
    ),
    Law(
        "CLOSE-9",
        "must",
        "After end_input() and a normal end no new session is opened.",
        "It would be billed, and nobody would close it.",
        "Attempts after the server's or the client's own end of the last session.",
        ended_streams_stay_ended,
    ),
)
