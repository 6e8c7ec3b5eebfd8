"""Playing a tape: which step is due, given what the client has sent so far. No I/O, no clock.

A `Reel` plays one interaction on one connection; a `Playing` is a tape while it is played: which
interaction comes next, what did not match, what was never played.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from sttkit.cassette.matching import Mismatch
from sttkit.cassette.model import query_of
from sttkit.cassette.steps import Step
from sttkit.cassette.tape import Expected, Part, Tape, word_of
from sttkit.dialects.model import Message, Request
from sttkit.events import ClientEvent

_BEFORE_TCP = frozenset({"refused", "unknown-host"})


_JITTER_S = 0.005
"""So much later than others a cue may be heard, for a network or a busy process, and not count."""
LEEWAY_US = 500_000
"""How much less audio than was recorded may come before an end, and all be answered."""


class Reel:
    """One interaction on one connection.

    Args:
        playing: the tape it is part of; mismatches go there.
        part: what is played.
        before: an earlier reel of the same part that was broken off; this one plays the rest.
    """

    def __init__(self, playing: Playing, part: Part, before: Reel | None = None) -> None:
        self.part = part
        self.is_rest = before is not None
        self._playing = playing
        self._scale = playing.tape.timing.scale
        self._waiting: deque[Step] = deque(part.steps)
        self._met: deque[tuple[Step, float]] = deque()
        self._position_us = 0
        self._said: set[int] = set()
        self._audio_is_over = False
        self._hold_until = 0.0
        self._behind = math.inf
        """Seconds from a recorded moment to when it was heard here, at the least."""
        self._played: set[int] = set()
        self._unheard: list[int] = []
        self.broke_off_at_us = 0 if before is None else before.position_us
        if before is not None:
            opening = {i for i, one in enumerate(part.expected) if one.before_audio}
            self._said = before._said - opening
            self._waiting = deque(
                step for step in part.steps if step.place not in before._played or not step.audio_us
            )
            self._played = set(before._played)

    @property
    def position_us(self) -> int:
        """The audio position on the recording."""
        return self._position_us

    @property
    def is_over(self) -> bool:
        """Whether everything has been played."""
        return not self._waiting and not self._met

    def resume_at(self, position_us: int) -> None:
        """The first audio of the rest comes from here: what belongs before it is not played."""
        self._waiting = deque(
            step
            for step in self._waiting
            if not step.audio_us or step.audio_us > position_us or self._is_ahead(step)
        )

    def heard(self, position_us: int, now: float) -> None:
        """The client has sent audio up to here."""
        self._position_us = max(self._position_us, position_us)
        self._meet(now)

    def hear(self, event: ClientEvent, message: Message, now: float) -> None:
        """The client has said something that is not audio."""
        what = word_of(event)
        if what is not None:
            before = self._said_in_a_row
            self._match(what, message)
            if what == "end":
                self._end_audio(before)
            self._meet(now)

    def hear_close(self, code: int, reason: str, now: float) -> None:
        """The client closes; whatever it should have said before is not taken for said."""
        message = f"{code} {reason}".strip()
        expected = self.part.expected
        following = next((i for i in range(len(expected)) if i not in self._said), None)
        if following is None or expected[following].what != "close":
            if not self.is_rest:
                nearest = expected[following] if following is not None else None
                said = self._playing.clean(message)
                self._playing.mismatch(self.part, nearest, f"close {said!s}")
            return
        before = self._said_in_a_row
        self._match("close", message)
        self._end_audio(before)
        self._meet(now)

    def begin(self, now: float) -> None:
        """The connection is open."""
        self._meet(now)

    def hold(self, until: float) -> None:
        """Let nothing be due before ``until``."""
        self._hold_until = max(self._hold_until, until)

    def due(self, now: float) -> Step | None:
        """The next step, if it is due."""
        due_at = self.next_due
        return None if due_at is None or due_at > now else self._met[0][0]

    def played(self) -> None:
        """The step that was due was played."""
        step, _ = self._met.popleft()
        if step.entry is not None:
            self._played.add(step.place)

    @property
    def next_due(self) -> float | None:
        """When the next step is due; None while it waits for the client."""
        if not self._met:
            return None
        step, since = self._met[0]
        return max(since + step.delay_us * 1e-6 * self._scale, self._hold_until)

    def never_played(self) -> list[int]:
        """Places of what did not happen, of either side."""
        missing = [*self._unheard]
        missing += [step.place for step in self._waiting if step.entry is not None]
        missing += [step.place for step, _ in self._met if step.entry is not None]
        missing += [
            one.place for index, one in enumerate(self.part.expected) if index not in self._said
        ]
        return sorted(set(missing))

    @property
    def _said_in_a_row(self) -> int:
        count = len(self.part.expected)
        return next((i for i in range(count) if i not in self._said), count)

    def _end_audio(self, said_before: int) -> None:
        """No more audio comes: what answers audio that never came is not played.

        A little less of it may come than was recorded, since clients hold back and pad.
        """
        self._audio_is_over = True
        heard_us = self._position_us + LEEWAY_US
        kept = [s for s in self._waiting if s.audio_us <= heard_us or s.said > said_before]
        self._unheard += [s.place for s in self._waiting if s not in kept and s.entry is not None]
        self._waiting = deque(kept)

    def _is_ahead(self, step: Step) -> bool:
        """Whether a step waits for the client to say something that it has not said yet."""
        return any(index not in self._said for index in range(step.said))

    def _meet(self, now: float) -> None:
        while self._waiting:
            step = self._waiting[0]
            if step.audio_us > self._position_us and not self._audio_is_over:
                return
            if self._is_ahead(step):
                return
            self._met.append((self._waiting.popleft(), self._cued_at(step, now)))

    def _cued_at(self, step: Step, now: float) -> float:
        """When the client gave the cue that is heard now: replays keep the pace of the recording.

        That is as long behind the recorded moment as with the quickest cue so far, unless the
        client took more time.
        """
        if step.entry is None:
            return now
        behind = now - (step.entry.at_us - step.delay_us) * 1e-6 * self._scale
        self._behind = min(self._behind, behind)
        late = behind - self._behind
        return now - late if 1e-6 < late < _JITTER_S else now

    def _match(self, what: str, message: Message) -> None:
        expected = self.part.expected
        for index, one in enumerate(expected):
            if index in self._said or one.what != what:
                continue
            # What the client left out does not hold up what comes behind it.
            self._said.update(range(index + 1))
            self._compare(one, message)
            return
        nearest = next((one for i, one in enumerate(expected) if i not in self._said), None)
        said = self._playing.clean(message)
        self._playing.mismatch(self.part, nearest, f"{what} {_shown(said)}")

    def _compare(self, one: Expected, message: Message) -> None:
        tape = self._playing.tape
        said = self._playing.clean(message)
        differs = tape.rules.differences(self._playing.clean(one.payload), said)
        if differs and not self.is_rest:
            self._playing.mismatch(self.part, one, f"{one.what} {_shown(said)}", tuple(differs))


class Playing:
    """A tape while it is played to one client.

    Attributes:
        mismatches: what the client said otherwise than recorded, in order.
    """

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.mismatches: list[Mismatch] = []
        self._redactor = tape.redactor
        self._left = list(tape.parts)
        self._reels: list[Reel] = []
        self._broken_off: Reel | None = None

    def take_blocked(self, how: str) -> bool:
        """Whether the next interaction, then taken, failed like this before TCP connected."""
        if how not in _BEFORE_TCP or self._broken_off or not self._left:
            return False
        if _how(self._left[0]) != how:
            return False
        del self._left[0]
        return True

    def take_silent(self) -> Part | None:
        """The next interaction, taken, if it ended before any request."""
        if self._left and not self._broken_off:
            part = self._left[0]
            if part.request is None and part.end is not None:
                return self._left.pop(0)
        return None

    def take_handshake(self, request: Request) -> Part | None:
        """The interaction that a WebSocket handshake gets; None if there is no more.

        Where attempts go on beyond the cassette, the healthy recogniser serves them.
        """
        self._learn(request)
        part: Part | None
        if self._broken_off is not None:
            part = self._broken_off.part
        else:
            part = self._take(lambda part: part.is_websocket)
        if part is not None:
            self._compare_requests(part, request)
        elif self.is_strict:
            self.unexpected(request)
        return part

    @property
    def is_strict(self) -> bool:
        """Whether an attempt that is not on the cassette gets no session."""
        return self.tape.attempts == "recorded"

    def take_exchange(self, request: Request) -> Part | None:
        """The interaction that a plain HTTP request gets; None if there is none."""
        self._learn(request)
        part = self._take(
            lambda part: (
                not part.is_websocket
                and part.request is not None
                and (part.request.method, part.request.path) == (request.method, request.path)
            )
        )
        if part is None:
            part = self._take(lambda part: not part.is_websocket)
        if part is not None:
            self._compare_requests(part, request)
        else:
            self.unexpected(request)
        return part

    def reel(self, part: Part) -> Reel:
        """Play ``part`` on the connection that took it."""
        before, self._broken_off = self._broken_off, None
        reel = Reel(self, part, before)
        if before is not None:
            self._reels.remove(before)
        self._reels.append(reel)
        return reel

    def gone(self, reel: Reel) -> None:
        """The connection is gone."""
        if self.tape.attempts == "continue" and not reel.is_over:
            self._broken_off = reel

    def unexpected(self, request: Request) -> None:
        """A request came that the cassette does not have."""
        number = len(self.tape.parts)
        self.mismatches.append(
            Mismatch(
                self.tape.name,
                number,
                None,
                0.0,
                f"no further request: {number} interactions are recorded",
                f"{request.method} {self._redactor.text(request.path)}",
            )
        )

    def clean(self, message: Message) -> Message:
        """What a client said, without secrets: those that it was let in with among them."""
        if isinstance(message, bytes):
            return self._redactor.aside(message)
        return self._redactor.document(message, is_transcript=False)

    def _learn(self, request: Request) -> None:
        headers = tuple(request.headers.items())
        self._redactor = self._redactor.knowing(_pairs(request.query), headers)

    def mismatch(
        self, part: Part, nearest: Expected | None, got: str, differs: tuple[str, ...] = ()
    ) -> None:
        """Something did not match."""
        expected = "nothing more"
        if nearest is not None:
            expected = f"{nearest.what} {_shown(self.clean(nearest.payload))}"
        place = part.place if nearest is None else nearest.place
        at_us = part.began_us if nearest is None else nearest.at_us
        self.mismatches.append(
            Mismatch(
                self.tape.name,
                part.number + 1,
                place,
                (at_us - part.began_us) * 1e-6,
                expected,
                got,
                differs,
                opening=bool(differs) and nearest is not None and nearest.before_audio,
            )
        )

    def unplayed(self) -> list[int]:
        """Places of the entries that were never played, from 1."""
        places = [part.place for part in self._left]
        for reel in self._reels:
            places += reel.never_played()
        return sorted(places)

    def _take(self, wanted: Callable[[Part], bool]) -> Part | None:
        for index, part in enumerate(self._left):
            if wanted(part):
                return self._left.pop(index)
        return None

    def _compare_requests(self, part: Part, request: Request) -> None:
        recorded = part.request
        if recorded is None:
            return
        differs: list[str] = []
        if recorded.method != request.method:
            differs.append(f"the method was {recorded.method}, and is {request.method}")
        path, recorded_path = map(self._redactor.text, (request.path, recorded.path))
        if recorded_path != path:
            differs.append(f"the path was {recorded_path}, and is {path}")
        clean = self._redactor.query
        before = query_of(clean(recorded.query))
        now = query_of(clean(_pairs(request.query)))
        differs += self.tape.rules.query_differences(before, now)
        if differs:
            self.mismatches.append(
                Mismatch(
                    self.tape.name,
                    part.number + 1,
                    part.place + 1,
                    (recorded.at_us - part.began_us) * 1e-6,
                    f"{recorded.method} {recorded_path}{_query(before)}",
                    f"{request.method} {path}{_query(now)}",
                    tuple(differs),
                    opening=self._broken_off is None,  # options may be others by then
                )
            )


def _how(part: Part) -> str:
    return part.end.how if part.end is not None else ""


def _pairs(query: Mapping[str, tuple[str, ...]]) -> tuple[tuple[str, str], ...]:
    return tuple((key, value) for key, values in query.items() for value in values)


def _query(query: Mapping[str, tuple[str, ...]]) -> str:
    pairs = [f"{key}={value}" for key, value in _pairs(query)]
    return "?" + "&".join(pairs) if pairs else ""


def _shown(message: Message) -> str:
    text = message if isinstance(message, str) else f"{len(message)} bytes"
    return text if len(text) <= 200 else text[:200] + " …"


def unplayed_message(name: str, places: Sequence[int]) -> str:
    """Which entries were never played."""
    spelled = ", ".join(_ranges(places))
    return f"{name}: never played: {'entry' if len(places) == 1 else 'entries'} {spelled}"


def _ranges(places: Sequence[int]) -> list[str]:
    found: list[list[int]] = []
    for place in places:
        if found and place == found[-1][-1] + 1:
            found[-1].append(place)
        else:
            found.append([place])
    return [str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in found]
