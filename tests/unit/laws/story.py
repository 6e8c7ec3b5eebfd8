"""Hand-written traces, told in the order in which things happen.

    story().opened().talk(until=1.0).fault("reset").error().later(0.1).opened().talk(until=2.0)…

A story has a clock (``later``, ``at``), a current connection and a current stream. What the server
saw and what the application saw are noted at the current time; ``talk`` lets time pass, audio be
pushed and, as long as a session is up, heard.

Speech is "hello there" (said at 0.4 to 1.12 s) and "how are you" (1.92 to 2.78 s).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sttkit.audio.speech import Speech, speech
from sttkit.dialects.model import Facts, ProviderFailure
from sttkit.faults import parse_fault
from sttkit.laws.model import Limits, Run, Subject
from sttkit.scripting.model import Script
from sttkit.trace import Record

SAID = ("hello there", "how are you")
ENDPOINTS = (1.42, 3.08)
"""Where the recogniser has heard enough pause behind each utterance."""
OVER = 3.38
FACTS = Facts(
    greeting="on-config",
    greeting_required=True,
    names_language=True,
    tells_times=True,
    tells_confidence=True,
    usage="client-audio",
)


class Story:
    """Builds the records of one run; every method returns the story."""

    def __init__(self) -> None:
        self.now = 0.0
        self.records: list[Record] = []
        self.conn = -1
        self.name = "main"
        self._last_conn = -1
        self._pushed: dict[str, float] = {}
        self._up = False
        self._track: str | None = None

    @property
    def pushed(self) -> float:
        """Seconds of audio pushed to the current stream."""
        return self._pushed.get(self.name, 0.0)

    # --- time and place ---------------------------------------------------------------------

    def at(self, now: float) -> Story:
        self.now = now
        return self

    def later(self, seconds: float) -> Story:
        self.now = round(self.now + seconds, 6)
        return self

    def on(self, conn: int) -> Story:
        self.conn = conn
        return self

    def of(self, name: str) -> Story:
        self.name = name
        return self

    # --- the server's side ------------------------------------------------------------------

    def server(self, kind: str, **data: Any) -> Story:
        self.records.append(Record(self.now, "server", kind, self.conn, self._track, data))
        return self

    def attempt(self, outcome: str = "accepted") -> Story:
        self._last_conn += 1
        self.conn = self._last_conn
        self._up = False
        self._track = None
        return self.server("attempt", outcome=outcome)

    def answered(self, status: int = 101, retry_after: float | None = None) -> Story:
        return self.server("response", status=status, retry_after=retry_after)

    def config(self, **values: object) -> Story:
        return self.server("config", values=values)

    def ready(self) -> Story:
        self._up = True
        self._track = self.name
        return self.server("ready")

    def opened(self, **config: object) -> Story:
        """An attempt that leads to a session."""
        return self.attempt().answered().config(**(config or {"language": "en"})).ready()

    def listen(self, track: str | None = None) -> Story:
        """The current connection hears the current stream again, after another one had a turn."""
        self._up, self._track = True, track or self.name
        return self

    def heard(self, start: float, end: float, *, exact: bool = True, silent: bool = False) -> Story:
        track = None if silent else self._track
        return self.server("audio", spans=[[track, start, end, exact, silent]], bytes=1)

    def control(self, what: str) -> Story:
        return self.server("control", what=what, text="")

    def sent(self, event: str, text: str | None = None, **data: Any) -> Story:
        facts = {"event": event, **data}
        if text is not None:
            facts["text"] = text
        return self.server("sent", **facts)

    def withheld(self, event: str, text: str) -> Story:
        return self.server("withheld", event=event, text=text)

    def injected(self, what: str) -> Story:
        return self.server("injected", what=what, text="")

    def fault(self, spelled: str, point: str = "mid-utterance", n: int = 1) -> Story:
        """A fault strikes; a connection that it breaks hears nothing more."""
        kind = parse_fault(spelled).kind
        if kind.breaks:
            self._up = False
        return self.server(
            "fault",
            fault=spelled,
            id=kind.id,
            point=point,
            n=n,
            breaks=kind.breaks,
            deaf=kind.deaf,
        )

    def refused(self) -> Story:
        return self.attempt("refused").fault("refused", "connecting")

    def step(self, status: int = 200) -> Story:
        """A request that a client makes before its session, for a token say, and its answer."""
        self.attempt().server(
            "request", method="POST", path="/token", query={}, headers={}, step=True
        )
        if status >= 400:
            self.fault(f"http={status}", "connecting")
        self.server("response", status=status, retry_after=None, batch=True)
        return self.server("eof").server("lost", by="server", how="close")

    def rejected(self, status: int, retry_after: float | None = None) -> Story:
        """An attempt that is answered with an HTTP error."""
        spelled = f"http={status}"
        return self.attempt().fault(spelled, "connecting").answered(status, retry_after)

    def closed(self, code: int) -> Story:
        """The server closes, without a fault of the script."""
        self._up = False
        return self.server("close-sent", code=code, reason="")

    def left(self, how: str = "close-received") -> Story:
        """The client leaves by itself."""
        self._up = False
        if how == "close-received":
            return self.server("close-received", code=1000, reason="")
        return self.server("lost", by="client", how=how)

    # --- the application's side -------------------------------------------------------------

    def client(self, kind: str, **data: Any) -> Story:
        self.records.append(Record(self.now, "client", kind, None, self.name, data))
        return self

    def stream(self, *, flushes: bool = True) -> Story:
        """``flushes``: whether the plugin says that it can be flushed."""
        return self.client("stream", manual_flush=flushes)

    def talk(self, *, until: float, heard: bool | None = None) -> Story:
        """Push audio at real pace up to a position; sessions that are up hear it."""
        listening = self._up if heard is None else heard
        position = self.pushed
        while position < until - 1e-9:
            start, position = position, min(round(position + 0.1, 6), until)
            self.later(position - start)
            self.push(start, position)
            if listening:
                self.heard(start, position)
        return self

    def push(self, start: float, end: float) -> Story:
        self._pushed[self.name] = end
        return self.client("push", track=self.name, start=start, end=end)

    def call(self, name: str, took: float = 0.0, error: dict[str, Any] | None = None) -> Story:
        began = round(self.now - took, 6)
        place = sum(record.at <= began for record in self.records)
        self.records.insert(
            place, Record(began, "client", "calling", None, self.name, {"name": name})
        )
        return self.client("call", name=name, took=took, error=error)

    def action(self, action: str) -> Story:
        self.client("action", action=action)
        if action in ("aclose", "aclose-twice", "aclose-at-once"):
            self.client("calling", name="aclose")
        return self

    def event(self, kind: str, text: str = "", **data: Any) -> Story:
        facts: dict[str, Any] = {
            "type": kind,
            "text": text,
            "start": 0.0,
            "end": 0.0,
            "confidence": 0.95,
            "language": "en" if text else None,
            "alternatives": 1 if text or kind.endswith("transcript") else 0,
            "usage_s": None,
            "words": 0,
            "words_span": None,
            "began": None,
        }
        return self.client("event", **{**facts, **data})

    def begins(self, **data: Any) -> Story:
        return self.event("start_of_speech", **data)

    def ends(self) -> Story:
        return self.event("end_of_speech")

    def interim(self, text: str) -> Story:
        return self.event("interim_transcript", text)

    def final(self, text: str, **data: Any) -> Story:
        return self.event("final_transcript", text, **data)

    def usage(self, seconds: float, *, metrics: float | None = None) -> Story:
        """A usage event and, by default, the metrics it leads to."""
        self.event("recognition_usage", usage_s=seconds)
        measured = seconds if metrics is None else metrics
        return self.client(
            "metrics", audio_duration=measured, duration=0.0, streamed=True, acquired=False
        )

    def error(self, recoverable: bool = True, **facts: Any) -> Story:
        """An ``error`` event."""
        return self.client("error", recoverable=recoverable, error=an_error(**facts))

    def ended(self, how: str = "stop", **facts: Any) -> Story:
        error = an_error(**facts) if how != "stop" else None
        return self.client("ended", how=how, error=error)

    def raised(self, **facts: Any) -> Story:
        """An unrecoverable error event, and the exception behind it."""
        return self.error(False, **facts).ended("raised", **facts)

    def census(self, label: str, **more: Any) -> Story:
        facts = {"tasks": [], "fds": 10, "threads": ["MainThread"], "sessions": 1}
        return self.client("census", label=label, **{**facts, "open_connections": 0, **more})

    def batch(self, text: str | None = None, **facts: Any) -> Story:
        """A ``recognize()`` returned or raised."""
        error = an_error(**facts) if text is None else None
        return self.client("batch", text=text, error=error, took=0.1)

    def request(
        self, status: int = 200, fault: str | None = None, *, says: str | None = None
    ) -> Story:
        """One HTTP request of a batch, and its answer: a transcript that ``says`` so, if any."""
        self.attempt().server("request", method="POST", path="/", query={}, headers={})
        if fault is not None:
            self.fault(fault, "batch")
        if says is not None:
            kind = "sent" if fault is None else "withheld"
            self.server(kind, event="final", text=says, batch=True)
        return self.server("response", status=status, retry_after=None, batch=True)

    # --- both -------------------------------------------------------------------------------

    def utterance(self, number: int, *, delivered: bool = True) -> Story:
        """One utterance on the wire and, unless a test says otherwise itself, in the events."""
        text = SAID[number]
        self.sent("speech_started", utterance=number)
        self.sent("interim", text, utterance=number)
        self.sent("final", text, utterance=number, endpoint=True)
        self.sent("speech_ended", utterance=number)
        if delivered:
            self.begins().interim(text).final(text).ends()
        return self

    def first(self, **config: object) -> Story:
        """A stream, a session, and its first utterance."""
        self.census("before").stream().opened(**config)
        return self.talk(until=ENDPOINTS[0]).utterance(0)

    def second(self) -> Story:
        """The rest of the speech, and the second utterance."""
        return self.talk(until=ENDPOINTS[1]).utterance(1).talk(until=OVER)

    def finished(self, *, usage: float | None = OVER) -> Story:
        """The end of input, the server's end, the end of iteration, and everything closed."""
        self.call("end_input").server_ends()
        if usage is not None:
            self.usage(usage)
        return self.later(0.05).ended().shut()

    def server_ends(self) -> Story:
        self.control("end").sent("session_ended", audio_s=OVER).closed(1000)
        return self.server("close-received", code=1000, reason="")

    def shut(self) -> Story:
        """The application closes everything, and everything is gone."""
        self.later(0.01).call("aclose")
        for name in ("late:push_frame", "late:flush", "late:end_input"):
            self.call(name, error=an_error(type="RuntimeError", api=False))
        return self.census("after-1")

    def run(self, **known: Any) -> Run:
        """The run that the story tells; ``known`` replaces what is known about it."""
        spoken: Speech = known.pop("speech", speech(*SAID))
        known.setdefault("facts", FACTS)
        known.setdefault("limits", Limits.loopback())
        known.setdefault("subject", Subject("plugin", start_in_health=True))
        return Run(script=Script(spoken), records=tuple(self.records), **known)


def an_error(
    type: str = "APIConnectionError",
    *,
    api: bool = True,
    retryable: bool = True,
    message: str = "the connection was lost",
) -> dict[str, Any]:
    """The facts of an exception."""
    return {
        "type": type,
        "module": "livekit.agents" if api else "somewhere",
        "api": api,
        "retryable": retryable if api else None,
        "status": None,
        "message": message,
        "repr": f"{type}({message!r})",
        "cancelled": type == "CancelledError",
        "causes": [],
    }


def story() -> Story:
    """An empty story."""
    return Story()


def healthy() -> Story:
    """Two utterances on a healthy line."""
    return story().first().second().finished()


def since(framework: tuple[int, ...], **known: Any) -> Subject:
    """A plugin on another version of the framework."""
    return Subject("plugin", framework=framework, start_in_health=True, **known)


def with_facts(**changes: Any) -> Facts:
    """The facts of the dialect that is spoken here, changed."""
    return replace(FACTS, **changes)


OVERLOADED = ProviderFailure("the recogniser is overloaded", "{}", retryable=True)
