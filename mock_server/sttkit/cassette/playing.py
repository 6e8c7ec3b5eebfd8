"""A tape while it is played: which interaction comes next, what did not match, what is left.

No I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sttkit.cassette.matching import Mismatch
from sttkit.cassette.model import query_of
from sttkit.cassette.reel import Reel, shown
from sttkit.cassette.tape import Expected, Part, Tape
from sttkit.dialects.model import Message, Request

_BEFORE_TCP = frozenset({"refused", "unknown-host"})
"""How an interaction ends before TCP is connected."""


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
            expected = f"{nearest.what} {shown(self.clean(nearest.payload))}"
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
