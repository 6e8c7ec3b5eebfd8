"""What the server says: events become messages, past the faults that edit or silence them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, replace
from itertools import cycle
from typing import TYPE_CHECKING, Any

from sttkit.dialects.model import Message, ProviderFailure, View
from sttkit.events import (
    Acknowledged,
    Final,
    Interim,
    ProviderError,
    Ready,
    ServerEvent,
    SessionEnded,
    SpeechEnded,
    SpeechStarted,
    Transcript,
    Usage,
)
from sttkit.faults import Fault
from sttkit.recogniser import Said

if TYPE_CHECKING:
    from sttkit.session.connection import Connection

Write = Callable[[ServerEvent, View], list[Message]]

_EDITS = frozenset({"drop", "duplicate", "reorder", "delay"})
_NAMES: dict[type, str] = {
    Ready: "ready",
    SpeechStarted: "speech_started",
    Interim: "interim",
    Final: "final",
    SpeechEnded: "speech_ended",
    Usage: "usage",
    SessionEnded: "session_ended",
    ProviderError: "provider_error",
    Acknowledged: "acknowledged",
}
_TOLD = {"text", "start", "end", "confidence", "from_flush", "endpoint", "at", "audio_s", "name"}
_NOTED = {
    kind: tuple(field.name for field in fields(kind) if field.name in _TOLD) for kind in _NAMES
}
"""What is noted of each event."""
_BAD_TIMES = ((2.0, 1.0), (0.0, 0.5), (7000.0, 7001.0))
"""Start and end of transcripts: backwards, always the same, and beyond all that was heard."""


class Mouth:
    """One session's.

    Args:
        connection: carries the messages.
        write: makes the messages that say an event.
        view: what the session knows; what was said of it is kept there.

    Attributes:
        is_muted: whether nothing is said any more.
    """

    def __init__(self, connection: Connection, write: Write, view: View) -> None:
        self._connection = connection
        self._write = write
        self._view = view
        self._waiting: list[Fault] = []
        self._held_back: list[tuple[list[Message], dict[str, Any]]] = []
        self._bad_times: Iterator[tuple[float, float]] | None = None
        self.is_muted = False

    def mute(self) -> None:
        """Say nothing from now on."""
        self.is_muted = True

    def lie_about_times(self) -> None:
        """Give transcripts times that cannot be, from now on."""
        self._bad_times = cycle(_BAD_TIMES)

    def edit_next(self, faults: Iterable[Fault]) -> None:
        """Have those of ``faults`` that edit messages act on the next one."""
        self._waiting.extend(fault for fault in faults if fault.id in _EDITS)

    def say(self, said: Said, faults: Sequence[Fault] = (), *, after_end: bool = False) -> None:
        """Send what says ``said``, edited by the faults that sit at it."""
        view, event = self._view, said.event
        messages = self._write(self._timed(event), view)
        if isinstance(event, Transcript):
            view.said = event.text if isinstance(event, Interim) else ""
            view.told_s = view.heard_s
            view.segment += isinstance(event, Final)
        if not messages:  # the provider has none for this; an edit waits for its next one
            self.edit_next(faults)
            return
        view.sequence += 1
        facts = _noted(said)
        if after_end:
            facts["after_end"] = True
        if faults or self._waiting or self._held_back or self.is_muted:
            self._send_edited(messages, facts, faults)
        else:
            self._send(messages, facts)

    def withhold_said(self) -> None:
        """Note that what was said of the segment so far is not going to be a final."""
        self._connection.note("withheld", event="final", text=self._view.said)
        self._view.said = ""

    def say_failure(self, name: str, failure: ProviderFailure, reason: str | None = None) -> None:
        """The error ``name`` of the provider, with the reason where the provider gives one."""
        message, text = failure.message, failure.text
        if reason is not None and failure.explained is not None:
            message, text = failure.explained(reason), reason
        if message is not None and self._connection.send_message(message):
            self._connection.note("sent", event="provider_error", name=name, text=text)
        if failure.close is not None:
            self._connection.close(*failure.close)

    def say_anyway(self, what: str, messages: Iterable[Message]) -> None:
        """Send messages that no healthy server sends; ``what`` is the fault that does."""
        for message in messages:
            if self._connection.send_message(message):
                self._connection.note(
                    "injected", what=what, text=str(message[:80]), size=len(message)
                )

    def _send_edited(
        self, messages: list[Message], facts: dict[str, Any], faults: Sequence[Fault]
    ) -> None:
        edits = {f.id: f for f in (*self._waiting, *faults) if f.id in _EDITS}
        self._waiting = []
        if "delay" in edits:
            self._connection.hold(edits["delay"].seconds)
        if "drop" in edits or self.is_muted:
            self._connection.note("withheld", **facts)
            return
        if "reorder" in edits:
            self._held_back.append((messages, facts))
            return
        self._send(messages, facts)
        if "duplicate" in edits:
            self._send(messages, {**facts, "duplicate": True})
        held, self._held_back = self._held_back, []
        for held_messages, held_facts in held:
            self._send(held_messages, held_facts)

    def _send(self, messages: list[Message], facts: dict[str, Any]) -> None:
        """Send the messages that say one event; it is noted once, when all are out."""
        sent = [self._connection.send_message(message) for message in messages]
        if sent[-1]:
            self._connection.note("sent", **facts)

    def _timed(self, event: ServerEvent) -> ServerEvent:
        if self._bad_times is None or not isinstance(event, Transcript):
            return event
        start, end = next(self._bad_times)
        return replace(event, start=start, end=end)


def _noted(said: Said) -> dict[str, Any]:
    event = said.event
    facts: dict[str, Any] = {"event": _NAMES[type(event)]}
    for name in _NOTED[type(event)]:
        facts[name] = getattr(event, name)
    if said.track is not None:
        facts["track"] = said.track
        facts["utterance"] = said.utterance
    return facts
