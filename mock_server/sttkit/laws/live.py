"""LIVE: no silent deafness."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sttkit.laws.connections import Failure
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
from sttkit.laws.streams import WATCH_SLACK_S, Stream
from sttkit.trace import Record


def recovers(run: Run) -> Judgement:
    return overall(
        (
            _recovers(run, stream, failure)
            for stream in run.history.streams
            for failure in stream.open_failures
        ),
        otherwise="no connection broke while input was open",
    )


def _recovers(run: Run, stream: Stream, failure: Failure) -> Judgement:
    history, limits = run.history, run.limits
    limit = limits.after(failure.id)
    expected = f"later audio transcribed, or an unrecoverable error, within {secs(limit)}"
    deadline = failure.at + limit
    for error in stream.errors:
        if history.order(error) > failure.order and error.at <= deadline:
            # A recoverable error buys time once: it has to be followed by something.
            deadline = max(deadline, error.at + limit)
            break
    sign = _first(run, _answers(run, stream, failure))
    # Only the time counts in which audio came.
    if sign is not None and sign.at - stream.muted(failure.at, sign.at) <= deadline:
        return passed()
    ended = stream.ended_by_itself
    if sign is None and ended is not None and stream.ended_order < stream.input_end_order:
        observed = f"iteration just ended {secs(ended.at - failure.at)} after {failure.what}"
        return broken(expected, observed, ended.at)
    if _fell_silent(run, stream, failure):
        return unexercised("a later session is up, and its server has nothing to say any more")
    watched = stream.watch_end - failure.at - stream.muted(failure.at, stream.watch_end)
    if failure.at + watched >= deadline - WATCH_SLACK_S:
        observed = f"nothing in {secs(watched)} after {failure.what}"
        observed += where_it_waits(run, failure.at)
        return broken(expected, observed, failure.at)
    if stream.left_by_application:
        return unexercised(f"the application left {secs(watched)} after {failure.what}")
    return unclear(f"watched for {secs(watched)} of {secs(deadline - failure.at)} only")


def _fell_silent(run: Run, stream: Stream, failure: Failure) -> bool:
    """Whether the stream is back with a server that hears it and says nothing: LIVE-6 asks then."""
    last = stream.connections[-1] if stream.connections else None
    if last is None or last.order < failure.order or last.ready is None:
        return False
    stayed = last.over >= stream.watch_end
    return stayed and last.deaf_fault is not None and not last.hides_its_end


def _answers(run: Run, stream: Stream, failure: Failure) -> Iterator[Record]:
    """Whatever tells the application that the line is back, or gone for good."""
    order = run.history.order
    later = stream.later_transcript(failure.order, failure.at)
    if later is not None:
        yield later
    ended = stream.ended
    if ended is not None and order(ended) > failure.order and ended.data["how"] == "raised":
        yield ended
    yield from (r for r in stream.errors if order(r) > failure.order and not r.data["recoverable"])


def attempt_times_out(run: Run) -> Judgement:
    return _gives_up(run, "no-answer", "every attempt was answered")


def greeting_times_out(run: Run) -> Judgement:
    if not run.facts.greeting_required:
        return inapplicable("the protocol needs no greeting")
    return _gives_up(run, "no-greeting", "the greeting always came")


def _gives_up(run: Run, fault: str, otherwise: str) -> Judgement:
    return overall(
        (
            _gives_up_in_time(run, stream, failure)
            for stream in run.history.streams
            for failure in stream.failures
            if failure.id == fault
        ),
        otherwise=otherwise,
    )


def _gives_up_in_time(run: Run, stream: Stream, failure: Failure) -> Judgement:
    history = run.history
    limit = run.options.timeout + run.limits.grace
    expected = f"the attempt fails within {secs(limit)}"
    connection = next(c for c in stream.connections if c.number == failure.conn)
    following = stream.next_attempt(failure.order)
    signs = [r for r in (*stream.errors, stream.ended) if r is not None]
    gone = connection.client_gone(failure.order)
    signs += [r for r in (gone, following.records[0] if following else None) if r is not None]
    sign = _first(run, (r for r in signs if history.order(r) > failure.order))
    if sign is not None and sign.at - failure.at <= limit:
        left = min(stream.closing_order, history.session_closed_order)
        if history.order(sign) > left:
            return unexercised("the application left before the attempt could time out")
        return passed()
    waited = (sign.at if sign is not None else history.end) - failure.at
    given_up = min(stream.closing, history.session_closed) - failure.at
    if given_up < limit:
        return unexercised("the application left before the attempt could time out")
    if waited <= limit:
        return unclear(f"the run ended {secs(waited)} into the attempt")
    observed = f"after {secs(waited)}" if sign is not None else f"not in {secs(waited)}"
    return broken(expected, observed, failure.at)


def _first(run: Run, records: Iterable[Record]) -> Record | None:
    return min(records, key=run.history.order, default=None)


def no_storm(run: Run) -> Judgement:
    history, limits = run.history, run.limits
    for record in history.of("busy"):
        observed = f"it turned without rest for {secs(record.data['seconds'])}"
        if record.data.get("where"):  # of virtual time, which never passes in such a loop
            observed = f"it turned without time passing: {record.data['where']}"
        return broken("a loop that rests", observed, record.at)
    unseen = ""
    for record in history.of("blocked"):
        seconds, where = float(record.data["seconds"]), str(record.data.get("where") or "")
        if seconds <= limits.blocked or _not_the_streams(run, record):
            continue
        if where in ("", "unknown"):
            # Just over the limit and not seen by the watchdog: it may have been the machine.
            unseen = f"the loop stood still for {secs(seconds)}, and it was not seen where"
            continue
        expected = f"no turn of the loop longer than {secs(limits.blocked)}"
        return broken(expected, f"{secs(seconds)} in {where}", record.at)
    groups = [[c.began for c in stream.connections] for stream in history.streams]
    for times in groups or [[c.began for c in history.connections]]:
        for first, last in zip(times, times[limits.storm_attempts :], strict=False):
            if last - first < limits.storm_window:
                inside = sum(first <= at < first + limits.storm_window for at in times)
                return broken(
                    f"at most {count(limits.storm_attempts, 'attempt')} in "
                    f"{secs(limits.storm_window)}",
                    count(inside, "attempt"),
                    first,
                )
    if not history.connections:
        return unexercised("nothing was connected to")
    return unclear(unseen) if unseen else passed()


def _not_the_streams(run: Run, blocked: Record) -> bool:
    """Whether it was before there was a stream, or the script's own action, or the driver's work.

    The driver looks through all that is in memory, and renders more speech when a call goes on:
    both take long on a busy machine.
    """
    if str(blocked.data.get("where")).startswith(("driver/", "audio/")):
        return True
    began = float(blocked.data.get("began", blocked.at - float(blocked.data["seconds"])))
    opened = min((stream.opened.at for stream in run.history.streams), default=0.0)
    return began < opened or any(
        r.data["action"] == "block-loop" and began - 0.1 <= r.at <= blocked.at
        for r in run.history.of("action")
    )


LAWS = (
    Law(
        "LIVE-1",
        "must",
        "After a fault that ends or breaks a connection, while audio keeps coming, there is a "
        "transcript of later audio, or the stream raises, or an unrecoverable error event says so, "
        "within 60 s; a recoverable error event buys the same time once more.",
        "A stream that is deaf and silent leaves a caller talking to nobody, and nothing in the "
        "application can notice.",
        "Transcripts of words that were pushed after the fault, the end of iteration, and error "
        "events.",
        recovers,
    ),
    Law(
        "LIVE-3",
        "must",
        "A connection attempt that is never answered fails within the connect timeout plus 1 s.",
        "One overloaded server would otherwise hold a call up for minutes.",
        "The first error event, next attempt, end of iteration, or hang-up of the client after an "
        "attempt whose handshake is not answered.",
        attempt_times_out,
    ),
    Law(
        "LIVE-4",
        "must",
        "A session whose required greeting never comes fails within the connect timeout plus 1 s.",
        "A worker lost behind a gateway that still accepts connections is as deaf as a dead one.",
        "As for an unanswered attempt, from the moment the greeting was withheld.",
        greeting_times_out,
    ),
    Law(
        "LIVE-5",
        "must",
        "Never more than 5 connection attempts of a stream in any 1 s, no loop that turns without "
        "rest, and no turn of the event loop longer than 0.5 s.",
        "A storm takes down the provider or the account; a blocked loop stops every call in the "
        "process.",
        "The times of attempts, and a watchdog on the event loop.",
        no_storm,
    ),
)
