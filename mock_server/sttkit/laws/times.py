"""TIME: when things were said, and how surely."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import zip_longest

from sttkit.laws.connections import Connection
from sttkit.laws.finals import told_as
from sttkit.laws.judging import overall, secs
from sttkit.laws.model import Judgement, Law, Run, broken, passed, unexercised, warned
from sttkit.laws.streams import START, Stream, text_of
from sttkit.laws.words import words_of
from sttkit.trace import Record

BACKWARDS_S = 0.1
END_SLACK_S = 0.5
"""Ends are told less exactly than starts: some include the pause behind the speech."""
MOVED_SLACK_S = 0.25
"""Times are rounded, and a session begins a little earlier for the client than for the server."""
_AHEAD_S = 1.0
_UNSURE = 0.01
"""So far from 0 and 1 a confidence is neither, rounded."""
_NOT_REAL_PACE = ("burst", "block-loop", "end-at-once")


def times_go_forward(run: Run) -> Judgement:
    if run.history.lies("times"):
        return unexercised("the script made the server lie about times")
    return overall(
        (_go_forward(run, stream) for stream in run.history.streams),
        otherwise="no stream was opened",
    )


def _go_forward(run: Run, stream: Stream) -> Judgement:
    for event in stream.transcripts:
        flaw = _flaw_of_words(stream, event)
        if flaw is not None:
            return flaw
    for event in stream.events_of(START):
        flaw = _flaw_of_start(run, stream, event)
        if flaw is not None:
            return flaw
    timed = [r for r in stream.transcripts if r.data.get("start") or r.data.get("end")]
    if not timed:
        return unexercised("there was no transcript with times")
    for event in timed:
        flaw = _flaw(stream, event)
        if flaw is not None:
            return flaw
    if stream.actions(*_NOT_REAL_PACE):
        return passed()
    if run.facts.tells_times and not run.subject.speech_only:
        flaw = _stray(stream)
        if flaw is not None:
            return flaw
    order = run.history.order
    for session in stream.connections[1:]:
        if session.ready is None:
            continue
        ready = order(session.ready)
        before = [r for r in timed if order(r) < ready]
        after = next((r for r in timed if order(r) > ready), None)
        if not before or after is None or _ran_ahead(stream, before):
            continue
        earliest = _earliest(before, after)
        start = float(after.data["start"])
        if start < earliest:
            expected = f"a start after the reconnect of {secs(earliest)} or more"
            return broken(expected, secs(start), after.at)
    return passed()


def _stray(stream: Stream) -> Judgement | None:
    """What is wrong with finals whose times are not the server's, counted from another zero."""
    zeros = _latest_zeros(stream)
    whole = [r for session in stream.connections for r in _said_plainly(session)]
    for final in stream.finals:
        told = told_as(stream, final)
        if told is None or told.conn not in zeros or not any(told is r for r in whole):
            continue
        if not (_lasts(told) and _lasts(final)):
            continue
        began, latest = zeros[told.conn]
        mute = stream.muted(began, final.at)
        start, end = (float(final.data[key]) - float(told.data[key]) for key in ("start", "end"))
        near = all(-MOVED_SLACK_S <= by <= latest + mute + MOVED_SLACK_S for by in (start, end))
        if not near or not -END_SLACK_S <= end - start <= END_SLACK_S + mute:
            by = secs(max(0.0, latest + mute))
            expected = f"{_span(told)}, as the server told, moved on by {by} at most"
            return broken(expected, _span(final), final.at)
    return None


def _said_plainly(session: Connection) -> Iterator[Record]:
    """What a session said before a message was kept back or slipped in, or a final said nothing.

    What follows any of them may be taken for the rest of it.
    """
    for record in session.records:
        is_final = record.kind == "sent" and record.data.get("event") == "final"
        if record.kind in ("withheld", "injected"):
            return
        if is_final and not words_of(text_of(record)):
            return
        if is_final:
            yield record


def _latest_zeros(stream: Stream) -> dict[int | None, tuple[float, float]]:
    """When each session began, and the latest that its times may be counted from.

    That is how old the stream was, or how much audio had been pushed, or the end of all that may
    have been sent before: what had waited for a connection is sent, and so timed, faster than it
    was said.
    """
    zeros: dict[int | None, tuple[float, float]] = {}
    latest = heard = 0.0
    for session, following in zip_longest(stream.connections, stream.connections[1:]):
        if session.ready is not None:
            began = session.ready.at
            latest = max(latest, began - stream.opened.at, stream.pushed_by(began))
            zeros[session.number] = (began, latest)
            # Into a line that is dead a client sends until it notices.
            left = session.over if following is None else max(session.over, following.began)
            latest += max(0.0, stream.pushed_by(left) - heard)
            heard += sum(span.duration for span in session.heard)
    return zeros


def _lasts(record: Record) -> bool:
    """Whether it has times, and not only a moment."""
    return float(record.data.get("end") or 0.0) > float(record.data.get("start") or 0.0)


def _span(record: Record) -> str:
    return f"{secs(record.data['start'])} to {secs(record.data['end'])}"


def _ran_ahead(stream: Stream, events: list[Record]) -> bool:
    """Whether audio that had waited for a connection was not sent, and so timed, at real pace."""
    return any(r.data["end"] > r.at - stream.opened.at + END_SLACK_S for r in events)


def _earliest(before: list[Record], after: Record) -> float:
    """The earliest start that what is said after a reconnect can have."""
    starts = max(float(r.data["start"]) for r in before)
    said = {word for r in before for word in words_of(text_of(r))}
    if said & set(words_of(text_of(after))):
        return starts - BACKWARDS_S  # audio may be sent, and so heard, twice
    return max(starts - BACKWARDS_S, max(float(r.data["end"]) for r in before) - END_SLACK_S)


def _flaw(stream: Stream, event: Record) -> Judgement | None:
    start, end = event.data.get("start"), event.data.get("end")
    for value in (start, end):
        flaw = _no_time(value, "times", event)
        if flaw is not None:
            return flaw
    assert isinstance(start, (int, float))
    assert isinstance(end, (int, float))
    if end < start:
        return broken("an end no earlier than the start", f"{secs(start)} to {secs(end)}", event.at)
    return _too_late(stream, event, start, "times")


def _flaw_of_words(stream: Stream, event: Record) -> Judgement | None:
    """What is wrong with the times of a transcript's single words, where they have any."""
    first, last = event.data.get("words_span") or (None, None)
    if first is None or last is None:
        return None
    for value in (first, last):
        flaw = _no_time(value, "times of words", event)
        if flaw is not None:
            return flaw
    if not _lasts(event):
        return _too_late(stream, event, first, "times of words")
    start, end = float(event.data["start"]), float(event.data["end"])
    if start - END_SLACK_S <= first <= end + END_SLACK_S and last <= end + END_SLACK_S:
        return None
    expected = f"words within their transcript's times, {_span(event)}"
    return broken(expected, f"words from {secs(first)} to {secs(last)}", event.at)


def _flaw_of_start(run: Run, stream: Stream, event: Record) -> Judgement | None:
    """What is wrong with the moment at which a START_OF_SPEECH says that speech began, if any."""
    began = event.data.get("began")
    if began is None:
        return None
    if not isinstance(began, (int, float)) or not math.isfinite(began):
        return broken("a speech_start_time in seconds", f"{began!r}", event.at)
    latest = event.at + stream.pushed_by(event.at) + _AHEAD_S
    earliest = _heard_since(run, stream, event) - MOVED_SLACK_S
    if earliest <= began <= latest or stream.actions(*_NOT_REAL_PACE):
        return None
    expected = "a speech_start_time, on the clock of time.time(), while the session was listening"
    off = "earlier" if began < event.at else "later"
    return broken(expected, f"{secs(abs(began - event.at))} {off} than its event", event.at)


def _heard_since(run: Run, stream: Stream, event: Record) -> float:
    """From when on audio was pushed that the session may have heard which told of an event."""
    order = run.history.order
    session = stream.current(order(event))
    if session is None or not any(order(r) < order(event) for r in session.sent):
        return stream.opened.at  # an earlier one may have told of it
    ends = (c.over for c in stream.connections if c.order < session.order and c.ready is not None)
    return max((end for end in ends if math.isfinite(end)), default=stream.opened.at)


def _no_time(value: object, what: str, event: Record) -> Judgement | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return broken(f"{what} in seconds", repr(value), event.at)
    if not math.isfinite(value) or value < 0:
        return broken(f"{what} in seconds, 0 or more", f"{value}", event.at)
    return None


def _too_late(stream: Stream, event: Record, start: float, what: str) -> Judgement | None:
    # The base class takes audio that waited for a connection for audio of when it was connected:
    # so a time may lie ahead, but by no more than all that was pushed. Milliseconds do.
    latest = event.at - stream.opened.at + stream.pushed_by(event.at) + _AHEAD_S
    if start > latest:
        observed = f"{secs(start)}, when the stream was {secs(event.at - stream.opened.at)} old"
        return broken(f"{what} in seconds since the stream began", observed, event.at)
    return None


def confidences_are_probabilities(run: Run) -> Judgement:
    transcripts = [r for stream in run.history.streams for r in stream.transcripts]
    for event in transcripts:
        value = event.data.get("confidence")
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            return broken("a confidence in [0, 1]", repr(value), event.at)
    if run.facts.tells_confidence:
        for stream in run.history.streams:
            for final in stream.finals:
                told = told_as(stream, final)
                if told is not None and _is_made_up(final, told):
                    expected = f"the server's confidence, {told.data['confidence']:g}"
                    return warned(expected, f"{final.data['confidence']:g}", final.at)
    return passed() if transcripts else unexercised("there was no transcript")


def _is_made_up(final: Record, told: Record) -> bool:
    """Whether a plugin is certain, of a thing or of its opposite, where the server is not."""
    said = told.data.get("confidence") or 0.0
    return final.data.get("confidence") in (0.0, 1.0) and _UNSURE <= said <= 1.0 - _UNSURE


LAWS = (
    Law(
        "TIME-1",
        "must",
        "Start and end times are in seconds since the stream began, no end lies before its start, "
        "and across a reconnect they do not go backwards by more than 0.1 s. They are those that "
        "the server told of its session, moved on by no more than the age of the stream then. "
        "Those of single words lie within their transcript's; speech begins, by the clock, while "
        "the session that tells of it was listening.",
        "Times that start over put the second half of a call on top of the first, in subtitles as "
        "in interruptions.",
        "The times of transcripts, before and after each new session where audio is pushed at "
        "real pace, and those of each final whose words the server said once; the first and the "
        "last time of the words of each transcript, and the speech_start_time of START_OF_SPEECH.",
        times_go_forward,
        since=(1, 3, 9),
    ),
    Law(
        "TIME-2",
        "must",
        "Confidence lies in [0, 1]. Where the server tells one, that of a final should not be 0 or "
        "1 instead.",
        "Applications compare it with thresholds; a log-probability passes none, or all.",
        "The confidence of every transcript, and what the server told of each final.",
        confidences_are_probabilities,
    ),
)
