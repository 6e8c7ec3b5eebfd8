"""What a dialect is: one provider's wire protocol as data and a few pure functions.

A dialect maps messages to the vocabulary of `sttkit.events` and back, and declares the facts about
the provider that the laws need. It has no state and no clock: the session keeps both and hands a
`View` of itself to the functions. A new provider is one file with one `Dialect` named ``DIALECT``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from sttkit.events import ClientEvent, Final, ServerEvent

Message = str | bytes
"""A whole WebSocket message: text or binary."""


@dataclass(frozen=True)
class Request:
    """An HTTP request: of an upgrade (no body) or of a batch recognition.

    Header names are lower-case; a query key maps to all its values.
    """

    method: str
    path: str
    query: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def first(self, key: str, default: str = "") -> str:
        """The first value of a query key."""
        values = self.query.get(key)
        return values[0] if values else default


@dataclass(frozen=True)
class Refusal:
    """A request that the provider answers with an HTTP error."""

    status: int
    message: str


@dataclass(frozen=True)
class Opening:
    """A session that the door let in.

    ``config`` holds what the request asked for, by the provider's own names. ``sample_rate`` is in
    Hz; a dialect that is configured by message may learn it later (see `Dialect.rate_of`).
    """

    config: Mapping[str, object]
    sample_rate: int = 16000


@dataclass
class View:
    """What the session tells a dialect about itself; the session alone changes it.

    Not frozen: it changes with every message, fifty times a second.

    Attributes:
        session_id: unique per session, deterministic.
        config: the latest configuration.
        sequence: number of the server message about to be written, from 0.
        utterance: number of the utterance that is spoken of, from 0.
        segment: number of the segment that is spoken of, from 0: so many finals were said.
        said: text of the latest interim of the segment that is spoken of; a dialect that sends only
            what is new says the rest.
        heard_s: seconds of audio heard so far.
        told_s: of these, seconds that had been heard when the latest transcript was written.
        unflushed_s: seconds of audio heard since the client last asked for finals.
        chunk_bytes: size of the audio message before the one that is read; 0 if there was none.
    """

    session_id: str
    config: Mapping[str, object]
    sequence: int = 0
    utterance: int = 0
    segment: int = 0
    said: str = ""
    heard_s: float = 0.0
    told_s: float = 0.0
    unflushed_s: float = 0.0
    chunk_bytes: int = 0


@dataclass(frozen=True)
class ProviderFailure:
    """An error as the provider documents it.

    Attributes:
        text: what the provider says; it has to reach the application.
        message: the wire message that says it, or None where only the close frame does.
        close: close code and reason that follow at once, or None if the socket stays open.
        retryable: whether the provider says that trying again helps; None where it does not say.
        explained: the message with a reason of its own in place of ``text``, or None where the
            provider's text is always the same.
    """

    text: str
    message: Message | None
    close: tuple[int, str] | None = None
    retryable: bool | None = None
    explained: Callable[[str], Message] | None = None


@dataclass(frozen=True)
class Facts:
    """Declared facts about the provider, and about how its official plugin counts.

    Attributes:
        greeting: when the server speaks first: never, on connect, or in answer to the config.
        greeting_required: whether the client must wait for it.
        end_marker: whether the client has a message that ends the audio.
        flush_message: whether the client has a message that asks for pending finals.
        answers_empty_flush: whether a flush with nothing pending is answered (an empty final).
        signals_start, signals_end: whether the server sends messages of its own for these.
        tells_end: whether anything that the server says means that an utterance is over: a message
            for it, or its final, which does not come before.
        retracts: whether an utterance that the server has begun to tell may end without text.
        late_transcripts: whether the final follows the message that says the utterance's end.
        endpointing: whether the server ends an utterance by itself at a pause; if not, only the
            client's flush does, and what is said until then is one segment.
        names_language: whether transcripts name their language.
        tells_times, tells_confidence: whether finals say, at least to a client that asks for it,
            from when to when they were said, and how sure the provider is of them.
        usage: how RECOGNITION_USAGE is counted by the plugin; ``finals`` by the lengths that the
            server tells of them, as often as it sends them, ``utterances`` by the times at which
            the server says that they start and end.
        idle_limit: seconds without audio or keepalive after which the server closes, or None.
        idle_close: the close code and reason it does so with.
        transient_closes, final_closes: close codes that the provider documents as such.
        bad_message: what a message the provider does not know leads to: the name of an error, or
            None where the provider ignores it.
        session_limit: the longest session that is served, seconds, and the name of the error that
            it ends with; None where the provider has no limit.
        overloaded: the name of the error that says the provider has no room, or None.
        limit_close: the close code and reason at the end of the longest session there may be.
    """

    greeting: Literal["never", "on-connect", "on-config"] = "never"
    greeting_required: bool = False
    end_marker: bool = True
    flush_message: bool = True
    answers_empty_flush: bool = False
    signals_start: bool = True
    signals_end: bool = True
    tells_end: bool = True
    retracts: bool = False
    late_transcripts: bool = False
    endpointing: bool = True
    names_language: bool = False
    tells_times: bool = False
    tells_confidence: bool = False
    usage: Literal[
        "client-audio", "connection-lifetime", "utterances", "finals", "server-reported", "none"
    ] = "none"
    idle_limit: float | None = None
    idle_close: tuple[int, str] = (1001, "idle")
    transient_closes: frozenset[int] = frozenset()
    final_closes: frozenset[int] = frozenset()
    bad_message: str | None = None
    session_limit: tuple[float, str] | None = None
    overloaded: str | None = None
    limit_close: tuple[int, str] = (1001, "session limit")


@dataclass(frozen=True)
class Batch:
    """The HTTP endpoint for whole recordings.

    Attributes:
        paths: where it listens (POST).
        read: the recording (s16le mono PCM and its rate) of a request, or a refusal.
        write: the JSON body that says the final of a recording of so many seconds.
        form: the field of a multipart form that holds the recording; None where it is the body,
            empty where it is in a message that nobody types.
    """

    paths: tuple[str, ...]
    read: Callable[[Request], tuple[bytes, int] | Refusal]
    write: Callable[[Final, float, Request], object]
    form: str | None = None


@dataclass(frozen=True)
class Dialect:
    """One provider's wire protocol.

    Attributes:
        name: id, as in ``sttkit serve --dialect``.
        source: where the facts come from: a documentation page, or a plugin's file.
        host: the production host name.
        open: decides about an upgrade request.
        read: what a client message means.
        write: the messages that say an event; empty where the provider has none for it. Where there
            are several, one says it and the others go with it.
        explain: what a server message means, the other half of ``write``; None if it says nothing.
        http_error: the JSON body of an HTTP error of this provider.
        errors: documented errors by name.
        unknown: a message of a type the provider does not have.
        wrong_types: known messages whose values have the wrong types.
        facts: see `Facts`.
        rate_of: sample rate in Hz from the configuration.
        batch: the batch endpoint, if the provider has one.
        health: path and JSON body of a health check, if any.
        health_loading: the body while a model is still being loaded.
        steps: what is answered, by path, to requests that a client makes before it connects (for a
            token, or for the address of its session).
        example: path and query of a simple session, for the hints of ``sttkit serve``.
        key: the header that carries the API key, for those hints; None where no header does.
        volatile: names of JSON fields and query keys whose values the client makes up anew each
            time, so that recordings of it are not compared by them.
        pcm: whether each binary message of so many bytes (not none) is audio and nothing else, as
            ``read`` would say of it: for those who have many, and need not look at every one.
        carrier: what carries its messages: a WebSocket, or a gRPC call, where the request's path is
            the method, its headers are the metadata, and the client ends its audio by half-closing
            the call, which ``read`` is given as an empty text.
    """

    name: str
    source: str
    host: str
    open: Callable[[Request], Opening | Refusal]
    read: Callable[[Message, View], ClientEvent]
    write: Callable[[ServerEvent, View], list[Message]]
    explain: Callable[[Message], ServerEvent | None]
    http_error: Callable[[int, str], object]
    errors: Mapping[str, ProviderFailure]
    unknown: Message
    wrong_types: tuple[Message, ...]
    facts: Facts
    rate_of: Callable[[Mapping[str, object]], int]
    batch: Batch | None = None
    health: tuple[str, object] | None = None
    health_loading: object = None
    steps: Mapping[str, Callable[[Request], object | Refusal]] = field(default_factory=dict)
    example: str = "/"
    key: str | None = "authorization"
    volatile: frozenset[str] = frozenset()
    carrier: Literal["websocket", "grpc"] = "websocket"
    pcm: Callable[[int, View], bool] = lambda size, view: False
