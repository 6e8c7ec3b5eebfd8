"""RETRY for recordings recognised as a whole: one call, one or more HTTP requests."""

from __future__ import annotations

from dataclasses import dataclass

from sttkit.laws.budget import budget_of
from sttkit.laws.connections import FINAL_STATUSES, TRANSIENT_STATUSES, Connection
from sttkit.laws.judging import count, overall, secs
from sttkit.laws.model import Judgement, Law, Run, broken, passed, unclear, unexercised
from sttkit.laws.streams import text_of
from sttkit.laws.words import Words, quoted, words_of
from sttkit.trace import Record

NOT_RETRYABLE_SINCE = (1, 8, 4)
HASTE_S = 0.1
"""So much sooner than the connect timeout a client may give an unanswered request up."""


@dataclass(frozen=True)
class Try:
    """One request of a call.

    Attributes:
        at: when it began.
        failed: how it failed: ``http=503``, ``batch-cut``, or not (None).
        waited: seconds until the client gave up a request that had no answer, or None.
        answered: the words of the answer, none if it said that nothing was said; None if it had no
            transcript.
    """

    at: float
    failed: str | None
    waited: float | None = None
    answered: Words | None = None

    @property
    def status(self) -> int | None:
        name, _, value = (self.failed or "").partition("=")
        return int(value) if name == "http" and value.isdecimal() else None

    @property
    def is_transient(self) -> bool:
        if self.status is None:
            return self.failed in ("batch-cut", "refused", "unknown-host", "no-answer", "reset")
        return self.status in TRANSIENT_STATUSES or self.status >= 500

    @property
    def is_final(self) -> bool:
        return self.status in FINAL_STATUSES


def failed_tries(run: Run) -> int:
    """How many requests of all calls failed; one that was not waited for is the client's doing."""
    patience = run.options.timeout - HASTE_S
    return sum(
        t.failed is not None and (t.waited is None or t.waited >= patience)
        for _, tries in calls(run)
        for t in tries
    )


def calls(run: Run) -> list[tuple[Record, list[Try]]]:
    """Each ``recognize()`` that returned, with its requests."""
    history = run.history
    found: list[tuple[Record, list[Try]]] = []
    since = -1
    for call in history.of("batch"):
        until = history.order(call)
        tries = [_try(c) for c in history.connections if since < c.order < until]
        found.append((call, tries))
        since = until
    return found


def _try(connection: Connection) -> Try:
    for record in connection.of("fault"):
        if record.data.get("breaks"):
            return Try(connection.began, str(record.data["fault"]).replace("batch-http", "http"))
    for record in connection.of("response"):
        if record.data["status"] >= 400:
            return Try(connection.began, f"http={record.data['status']}")
    # A client that left before there was an answer had waited for it as long as it would.
    if connection.left is None or connection.first("response") is not None:
        return Try(connection.began, None, answered=_answered(connection))
    return Try(connection.began, "no-answer", connection.left.at - connection.began)


def _answered(connection: Connection) -> Words | None:
    for record in connection.sent:
        if record.data.get("batch"):
            return words_of(text_of(record))
    # What the recording says was kept back, and that it says nothing was answered instead.
    return () if connection.of("withheld") else None


def recognize_follows_the_rules(run: Run) -> Judgement:
    return overall(
        (_follows_the_rules(run, call, tries) for call, tries in calls(run)),
        otherwise="nothing was recognised as a whole",
    )


def _follows_the_rules(run: Run, call: Record, tries: list[Try]) -> Judgement:
    text, error = call.data["text"], call.data["error"]
    if error is not None and error["type"] == "DidNotReturn":
        took = secs(call.data["took"])
        if len(tries) > 1:  # each may have been given its time
            return unclear(f"the call did not return within {took}")
        return broken("a transcript or an APIError", f"nothing within {took}", call.at)
    if not any(t.failed for t in tries):
        if tries and error is not None:
            return broken("the transcript, were it empty", f"{error['type']} raised", call.at)
        silent = text == "" and tries and tries[-1].answered == ()
        return passed() if silent else unexercised("no request failed")
    last = tries[-1]
    if text is not None:
        if last.failed:
            return broken("an exception", f'the transcript "{text}" out of {last.failed}', call.at)
    elif error is not None and not error["api"]:
        return broken("an APIError", f"{error['type']} after {last.failed or 'an answer'}", call.at)
    if error is not None and last.is_transient:
        # Two budgets may be meant: what the call was given, and what the plugin declares.
        least = min(run.options.max_retry, budget_of(run)) + 1
        if len(tries) < least:
            return broken(
                f"{count(least, 'attempt')} at {last.failed}", count(len(tries), "attempt"), call.at
            )
    for judged in (_budget_is_kept(run, call, tries), _final_is_final(run, call, tries)):
        if judged.expected:
            return judged
    return passed()


def budget_is_kept(run: Run) -> Judgement:
    """RETRY-2 for a batch run."""
    return overall(
        (_budget_is_kept(run, call, tries) for call, tries in calls(run)),
        otherwise="nothing was recognised as a whole",
    )


def _budget_is_kept(run: Run, call: Record, tries: list[Try]) -> Judgement:
    most = max(run.options.max_retry, budget_of(run)) + 1
    if len(tries) > most:
        return broken(f"at most {count(most, 'attempt')}", str(len(tries)), tries[most].at)
    least = min(run.options.max_retry, budget_of(run)) + 1
    if len(tries) < least or not all(t.is_transient for t in tries):
        return unexercised("the budget of retries was not used up")
    error = call.data["error"]
    expected = f"an APIError after {count(len(tries), 'attempt')}"
    if error is None:
        return broken(expected, "none", call.at)
    return passed() if error["api"] else broken(expected, str(error["type"]), call.at)


def final_statuses_are_final(run: Run) -> Judgement:
    """RETRY-4 for a batch run."""
    return overall(
        (_final_is_final(run, call, tries) for call, tries in calls(run)),
        otherwise="nothing was recognised as a whole",
    )


def _final_is_final(run: Run, call: Record, tries: list[Try]) -> Judgement:
    final = next((i for i, t in enumerate(tries) if t.is_final), None)
    if final is None:
        return unexercised("no request was answered with 400, 401, 403 or 404")
    expected = f"one attempt, then an APIError that is not retryable ({tries[final].failed})"
    if final + 1 < len(tries):
        observed = count(len(tries), "attempt")
        if run.subject.framework < NOT_RETRYABLE_SINCE:
            observed += " (LiveKit's base class keeps to this in recognize() from 1.8.4 on)"
        return broken(expected, observed, tries[final + 1].at)
    error = call.data["error"]
    if error is None or not error["api"]:
        return broken(expected, str(error["type"]) if error else "a transcript", call.at)
    if error["retryable"]:
        return broken(expected, f"{error['type']} that says it is retryable", call.at)
    return passed()


def words_are_those_answered(run: Run) -> Judgement:
    """ORDER-3 for a batch run."""
    return overall(
        (_are_those_answered(call, tries) for call, tries in calls(run)),
        otherwise="nothing was recognised as a whole",
    )


def _are_those_answered(call: Record, tries: list[Try]) -> Judgement:
    answers = [t.answered for t in tries if t.answered is not None]
    text = call.data["text"]
    if text is None or not answers or tries[-1].failed:
        return unexercised("no answer with a transcript became one")
    said = words_of(text)
    # A long recording may be asked for piece by piece.
    if said in (answers[-1], tuple(word for answer in answers for word in answer)):
        return passed()
    return broken(f"the words of the answer {_told(answers[-1])}", _told(said), call.at)


def _told(words: Words) -> str:
    return quoted(words, most=8) if words else "none"


LAWS = (
    Law(
        "RETRY-11",
        "must",
        "recognize() retries transient HTTP failures up to the budget, does not retry 400, 401, "
        "403 and 404, raises an APIError, and never makes a transcript out of an error answer, or "
        "an error out of an answer that nothing was said. It does not wait for an answer for ever.",
        "An error page taken for a transcript reaches the language model as something the caller "
        "said.",
        "The requests of each recognize(), their answers, and what the call returned or raised.",
        recognize_follows_the_rules,
    ),
)
