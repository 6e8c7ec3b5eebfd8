"""AUDIO when the line does not take it: what a reconnect loses, and what piles up."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from sttkit.laws.connections import Connection
from sttkit.laws.evidence import where_it_waits
from sttkit.laws.judging import overall, secs
from sttkit.laws.ledger import (
    EXACT_SLACK_S,
    Ledger,
    Stretch,
    coverage,
    heard_of,
    is_exact,
    ledger_of,
    lost_between,
)
from sttkit.laws.model import Judgement, Law, Run, Verdict, broken, passed, unclear, unexercised
from sttkit.laws.streams import WATCH_SLACK_S, Stream, text_of
from sttkit.laws.words import lacking, quoted, words_of
from sttkit.trace import Record

LOSS_SLACK_S = 0.5
_PILED_SHARE = 0.5
"""Audio of which so much is still in memory is not being dropped."""


def reconnects_lose_little(run: Run) -> Judgement:
    otherwise = "no session with audio was followed by another"
    return overall(
        (_stream_loses_little(run, stream, otherwise) for stream in run.history.streams),
        otherwise=otherwise,
    )


def _stream_loses_little(run: Run, stream: Stream, otherwise: str) -> Judgement:
    # What is lost after the end of the input is told by other laws.
    reconnects = [
        (before, after)
        for before, after in _reconnects(stream)
        if after.ready is not None and stream.input_open(run.history.order(after.ready))
    ]
    if not reconnects:
        return unexercised(otherwise)
    if not is_exact(stream):
        return unclear("audio was counted, not found")
    covered = [stretch for stretch in coverage(stream) if stretch[2]]
    judged = [_loses_little(run, stream, covered, *pair) for pair in reconnects]
    return _with_ledger(ledger_of(stream), overall(judged, otherwise=otherwise))


def _with_ledger(ledger: Ledger, judgement: Judgement) -> Judgement:
    """The judgement with the stream's whole account; a pass has it, too."""
    if judgement.verdict is Verdict.PASS:
        return replace(judgement, observed=str(ledger))
    if judgement.verdict is Verdict.FAIL:
        return replace(judgement, observed=f"{judgement.observed}; in all {ledger}")
    return judgement


def _reconnects(stream: Stream) -> list[tuple[Connection, Connection]]:
    """Sessions that heard audio, each with the session before it."""
    heard = [c for c in stream.connections if c.ready is not None and heard_of(stream, c)]
    return list(pairwise(heard))


def _loses_little(
    run: Run, stream: Stream, covered: list[Stretch], before: Connection, after: Connection
) -> Judgement:
    history = run.history
    assert after.ready is not None
    began = min(before.over, after.began)
    unread = [r.at for r in before.of("fault") if r.data["id"] == "stop-reading"]
    began = min([began, *unread])
    last = max(span.end for span in heard_of(stream, before))
    first = heard_of(stream, after)[0].start
    lost = lost_between(covered, last, first)
    # As audio, not as time: a burst in the outage is lost as one.
    outage = stream.pushed_by(after.ready.at + history.lag) - stream.pushed_by(began - history.lag)
    if before.ready is not None and began <= before.ready.at + history.lag:
        # All that was queued for this session was on its way when it broke as soon as it was ready.
        outage = max(outage, stream.pushed_by(after.ready.at + history.lag) - last)
    if _was_sound(before):
        # Nothing made it connect again but its own will, so it can see to it.
        if lost <= EXACT_SLACK_S:
            return passed()
        expected = "nothing lost: the line was sound, and the plugin connected again by itself"
        return broken(expected, f"{lost * 1000:.0f} ms lost", after.ready.at)
    if lost <= outage + LOSS_SLACK_S:
        return passed()
    expected = f"at most {secs(outage + LOSS_SLACK_S)} lost: the outage and {secs(LOSS_SLACK_S)}"
    return broken(expected, f"{lost * 1000:.0f} ms lost", after.ready.at)


def changing_over_loses_no_words(run: Run) -> Judgement:
    return overall(
        (
            judged
            for stream in run.history.streams
            for session in stream.connections
            if (judged := _is_finished(run, stream, session)) is not None
        ),
        otherwise="no session was left, of the plugin's own will, in the middle of an utterance",
    )


def _is_finished(run: Run, stream: Stream, session: Connection) -> Judgement | None:
    """Whether what a session had heard and shown when it was left came out in a final."""
    order = run.history.order
    done = session.left or session.server_end  # the server's is in answer to the client's
    if done is None or session.of("fault"):
        return None
    began = session.client_end if session.client_end is not None else done
    if not stream.input_open(min(order(began), order(done))):
        return None
    following = next((c for c in stream.connections if c.order > session.order), None)
    if following is None or not (_was_sound(session) and _was_sound(following)):
        return None
    ended = stream.ended_by_itself
    had_time = stream.closing >= stream.input_end + run.limits.end_of_input
    if not had_time if ended is None else ended.data["how"] != "stop":
        return None  # what was still to come is not known
    said = (r for r in session.sent if r.data.get("event") in ("interim", "final"))
    shown = [word for r in said if order(r) < order(done) for word in words_of(text_of(r))]
    words = tuple(word for word in stream.words_pushed() if word in shown)
    lost = lacking(words, stream.final_words)
    if lost:
        expected = "what the session had heard in a final, from it or from the next one"
        return broken(expected, f"{quoted(lost)} is in none", done.at)
    return passed() if words else None


def backlogs_are_bounded(run: Run) -> Judgement:
    history = run.history
    return overall(
        (
            _is_bounded(run, stream, connection, fault)
            for stream in history.streams
            for connection in stream.connections
            for fault in connection.of("fault")
            if fault.data["id"] == "stop-reading" and stream.input_open(history.order(fault))
        ),
        otherwise="no server stopped reading while input was open",
    )


def _is_bounded(run: Run, stream: Stream, connection: Connection, fault: Record) -> Judgement:
    history, limit = run.history, run.limits.recovery
    order = history.order(fault)
    sign = stream.notice_of(connection, order)
    given_up = min(sign.at if sign is not None else float("inf"), stream.watch_end)
    for record in history.of("blocked"):
        seconds = float(record.data["seconds"])
        scripted = stream.actions("block-loop")
        unread = fault.at <= record.at - seconds <= given_up
        if unread and seconds > run.limits.blocked and not scripted:
            observed = f"{secs(seconds)} in {record.data.get('where')}"
            return broken("pushing never blocks", observed, record.at)
    if sign is not None and sign.at - fault.at <= limit:
        return passed()
    looks = [r for r in stream.of("holding") if history.order(r) > order and r.at <= given_up]
    if len(looks) < 2:
        watched = stream.watch_end - fault.at
        if stream.left_by_application:
            return unexercised(f"the application left {secs(watched)} after the server did")
        return unclear(f"watched for {secs(watched)} of {secs(limit - WATCH_SLACK_S)} only")
    first, last = looks[0], looks[-1]
    pushed = stream.pushed_by(last.at) - stream.pushed_by(first.at)
    piled = float(last.data["audio_s"]) - float(first.data["audio_s"])
    if piled < _PILED_SHARE * pushed:
        return passed()
    observed = (
        f"{secs(piled)} of {secs(pushed)} of audio piled up from {secs(first.at)} to "
        f"{secs(last.at)}{where_it_waits(run, fault.at)}"
    )
    return broken("the stream fails, or its memory stays bounded", observed, last.at)


def _was_sound(session: Connection) -> bool:
    broke = session.failure is not None or session.violation is not None
    return not broke and session.deaf_fault is None and not session.of("injected")


LAWS = (
    Law(
        "AUDIO-4",
        "should",
        "Audio lost across a reconnect is at most what was pushed during the outage, and 0.5 s; "
        "none where the line was sound and the plugin connects again by itself.",
        "A reconnect of a tenth of a second that costs a sentence is no recovery.",
        "The ledger: pushed = delivered once + doubled + lost, in ms; what is lost between the "
        "last audio of one session and the first of the next, against the outage.",
        reconnects_lose_little,
    ),
    Law(
        "AUDIO-6",
        "should",
        "With a server that stops reading, memory stays bounded or the stream fails; pushing audio "
        "never blocks.",
        "One overloaded server would otherwise eat the memory of a worker, or stop every call on "
        "it.",
        "Whether the stream gives the connection up within 60 s; if not, the audio that is in "
        "memory 20 s and 50 s after the server stopped.",
        backlogs_are_bounded,
    ),
    Law(
        "AUDIO-8",
        "should",
        "A plugin that leaves a session of its own will on a sound line, for new options say, "
        "delivers what that session had heard: the words come in a final, from the old session or "
        "the new one.",
        "The half sentence before a change of language was heard, shown as an interim, and is "
        "gone; nobody is told.",
        "The words that a session had shown when its client left it, while input was open and the "
        "stream went on with another, against the words of all finals.",
        changing_over_loses_no_words,
    ),
)
