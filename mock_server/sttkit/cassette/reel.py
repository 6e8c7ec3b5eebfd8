"""Playing one interaction of a tape on one connection: which step is due.

That depends on what the client has sent so far. No I/O, no clock.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from sttkit.cassette.steps import Step
from sttkit.cassette.tape import Expected, Part, word_of
from sttkit.dialects.model import Message
from sttkit.events import ClientEvent

if TYPE_CHECKING:
    from sttkit.cassette.playing import Playing

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
        self._playing.mismatch(self.part, nearest, f"{what} {shown(said)}")

    def _compare(self, one: Expected, message: Message) -> None:
        tape = self._playing.tape
        said = self._playing.clean(message)
        differs = tape.rules.differences(self._playing.clean(one.payload), said)
        if differs and not self.is_rest:
            self._playing.mismatch(self.part, one, f"{one.what} {shown(said)}", tuple(differs))


def shown(message: Message) -> str:
    """A message for people, or the beginning of a long one."""
    text = message if isinstance(message, str) else f"{len(message)} bytes"
    return text if len(text) <= 200 else text[:200] + " …"
