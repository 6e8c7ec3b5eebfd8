"""Which finals a stream owed to the application, and whether it delivered just those.

What the server sent is on record; what of it had to arrive is not always. A reset may take with it
what was sent right before, and what is sent to a stream that is being closed need not be read.
Such finals are optional: they may be delivered or not. So may the last interim of a cut utterance
as a final. Everything else is owed, in the server's order, once.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sttkit.laws.connections import LOSSY, Connection
from sttkit.laws.model import Run
from sttkit.laws.streams import Stream, text_of
from sttkit.laws.words import Words, quoted, words_of
from sttkit.trace import Record


@dataclass(frozen=True)
class Item:
    """Something that may, or has to, be delivered as a final.

    Attributes:
        texts: as any of these words.
        owed: whether it has to be.
        order: place in the trace of the message that said it.
        at: when.
    """

    texts: tuple[Words, ...]
    owed: bool
    order: int
    at: float


def items_of(run: Run, stream: Stream) -> list[Item]:
    """All finals of the server to one stream, and what else may become one, in order."""
    items: list[Item] = []
    for connection in stream.connections:
        pending: list[Words] = []
        last: Record | None = None
        for record in connection.sent:
            event, words = record.data.get("event"), words_of(text_of(record))
            if event == "interim" and words:
                pending.append(words)
                last = record
            elif event == "final" and words:
                owed = is_owed(run, stream, connection, record)
                order = run.history.order(record)
                texts = (words,) if owed else (words, *reversed(pending))
                items.append(Item(texts, owed, order, record.at))
                if not record.data.get("duplicate"):
                    pending = []
        # An utterance that the server itself finished, or had nothing to add to, was not cut.
        cut = connection.server_end is None or connection.of("withheld")
        if pending and last is not None and cut:
            order = run.history.order(last)
            items.append(Item(tuple(reversed(pending)), False, order, last.at))
    return items


def is_owed(run: Run, stream: Stream, connection: Connection, final: Record) -> bool:
    """Whether a final that the server sent has to be delivered."""
    history = run.history
    order, lag = history.order(final), history.lag
    if final.data.get("duplicate") or final.data.get("after_end"):
        return False
    over = connection.session_ended
    if over is not None and history.order(over) < order:
        return False
    failure = connection.failure
    if failure is not None:
        lossy = failure.id in LOSSY
        if order > failure.order or (lossy and final.at >= failure.at - lag):
            return False
    violation = connection.violation
    if violation is not None and final.at >= violation.at - lag:
        return False
    if final.at + lag > history.session_closed:
        return False
    ended = stream.ended_by_itself
    if ended is None:
        # From outside it cannot be seen what was still on its way when the stream was closed.
        return final.at + lag <= stream.closing and _client_stayed(run, connection, final)
    if stream.ended_order < order or (history.backlog and final.at + lag > ended.at):
        return False
    return _client_stayed(run, connection, final)


def _client_stayed(run: Run, connection: Connection, final: Record) -> bool:
    """Whether the client was still there to read, unless the server was done before it left."""
    left = connection.left
    if left is None or _server_done_before(run, connection, left):
        return True
    return final.at <= left.at - run.history.lag


def _server_done_before(run: Run, connection: Connection, left: Record) -> bool:
    done = connection.session_ended
    if done is None or done.at + run.history.backlog > left.at:
        return False
    return run.history.order(done) < run.history.order(left)


def delivered_as_owed(run: Run, stream: Stream) -> bool:
    """Whether the finals delivered are those owed, perhaps split or joined, and optional ones."""
    said = stream.final_words
    # Where in what was delivered one may be, after the items so far.
    places = {0}
    for item in items_of(run, stream):
        reached = set() if item.owed else set(places)
        for words in item.texts:
            reached |= {at + len(words) for at in places if said[at : at + len(words)] == words}
        places = reached
    return len(said) in places


def told_as(stream: Stream, final: Record) -> Record | None:
    """The server's final that a delivered one is made of, if just one says these words."""
    saying = stream.sent_finals.get(words_of(text_of(final)), ())
    return saying[0] if len(saying) == 1 else None


def undelivered(run: Run, stream: Stream, *, since: int = -1) -> list[Item]:
    """Owed finals sent behind a place in the trace of which a word came in no final."""
    counts = Counter(stream.final_words)
    return [
        item
        for item in items_of(run, stream)
        if item.owed and item.order > since and any(counts[word] == 0 for word in item.texts[0])
    ]


def difference(run: Run, stream: Stream) -> str:
    """What is wrong with the finals delivered, in a few words."""
    items, said = items_of(run, stream), Counter(stream.final_words)
    server = Counter(
        word
        for record in stream.sent
        if record.data.get("event") == "final"
        for word in words_of(text_of(record))
    )
    known = {word for item in items for words in item.texts for word in words}
    invented = [word for word in said if word not in known]
    if invented:
        return f"{quoted(invented)} is not from the server"
    lost = [w for item in items if item.owed for w in item.texts[0] if not said[w]]
    if lost:
        return f"{quoted(lost)} is lost"
    doubled = [word for word in said if said[word] > max(1, server[word])]
    if doubled:
        return f"{quoted(doubled)} came {max(said[word] for word in doubled)} times"
    return f"{quoted(stream.final_words)}, in another order"
