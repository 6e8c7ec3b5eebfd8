"""Rows of attempts: how much of the budget of retries is used when an attempt fails.

The base class counts failures in a row; a final starts a new row and, from livekit-agents 1.8.3, so
does an attempt that outlived the connect timeout. The wire shows both only nearly: a final read in
the turn of the failure may come too late, an attempt is a little older inside than outside. So
there are two counts, and a law takes the one that does not accuse: `least_used` where too many
attempts would be wrong, `most_used` where too few would be.
"""

from __future__ import annotations

from sttkit.laws.connections import Connection
from sttkit.laws.model import Run
from sttkit.laws.streams import NEVER, Stream, text_of
from sttkit.laws.words import words_of
from sttkit.trace import Record

OUTLIVING_SINCE = (1, 8, 3)
FINAL_BEFORE_S = 0.05
"""How long before a failure a final must have been delivered to start a new row for certain."""
_OUTLIVED_SURELY_S = 0.02
_OUTLIVED_PERHAPS_S = -0.05
_FOUND_S = 0.5
"""A client hears of a failure within this time..."""
_FOUND_LATE = frozenset({"half-open", "no-answer", "no-greeting"})
"""...but for these, which only its own deadline finds."""


def budget_of(run: Run) -> int:
    """Retries that the stream has in a row."""
    declared = run.subject.max_retry
    return run.options.max_retry if declared is None else declared


def most_used(run: Run, stream: Stream, index: int) -> int:
    """Retries used, at most, when the attempt at ``index`` of the stream's failed."""
    attempts = stream.connections
    first = index
    while first > 0 and not surely_resets(run, stream, first):
        first -= 1
    # Before the first attempt known to be the stream's there may have been others.
    since = run.history.order(stream.opened) if first == 0 else attempts[first].order
    failure = attempts[index].failure
    until = failure.order if failure is not None else NEVER
    recoverable = [e for e in retried_errors(stream) if since < run.history.order(e) < until]
    return max(index - first, len(recoverable))


def least_used(run: Run, stream: Stream, index: int, *, finals: bool = True) -> int:
    """Retries used, at least, when the attempt at ``index`` failed.

    ``finals=False`` counts as if finals did not start a new row.
    """
    first = index
    while first > 0 and not _may_reset(run, stream, first, finals=finals):
        first -= 1
    return sum(_has_failed(run, stream, i) for i in range(first, index))


def retried_errors(stream: Stream) -> tuple[Record, ...]:
    """Error events that announce a retry."""
    return tuple(r for r in stream.errors if r.data["recoverable"])


def _following(stream: Stream, index: int) -> Connection | None:
    return next(iter(stream.connections[index + 1 : index + 2]), None)


def _has_failed(run: Run, stream: Stream, index: int) -> bool:
    attempt, following = stream.connections[index], _following(stream, index)
    until = following.order if following is not None else NEVER
    order = run.history.order
    if any(attempt.order < order(e) < until for e in retried_errors(stream)):
        return True
    # Who changes sessions for new options may meet the old one's end on the way, and need not mind.
    moved = any(attempt.order < order(r) < until for r in stream.calls("update_options"))
    return attempt.failure is not None and not moved


def outlived_surely(run: Run, attempt: Connection) -> bool:
    """Whether an attempt certainly lasted longer than the timeout before it failed."""
    failure = attempt.failure
    return failure is not None and (
        failure.at - attempt.began > run.options.timeout + _OUTLIVED_SURELY_S
    )


def surely_resets(run: Run, stream: Stream, index: int) -> bool:
    """Whether the failure of the attempt at ``index`` certainly begins a new row."""
    attempt = stream.connections[index]
    failure = attempt.failure
    if failure is None:
        return False
    if outlived_surely(run, attempt) and run.subject.framework >= OUTLIVING_SINCE:
        return True
    said = {w for r in attempt.sent if r.data.get("event") == "final" for w in words_of(text_of(r))}
    # Other words were said on an earlier attempt, and are read late.
    return any(
        attempt.order < run.history.order(r)
        and r.at <= failure.at - FINAL_BEFORE_S
        and said & set(words_of(text_of(r)))
        for r in stream.finals
    )


def _may_reset(run: Run, stream: Stream, index: int, *, finals: bool) -> bool:
    attempt, following = stream.connections[index], _following(stream, index)
    until = following.order if following is not None else NEVER
    # The base class looks at the clock when the attempt raises, which its error event shows.
    noticed = next(
        (r.at for r in stream.errors if attempt.order < run.history.order(r) < until),
        following.began if following is not None else run.history.end,
    )
    if attempt.failure is not None and attempt.failure.id not in _FOUND_LATE:
        noticed = min(noticed, attempt.failure.at + _FOUND_S)
    outlived = noticed - attempt.began > run.options.timeout + _OUTLIVED_PERHAPS_S
    if outlived and run.subject.framework >= OUTLIVING_SINCE:
        return True
    if not finals:
        return False
    if any(r.data.get("event") == "final" and text_of(r) for r in attempt.sent):
        return True
    # An empty final counts with the base class, too.
    return any(
        attempt.order < run.history.order(r) < until for r in stream.events_of("final_transcript")
    )
