"""USAGE: what customers are billed by."""

from __future__ import annotations

import math
from collections import Counter

from sttkit.laws.connections import Connection
from sttkit.laws.judging import overall, secs
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
from sttkit.laws.streams import USAGE, Stream

_SAME_TURN_S = 0.05
"""A report of usage this close to aclose() may be lost between the base class's two readers."""


def usage_adds_up(run: Run) -> Judgement:
    if run.facts.usage == "none":
        return inapplicable("the plugin counts no usage")
    if run.history.lies("times"):
        return unclear("the script made the server lie about times")
    return overall(
        (_adds_up(run, stream) for stream in run.history.streams), otherwise="no stream was opened"
    )


def _adds_up(run: Run, stream: Stream) -> Judgement:
    values = [
        (float(r.data["usage_s"]), r.at)
        for r in stream.events_of(USAGE)
        if r.data["usage_s"] is not None
    ]
    for value, at in values:
        if not value >= 0 or math.isinf(value):
            return broken("usage of 0 s or more", f"{value} s", at)
    if stream.in_other_form:
        return unexercised("the audio had to be converted")
    ended = stream.ended_by_itself
    if ended is None or ended.data["how"] != "stop":
        return unexercised("the stream did not come to its own end, so its last usage may be lost")
    sessions = [c for c in stream.connections if c.ready is not None]
    tolerance = run.limits.usage * max(1, len(sessions))
    low, high = _expected(run, stream, sessions)
    if high <= 0:
        return unexercised("there was no usage to count")
    total = sum(value for value, _ in values)
    if low - tolerance <= total <= high + tolerance:
        return passed()
    wanted = secs(low) if high - low < 0.05 else f"{secs(low)} to {secs(high)}"
    return broken(
        f"{wanted} of usage ({run.facts.usage}), give or take {secs(tolerance)}",
        secs(total),
        ended.at,
    )


def _expected(run: Run, stream: Stream, sessions: list[Connection]) -> tuple[float, float]:
    """Usage by the declared way of counting, at least and at most, seconds."""
    heard = [sum(span.duration for span in c.heard) for c in sessions]
    if run.facts.usage == "client-audio":
        # A client counts what it sent, also into a line that had already failed; what it sends
        # again, after a drop say, it may count once.
        return min(sum(heard), stream.pushed_end), max(sum(heard), stream.pushed_end)
    if run.facts.usage == "connection-lifetime":
        low = high = 0.0
        ended = stream.ended.at if stream.ended is not None else run.history.end
        for session, audio in zip(sessions, heard, strict=True):
            assert session.ready is not None
            following = stream.next_attempt(session.order)
            noticed = following.began if following is not None else ended
            low += max(0.0, min(session.over, noticed) - session.ready.at)
            # Audio sent faster than it plays counts as what it is.
            high += max(noticed - session.began, audio, 0.0)
        if len(sessions) == 1:
            high = max(high, stream.pushed_end)
        return low, high
    if run.facts.usage == "finals":
        told = [_finals(c) for c in sessions]
        return sum(low for low, _ in told), sum(high for _, high in told)
    if run.facts.usage == "utterances":
        told = [_utterances(c) for c in sessions]
        return sum(low for low, _ in told), sum(high for _, high in told)
    reported = [_reported(c) for c in sessions]
    return sum(low for low, _ in reported), sum(high for _, high in reported)


def _utterances(session: Connection) -> tuple[float, float]:
    """Seconds from each start of speech that the server told to the end that it told.

    At least those whose final followed, on a line that did not fail; at most all.
    """
    low = high = pending = 0.0
    began = None
    for record in session.sent:
        event = record.data.get("event")
        if event == "speech_started":
            began = float(record.data["at"])
        elif event == "speech_ended" and began is not None:
            pending = float(record.data["at"]) - began
            high += pending
            began = None
        elif event == "final":
            low += pending
            pending = 0.0
    return (low if session.failure is None else 0.0), high


def _finals(session: Connection) -> tuple[float, float]:
    """Seconds from start to end of each final as often as it was sent, at least and at most."""
    finals = [r.data for r in session.sent if r.data.get("event") == "final"]
    total = sum(float(final["end"]) - float(final["start"]) for final in finals)
    return (total if session.failure is None else 0.0), total


def _reported(session: Connection) -> tuple[float, float]:
    """The last count that the server sent; the least that surely arrived, and the most."""
    counts = [float(r.data["audio_s"]) for r in session.sent if r.data.get("audio_s") is not None]
    if not counts:
        return 0.0, 0.0
    return (counts[-1] if session.failure is None else 0.0), counts[-1]


def usage_is_measured(run: Run) -> Judgement:
    return overall(
        (_is_measured(run, stream) for stream in run.history.streams),
        otherwise="no stream was opened",
    )


def _is_measured(run: Run, stream: Stream) -> Judgement:
    events = [r for r in stream.events_of(USAGE) if r.data["usage_s"] is not None]
    metrics = [r for r in stream.of("metrics") if r.data["streamed"] and not r.data.get("acquired")]
    if not events and not metrics:
        return unexercised("there was no usage")
    # Metrics of no audio at all cannot be told from those of a connection.
    told = Counter(round(s, 6) for r in events if (s := float(r.data["usage_s"])))
    measured = Counter(round(s, 6) for r in metrics if (s := float(r.data["audio_duration"])))
    spared = Counter(
        round(float(r.data["usage_s"]), 6) for r in events if r.at >= stream.closing - _SAME_TURN_S
    )
    missing = told - measured - spared
    if missing:
        return broken("metrics_collected for each RECOGNITION_USAGE", f"none for {_list(missing)}")
    extra = measured - told
    # Of a stream that was closed early, the consumer need not have read everything.
    if extra and stream.ended_by_itself is not None:
        expected = "one metrics_collected for each RECOGNITION_USAGE"
        return broken(expected, f"more, for {_list(extra)}")
    return passed()


def _list(durations: Counter[float]) -> str:
    return ", ".join(secs(value) for value in list(durations.elements())[:3])


LAWS = (
    Law(
        "USAGE-1",
        "must",
        "The sum of RECOGNITION_USAGE agrees with the declared way of counting within 1 s for each "
        "session, and is never negative or not a number.",
        "It is what customers are billed by.",
        "The sum of usage events of a stream that came to its own end, against the audio that "
        "arrived, the lifetime of its sessions, or the server's own count.",
        usage_adds_up,
    ),
    Law(
        "USAGE-2",
        "must",
        "Each RECOGNITION_USAGE event yields one metrics_collected with the same duration.",
        "Metrics that disagree with events make two bills out of one call.",
        "The durations of both.",
        usage_is_measured,
    ),
)
