"""RETRY, the rest: what a reconnect repeats, and drops after the end of input."""

from __future__ import annotations

from itertools import dropwhile, pairwise

from sttkit.faults import parse_fault
from sttkit.laws.budget import budget_of
from sttkit.laws.connections import Connection, Failure
from sttkit.laws.evidence import where_it_waits
from sttkit.laws.judging import count, overall, secs
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
from sttkit.laws.settings import is_setting
from sttkit.laws.streams import CLOSING_ACTIONS, NEVER, Stream, text_of
from sttkit.laws.words import lacking, quoted, words_of
from sttkit.trace import Record

_HEARD = frozenset({"no-close-reply"})
"""Deaf by name, but all that there was to say had been said."""
_SLOW_ENDS = frozenset({"late-final", "late-close"})
_APPLIES_S = 2.0
"""So much audio after update_options() the new options apply, seconds."""


def reconnects_repeat_the_configuration(run: Run) -> Judgement:
    judged: list[Judgement] = []
    for stream in run.history.streams:
        judged += _survives_updates(run, stream)
        # One that broke before it heard anything may not have been told its configuration yet.
        configured = [c for c in stream.connections if c.heard or (c.config and not c.failure)]
        for before, after in pairwise(dropwhile(lambda c: not c.config, configured)):
            judged.append(_repeats(run, stream, before, after))
    return overall(judged, otherwise="no session was configured again")


def _updates(run: Run, stream: Stream) -> list[Record]:
    main = run.history.stream("main")
    source = stream if stream.calls("update_options") else main or stream
    return [r for r in source.calls("update_options") if r.data["error"] is None]


def _survives_updates(run: Run, stream: Stream) -> list[Judgement]:
    """A stream does not end because an option was changed."""
    judged = []
    for update in _updates(run, stream):
        ended = stream.ended_by_itself
        order = run.history.order(update)
        if ended is None or stream.ended_order < order or ended.data["how"] != "stop":
            continue
        broke = any(f.order < stream.ended_order for f in stream.failures)
        if stream.ended_order < stream.input_end_order and not broke:
            observed = f"iteration just ended {secs(ended.at - update.at)} after update_options()"
            judged.append(broken("the stream goes on with the new options", observed, ended.at))
    return judged


def _repeats(run: Run, stream: Stream, before: Connection, after: Connection) -> Judgement:
    order, under_way = run.history.order, run.history.attempt_lag
    # A session that is configured by a message is told what was changed since its handshake.
    told = [order(r) for r in after.of("config") if not after.heard or r.at <= after.heard[0].at]
    updated = [r for r in _updates(run, stream) if order(r) < max(told, default=after.order)]
    # The server sees an attempt later than it was begun, perhaps with the options of before.
    between = any(order(r) > before.order or r.at > before.began - under_way for r in updated)
    known = [r for r in updated if r.at <= max(before.over, after.began - under_way)]
    expects = dict(run.subject.updates) if known else {}
    for key, value in expects.items():
        if _same(after.config.get(key), value):
            continue
        return broken(
            f"{key}={value} as changed by update_options()",
            f"{key}={after.config.get(key)} on the new connection",
            after.began,
        )
    for key, value in before.last_config.items():
        # What options became that were changed in between is not known of all; that they are is.
        same = key in after.config if between else _same(after.config.get(key), value)
        if is_setting(key) and not same:
            return broken(
                f"{key}={value} as on the connection before",
                f"{key}={after.config[key]}" if key in after.config else f"no {key}",
                after.began,
            )
    if between and not run.subject.updates:
        return unexercised("it is not known what the update leads to")
    return passed()


def _same(one: object, other: object) -> bool:
    """Whether two values say the same, one perhaps as text of a query."""
    return one == other or str(one).casefold() == str(other).casefold()


def changed_options_apply(run: Run) -> Judgement:
    updates = [(s, update) for s in run.history.streams for update in s.calls("update_options")]
    if updates and not run.subject.updates:
        return inapplicable("it is not known what an update of options leads to")
    return overall(
        (_apply(run, stream, update) for stream, update in updates),
        otherwise="update_options() was not called",
    )


def _apply(run: Run, stream: Stream, update: Record) -> Judgement:
    history, order = run.history, run.history.order(update)
    if update.data["error"] is not None:
        kind = update.data["error"].get("type")
        return broken("update_options() may be called at any time", f"{kind} raised", update.at)
    if not stream.input_open(order):
        return passed()
    wanted = dict(run.subject.updates)
    able = _hears_from(stream, update, order)
    if able is None:
        return unexercised("no session came up that could be told")
    # A session may have to be brought to its end first, as slowly as the server makes that.
    slow = [parse_fault(str(r.data["fault"])) for r in history.faults if r.data["id"] in _SLOW_ENDS]
    position = stream.pushed_by(able) + _APPLIES_S
    until = stream.pushed_at(position) + history.lag + sum(fault.seconds for fault in slow)
    for record in _configured(run, stream, order):
        values = record.data.get("values") or {}
        if record.at <= until and all(_same(values.get(k), v) for k, v in wanted.items()):
            return passed()
    broke = [failure.at for failure in stream.failures if failure.order > order]
    broke += [c.violation.at for c in stream.connections if c.violation is not None]
    if min(broke, default=NEVER) <= until or any(r.data.get("deaf") for r in history.faults):
        return unexercised("the line failed")
    if any(update.at <= c.began <= until for c in history.unassigned):
        return unclear("attempts of two streams cannot be told apart")
    if until > stream.watch_end:
        return unexercised(f"less than {secs(_APPLIES_S)} of audio followed update_options()")
    said = ", ".join(f"{key}={value}" for key, value in wanted.items())
    expected = f"{said} at the server within {secs(_APPLIES_S)} of audio, by message or reconnect"
    return broken(expected, "the options of before", until)


def _hears_from(stream: Stream, update: Record, order: int) -> float | None:
    """When a session was up that could be told of an update: at once, or when the line is back."""
    current = stream.current(order)
    if current is None or (current.failure is not None and current.failure.order < order):
        current = stream.next_attempt(order)
    while current is not None and current.ready is None:
        current = stream.next_attempt(current.order)
    return None if current is None or current.ready is None else max(update.at, current.ready.at)


def _configured(run: Run, stream: Stream, order: int) -> list[Record]:
    """What the server was told of a stream's configuration behind a place in the trace."""
    return [
        record
        for connection in stream.connections
        for record in connection.of("config")
        if run.history.order(record) > order
    ]


def drops_after_the_end(stream: Stream) -> list[Failure]:
    """Failures between the end of input and the end of the stream."""
    return [f for f in stream.failures if stream.input_end_order < f.order < stream.over_order]


def late_drops_end_the_stream(run: Run) -> Judgement:
    return overall(
        (
            _ends_in_time(run, stream, drops)
            for stream in run.history.streams
            # A half-open line does not drop, it falls silent: that is another law's.
            if (drops := [f for f in drops_after_the_end(stream) if f.id != "half-open"])
        ),
        otherwise="no connection broke after the end of input",
    )


def _ends_in_time(run: Run, stream: Stream, drops: list[Failure]) -> Judgement:
    limit, last = run.limits.end_of_input, drops[-1]
    retries = [c for c in stream.connections if drops[0].order < c.order < stream.over_order]
    if len(retries) > budget_of(run) and not _refilled(run, retries):
        return broken(
            f"at most {count(budget_of(run), 'attempt')} more after {drops[0].what}",
            str(len(retries)),
            retries[-1].began,
        )
    expected = f"the end of iteration within {secs(limit)} of {last.what}"
    ended = stream.ended_by_itself
    if ended is not None:
        took = ended.at - last.at
        return passed() if took <= limit else broken(expected, f"after {secs(took)}", ended.at)
    if stream.closing < last.at + limit and stream.actions(*CLOSING_ACTIONS):
        return unexercised("the application left before")
    watched = min(stream.closing, run.history.end) - last.at
    if watched < limit:
        return unclear(f"watched for {secs(watched)} of {secs(limit)} only")
    return broken(expected, f"not in {secs(watched)}{where_it_waits(run, last.at)}", last.at)


def _refilled(run: Run, retries: list[Connection]) -> bool:
    """Whether the base class may have begun a new row meanwhile: it lets long attempts do so."""
    until = [c.began for c in retries[1:]] + [run.history.end]
    return any(
        end - c.began > run.options.timeout - 0.05 for c, end in zip(retries, until, strict=True)
    )


def missing_finals_are_told(run: Run) -> Judgement:
    return overall(
        (
            judged
            for stream in run.history.streams
            if (lost := _lost_after_the_end(run, stream)) is not None
            and (judged := _is_told(run, stream, lost)) is not None
        ),
        otherwise="no connection broke, and no server fell silent, after the end of input",
    )


def _lost_after_the_end(run: Run, stream: Stream) -> int | None:
    """Where in the trace the server was lost for a stream whose input had ended."""
    drops = drops_after_the_end(stream)
    if drops:
        return drops[0].order
    last = stream.current(stream.over_order)
    if last is None or last.deaf_fault is None or last.deaf_fault.data["id"] in _HEARD:
        return None
    fault = run.history.order(last.deaf_fault)
    return fault if fault < stream.over_order and stream.input_end_order < NEVER else None


def _is_told(run: Run, stream: Stream, lost: int) -> Judgement | None:
    if not stream.places:
        return unclear("it is not known what was said on this stream")
    ended = stream.ended_by_itself
    if ended is None:
        return unexercised("the stream did not end by itself")
    missing = _missing(stream)
    if not missing:
        return unexercised("no final was missing")
    order = run.history.order
    if ended.data["how"] == "raised":
        return passed()
    if any(order(r) > lost for r in stream.errors):
        return passed()
    return broken(
        "an exception or an error event", f"a normal end without {quoted(missing)}", ended.at
    )


def _missing(stream: Stream) -> tuple[str, ...]:
    """Words said for the last connection before the end of input that no final brought."""
    before = stream.current(stream.input_end_order)
    since = 0.0
    if before is not None:
        # Audio of the time before that session may have been lost with an earlier one.
        since = before.ready.at if before.ready is not None else before.began
        if before is stream.connections[0]:
            since = 0.0
        if before.failure is not None and before.failure.order < stream.input_end_order:
            since = before.failure.at
    withheld = {
        word
        for c in stream.connections
        if c.deaf_fault is None  # a stream may know that a server has fallen silent
        for r in c.of("withheld")
        if r.data.get("event") == "final"
        for word in words_of(text_of(r))
    }
    said = tuple(word for word in stream.words_pushed(since) if word not in withheld)
    return lacking(said, stream.final_words)


LAWS = (
    Law(
        "RETRY-12",
        "must",
        "A reconnect repeats the configuration, including options that update_options() changed; "
        "changing an option does not end the stream.",
        "Otherwise a caller's language or model silently falls back to the default after a hiccup.",
        "The configuration of successive sessions of a stream; ids of sessions, requests and the "
        "like, tokens and times left out.",
        reconnects_repeat_the_configuration,
    ),
    Law(
        "RETRY-13",
        "must",
        "When the connection drops between end_input() and the last final, the stream ends or "
        "raises within 30 s, after at most one budget of retries.",
        "A turn that never ends keeps the session from closing.",
        "Attempts after the drop and the end of iteration.",
        late_drops_end_the_stream,
    ),
    Law(
        "RETRY-14",
        "should",
        "When the connection drops, or the server falls silent, after end_input() and a final is "
        "missing for it, an error event or an exception says so.",
        "A transcript that lacks its last sentence and claims to be complete misleads whoever "
        "acts on it.",
        "Words that were pushed but came in no final, and what was said about it.",
        missing_finals_are_told,
    ),
    Law(
        "RETRY-15",
        "must",
        "Options changed by update_options() apply to the audio that follows, by a message or by a "
        "new session, and not only after the next failure; the call itself never raises.",
        "A caller who changes language is heard in the old one until the line happens to break.",
        "The configuration that the server is told within 2 s of audio after the call; what the "
        "call raised, also when input had ended.",
        changed_options_apply,
    ),
)
