"""One stream, as the application used and saw it, with the connections made on its behalf."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Literal

from sttkit.laws.connections import Connection, Failure
from sttkit.laws.records import Records
from sttkit.laws.words import Words, words_of
from sttkit.trace import Record

if TYPE_CHECKING:
    from sttkit.laws.facts import History

START, END = "start_of_speech", "end_of_speech"
INTERIM, PREFLIGHT = "interim_transcript", "preflight_transcript"
FINAL, USAGE = "final_transcript", "recognition_usage"
TRANSCRIPTS = frozenset({INTERIM, PREFLIGHT, FINAL})

CLOSING_ACTIONS = frozenset({"aclose", "aclose-twice", "aclose-at-once", "cancel-consumer"})
_ABRUPT_ACTIONS = frozenset({"aclose-at-once", "cancel-consumer"})
"""Those that close in the very tick in which they begin."""
ENDING_ACTIONS = frozenset({"end", "end-at-once"})
NEVER = 1 << 60
"""A place in the trace behind all records."""
WATCH_SLACK_S = 0.25
"""A run that was watched up to so much less than a limit was watched up to the limit."""

BREATH_S = 3.0
"""A longer gap between two pushes is not audio that keeps coming; a burst runs ahead by less."""
_SHORTEST_BREATH_S = 0.2
"""Nobody asks for shorter ones than two of the longest frames."""

WORD_SLACK_S = 0.02
"""So much more than half of a word must have been pushed before it counts as said."""


@dataclass(frozen=True)
class Reaction:
    """What a stream did about a failure; *cut short* if the application gave it no time to."""

    what: Literal["retried", "raised", "ended", "nothing", "cut short"]
    at: float
    record: Record | None = None


class Stream(Records):
    """The records of one stream.

    Args:
        history: of the run.
        name: main, second or after.
        records: the client's, in order.
    """

    def __init__(self, history: History, name: str, records: tuple[Record, ...]) -> None:
        super().__init__(records)
        self._history = history
        self.name = name

    # --- what the application did -----------------------------------------------------------

    @cached_property
    def opened(self) -> Record:
        """The call of ``stream()``, or the first thing known of it."""
        return self.first("stream") or self.records[0]

    @property
    def says_it_flushes(self) -> bool:
        """Whether the plugin declares that flush() makes the provider finish a segment."""
        return bool(self.opened.data.get("manual_flush"))

    @cached_property
    def pushes(self) -> tuple[Record, ...]:
        return self.of("push")

    @cached_property
    def pushed_end(self) -> float:
        """Seconds of audio pushed in all."""
        return max((float(r.data["end"]) for r in self.pushes), default=0.0)

    @cached_property
    def _push_times(self) -> list[float]:
        return [r.at for r in self.pushes]

    @cached_property
    def _push_ends(self) -> list[float]:
        return list(accumulate((float(r.data["end"]) for r in self.pushes), max))

    def pushed_at(self, position: float) -> float:
        """When the audio at ``position`` was pushed; infinite if it never was."""
        count = bisect_left(self._push_ends, position - 1e-6)
        return self._push_times[count] if count < len(self._push_times) else math.inf

    def pushed_by(self, at: float) -> float:
        """Seconds of audio pushed until ``at``."""
        count = bisect_right(self._push_times, at)
        return self._push_ends[count - 1] if count else 0.0

    def muted(self, since: float, until: float, *, breath: float = BREATH_S) -> float:
        """Seconds between two moments in which no audio came, pauses for ``breath`` not counted."""
        assert breath >= _SHORTEST_BREATH_S
        times = self._push_times
        first, last = bisect_right(times, since), bisect_left(times, until)
        if first >= last:
            edges = [(since, until)]
        else:
            edges = [(since, times[first]), (times[last - 1], until)]
        inside = (
            (earlier, later) for earlier, later in self._gaps if since < earlier and later < until
        )
        gaps = (later - earlier for earlier, later in (*edges, *inside))
        return sum(gap for gap in gaps if gap > breath)

    @cached_property
    def _gaps(self) -> list[tuple[float, float]]:
        """Between two pushes: those that may be long for whoever asks, of which there are few."""
        return [
            (earlier, later)
            for earlier, later in pairwise(self._push_times)
            if later - earlier > _SHORTEST_BREATH_S
        ]

    def calls(self, *names: str) -> tuple[Record, ...]:
        """Calls that returned, by name."""
        return tuple(r for r in self.of("call") if r.data["name"] in names)

    def refusals(self, *names: str) -> tuple[Record, ...]:
        """Calls that raised while input was open and the stream went on.

        It may be over some moments before its reader hears of it; until then it refuses as well.
        """
        history, order = self._history, self._history.order
        ends = self.calls("end_input")
        last = order(ends[0]) if ends else NEVER
        shut = min(self.over_order, history.session_closed_order)
        return tuple(
            record
            for record in self.calls(*names)
            if record.data["error"] is not None
            and order(self.opened) <= order(record) <= last
            and order(record) < shut
            and not self._is_soon_over(record.at)
        )

    def _is_soon_over(self, at: float) -> bool:
        """Whether something other than the end of its input ends a stream soon after a moment."""
        history = self._history
        ended = (r for r in self.calls("end_input") if r.data["error"] is None)
        told = min(map(history.order, ended), default=NEVER)
        ends = (
            (self.ended_order, self.ended.at if self.ended is not None else math.inf),
            (self.closing_order, self.closing),
            (history.session_closed_order, history.session_closed),
        )
        soon = history.run.limits.grace + history.lag
        return any(order < told and end <= at + soon for order, end in ends)

    @property
    def in_other_form(self) -> bool:
        """Whether its audio was pushed in another form than the plugin's, to be converted."""
        return bool(self.actions("input", "stereo"))

    def actions(self, *names: str) -> tuple[Record, ...]:
        """Actions of the script that began."""
        return tuple(r for r in self.of("action") if r.data["action"] in names)

    @cached_property
    def _input_end(self) -> Record | None:
        ends = [*self.calls("end_input"), *self.actions(*ENDING_ACTIONS)]
        return min(ends, key=self._history.order, default=None)

    @property
    def input_end(self) -> float:
        """When the application ended its audio; infinite if it never did."""
        return self._input_end.at if self._input_end is not None else math.inf

    @property
    def input_end_order(self) -> int:
        return self._history.order(self._input_end) if self._input_end is not None else NEVER

    @cached_property
    def _closing(self) -> tuple[float, int]:
        closings = [r for r in self.of("calling") if r.data["name"] in ("aclose", "stt_aclose")]
        # Most actions that close only start the call, which begins some turns of the loop later.
        called = any(r.data["name"] == "aclose" for r in closings)
        actions = _ABRUPT_ACTIONS if called else CLOSING_ACTIONS
        moments = (*self.actions(*actions), *closings)
        first = min(moments, key=self._history.order, default=None)
        return (first.at, self._history.order(first)) if first is not None else (math.inf, NEVER)

    @property
    def closing(self) -> float:
        """When the application began to close the stream; infinite if it never did."""
        return self._closing[0]

    @property
    def closing_order(self) -> int:
        """Place of that in the trace; records behind it came later."""
        return self._closing[1]

    @cached_property
    def ended(self) -> Record | None:
        """The end of iteration."""
        return self.first("ended")

    @property
    def ended_order(self) -> int:
        return self._history.order(self.ended) if self.ended is not None else NEVER

    @property
    def ended_by_itself(self) -> Record | None:
        """The end of iteration, if it came before the application closed anything."""
        early = self.ended_order < min(self.closing_order, self._history.session_closed_order)
        return self.ended if early else None

    @property
    def over_order(self) -> int:
        """Where the stream was over, from either side."""
        return min(self.closing_order, self.ended_order)

    def input_open(self, order: int) -> bool:
        """Whether the application was still to push audio, at a place in the trace."""
        shut = min(self.input_end_order, self.over_order, self._history.session_closed_order)
        return self._history.order(self.opened) <= order < shut

    @property
    def watch_end(self) -> float:
        """Until when one can expect something of a stream whose input is open."""
        return min(self.input_end, self.closing, self._history.session_closed, self._history.end)

    @property
    def left_by_application(self) -> bool:
        """Whether it was the script, not the driver's patience, that ended input or stream."""
        gone = self.actions(*CLOSING_ACTIONS, *ENDING_ACTIONS)
        return bool(gone) or self._history.session_closed < math.inf

    # --- what came out ----------------------------------------------------------------------

    @cached_property
    def events(self) -> tuple[Record, ...]:
        return self.of("event")

    def events_of(self, *types: str) -> tuple[Record, ...]:
        """Events of these types."""
        return tuple(r for r in self.events if r.data["type"] in types)

    @cached_property
    def transcripts(self) -> tuple[Record, ...]:
        """Interims, preflights and finals with words in them."""
        return tuple(r for r in self.events_of(*TRANSCRIPTS) if words_of(text_of(r)))

    @cached_property
    def finals(self) -> tuple[Record, ...]:
        """Finals with words in them."""
        return tuple(r for r in self.transcripts if r.data["type"] == FINAL)

    @cached_property
    def final_words(self) -> Words:
        """All words of all finals, in order."""
        return tuple(word for r in self.finals for word in words_of(text_of(r)))

    @cached_property
    def errors(self) -> tuple[Record, ...]:
        """``error`` events."""
        return self.of("error")

    # --- its connections --------------------------------------------------------------------

    @cached_property
    def connections(self) -> tuple[Connection, ...]:
        """Attempts on behalf of this stream, in order."""
        return tuple(
            c
            for c in self._history.connections
            if not c.is_batch and self._history.stream_of(c) == self.name
        )

    @cached_property
    def failures(self) -> tuple[Failure, ...]:
        """Failures of the connection that was in use at the time."""
        found = []
        for index, connection in enumerate(self.connections):
            failure = connection.failure
            following = self.connections[index + 1 : index + 2]
            if failure is not None and all(failure.order < c.order for c in following):
                found.append(failure)
        return tuple(found)

    @property
    def open_failures(self) -> tuple[Failure, ...]:
        """Failures while input was open."""
        return tuple(f for f in self.failures if self.input_open(f.order))

    def next_attempt(self, order: int) -> Connection | None:
        """The first attempt behind a place in the trace."""
        return next((c for c in self.connections if c.order > order), None)

    def current(self, order: int) -> Connection | None:
        """The last attempt before a place in the trace."""
        return next((c for c in reversed(self.connections) if c.order < order), None)

    def reaction(self, failure: Failure, within: float) -> Reaction:
        """What the stream did about ``failure`` while its input was open."""
        retry, ended = self.next_attempt(failure.order), self.ended
        shut = min(self.closing_order, self._history.session_closed_order)
        retry_order = retry.order if retry is not None else NEVER
        latest = max(failure.at + within, self.input_end)
        if retry is not None and retry_order < min(self.ended_order, shut):
            if retry.began <= latest:
                return Reaction("retried", retry.began, retry.records[0])
        elif ended is not None and self.ended_order < min(shut, self.input_end_order):
            raised = ended.data["how"] == "raised"
            return Reaction("raised" if raised else "ended", ended.at, ended)
        watched = self.watch_end - failure.at - self.muted(failure.at, self.watch_end)
        if watched >= within - WATCH_SLACK_S:
            return Reaction("nothing", self.watch_end)
        return Reaction("cut short", self.watch_end)

    def notice_of(self, connection: Connection, order: int) -> Record | None:
        """The first sign, behind a place in the trace, that a connection was given up.

        An error event, the next attempt, the end of iteration, or the client's own hanging up;
        not what the application brought about by closing the stream.
        """
        following = self.next_attempt(order)
        signs = [*self.errors, self.ended, connection.client_gone(order)]
        signs.append(following.records[0] if following is not None else None)
        shut = min(self.closing_order, self._history.session_closed_order)
        places = [(self._history.order(r), r) for r in signs if r is not None]
        return min(((o, r) for o, r in places if order < o < shut), default=(0, None))[1]

    # --- what was said to it ----------------------------------------------------------------

    @cached_property
    def sent(self) -> tuple[Record, ...]:
        """All messages that went out intact to its connections, in order."""
        records = [r for c in self.connections for r in c.sent]
        return tuple(sorted(records, key=self._history.order))

    @cached_property
    def sent_finals(self) -> dict[Words, list[Record]]:
        """The finals among them, by their words."""
        finals: dict[Words, list[Record]] = {}
        for record in self.sent:
            if record.data.get("event") == "final":
                finals.setdefault(words_of(text_of(record)), []).append(record)
        return finals

    @cached_property
    def places(self) -> dict[str, float]:
        """Where each word was said, seconds of pushed audio; only words that are said once.

        Empty for streams other than the main one: the script does not tell their words.
        """
        if self.name != "main":
            return {}
        speech = self._history.run.script.speech
        speech = speech.with_encore(max(0.0, self.pushed_end - speech.duration))
        places: dict[str, float] = {}
        twice: set[str] = set()
        for word in speech.words():
            for text in words_of(word.text):
                if text in places:
                    twice.add(text)
                places[text] = (word.start + word.end) / 2
        return {text: at for text, at in places.items() if text not in twice}

    def words_pushed(self, since: float = 0.0) -> Words:
        """Words that are said once, of which enough was pushed, and not before ``since``."""
        return tuple(
            word
            for word, place in self.places.items()
            if place + WORD_SLACK_S <= self.pushed_end and self.pushed_at(place) >= since
        )

    def later_transcript(self, order: int, at: float) -> Record | None:
        """The first transcript, behind a place in the trace, of audio pushed after that moment."""
        for record in self.transcripts:
            if self._history.order(record) <= order:
                continue
            words = words_of(text_of(record))
            places = [self.places[word] for word in words if word in self.places]
            if places:
                if self.pushed_at(max(places)) > at:
                    return record
            elif not lacking_in(words, self._words_sent_after(order)):
                return record
        return None

    def _words_sent_after(self, order: int) -> frozenset[str]:
        return frozenset(
            word
            for r in self.sent
            if self._history.order(r) > order
            for word in words_of(str(r.data.get("text") or ""))
        )


def text_of(record: Record) -> str:
    """The text of an event or message."""
    return str(record.data.get("text") or "")


def lacking_in(words: Words, known: frozenset[str]) -> bool:
    """Whether any of ``words`` is not among ``known``."""
    return any(word not in known for word in words)
