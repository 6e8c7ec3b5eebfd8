"""`Transcribed`: what came out of the plugin under test, and what the laws say of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from sttkit.errors import unknown_name

if TYPE_CHECKING:
    from sttkit.laws.model import Judgement, Law, Run
    from sttkit.trace import Record, Trace
    from sttkit.worlds.played import Played

MAIN = "main"


@dataclass(frozen=True)
class Failure:
    """An ``error`` event, or the exception that ended the stream.

    Attributes:
        type: class name of the error.
        message: its text, without secrets.
        recoverable: of an ``error`` event; None for an exception.
        retryable, status: of LiveKit's APIError; None for other errors.
        at: seconds into the run.
        facts: everything that was noted about the error.
    """

    type: str
    message: str
    recoverable: bool | None
    retryable: bool | None
    status: int | None
    at: float
    facts: Mapping[str, Any]


class Transcribed:
    """One run of the plugin under test.

    Everything is about the stream under test; of further streams (``second-stream``,
    ``new-stream-after``) the `trace` tells.
    """

    def __init__(self, played: Played) -> None:
        self._played = played

    @property
    def run(self) -> Run:
        """What the laws judge."""
        return self._played.run

    @property
    def trace(self) -> Trace:
        """What happened, from both sides of the wire."""
        return self._played.trace

    @cached_property
    def finals(self) -> list[str]:
        """Texts of the finals, in order.

        Finals of the *encore* are left out: words that are not in the script, said only until it
        was seen whether the stream recovers. They are in `events`.
        """
        if self._records("batch"):
            return [r.data["text"] for r in self._records("batch") if r.data["text"] is not None]
        return self._scripted("final_transcript")

    @cached_property
    def interims(self) -> list[str]:
        """Texts of the interims, in order, without the encore's."""
        return self._scripted("interim_transcript")

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """All speech events as mappings: ``at``, ``type``, ``text``, ``start``, ``end`` …"""
        return [{"at": record.at, **record.data} for record in self._records("event")]

    @cached_property
    def errors(self) -> list[Failure]:
        """The ``error`` events."""
        return [_failure(record, record.data["recoverable"]) for record in self._records("error")]

    @cached_property
    def exception(self) -> Failure | None:
        """What iteration (or ``recognize()``) raised; None if it ended by itself."""
        for record in (*self._records("ended"), *self._records("batch")):
            if record.data.get("how", "raised") == "raised" and record.data.get("error"):
                return _failure(record, None)
        return None

    @cached_property
    def metrics(self) -> list[dict[str, Any]]:
        """The ``metrics_collected`` events as mappings."""
        return [{"at": record.at, **record.data} for record in self._records("metrics")]

    @cached_property
    def attempts(self) -> int:
        """How often a connection was tried, by all streams of the run."""
        return sum(record.kind == "attempt" for record in self.trace)

    @cached_property
    def verdicts(self) -> dict[str, Judgement]:
        """What each law says of this run, by its id."""
        from sttkit.laws import ALL_LAWS, judge

        return dict(judge(self.run, ALL_LAWS))

    def check(self, *ids: str) -> None:
        """Assert that each of these laws *held*: a law that the run does not put to the test fails.

        Raises:
            AssertionError: a law was broken, not exercised, not applicable or inconclusive.
            UsageError: there is no such law.
        """
        __tracebackhide__ = True
        from sttkit.laws import law

        self._assert([law(law_id) for law_id in ids], held=lambda verdict: verdict == "pass")

    def assert_laws(self, *ids: str, level: Literal["must", "should"] = "must") -> None:
        """Assert that no law was broken.

        Args:
            ids: laws to ask; without any, all.
            level: of all laws, ``must`` asks those of that level only.

        Raises:
            AssertionError: a law was broken.
            UsageError: there is no such law or level.
        """
        __tracebackhide__ = True
        from sttkit.laws import ALL_LAWS, law

        if level not in ("must", "should"):
            raise unknown_name("level", level, ("must", "should"))
        asked = [one for one in ALL_LAWS if one.level == "must" or level == "should"]
        laws = [law(law_id) for law_id in ids] or asked
        self._assert(laws, held=lambda verdict: verdict not in ("fail", "warn"))

    def timeline(self, *, width: int = 80) -> str:
        """The trace as text."""
        from sttkit.conformance.timeline import timeline

        return timeline(self.trace.records, width=width, color=False)

    def __repr__(self) -> str:
        ended = f"raised {self.exception.type}" if self.exception else "ended"
        return (
            f"<Transcribed: {len(self.finals)} finals, {len(self.errors)} errors, "
            f"{self.attempts} attempts, {ended}>"
        )

    # --- reading the trace ----------------------------------------------------------------

    def _records(self, kind: str) -> list[Record]:
        return [
            record
            for record in self.trace
            if record.side == "client" and record.kind == kind and record.stream == MAIN
        ]

    def _scripted(self, event_type: str) -> list[str]:
        texts = [r.data["text"] for r in self._records("event") if r.data["type"] == event_type]
        return [text for text in texts if not text or not self._is_encore(text)]

    def _is_encore(self, text: str) -> bool:
        return all(_plain(word) in self._encore for word in text.split())

    @cached_property
    def _encore(self) -> frozenset[str]:
        from sttkit.driver.tracks import tracks_of

        speech = tracks_of(self.run.script, self.run.limits)[MAIN]
        encore = speech.utterances[speech.core :]
        return frozenset(_plain(word.text) for said in encore for word in said.words)

    def _assert(self, laws: Iterable[Law], *, held: Callable[[str], bool]) -> None:
        __tracebackhide__ = True
        broken = [law for law in laws if not held(self.verdicts[law.id].verdict.value)]
        if broken:
            from sttkit.conformance.holding import law_told

            raise AssertionError("\n".join(law_told(law, self.verdicts[law.id]) for law in broken))


def _failure(record: Record, recoverable: bool | None) -> Failure:
    facts: Mapping[str, Any] = record.data["error"] or {}
    return Failure(
        type=str(facts.get("type", "")),
        message=str(facts.get("message", "")),
        recoverable=recoverable,
        retryable=facts.get("retryable"),
        status=facts.get("status"),
        at=record.at,
        facts=facts,
    )


def _plain(word: str) -> str:
    """A word as it is compared: providers add punctuation and capitals."""
    return "".join(char for char in word.lower() if char.isalnum())
