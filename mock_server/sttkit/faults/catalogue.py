"""The catalogue of faults: one table, from which commands, plans and docs are made.

Each entry says what the *client* observes and where real networks and providers do it. A new fault
is one entry here and its effect in `sttkit.session` (a toxic, a message edit or an ending).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from sttkit.errors import unknown_name


class Point(str, Enum):
    """The named places in a session's life where a fault or a client action can sit."""

    CONNECTING = "connecting"
    UPGRADED = "upgraded"
    GREETING = "greeting"
    BEFORE_AUDIO = "before-audio"
    IDLE = "idle"
    MID_UTTERANCE = "mid-utterance"
    AFTER_FINAL = "after-final"
    BETWEEN_UTTERANCES = "between-utterances"
    FLUSH = "flush"
    AFTER_END = "after-end"
    AFTER_END_ANSWER = "after-end-answer"
    CLOSING = "closing"
    BACKOFF = "backoff"
    BATCH = "batch"


POINTS: dict[Point, str] = {
    Point.CONNECTING: "a connection attempt begins; nothing was answered yet",
    Point.UPGRADED: "the WebSocket handshake was just answered with 101",
    Point.GREETING: "the server's first message, in dialects that have one",
    Point.BEFORE_AUDIO: "the session is ready and no audio was heard yet",
    Point.IDLE: "audio flows, 0.2 s of it was heard, and nobody has spoken yet",
    Point.MID_UTTERANCE: "the n-th interim of an utterance was just sent",
    Point.AFTER_FINAL: "a final was just sent",
    Point.BETWEEN_UTTERANCES: "an utterance was closed, and half of the pause behind it was heard",
    Point.FLUSH: "the client asked for its pending finals; nothing was answered yet",
    Point.AFTER_END: "the client ended its audio; nothing was answered yet",
    Point.AFTER_END_ANSWER: "the last finals were sent; the session's own end was not",
    Point.CLOSING: "the close handshake begins, from either side",
    Point.BACKOFF: "the first n attempts failed so, and the client waits before its n-th retry",
    Point.BATCH: "an HTTP request for batch recognition arrived",
}


class Family(str, Enum):
    """What a fault acts on; it decides at which points it makes sense."""

    CONNECTING = "connecting"
    ENDING = "ending"
    TIME = "time"
    BYTES = "bytes"
    MESSAGES = "messages"
    BATCH = "batch"


@dataclass(frozen=True)
class Parameter:
    """The one parameter of a fault.

    Attributes:
        name: key in a YAML script.
        kind: its type; ``name`` is one of ``choices`` or, without choices, named by the dialect.
        default: used where a script or case id gives none.
        choices: the values the default plan tries, or all there are for ``name``.
        least, most: limits of a number.
    """

    name: str
    kind: Literal["int", "seconds", "name"]
    default: int | float | str
    choices: tuple[int | float | str, ...] = ()
    least: int = 0
    most: int = 3600


@dataclass(frozen=True)
class FaultKind:
    """One entry of the catalogue.

    Attributes:
        id: public id, as in case ids and scripts.
        observes: what the client sees.
        in_the_wild: who or what does it in production.
        breaks: whether the connection (or attempt) is unusable afterwards.
        deaf: the connection looks alive but nothing useful comes out of it any more.
        lies: what the server says afterwards is false on purpose: "times" or "order".
    """

    id: str
    family: Family
    observes: str
    in_the_wild: str
    points: tuple[Point, ...]
    parameter: Parameter | None = None
    breaks: bool = False
    deaf: bool = False
    lies: frozenset[str] = frozenset()


_ATTEMPT = (Point.CONNECTING, Point.BACKOFF)
_LIVE = (
    Point.UPGRADED,
    Point.GREETING,
    Point.BEFORE_AUDIO,
    Point.IDLE,
    Point.MID_UTTERANCE,
    Point.AFTER_FINAL,
    Point.BETWEEN_UTTERANCES,
    Point.FLUSH,
    Point.AFTER_END,
    Point.AFTER_END_ANSWER,
)
_ENDING = (*_LIVE, Point.CLOSING, Point.BACKOFF)
_READY = (
    Point.BEFORE_AUDIO,
    Point.IDLE,
    Point.MID_UTTERANCE,
    Point.AFTER_FINAL,
    Point.BETWEEN_UTTERANCES,
)
_SPOKEN = (Point.MID_UTTERANCE, Point.AFTER_FINAL, Point.BETWEEN_UTTERANCES)
_INJECT = (Point.GREETING, Point.BEFORE_AUDIO, *_SPOKEN, Point.AFTER_END_ANSWER)
_EDIT = (Point.MID_UTTERANCE, Point.AFTER_FINAL, Point.BETWEEN_UTTERANCES)

RFC_VIOLATIONS = (
    "rsv-bits",
    "reserved-opcode",
    "reserved-control",
    "masked",
    "bad-utf8",
    "bad-close-code",
    "close-5000",
    "close-one-byte",
    "close-bad-utf8",
    "fragmented-ping",
    "long-ping",
    "stray-continuation",
    "interleaved",
    "overlong-length",
    "huge-length",
)
"""Violations of RFC 6455 by name; `sttkit.session.violations` has their bytes and clauses."""


def _status(*choices: int) -> Parameter:
    return Parameter("status", "int", choices[0], choices, least=300, most=599)


CATALOGUE: tuple[FaultKind, ...] = (
    FaultKind("none", Family.ENDING, "a healthy line", "the good days", tuple(Point)),
    # connecting ---------------------------------------------------------------------------
    FaultKind(
        "refused", Family.CONNECTING, "connection refused (RST to the SYN)",
        "server restarting, port closed", _ATTEMPT, breaks=True,
    ),
    FaultKind(
        "no-answer", Family.CONNECTING, "TCP is accepted, the handshake is never answered",
        "overloaded server, full backlog, black-holed route", _ATTEMPT, breaks=True, deaf=True,
    ),
    FaultKind(
        "unknown-host", Family.CONNECTING, "the host name does not resolve",
        "DNS outage, wrong region name", _ATTEMPT, breaks=True,
    ),
    FaultKind(
        "http", Family.CONNECTING, "the handshake is answered with an HTTP error status",
        "wrong key (401, 403), quota (429 with Retry-After: 1), deploy (502, 503)", _ATTEMPT,
        _status(503, 400, 401, 403, 404, 408, 429, 500, 502), breaks=True,
    ),
    FaultKind(
        "redirect", Family.CONNECTING, "the handshake is answered with 302 to another host",
        "moved endpoint, captive portal", _ATTEMPT, breaks=True,
    ),
    FaultKind(
        "bad-accept", Family.CONNECTING, "101 with a wrong Sec-WebSocket-Accept",
        "a proxy that is not a WebSocket proxy", _ATTEMPT, breaks=True,
    ),
    FaultKind(
        "slow-handshake", Family.CONNECTING, "the handshake is answered late, but in time",
        "cold start, long route", _ATTEMPT, Parameter("seconds", "seconds", 0.8, (0.8,)),
    ),
    FaultKind(
        "certificate", Family.CONNECTING, "the TLS certificate is not trusted",
        "expired certificate, intercepting proxy", _ATTEMPT, breaks=True,
    ),
    FaultKind(
        "no-greeting", Family.CONNECTING, "connected, but the server's first message never comes",
        "model still loading, worker lost behind the gateway", (Point.GREETING,), breaks=True,
        deaf=True,
    ),
    # ending -------------------------------------------------------------------------------
    FaultKind(
        "close", Family.ENDING, "a close frame with this code",
        "1000/1001 idle and deploys, 1008 auth, 1011 crash, 1012/1013 load, 4xxx their own",
        _ENDING, Parameter(
            "code", "int", 1011, (1011, 1000, 1001, 1008, 1012, 1013, 4000), least=0, most=65535
        ),
        breaks=True,
    ),
    FaultKind(
        "reset", Family.ENDING, "TCP reset: code 1006, often seen first by the sender",
        "load balancer failover, killed process, NAT table loss", _ENDING, breaks=True,
    ),
    FaultKind(
        "fin", Family.ENDING, "TCP end without a close frame: code 1006",
        "process exit, proxy time-out", _ENDING, breaks=True,
    ),
    FaultKind(
        "half-open", Family.ENDING, "silence: no FIN, no reset, pings unanswered, writes swallowed",
        "pulled cable, dropped NAT entry, moved laptop", _ENDING, breaks=True, deaf=True,
    ),
    FaultKind(
        "half-close", Family.ENDING, "the server sends FIN, keeps its socket open and reads on",
        "proxies that shut one direction", _ENDING, breaks=True,
    ),
    FaultKind(
        "unasked-end", Family.ENDING,
        "the server ends the session by its own last message and 1000, and nobody asked for it",
        "limits on the length of a session, idle sessions, workers that are drained", _READY,
        breaks=True,
    ),
    FaultKind(
        "no-close-reply", Family.ENDING, "the client's close frame is never answered",
        "crashed worker behind a live proxy", (Point.CLOSING,), deaf=True,
    ),
    # time ---------------------------------------------------------------------------------
    FaultKind(
        "latency", Family.TIME, "each direction takes this long", "distance, mobile networks",
        (Point.UPGRADED,), Parameter("seconds", "seconds", 0.15, (0.15,)),
    ),
    FaultKind(
        "jitter", Family.TIME, "each message is late by a random part of this", "wireless links",
        (Point.UPGRADED,), Parameter("seconds", "seconds", 0.1, (0.1,)),
    ),
    FaultKind(
        "bandwidth", Family.TIME, "the server's bytes arrive at this rate (kB/s)", "slow uplinks",
        (Point.UPGRADED,), Parameter("rate", "int", 4, (4,), least=1, most=1_000_000),
    ),
    FaultKind(
        "stall", Family.TIME, "pings are answered, but no message comes any more",
        "a recogniser stuck behind a live gateway",
        (Point.BEFORE_AUDIO, Point.MID_UTTERANCE, Point.AFTER_FINAL), deaf=True,
    ),
    FaultKind(
        "stop-reading", Family.TIME, "the server reads nothing any more; the send window fills",
        "an overloaded worker", (Point.BEFORE_AUDIO, Point.MID_UTTERANCE), deaf=True,
    ),
    FaultKind(
        "session-limit", Family.TIME,
        "so many seconds after it began the server closes the session, by 1001 and 1000 in turn",
        "limits on the length of a session, deploys, load balancers that drain", (Point.UPGRADED,),
        Parameter("seconds", "int", 1, (1,), least=1),
    ),
    FaultKind(
        "late-final", Family.TIME, "after the end of the audio the last final is late by this",
        "a busy recogniser", (Point.AFTER_END,), Parameter("seconds", "seconds", 1.5, (1.5,)),
    ),
    FaultKind(
        "late-close", Family.TIME, "the last final is prompt, the server's end is late by this",
        "a busy gateway", (Point.AFTER_END_ANSWER,), Parameter("seconds", "seconds", 1.0, (1.0,)),
    ),
    FaultKind(
        "mute-after-end", Family.TIME, "after the end of the audio the server says nothing more",
        "a lost end message, a stuck worker", (Point.AFTER_END, Point.AFTER_END_ANSWER),
        deaf=True,
    ),
    # bytes --------------------------------------------------------------------------------
    FaultKind(
        "fragment", Family.BYTES, "the server's bytes arrive in pieces of this size",
        "small segments, slow middleboxes", (Point.UPGRADED,),
        Parameter("bytes", "int", 1, (1, 7), least=1, most=65535),
    ),
    FaultKind(
        "cut", Family.BYTES, "the connection ends in the middle of a frame",
        "killed process, proxy limit", (Point.MID_UTTERANCE, Point.AFTER_FINAL), breaks=True,
    ),
    FaultKind(
        "rfc", Family.BYTES, "a frame that RFC 6455 forbids", "broken proxies, home-made servers",
        (Point.MID_UTTERANCE,), Parameter("violation", "name", "rsv-bits", RFC_VIOLATIONS),
    ),
    # messages -----------------------------------------------------------------------------
    FaultKind(
        "drop", Family.MESSAGES, "the message is missing", "a gateway that sheds load", _EDIT,
    ),
    FaultKind(
        "duplicate", Family.MESSAGES, "the message comes twice", "at-least-once queues", _EDIT,
    ),
    FaultKind(
        "reorder", Family.MESSAGES, "the message comes after the one that follows it",
        "parallel workers", (Point.MID_UTTERANCE, Point.AFTER_FINAL), lies=frozenset({"order"}),
    ),
    FaultKind(
        "delay", Family.MESSAGES, "the message and all that follow are late by this",
        "a garbage collection pause", _EDIT, Parameter("seconds", "seconds", 0.5, (0.5,)),
    ),
    FaultKind(
        "not-json", Family.MESSAGES, "a text frame that is not JSON",
        "a proxy's HTML page", _INJECT,
    ),
    FaultKind(
        "json-array", Family.MESSAGES, "a JSON array instead of an object",
        "protocol drift", _INJECT,
    ),
    FaultKind("json-null", Family.MESSAGES, "the JSON value null", "protocol drift", _INJECT),
    FaultKind(
        "wrong-types", Family.MESSAGES, "a known message with numbers for text and nulls for lists",
        "a provider's release", _INJECT,
    ),
    FaultKind(
        "unknown-type", Family.MESSAGES, "a message of an unknown type",
        "a provider's release", _INJECT,
    ),
    FaultKind("empty", Family.MESSAGES, "an empty text frame", "keepalives of proxies", _INJECT),
    FaultKind(
        "binary-for-text", Family.MESSAGES, "a valid message in a binary frame", "proxies",
        _INJECT,
    ),
    FaultKind(
        "text-for-binary", Family.MESSAGES, "noise in a text frame, valid UTF-8", "proxies",
        _INJECT,
    ),
    FaultKind(
        "huge", Family.MESSAGES, "an unknown message of 1 MiB",
        "a runaway transcript", _INJECT,
    ),
    FaultKind(
        "nested", Family.MESSAGES, "JSON nested 100,000 deep",
        "an attack, a serialiser's bug", _INJECT,
    ),
    FaultKind(
        "provider-error", Family.MESSAGES, "an error message of the provider, as it documents it",
        "quota, bad audio, internal error", (Point.BEFORE_AUDIO, *_SPOKEN),
        Parameter("error", "name", "", ()), breaks=True,
    ),
    FaultKind(
        "null-error", Family.MESSAGES, "an error message of the provider, its codes null",
        "an error passed on from a service behind the provider", (Point.BEFORE_AUDIO, *_SPOKEN),
        breaks=True,
    ),
    FaultKind(
        "empty-transcript", Family.MESSAGES, "a final without text", "noise that was no speech",
        (Point.IDLE, Point.AFTER_FINAL, Point.BETWEEN_UTTERANCES),
    ),
    FaultKind(
        "retract", Family.MESSAGES, "an utterance is taken back: its end comes without text",
        "a cough that was heard as a word", (Point.MID_UTTERANCE,),
    ),
    FaultKind(
        "early-message", Family.MESSAGES, "a final without text comes before the first message",
        "sessions that are handed on, events that overtake each other", (Point.GREETING,),
    ),
    FaultKind(
        "final-after-end", Family.MESSAGES, "one more final behind the session's end message",
        "a race in the provider", (Point.AFTER_END_ANSWER,),
    ),
    FaultKind(
        "bad-times", Family.MESSAGES, "times that restart, overlap or lie outside the audio",
        "chunked recognisers", (Point.MID_UTTERANCE,), lies=frozenset({"times"}),
    ),
    # batch --------------------------------------------------------------------------------
    FaultKind(
        "batch-http", Family.BATCH, "an HTTP error status for a batch request", "quota, load, keys",
        (Point.BATCH,), _status(503, 400, 401, 403, 404, 408, 413, 415, 429, 500, 502), breaks=True,
    ),
    FaultKind(
        "batch-slow", Family.BATCH, "the answer to a batch request comes late",
        "long audio, cold start", (Point.BATCH,), Parameter("seconds", "seconds", 0.8, (0.8,)),
    ),
    FaultKind(
        "batch-cut", Family.BATCH, "the answer to a batch request breaks off in its body",
        "killed worker", (Point.BATCH,), breaks=True,
    ),
    FaultKind(
        "batch-empty", Family.BATCH, "the answer says that nothing was said: no text, no segments",
        "noise, music, a caller who was muted", (Point.BATCH,),
    ),
    FaultKind(
        "batch-not-json", Family.BATCH, "status 200 with a body that is not JSON", "a proxy's page",
        (Point.BATCH,), breaks=True,
    ),
)  # fmt: skip

_BY_ID = {kind.id: kind for kind in CATALOGUE}


def kind_of(fault_id: str, *, where: str | None = None) -> FaultKind:
    """The catalogue entry of ``fault_id``.

    Raises:
        UsageError: there is none; the message lists what there is.
    """
    try:
        return _BY_ID[fault_id]
    except KeyError:
        raise unknown_name("fault", fault_id, _BY_ID, where=where) from None
