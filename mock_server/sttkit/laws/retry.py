"""RETRY, first half: whether there is another attempt, how many, and when."""

from __future__ import annotations

from sttkit.laws.batch import budget_is_kept, final_statuses_are_final
from sttkit.laws.budget import (
    budget_of,
    least_used,
    most_used,
    retried_errors,
)
from sttkit.laws.connections import Failure
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
from sttkit.laws.streams import NEVER, Stream

NOT_RETRYABLE_SINCE = (1, 6, 10)
FIRST_WAIT_S = 0.1
WAIT_SLACK_S = 0.5
_FLOWS_S = 0.25
"""Audio flows if no two pushes are further apart; a frame has 0.1 s at most."""
UNDERCUT_S = 0.05
"""So much too early is rounding."""


def transient_failures_are_retried(run: Run) -> Judgement:
    if budget_of(run) == 0:
        return inapplicable("the plugin has a budget of 0 retries")
    judged: list[Judgement] = []
    undeclared: list[str] = []
    for stream in run.history.streams:
        for failure in stream.open_failures:
            nature = failure.nature(run.facts)
            if nature == "transient":
                judged.append(is_retried(run, stream, failure))
            elif nature == "final" and run.subject.framework >= NOT_RETRYABLE_SINCE:
                judged.append(_is_not_retried(run, stream, failure))
            elif nature in ("undeclared", "final"):
                undeclared.append(failure.what)
    if undeclared and not any(j.verdict.value in ("pass", "fail") for j in judged):
        return unclear(f"it is not declared whether {undeclared[0]} is transient or final")
    return overall(judged, otherwise="no transient failure while input was open")


def is_retried(run: Run, stream: Stream, failure: Failure) -> Judgement:
    """Whether a transient failure leads to a new attempt, as long as budget remains."""
    index = _index(stream, failure)
    used = most_used(run, stream, index)
    wait = FIRST_WAIT_S if used == 0 else max(FIRST_WAIT_S, run.options.retry_interval)
    if failure.id == "no-answer":
        wait += run.options.timeout
    expected = f"a new connection within {secs(wait + WAIT_SLACK_S)} of {failure.what}"
    reaction = stream.reaction(failure, run.limits.recovery)
    if reaction.what == "retried":
        return passed()
    if reaction.what == "cut short":
        return unexercised(f"the application left when {failure.what} had just happened")
    if used >= budget_of(run):
        return unexercised("no failure left budget for a retry")
    if run.history.unassigned:
        return unclear("attempts of two streams cannot be told apart")
    tried = f"{used + 1} of {count(budget_of(run) + 1, 'attempt')}"
    if reaction.what == "raised":
        assert reaction.record is not None
        error = reaction.record.data["error"] or {}
        return broken(expected, f"{error.get('type')} raised after {tried}", reaction.at)
    if reaction.what == "ended":
        return broken(expected, f"iteration just ended after {tried}", reaction.at)
    return broken(expected, f"none in {secs(reaction.at - failure.at)}", failure.at)


def _is_not_retried(run: Run, stream: Stream, failure: Failure) -> Judgement:
    reaction = stream.reaction(failure, run.limits.recovery)
    if reaction.what == "cut short":
        return unexercised(f"the application left when {failure.what} had just happened")
    if reaction.what == "raised":
        return passed()
    observed = {"retried": "a new connection", "ended": "iteration just ended"}.get(
        reaction.what, f"nothing in {secs(reaction.at - failure.at)}"
    )
    return broken(f"an exception: {failure.what} is final", observed, reaction.at)


def rows_are_bounded(run: Run) -> Judgement:
    if run.history.of("batch"):
        return budget_is_kept(run)
    if run.history.unassigned:
        return unclear("attempts of two streams cannot be told apart")
    return overall(
        (
            judged
            for stream in run.history.streams
            for index, attempt in enumerate(stream.connections)
            if attempt.failure is not None
            and (judged := _row_is_bounded(run, stream, index, attempt.failure)) is not None
        ),
        otherwise="the budget of retries was never used up",
    )


def _row_is_bounded(run: Run, stream: Stream, index: int, failure: Failure) -> Judgement | None:
    history, budget = run.history, budget_of(run)
    if failure.nature(run.facts) == "final" or failure.order >= stream.over_order:
        return None
    used = least_used(run, stream, index)
    if used < budget:
        return None
    following = stream.next_attempt(failure.order)
    if following is not None and following.order < stream.over_order:
        return broken(
            f"at most {count(budget + 1, 'attempt')} in a row",
            count(used + 2, "attempt"),
            following.began,
        )
    if not stream.input_open(failure.order):
        return None  # what the end of input leads to is another law's
    reaction = stream.reaction(failure, run.limits.recovery)
    tried = count(used + 1, "attempt")
    if reaction.what == "cut short":
        return unexercised("the application left when the budget was used up")
    expected = f"an APIError and one unrecoverable error event after {tried}"
    if reaction.what != "raised":
        observed = "iteration just ended" if reaction.what == "ended" else "no exception in "
        if reaction.what == "nothing":
            observed += secs(reaction.at - failure.at)
        return broken(expected, observed, reaction.at)
    assert reaction.record is not None
    error = reaction.record.data["error"] or {}
    if not error.get("api"):
        return broken(expected, f"{error.get('type')}", reaction.at)
    fatal = [r for r in stream.errors if not r.data["recoverable"]]
    before = [r for r in fatal if history.order(r) < stream.closing_order]
    if len(before) != 1:
        return broken(expected, count(len(before), "unrecoverable error event"), reaction.at)
    return passed()


def waits_follow_options(run: Run) -> Judgement:
    return overall(
        (
            judged
            for stream in run.history.streams
            for position in range(len(retried_errors(stream)))
            if (judged := _wait_follows_options(run, stream, position)) is not None
        ),
        otherwise="no retry was announced and made while audio flowed",
    )


def _wait_follows_options(run: Run, stream: Stream, position: int) -> Judgement | None:
    history = run.history
    errors = retried_errors(stream)
    error = errors[position]
    order = history.order(error)
    attempt = stream.next_attempt(order)
    failed = stream.current(order)
    until = history.order(errors[position + 1]) if position + 1 < len(errors) else NEVER
    if attempt is None or failed is None or attempt.order > until:
        return None
    if not (stream.input_open(order) and stream.input_open(attempt.order)):
        return None
    if any(r.data.get("retry_after") is not None for r in failed.of("response")):
        return None
    # A blocked loop delays everything.
    if any(error.at - 1 <= r.at <= attempt.began for r in stream.actions("block-loop")):
        return None
    if not any(error.at < r.at <= attempt.began for r in stream.pushes):
        return None
    used = most_used(run, stream, stream.connections.index(failed))
    # An attempt of which it cannot be told whose it was may have been the first.
    surely_first = (position == 0 or used == 0) and not history.unassigned
    wait = FIRST_WAIT_S if surely_first else max(FIRST_WAIT_S, run.options.retry_interval)
    took = attempt.began - error.at
    if took <= wait + WAIT_SLACK_S:
        return passed()
    # A plugin may wait for audio before it connects.
    muted = stream.muted(error.at, attempt.began, breath=_FLOWS_S)
    if took - muted <= wait + WAIT_SLACK_S:
        return None
    observed = secs(took) + (f", in {secs(muted)} of which no audio came" if muted else "")
    expected = f"a wait of {secs(wait)}, give or take {secs(WAIT_SLACK_S)}"
    return broken(expected, observed, error.at)


def refused_for_good(run: Run) -> Judgement:
    if run.history.of("batch"):
        return final_statuses_are_final(run)
    return overall(
        (
            _refused_for_good(run, stream, failure)
            for stream in run.history.streams
            for failure in stream.failures
            if failure.nature(run.facts) == "rejected"
        ),
        otherwise="no handshake was answered with 400, 401, 403 or 404",
    )


def _refused_for_good(run: Run, stream: Stream, failure: Failure) -> Judgement:
    expected = f"one attempt, then an APIError that is not retryable ({failure.what})"
    following = stream.next_attempt(failure.order)
    if following is not None and following.order < stream.over_order:
        return broken(expected, "another attempt", following.began)
    ended = stream.ended_by_itself
    if ended is None:
        watched = min(stream.closing, run.history.session_closed, run.history.end) - failure.at
        if watched < run.limits.recovery - 0.25 and stream.left_by_application:
            return unexercised(f"the application left when {failure.what} had just happened")
        return broken(expected, f"no exception in {secs(watched)}", failure.at)
    error = ended.data["error"] or {}
    if ended.data["how"] != "raised":
        if stream.ended_order > stream.input_end_order:
            return unexercised("the application had ended its input before")
        return broken(expected, "iteration just ended", ended.at)
    if not error.get("api"):
        return broken(expected, f"{error.get('type')}", ended.at)
    if error.get("retryable"):
        return broken(expected, f"{error.get('type')} that says it is retryable", ended.at)
    return passed()


def finals_refill_the_budget(run: Run) -> Judgement:
    if budget_of(run) == 0:
        return inapplicable("the plugin has a budget of 0 retries")
    judged = []
    for stream in run.history.streams:
        for failure in stream.open_failures:
            index = _index(stream, failure)
            spent = least_used(run, stream, index, finals=False) >= budget_of(run)
            refilled = most_used(run, stream, index) < budget_of(run)
            if spent and refilled and failure.nature(run.facts) == "transient":
                judged.append(is_retried(run, stream, failure))
    return overall(
        judged, otherwise="no failure came after as many as the budget, with a final in between"
    )


def retry_after_is_heeded(run: Run) -> Judgement:
    judged: list[Judgement] = []
    for stream in run.history.streams:
        for failure in stream.failures:
            again = stream.next_attempt(failure.order)
            if failure.retry_after is not None and again is not None:
                judged.append(_is_heeded(failure, failure.retry_after, again.began))
    return overall(judged, otherwise="no answer with Retry-After was followed by another attempt")


def _is_heeded(failure: Failure, asked: float, again: float) -> Judgement:
    if again - failure.at >= asked - UNDERCUT_S:
        return passed()
    expected = f"no attempt within {secs(asked)} of {failure.what}, as Retry-After asks"
    return broken(expected, f"one after {secs(again - failure.at)}", again)


def _index(stream: Stream, failure: Failure) -> int:
    return next(i for i, c in enumerate(stream.connections) if c.number == failure.conn)


LAWS = (
    Law(
        "RETRY-1",
        "must",
        "A transient failure while input is open leads to a new connection as long as budget "
        "remains: close 1001, 1005, 1006, 1011 to 1014, a reset, an end without a close frame, a "
        "refused or unanswered attempt, an unknown host, handshake status 408, 429 or 5xx, and the "
        "codes that the provider documents as transient; a code it documents as final does not.",
        "Deploys, failovers and idle limits happen in every long call; without a retry each ends "
        "the conversation.",
        "The next attempt of the stream after each such failure.",
        transient_failures_are_retried,
    ),
    Law(
        "RETRY-2",
        "must",
        "There are at most max_retry + 1 attempts in a row, then iteration raises an APIError and "
        "exactly one unrecoverable error event is emitted; a final, or from livekit-agents 1.8.3 "
        "an attempt that outlives the timeout, starts a new row.",
        "Retrying for ever hides an outage; giving up without an error hides it as well, and keeps "
        "fallbacks from taking over.",
        "Attempts in a row without a final, the exception, and the error events.",
        rows_are_bounded,
    ),
    Law(
        "RETRY-3",
        "must",
        "The next attempt follows a recoverable error event after the wait of the connection "
        "options (0.1 s, then retry_interval), 0.5 s late at most; Retry-After is exempt.",
        "Every second of a longer wait is speech that is lost.",
        "The time from an error event to the next attempt while audio flows.",
        waits_follow_options,
    ),
    Law(
        "RETRY-4",
        "must",
        "A handshake answered with 400, 401, 403 or 404 is not tried again: iteration raises an "
        "APIError that is not retryable.",
        "Trying a wrong key again delays the fallback and can get the account blocked.",
        "Attempts after such an answer, and the exception.",
        refused_for_good,
        since=NOT_RETRYABLE_SINCE,
    ),
    Law(
        "RETRY-5",
        "must",
        "A final that was delivered at least 50 ms before the next failure gives the whole budget "
        "of retries back.",
        "Otherwise a long healthy call dies of its fourth hiccup.",
        "A failure that would exceed the budget if the finals before it did not count.",
        finals_refill_the_budget,
        since=(1, 0, 21),
    ),
    Law(
        "RETRY-10",
        "should",
        "The Retry-After of an answer 429 or 503 is not undercut.",
        "Coming back too early is what turns a quota into a ban, and an overload into an outage.",
        "The time from such an answer to the next attempt.",
        retry_after_is_heeded,
    ),
)
