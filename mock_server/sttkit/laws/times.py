"""TIME: when things were said, and how surely."""

from __future__ import annotations

import math

from sttkit.laws.judging import overall, secs
from sttkit.laws.model import Judgement, Law, Run, broken, passed, unexercised
from sttkit.laws.streams import Stream, text_of
from sttkit.laws.words import words_of
from sttkit.trace import Record

BACKWARDS_S = 0.1
END_SLACK_S = 0.5
"""Ends are told less exactly than starts: some include the pause behind the speech."""
MOVED_SLACK_S = 0.25
"""Times are rounded, and a session begins a little earlier for the client than for the server."""
_AHEAD_S = 1.0
_NOT_REAL_PACE = ("burst", "block-loop", "end-at-once")


def times_go_forward(run: Run) -> Judgement:
    if run.history.lies("times"):
        return unexercised("the script made the server lie about times")
    return overall(
        (_go_forward(run, stream) for stream in run.history.streams),
        otherwise="no stream was opened",
    )


def _go_forward(run: Run, stream: Stream) -> Judgement:
    timed = [r for r in stream.transcripts if r.data.get("start") or r.data.get("end")]
    if not timed:
        return unexercised("there was no transcript with times")
    for event in timed:
        flaw = _flaw(stream, event)
        if flaw is not None:
            return flaw
    if stream.actions(*_NOT_REAL_PACE):
        return passed()
    for final in stream.finals:
        flaw = _strays(run, stream, final)
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


def _strays(run: Run, stream: Stream, final: Record) -> Judgement | None:
    """What is wrong with a final's times if they are not the server's, counted from another zero.

    A session's zero is when it began or, after the caller was muted, when its audio came: no plugin
    has a reason to move a time back, or on by more than the age that the stream had then.
    """
    told = _told_of(run, stream, final)
    if told is None:
        return None
    session = next((c for c in stream.connections if c.number == told.conn), None)
    if session is None or session.ready is None:
        return None
    began = session.ready.at
    mute = stream.muted(began, final.at)
    latest = max(began - stream.opened.at, stream.pushed_by(began)) + mute
    start, end = (float(final.data[key]) - float(told.data[key]) for key in ("start", "end"))
    near = all(-MOVED_SLACK_S <= by <= latest + MOVED_SLACK_S for by in (start, end))
    if near and -END_SLACK_S <= end - start <= END_SLACK_S + mute:
        return None
    expected = f"{_span(told)}, as the server told, moved on by {secs(max(0.0, latest))} at most"
    return broken(expected, _span(final), final.at)


def _told_of(run: Run, stream: Stream, final: Record) -> Record | None:
    """The server's final that one of the plugin's is made of, if its times can be compared."""
    if not run.facts.tells_times or run.subject.speech_only or not _lasts(final):
        return None
    words = words_of(text_of(final))
    saying = [
        r for r in stream.sent if r.data.get("event") == "final" and words_of(text_of(r)) == words
    ]
    return saying[0] if len(saying) == 1 and _lasts(saying[0]) else None


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
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return broken("times in seconds", repr(value), event.at)
        if not math.isfinite(value) or value < 0:
            return broken("times in seconds, 0 or more", f"{value}", event.at)
    assert isinstance(start, (int, float))
    assert isinstance(end, (int, float))
    if end < start:
        return broken("an end no earlier than the start", f"{secs(start)} to {secs(end)}", event.at)
    # The base class takes audio that waited for a connection for audio of when it was connected:
    # so a time may lie ahead, but by no more than all that was pushed. Milliseconds do.
    latest = event.at - stream.opened.at + stream.pushed_by(event.at) + _AHEAD_S
    if start > latest:
        observed = f"{secs(start)}, when the stream was {secs(event.at - stream.opened.at)} old"
        return broken("times in seconds since the stream began", observed, event.at)
    return None


def confidences_are_probabilities(run: Run) -> Judgement:
    transcripts = [r for stream in run.history.streams for r in stream.transcripts]
    for event in transcripts:
        value = event.data.get("confidence")
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            return broken("a confidence in [0, 1]", repr(value), event.at)
    return passed() if transcripts else unexercised("there was no transcript")


LAWS = (
    Law(
        "TIME-1",
        "must",
        "Start and end times are in seconds since the stream began, no end lies before its start, "
        "and across a reconnect they do not go backwards by more than 0.1 s. They are those that "
        "the server told of its session, moved on by the age of the stream when that began.",
        "Times that start over put the second half of a call on top of the first, in subtitles as "
        "in interruptions.",
        "The times of transcripts, before and after each new session where audio is pushed at "
        "real pace, and those of each final whose words the server said once.",
        times_go_forward,
        since=(1, 3, 9),
    ),
    Law(
        "TIME-2",
        "must",
        "Confidence lies in [0, 1].",
        "Applications compare it with thresholds; a log-probability passes none, or all.",
        "The confidence of every transcript.",
        confidences_are_probabilities,
    ),
)
