"""ORDER, second half: START_OF_SPEECH and END_OF_SPEECH, and what lies between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sttkit.laws.connections import Connection, Failure
from sttkit.laws.judging import count, overall, secs
from sttkit.laws.model import (
    Judgement,
    Law,
    Run,
    Verdict,
    broken,
    inapplicable,
    passed,
    unexercised,
)
from sttkit.laws.order import each_stream_in_order, event_name
from sttkit.laws.streams import END, FINAL, INTERIM, PREFLIGHT, START, TRANSCRIPTS, Stream, text_of
from sttkit.laws.words import quoted, words_of
from sttkit.trace import Record


def _no_starts(run: Run, stream: Stream) -> Judgement | None:
    """Why a law about START cannot be asked of a stream, or None if it can."""
    if run.subject.start_in_health is False:
        return inapplicable("a healthy run emits no START_OF_SPEECH")
    if stream.events_of(START):
        return None
    if run.subject.start_in_health is None and stream.transcripts and not run.history.faults:
        return inapplicable("a healthy run emits no START_OF_SPEECH")
    return unexercised("there was no START_OF_SPEECH")


def starts_and_ends_alternate(run: Run) -> Judgement:
    return each_stream_in_order(run, _alternate)


def _alternate(run: Run, stream: Stream) -> Judgement:
    marks = stream.events_of(START, END)
    why_not = _no_starts(run, stream)
    if why_not is not None and (not marks or why_not.verdict is Verdict.NOT_APPLICABLE):
        return why_not
    expected, previous = START, None
    for mark in marks:
        if mark.data["type"] != expected:
            after = f"after that at {secs(previous.at)}" if previous is not None else "first"
            return broken(
                event_name(expected) + (" first" if previous is None else " next"),
                f"{event_name(mark.data['type'])} {after}",
                mark.at,
            )
        expected, previous = (END if expected == START else START), mark
    over = _utterances_over(run, stream)
    starts, ends = len(stream.events_of(START)), len(stream.events_of(END))
    # The last END may not have been read any more, or be left to the end of the stream.
    if starts < len(over) or ends < len(over) - 1:
        expected = f"a START and an END for each of {count(len(over), 'utterance')}"
        return broken(expected, f"{starts} START, {ends} END", over[min(starts, ends)].at)
    return passed()


def _utterances_over(run: Run, stream: Stream) -> list[Record]:
    """Of each utterance that the stream showed, and the server ended, the message that did.

    None where the line failed, or a message that says so was kept back: other laws speak of that;
    nor those that the next one follows at once, which a plugin may take for one.
    """
    marks = ("speech_started", "speech_ended")
    if not run.facts.tells_end:
        return []
    held = any(r.data["event"] in marks for c in stream.connections for r in c.of("withheld"))
    unsound = any(c.violation is not None or c.of("injected") for c in stream.connections)
    if held or unsound or stream.failures:
        return []
    said: dict[str, object] = {}
    ended: dict[object, Record] = {}
    latest: object = None
    for record in stream.sent:
        utterance = record.data.get("utterance")
        if utterance is None:
            continue
        before = ended.get(latest)
        if before is not None and utterance != latest and record.at - before.at < run.history.lag:
            del ended[latest]
        latest = utterance
        for word in words_of(text_of(record)):
            said.setdefault(word, utterance)
        ends = record.data.get("event") == "speech_ended" or record.data.get("endpoint")
        if ends and run.history.order(record) < stream.over_order:
            ended.setdefault(utterance, record)
    shown = {said.get(word) for r in stream.transcripts for word in words_of(text_of(r))}
    return [record for utterance, record in ended.items() if utterance in shown]


def transcripts_lie_within_speech(run: Run) -> Judgement:
    return each_stream_in_order(run, _within_speech)


def _within_speech(run: Run, stream: Stream) -> Judgement:
    why_not = _no_starts(run, stream)
    if why_not is not None:
        return why_not
    if not stream.transcripts:
        return unexercised("there was no transcript")
    # What the server itself says twice, or behind its own end, has no place of its own.
    stray = {
        words_of(text_of(r))
        for r in stream.sent
        if r.data.get("duplicate") or r.data.get("after_end")
    }
    speaking = False
    spoke = False
    for event in stream.events:
        kind = event.data["type"]
        if kind == START:
            speaking = True
        elif kind == END:
            speaking, spoke = False, True
        elif kind in TRANSCRIPTS and words_of(text_of(event)) and not speaking:
            late = run.facts.late_transcripts and spoke
            if late or words_of(text_of(event)) in stray:
                continue
            observed = f"{event_name(kind)} {quoted(words_of(text_of(event)))} outside"
            return broken("transcripts between START and END", observed, event.at)
    return passed()


def cut_utterances_are_closed(run: Run) -> Judgement:
    return each_stream_in_order(run, _cuts_are_closed)


def _cuts_are_closed(run: Run, stream: Stream) -> Judgement:
    why_not = _no_starts(run, stream)
    if why_not is not None:
        return why_not
    judged = []
    order = run.history.order
    for failure, _, ready in _after_cuts(run, stream):
        begun = next((r for r in stream.events_of(START) if order(r) > ready), None)
        shown = [r for r in stream.events_of(START, INTERIM, PREFLIGHT) if order(r) < ready]
        if begun is None or not shown:
            continue
        closed = [
            r for r in stream.events_of(FINAL, END) if order(shown[-1]) < order(r) < order(begun)
        ]
        if closed:
            judged.append(passed())
        else:
            observed = f"a new START {secs(begun.at - failure.at)} after {failure.what}"
            expected = "a final or END_OF_SPEECH before the next START_OF_SPEECH"
            judged.append(broken(expected, observed, begun.at))
    return overall(judged, otherwise="no utterance was cut, or none followed")


def _after_cuts(run: Run, stream: Stream) -> Iterator[tuple[Failure, Connection, int]]:
    """Each failure that cut an utterance, the session behind it, and where that became ready."""
    for failure in stream.failures:
        session = stream.next_attempt(failure.order)
        while session is not None and session.ready is None:
            session = stream.next_attempt(session.order)
        if session is None or session.ready is None:
            continue
        if _was_cut(run, stream, failure.conn):
            yield failure, session, run.history.order(session.ready)


def _was_cut(run: Run, stream: Stream, number: int) -> bool:
    """Whether the server was in the middle of an utterance when a connection failed."""
    connection = next(c for c in stream.connections if c.number == number)
    assert connection.failure is not None
    said = [
        r.data["event"]
        for r in connection.sent
        if run.history.order(r) < connection.failure.order
        and r.data["event"] in ("speech_started", "interim", "final", "speech_ended")
    ]
    return bool(said) and said[-1] in ("speech_started", "interim")


def next_utterances_start_anew(run: Run) -> Judgement:
    return each_stream_in_order(run, _starts_anew)


def _starts_anew(run: Run, stream: Stream) -> Judgement:
    why_not = _no_starts(run, stream)
    if why_not is not None:
        return why_not
    order = run.history.order
    judged = []
    for failure, session, ready in _after_cuts(run, stream):
        said = [r for r in session.sent if words_of(text_of(r))]
        cut = _utterance_of(run, stream, failure.conn)
        rest = _first_shown(run, stream, ready, said)
        following = [r for r in said if r.data.get("utterance") not in (None, cut)]
        shown = _first_shown(run, stream, ready, following)
        # What is left of the cut utterance may go on under the old START, unless that was ended.
        marks = [r for r in stream.events_of(START, END) if rest and order(r) < order(rest)]
        if rest is not None and marks and marks[-1].data["type"] == END:
            judged.append(_no_start(rest))
        elif shown is not None:
            before = [r for r in stream.transcripts if ready < order(r) < order(shown)]
            since = order(before[-1]) if before else ready
            begun = any(since < order(r) < order(shown) for r in stream.events_of(START))
            judged.append(passed() if begun else _no_start(shown))
    return overall(judged, otherwise="no utterance was cut, or none followed")


def _first_shown(run: Run, stream: Stream, since: int, said: Sequence[Record]) -> Record | None:
    """The first transcript of what a session ``said``, behind a place in the trace."""
    words = {word for record in said for word in words_of(text_of(record))}
    return next(
        (
            r
            for r in stream.transcripts
            if run.history.order(r) > since and set(words_of(text_of(r))) <= words
        ),
        None,
    )


def _no_start(shown: Record) -> Judgement:
    observed = f"{event_name(shown.data['type'])} {quoted(words_of(text_of(shown)))} without one"
    return broken("a START_OF_SPEECH for what is said after the cut", observed, shown.at)


def _utterance_of(run: Run, stream: Stream, number: int) -> object:
    """The utterance that the server was speaking of when a connection failed."""
    connection = next(c for c in stream.connections if c.number == number)
    assert connection.failure is not None
    said = [
        r.data.get("utterance")
        for r in connection.sent
        if run.history.order(r) < connection.failure.order and r.data.get("utterance") is not None
    ]
    return said[-1] if said else None


def speech_marks_are_passed_on(run: Run) -> Judgement:
    return each_stream_in_order(run, _passes_marks_on)


def _passes_marks_on(run: Run, stream: Stream) -> Judgement:
    read_by = _read_by(run, stream)
    if read_by is None:
        return unexercised("no final was delivered")
    judged = []
    for said, mark in (("speech_started", START), ("speech_ended", END)):
        told = [r for r in stream.sent if r.data.get("event") == said]
        told = [r for r in told if run.history.order(r) < read_by]
        if not told:
            continue
        if stream.events_of(mark):
            judged.append(passed())
        else:
            observed = f"none, though the server said so {count(len(told), 'time')}"
            judged.append(broken(f"a {event_name(mark)}", observed, told[0].at))
    return overall(judged, otherwise="the server did not tell when speech begins or ends")


def _read_by(run: Run, stream: Stream) -> int | None:
    """The place of the last final that was said and delivered: all before it was read as well."""
    if not stream.finals:
        return None
    order, last = run.history.order, stream.finals[-1]
    read = {word for final in stream.finals for word in words_of(text_of(final))}
    for record in reversed(stream.sent):
        words = words_of(text_of(record)) if record.data.get("event") == "final" else ()
        if words and read.issuperset(words) and order(record) < order(last):
            return order(record)
    return None


LAWS = (
    Law(
        "ORDER-1",
        "must",
        "START_OF_SPEECH and END_OF_SPEECH alternate, beginning with START, across reconnects too; "
        "on a sound line each utterance that the server ends has its own.",
        "Turn detection counts on them: a second START or a missing END leaves the agent waiting "
        "for a caller who has finished.",
        "The order of these events, and their number against that of the utterances shown; asked "
        "only of plugins that emit START on a healthy line.",
        starts_and_ends_alternate,
        asks_start=True,
    ),
    Law(
        "ORDER-2",
        "must",
        "In a plugin that emits START, every transcript lies between a START and its END, or "
        "follows the END where the provider is known to send transcripts late.",
        "Text outside of speech is dropped or taken for an interruption.",
        "The place of each transcript among START and END.",
        transcripts_lie_within_speech,
        asks_start=True,
    ),
    Law(
        "ORDER-5",
        "must",
        "An utterance that a fault cuts off is closed, by a final or END, before the next START.",
        "Otherwise two utterances melt into one turn that began before the failure.",
        "Events between what was shown of the cut utterance and the next START of a new session.",
        cut_utterances_are_closed,
        asks_start=True,
    ),
    Law(
        "ORDER-8",
        "should",
        "After an utterance was cut by a fault, the next one gets a START_OF_SPEECH of its own.",
        "Without it an agent that is speaking is not interrupted by what the caller says next.",
        "START between the cut and the first transcript of another utterance on a new session.",
        next_utterances_start_anew,
        asks_start=True,
    ),
    Law(
        "ORDER-9",
        "must",
        "Where the server says that speech begins, or ends, the application hears of it by a "
        "START_OF_SPEECH, or an END_OF_SPEECH.",
        "An agent interrupts itself, and takes its turn, by these events; without them it waits "
        "for a VAD of its own, or for ever.",
        "The server's messages for it before the last final, against the events.",
        speech_marks_are_passed_on,
    ),
)
