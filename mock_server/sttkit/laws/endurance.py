"""What an hour of routine reconnects does to a stream, and to the process it lives in."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from typing import Any

from sttkit.laws.budget import budget_of, outlived_surely, surely_resets
from sttkit.laws.connections import Connection
from sttkit.laws.judging import count, overall, secs
from sttkit.laws.model import Judgement, Law, Run, broken, inapplicable, passed, unexercised
from sttkit.laws.streams import Stream

ROUTINE_CLOSES = 20
RECONNECTS = 50
_ENDS = frozenset({"close-sent", "close-received", "eof", "lost"})
_MARGIN = 5
"""So many more tasks or connections may be there because something is just going on."""
_GOES_ON = 1.5
"""What has grown so many times as much, twice as late, has no limit that it keeps to."""


def routine_closes_end_nothing(run: Run) -> Judgement:
    return overall(
        (_survives_closes(run, stream) for stream in run.history.streams),
        otherwise="no stream was opened",
    )


def _survives_closes(run: Run, stream: Stream) -> Judgement:
    closes = [f for f in stream.open_failures if f.routine]
    if not closes:
        return unexercised("no session was closed routinely while input was open")
    if len(closes) < len(stream.failures) or any(map(_is_upset, stream.connections)):
        return unexercised("the line failed in other ways too")
    ended = stream.ended_by_itself
    if ended is not None and stream.ended_order < stream.input_end_order:
        failed = [(i, c) for i, c in enumerate(stream.connections) if c.failure is not None]
        if not all(outlived_surely(run, c) or surely_resets(run, stream, i) for i, c in failed):
            return unexercised("sessions were closed too soon to start the budget over")
        raised = ended.data["how"] == "raised"
        if raised and budget_of(run) == 0:
            return inapplicable("the plugin has a budget of 0 retries")
        error = (ended.data["error"] or {}).get("type")
        how = f"{error} raised" if raised else "iteration just ended"
        observed = f"{how} after {count(len(closes), 'routine close')}"
        return broken("routine closes end no stream", observed, ended.at)
    if len(closes) < ROUTINE_CLOSES:
        return unexercised(f"only {count(len(closes), 'routine close')}")
    return passed()


def _is_upset(connection: Connection) -> bool:
    """Whether a session gave its client other reasons to fail than a close."""
    complained = any(r.data.get("event") == "provider_error" for r in connection.sent)
    broke_the_protocol = connection.violation is not None or bool(connection.of("injected"))
    return complained or broke_the_protocol or connection.deaf_fault is not None


def reconnects_leave_nothing(run: Run) -> Judgement:
    return overall(
        (_leave_nothing(run, stream) for stream in run.history.streams),
        otherwise="no stream was opened",
    )


def _leave_nothing(run: Run, stream: Stream) -> Judgement:
    left_open = _left_open(run, stream)
    if left_open is not None:
        return left_open
    looks = stream.of("holding")
    late = [r for r in looks if r.data["sessions"] > RECONNECTS]
    early = [r for r in looks if r.data["sessions"] == 2]
    if not early or not late:
        return unexercised(f"nobody looked after one reconnect and after {RECONNECTS}")
    expected = f"no more after {late[-1].data['sessions'] - 1} reconnects than after one"
    # The kit's own ends of lines whose other end nobody sees stay there, with all that they hold.
    objects = not any(c.hides_its_end for c in stream.connections)
    half_way = [r.data for r in looks if RECONNECTS / 2 <= r.data["sessions"] <= RECONNECTS]
    for look in (late[0], late[-1]):
        more = _more(early[0].data, look.data, objects=objects)
        if not more and half_way:
            more = _more_data(half_way[0]["data"], look.data["data"])
        if not more:
            return passed()
    return broken(expected, more, late[-1].at)


def _left_open(run: Run, stream: Stream) -> Judgement | None:
    """An attempt that came to nothing, and was not closed while the stream tried others.

    One that got ready is another matter: it may be kept for later.
    """
    limit = run.options.timeout + run.limits.aclose
    for attempt, following in pairwise(stream.connections):
        accepted = attempt.records[0].data.get("outcome") == "accepted"
        if not accepted or attempt.ready is not None or attempt.hides_its_end:
            continue
        gone = next((r.at for r in attempt.records if r.kind in _ENDS), run.history.end)
        seen = gone - following.began
        if seen > limit:
            return broken(
                f"an attempt that failed is closed within {secs(limit)} of the next",
                f"it is open {secs(seen)} later",
                following.began + limit,
            )
    return None


def _more(before: Any, after: Any, *, objects: bool) -> str:
    tasks = Counter(after["tasks"]) - Counter(before["tasks"])
    if tasks.total() > _MARGIN:
        name, _ = tasks.most_common(1)[0]
        return f"{count(tasks.total(), 'more task')}, such as {name}"
    connections = after["connections"] - before["connections"]
    if connections > _MARGIN:
        return count(connections, "more open connection")
    if objects and after["objects"]:
        name, number = max(after["objects"].items(), key=lambda item: int(item[1]))
        return f"{number} more {name} in memory"
    return ""


def _more_data(half_way: Any, after: Any) -> str:
    """What of the data that a plugin holds goes on growing, in words."""
    grown = [
        what
        for what in ("bytes", "entries")
        if half_way[what] and after[what] >= _GOES_ON * half_way[what]
    ]
    if not grown:
        return ""
    said = " and ".join(f"{after[what]} more {what}" for what in grown)
    longer = {
        name: number
        for name, number in after["longer"].items()
        if number >= _GOES_ON * half_way["longer"].get(name, math.inf)
    }
    name = max(longer, key=lambda name: int(longer[name]), default=None)
    return f"{said} of data" + (f", such as in {name}" if name is not None else "")


LIVE_LAWS = (
    Law(
        "LIVE-8",
        "must",
        "Twenty routine closes by the server in one hour, 1000 or 1001, with and without finals "
        "between, never end a stream whose input is open.",
        "Sessions are limited, servers are deployed; a call that lasts as long as a film must not "
        "die of counting to four.",
        "The end of iteration of streams whose sessions were closed routinely, each after a final "
        "or after it had outlived the connect timeout.",
        routine_closes_end_nothing,
        since=(1, 8, 3),
    ),
)

CLOSE_LAWS = (
    Law(
        "CLOSE-13",
        "must",
        "Fifty reconnects leave no more tasks, connections, objects and data behind than one.",
        "What each reconnect leaves adds up over a long call until the worker is killed, and every "
        "call on it with it.",
        "Tasks, open connections, instances by class, and the bytes and entries of data that hang "
        "on the stream, its STT and its tasks, while a long call is muted, after its first "
        "reconnect and after the fiftieth; of data, after the twenty-fifth as well: what keeps to "
        "a limit has reached it by then.",
        reconnects_leave_nothing,
    ),
)
