"""The trace: what happened, from both sides of the wire, in one order.

Server, driver and client all write into one `Trace`; the laws read nothing else. A record is plain
data, so a trace can be printed, saved as JSON lines, hashed and compared.

Kinds of records, and what their data holds:

==================  ==============================================================================
server
==================  ==============================================================================
attempt             a connection try: ``outcome`` accepted, refused or unknown-host
request             method, path, query, headers (secrets removed) of an HTTP request
response            status (101, an error, or a batch answer's), ``retry_after``
config              the session's configuration, from the request and the first message
ready               the session may take audio
audio               ``spans``: (track, start, end, exact, silent), ``bytes``
control             ``what``: keepalive, flush, end, config or unintelligible; ``text``
sent                ``event`` and its fields, as the dialect-free vocabulary has it
withheld            like ``sent``, for a message that a fault kept back
injected            ``what``: a message that no healthy server sends
point               ``point`` and ``n``: a named place was reached
fault               ``fault``, ``point``, ``n``: a fault took effect
close-sent          code, reason
close-received      code, reason
ping                a ping of the client was heard
eof                 the client shut its direction
engine-failed       ``reason``: an engine did not do what it was asked
lost                the transport is gone; ``by`` server or client
==================  ==============================================================================

==================  ==============================================================================
client
==================  ==============================================================================
stream              a stream was opened
push                ``track``, ``start``, ``end`` of the audio frames pushed in one go
calling             ``name`` of a call that is waited for begins
call                ``name`` flush, end_input, aclose …, ``took``, ``error``: a call that returned
action              ``action``: a client action of the script begins; ``value`` of its parameter
event               ``type`` and the fields of a SpeechEvent
error               an ``error`` event: ``recoverable`` and the error's facts
metrics             ``audio_duration`` and more of a metrics_collected event
ended               iteration ended: ``how`` stop, raised or cancelled, and the error's facts
leak                a secret was seen: ``place`` and the text without it
log                 a log record of level warning or higher
released            the plugin has had its time to let go of connections
census              what is still there: tasks, descriptors, threads, sessions
loop-error          the event loop's exception handler was called
blocked             the loop stood still: ``seconds`` and ``where``, ``began`` if only in real time
elsewhere           a ``host`` was asked for that does not exist in here, and ``where``
starved             the machine was too busy: ``seconds`` that the loop waited for a core
busy                the loop never rested: ``seconds``, or ``where`` if time stood still meanwhile
waiting             something does not happen (``why``): ``tasks`` of the plugin, where each waits
holding             what a stream in use holds: ``tasks``, ``connections``, ``objects`` and ``data``
                    that grow in number, and ``audio_s`` in memory; ``sessions`` so far
batch               a recognize() call returned: ``text`` or the error's facts
==================  ==============================================================================
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, MutableSequence
from functools import partial
from typing import Any, Literal, NamedTuple, cast
from urllib.parse import quote

Side = Literal["server", "client"]

_json_of = json.JSONEncoder(sort_keys=True, default=str).encode

REDACTED = "[redacted]"
_LONG_ENOUGH = 8
"""Pieces of base64 that stand for fewer characters occur by chance."""


class Record(NamedTuple):
    """One thing that happened.

    Attributes:
        at: seconds since the run began, on the run's own clock.
        side: who saw it.
        kind: see the module's table.
        conn: number of the connection, from 0 in order of attempts; None where it concerns none.
        stream: name of the stream under test, or None while it is not known.
        data: JSON-ready facts.
    """

    at: float
    side: Side
    kind: str
    conn: int | None
    stream: str | None
    data: Mapping[str, Any]


_record = cast("Callable[[tuple[object, ...]], Record]", partial(tuple.__new__, Record))
"""Makes one without the call of Python that a named tuple takes: there is one for each message."""


class Trace:
    """Records in the order they were written.

    Args:
        clock: current time in seconds, of any origin.
        secrets: values that must never be stored, as they are, percent-encoded or in base64;
            `redact` removes them.
        limit: how many records are kept, the latest ones; None for all of them. A message of audio
            takes about half a kilobyte, so a stream of 50 a second fills 90 MB in an hour.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        secrets: tuple[str, ...] = (),
        limit: int | None = None,
    ) -> None:
        self._clock = clock
        self._origin = clock()
        self._secrets = tuple(form for secret in secrets if secret for form in _forms_of(secret))
        self.records: MutableSequence[Record] = [] if limit is None else deque(maxlen=limit)
        self._listeners: list[tuple[Callable[[Record], None], Collection[str] | None]] = []
        self._told: dict[str, list[Callable[[Record], None]]] = {}  # of each kind so far

    def now(self) -> float:
        """Seconds since the trace began."""
        return self._clock() - self._origin

    def note(
        self,
        side: Side,
        kind: str,
        conn: int | None = None,
        stream: str | None = None,
        /,
        **data: Any,
    ) -> None:
        """Append a record of this moment and tell the listeners."""
        self.add(side, kind, conn, stream, data)

    def add(
        self, side: Side, kind: str, conn: int | None, stream: str | None, data: Mapping[str, Any]
    ) -> None:
        """The same for facts that are a mapping already, which then belongs to the trace."""
        record = _record((self._clock() - self._origin, side, kind, conn, stream, data))
        self.records.append(record)
        told = self._told.get(kind)
        if told is None:
            told = self._who_is_told(kind)
        for listener in told:
            listener(record)

    def _who_is_told(self, kind: str) -> list[Callable[[Record], None]]:
        # Taken first: whoever begins to listen meanwhile, in another thread, replaces it.
        known = self._told
        told = known[kind] = [
            listener for listener, kinds in self._listeners if kinds is None or kind in kinds
        ]
        return told

    def listen(
        self, listener: Callable[[Record], None], kinds: Collection[str] | None = None
    ) -> Callable[[], None]:
        """Call ``listener`` with every further record; returns a function that stops it.

        Args:
            listener: told at once, within `note`.
            kinds: of the records it is told of; None for all. Nearly all are of audio.
        """
        self._listeners = [*self._listeners, (listener, kinds)]
        self._told = {}

        def stop() -> None:
            self._listeners = [entry for entry in self._listeners if entry[0] is not listener]
            self._told = {}

        return stop

    def redact(self, text: str) -> str:
        """``text`` without any of the secrets."""
        for secret in self._secrets:
            text = text.replace(secret, REDACTED)
        return text

    def holds_secret(self, text: str) -> bool:
        """Whether a secret stands in ``text``."""
        return any(secret in text for secret in self._secrets)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)

    def to_jsonl(self) -> str:
        """The records as JSON lines, in microseconds resolution."""
        return "".join(line_of(record) for record in self.records)

    def sha256(self) -> str:
        """Hash of the whole trace: equal traces, equal runs."""
        return hashlib.sha256(self.to_jsonl().encode()).hexdigest()


def _forms_of(secret: str) -> tuple[str, ...]:
    """A secret, and what it looks like in a URL and within base64, as in ``Authorization: Basic``.

    What stands before it decides how base64 cuts it up; the characters at its edges, which depend
    on its neighbours, are left out.
    """
    forms = [secret, quote(secret, safe="")]
    if len(secret) >= _LONG_ENOUGH:
        for before, shared in ((0, 0), (1, 2), (2, 3)):
            plain = b" " * before + secret.encode()
            whole = len(plain) * 8 // 6
            for alphabet in (base64.b64encode, base64.urlsafe_b64encode):
                forms.append(alphabet(plain).decode()[shared:whole])
    return tuple(dict.fromkeys(forms))


def line_of(record: Record) -> str:
    """A record as a line of JSON."""
    entry: dict[str, Any] = {"at": round(record.at, 6), "side": record.side, "kind": record.kind}
    if record.conn is not None:
        entry["conn"] = record.conn
    if record.stream is not None:
        entry["stream"] = record.stream
    # On their own: an event's time within the audio is called "at" as well.
    entry["data"] = record.data
    return _json_of(entry) + "\n"
