"""ISOLATE: streams that share an STT."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from sttkit.laws.audio import arrives_whole
from sttkit.laws.connections import Connection
from sttkit.laws.finals import undelivered
from sttkit.laws.judging import count, overall, secs
from sttkit.laws.model import Judgement, Law, Run, Verdict, broken, passed, unclear, unexercised
from sttkit.laws.streams import NEVER, Stream
from sttkit.laws.words import quoted

_ENOUGH_S = 2.0
"""Audio of a new stream after which there has to be a final."""
_SPEAKING = frozenset({"speech_started", "interim"})
_SAID = frozenset({"final", "speech_ended", "session_ended"})
"""Messages of a server from which it is told whether somebody speaks."""


def streams_are_independent(run: Run) -> Judgement:
    history = run.history
    if history.session_closed_order < NEVER:
        return unexercised("the application closed the HTTP session that all streams share")
    for record in history.of("call"):
        if record.data["name"] == "stream" and record.data["error"] is not None:
            return broken("another stream opens", str(record.data["error"]["type"]), record.at)
    judged = [
        _is_untouched(run, sibling, other)
        for sibling in history.streams
        for other in history.streams
        if other is not sibling and any(_shared(sibling, order) for order, _, _ in _troubles(other))
    ]
    after = history.stream("after")
    if after is not None:
        judged.append(_works(run, after))
    return overall(judged, otherwise="no stream failed or was closed beside another one")


def _troubles(stream: Stream) -> Iterator[tuple[int, float, str]]:
    """Where in the trace, and when, a stream failed or was closed, and how."""
    for failure in stream.failures:
        yield failure.order, failure.at, failure.what
    if stream.ended is not None and stream.ended.data["how"] == "raised":
        yield stream.ended_order, stream.ended.at, "an exception"
    if stream.closing_order < NEVER:
        yield stream.closing_order, stream.closing, "aclose()"


def _shared(sibling: Stream, order: int) -> bool:
    """Whether ``sibling`` was alive at a place in the trace."""
    return bool(sibling.connections) and sibling.connections[0].order < order < sibling.over_order


def _is_untouched(run: Run, sibling: Stream, other: Stream) -> Judgement:
    first = next(what for order, _, what in _troubles(other) if _shared(sibling, order))
    expected = f'"{sibling.name}" untouched by {first} on "{other.name}"'
    if sibling.failures or _is_disturbed(run, sibling):
        return unexercised("both streams failed")
    if sibling.errors and run.history.alone(sibling, run.history.order(sibling.errors[0])):
        return broken(expected, "an error event of its own", sibling.errors[0].at)
    ended = sibling.ended_by_itself
    if ended is not None and ended.data["how"] == "raised":
        kind = (ended.data["error"] or {}).get("type")
        return broken(expected, f"it raised {kind}", ended.at)
    if ended is not None and sibling.ended_order < sibling.input_end_order:
        return broken(expected, "its iteration just ended", ended.at)
    updated = any(s.calls("update_options") for s in run.history.streams)
    again = _reconnect(run, sibling, other)
    if again is not None and not updated:
        return broken(expected, "a new connection of its own", again.began)
    missing = undelivered(run, sibling)
    if missing:
        words = quoted(word for item in missing for word in item.texts[0])
        return broken(expected, f"{words} is missing", missing[0].at)
    whole = arrives_whole(run, sibling)
    if whole.verdict is Verdict.FAIL:
        return broken(expected, whole.observed, whole.at)
    return passed()


def _reconnect(run: Run, sibling: Stream, other: Stream) -> Connection | None:
    """A further connection of ``sibling`` that the trouble of ``other`` brought about.

    A plugin may change its sessions by itself: not just then, or else where a segment was over.
    """
    soon = run.limits.grace + run.history.lag
    troubles = [(order, at) for order, at, _ in _troubles(other) if _shared(sibling, order)]
    return next(
        (
            again
            for before, again in pairwise(sibling.connections)
            if any(order < again.order and again.began <= at + soon for order, at in troubles)
            and not _was_just_over(run, before, again, soon)
        ),
        None,
    )


def _was_just_over(run: Run, before: Connection, again: Connection, soon: float) -> bool:
    """Whether the server had just said the last of a segment, unasked, when a session was left."""
    asked = before.client_end
    until = again.order if asked is None else min(again.order, run.history.order(asked))
    told = [
        record
        for record in before.sent
        if record.data.get("event") in _SPEAKING | _SAID and run.history.order(record) < until
    ]
    return bool(told) and told[-1].data["event"] in _SAID and again.began <= told[-1].at + soon


def _is_disturbed(run: Run, stream: Stream) -> bool:
    """Whether the script kept from a stream what the server had to say, or broke the protocol."""
    return run.history.backlog > 0 or any(
        connection.deaf_fault is not None or connection.violation is not None
        for connection in stream.connections
    )


def _works(run: Run, stream: Stream) -> Judgement:
    expected = "a new stream on the same STT transcribes"
    if stream.failures or _is_disturbed(run, stream):
        return unexercised("the new stream's own line failed")
    held_back = (r for c in stream.connections for r in c.of("withheld"))
    if any(r.data.get("event") == "final" for r in held_back):
        return unexercised("the script kept back what the server had to say to the new stream")
    ended = stream.ended_by_itself
    if ended is not None and ended.data["how"] == "raised":
        return broken(expected, f"{(ended.data['error'] or {}).get('type')}", ended.at)
    if stream.finals:
        return passed()
    if stream.pushed_end < _ENOUGH_S:
        return unclear(f"only {secs(stream.pushed_end)} of audio were pushed to it")
    connected = count(len(stream.connections), "connection")
    observed = f"no final of {secs(stream.pushed_end)} of audio, {connected}"
    return broken(expected, observed, stream.opened.at)


LAWS = (
    Law(
        "ISOLATE-1",
        "must",
        "The failure or closing of one stream leaves its siblings on the same STT untouched, and a "
        "new stream works afterwards.",
        "One STT serves many callers; one bad line may not end all their calls.",
        "Exceptions, attempts, finals and audio of a stream that was alive when another one failed "
        "or was closed, and the finals of one opened later.",
        streams_are_independent,
    ),
)
