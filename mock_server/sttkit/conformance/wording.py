"""One record of a trace in words, as the timeline says it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from typing import Any, Literal

from sttkit.trace import Record

Tone = Literal["plain", "faint", "good", "bad", "fault"]

Data = Mapping[str, Any]
Told = tuple[str, Tone]

_EVENTS = {
    "interim_transcript": "interim",
    "preflight_transcript": "preflight",
    "final_transcript": "final",
    "start_of_speech": "start of speech",
    "end_of_speech": "end of speech",
    "speech_started": "start of speech",
    "speech_ended": "end of speech",
    "session_ended": "end of the session",
    "provider_error": "error",
}


def told(record: Record) -> Told | None:
    """What a record says and how it should look; None for what a timeline leaves out.

    Records of kinds that are not known here are told by their data.
    """
    teller = _TELLERS.get(record.kind)
    said = teller(record.data) if teller else (f"{record.kind} {_facts(record.data)}", "faint")
    if said is None:
        return None
    text, tone = said
    return printable(text), tone


def printable(text: str) -> str:
    """``text`` on one line, without characters that a terminal would obey."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text.strip())


# --- server ---------------------------------------------------------------------------------------


def _attempt(data: Data) -> Told:
    outcome = data.get("outcome")
    return ("attempt", "plain") if outcome == "accepted" else (f"attempt: {outcome}", "bad")


def _request(data: Data) -> Told:
    return f"{data.get('method')} {data.get('path')}", "plain"


def _response(data: Data) -> Told:
    status = data.get("status", 0)
    wait = data.get("retry_after")
    text = f"answers {status}" + (f", retry after {wait:g} s" if wait else "")
    return text, "bad" if status >= 400 else "plain"


def _config(data: Data) -> Told:
    values = _facts(data.get("values") or {})
    return "configured: " + textwrap.shorten(values, 70, placeholder=" …"), "faint"


def _control(data: Data) -> Told:
    what = data.get("what")
    if what == "unintelligible":
        return f"got what it cannot read: {data.get('text')}", "bad"
    return f"got {what}", "faint" if what == "keepalive" else "plain"


def _sent(data: Data) -> Told:
    again = " again" if data.get("duplicate") else ""
    if data.get("event") == "ready":  # has a record of its own
        return "sends its greeting", "faint"
    return f"sends {_spoken(data)}{again}", "bad" if data["event"] == "provider_error" else "plain"


def _withheld(data: Data) -> Told:
    return f"keeps back {_spoken(data)}", "bad"


def _spoken(data: Data) -> str:
    event = str(data.get("event"))
    name = _EVENTS.get(event, event)
    if event == "provider_error":
        return f"{name} {data.get('name')}: {data.get('text')}"
    if event == "usage":
        return f"usage {_seconds(data.get('audio_s'))}"
    return f'{name} "{data.get("text")}"' if "text" in data else name


def _fault(data: Data) -> Told:
    place = data.get("point")
    if data.get("n", 1) != 1:
        place = f"{place}.{data['n']}"
    return f"FAULT {data.get('fault')} at {place}", "fault"


def _close(verb: str) -> Callable[[Data], Told]:
    def say(data: Data) -> Told:
        reason = data.get("reason")
        return f"{verb} {data.get('code')}" + (f" ({reason})" if reason else ""), "plain"

    return say


def _lost(data: Data) -> Told:
    return f"connection gone ({data.get('how')}, by the {data.get('by')})", "plain"


# --- client ---------------------------------------------------------------------------------------


def _call(data: Data) -> Told | None:
    name = str(data.get("name"))
    late = name.startswith("late:")
    call = f"{name.removeprefix('late:')}()"
    error = data.get("error")
    if late:
        if error and error.get("type") == "RuntimeError":
            return None  # refused, as it should be
        return f"{call} after the end: {_error(error) if error else 'accepted'}", "bad"
    if error:
        return f"{call} raised {_error(error)}", "bad"
    took = float(data.get("took") or 0.0)
    if name == "push_frame":
        return None if took < 0.05 else (f"{call} took {took:.2f} s", "bad")
    return f"{call}" + (f", {took:.2f} s" if took >= 0.05 else ""), "plain"


def _event(data: Data) -> Told:
    kind = str(data.get("type"))
    if kind == "recognition_usage":
        return f"-> usage {_seconds(data.get('usage_s'))}", "faint"
    name = _EVENTS.get(kind, kind)
    if kind in ("start_of_speech", "end_of_speech"):
        return f"-> {name}", "plain"
    return f'-> {name} "{data.get("text")}"', "good" if kind == "final_transcript" else "plain"


def _error_event(data: Data) -> Told:
    kind = "recoverable" if data.get("recoverable") else "not recoverable"
    return f"-> error event, {kind}: {_error(data.get('error'))}", "bad"


def _metrics(data: Data) -> Told | None:
    if data.get("acquired"):
        return None
    return f"-> metrics, {_seconds(data.get('audio_duration'))} of audio", "faint"


def _ended(data: Data) -> Told:
    how = data.get("how")
    if how == "stop":
        return "iteration ends", "plain"
    if how == "cancelled":
        return "iteration was cancelled", "plain"
    return f"iteration raises {_error(data.get('error'))}", "bad"


def _busy(data: Data) -> Told:
    where = data.get("where")
    how = f"while time stood still: {where}" if where else f"for {data.get('seconds')} s"
    return f"event loop never rested {how}", "bad"


def _batch(data: Data) -> Told:
    if data.get("error"):
        return f"recognize() raised {_error(data['error'])}", "bad"
    return f'recognize() gave "{data.get("text")}"', "good"


def left_over(before: Data, after: Data) -> Told | None:
    """What a census counted more of than the one before; None if there is nothing."""
    more = []
    for what, noun in _COUNTED.items():
        was, found = before.get(what), after.get(what)
        if isinstance(found, (list, tuple)):
            names = list(found)
            for name in was if isinstance(was, (list, tuple)) else ():
                if name in names:
                    names.remove(name)
            if names:
                more.append(f"{len(names)} {noun} ({', '.join(map(str, names))})")
        elif isinstance(found, int) and found > (was if isinstance(was, int) else 0):
            more.append(f"{found - (was if isinstance(was, int) else 0)} {noun}")
    return (f"left behind, {after.get('label')}: " + ", ".join(more), "bad") if more else None


_COUNTED = {
    "tasks": "tasks",
    "fds": "descriptors",
    "threads": "threads",
    "sessions": "HTTP sessions",
    "open_connections": "connections",
}


def _seconds(value: object) -> str:
    return f"{value:.2f} s" if isinstance(value, (int, float)) else f"{value} s"


def _error(facts: Any) -> str:
    if not isinstance(facts, Mapping):
        return str(facts)
    message = str(facts.get("message") or "")
    return f"{facts.get('type')}: {message}" if message else str(facts.get("type"))


def _facts(data: Data) -> str:
    return ", ".join(f"{key}={value}" for key, value in data.items())


def _fixed(text: str, tone: Tone = "plain") -> Callable[[Data], Told]:
    return lambda data: (text, tone)


_TELLERS: dict[str, Callable[[Data], Told | None]] = {
    "attempt": _attempt,
    "request": _request,
    "response": _response,
    "config": _config,
    "ready": _fixed("ready"),
    "control": _control,
    "sent": _sent,
    "withheld": _withheld,
    "injected": lambda data: (f"injects {data.get('what')}: {data.get('text')}", "bad"),
    "point": lambda data: None,
    "fault": _fault,
    "close-sent": _close("closes with"),
    "close-received": _close("got close"),
    "ping": _fixed("got ping", "faint"),
    "eof": _fixed("got the client's FIN"),
    "engine-failed": lambda data: (f"engine failed: {data.get('reason')}", "bad"),
    "lost": _lost,
    "stream": _fixed("stream()"),
    "call": _call,
    "calling": lambda data: None,  # told when it returns
    "action": lambda data: (f"action {data.get('action')}", "plain"),
    "event": _event,
    "error": _error_event,
    "metrics": _metrics,
    "ended": _ended,
    "leak": lambda data: (f"SECRET SEEN in {data.get('place')}: {data.get('text')}", "bad"),
    "log": lambda data: (f"log {data.get('level')}: {data.get('message')}", "faint"),
    "released": lambda data: None,
    "census": lambda data: None,  # see `left_over`
    "loop-error": lambda data: (f"event loop reports: {data.get('message')}", "bad"),
    "blocked": lambda data: (
        f"event loop stood still for {data.get('seconds')} s at {data.get('where')}",
        "bad",
    ),
    "elsewhere": lambda data: (
        f"asks for the unknown host {data.get('host')} at {data.get('where')}",
        "bad",
    ),
    "starved": lambda data: (
        f"the machine was too busy: waited {data.get('seconds')} s for a core",
        "bad",
    ),
    "busy": _busy,
    "batch": _batch,
}
