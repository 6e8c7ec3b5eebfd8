"""ISOLATE: streams that share an STT."""

from __future__ import annotations

from collections.abc import Iterator

from sttkit.laws.audio import arrives_whole
from sttkit.laws.finals import undelivered
from sttkit.laws.judging import count, overall, secs
from sttkit.laws.model import Judgement, Law, Run, Verdict, broken, passed, unclear, unexercised
from sttkit.laws.streams import NEVER, Stream
from sttkit.laws.words import quoted

_ENOUGH_S = 2.0
"""Audio of a new stream after which there has to be a final."""


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
        if other is not sibling and any(_shared(sibling, at) for at, _ in _troubles(run, other))
    ]
    after = history.stream("after")
    if after is not None:
        judged.append(_works(run, after))
    return overall(judged, otherwise="no stream failed or was closed beside another one")


def _troubles(run: Run, stream: Stream) -> Iterator[tuple[int, str]]:
    """Places in the trace where a stream failed or was closed."""
    for failure in stream.failures:
        yield failure.order, failure.what
    if stream.ended is not None and stream.ended.data["how"] == "raised":
        yield stream.ended_order, "an exception"
    if stream.closing_order < NEVER:
        yield stream.closing_order, "aclose()"


def _shared(sibling: Stream, order: int) -> bool:
    """Whether ``sibling`` was alive at a place in the trace."""
    return bool(sibling.connections) and sibling.connections[0].order < order < sibling.over_order


def _is_untouched(run: Run, sibling: Stream, other: Stream) -> Judgement:
    first = next(what for at, what in _troubles(run, other) if _shared(sibling, at))
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
    if len(sibling.connections) > 1 and not updated:
        observed = count(len(sibling.connections), "connection") + " of its own"
        return broken(expected, observed, sibling.connections[1].began)
    missing = undelivered(run, sibling)
    if missing:
        words = quoted(word for item in missing for word in item.texts[0])
        return broken(expected, f"{words} is missing", missing[0].at)
    whole = arrives_whole(run, sibling)
    if whole.verdict is Verdict.FAIL:
        return broken(expected, whole.observed, whole.at)
    return passed()


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
