"""What a cassette holds: a header, and entries in the order they were recorded.

The classes *are* the file format (`cassettes/FORMAT.md`): a line of the file is one of them as
JSON, ``kind`` its class's name in lower case, its keys the fields in the order they stand here. So
the JSON Schema is made from them, and nothing can be in a file that is not here.

All times are whole microseconds since the cassette began, on a clock that does not go back. The
audio position is the audio that the client had sent on the interaction, this entry included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

VERSION = 1
"""Of the format; it has nothing to do with the version of the kit."""

Side = Literal["client", "server"]
Count = Annotated[int, Meta(ge=0)]
Micros = Annotated[int, Meta(ge=0, le=1 << 53)]
Pairs = tuple[tuple[str, str], ...]
"""Names and values in their order, names repeated where they were."""

How = Literal[
    "close",
    "answered",
    "status",
    "fin",
    "reset",
    "silence",
    "refused",
    "unknown-host",
    "no-answer",
]
"""How a connection ended (see `End`)."""


class Header(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The first line.

    Attributes:
        version: of the format.
        dialect: name of the wire protocol, if it is known; without one, binary messages of the
            client are taken for 16-bit PCM at ``sample_rate`` Hz.
        audio: whether the audio is kept (beside the cassette), dropped or replaced by noise.
        transcript: whether recognised words are kept or replaced by others of equal length.
        truth: what was really said, an utterance each, where somebody knows.
        note: a remark for people.
    """

    version: int = msgspec.field(name="sttkit-cassette")
    dialect: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = None
    sample_rate: Annotated[int, Meta(ge=1000, le=768_000)] = 16000
    audio: Literal["kept", "dropped", "replaced"] = "kept"
    transcript: Literal["kept", "pseudonyms"] = "kept"
    truth: tuple[str, ...] = ()
    note: str = ""


class Entry(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag=str.lower,
):
    """One line behind the header.

    Attributes:
        interaction: number of the connection attempt it belongs to, from 0.
        at_us: when; never less than that of the interaction's entry before.
        audio_us: the audio position.
    """

    interaction: Count = msgspec.field(name="i")
    at_us: Micros
    audio_us: Micros = 0


class Open(Entry, frozen=True, kw_only=True):
    """A connection is tried; the first entry of each interaction.

    Attributes:
        origin: scheme, host and port it went to, such as ``wss://api.example.com``.
    """

    origin: str = ""


class Request(Entry, frozen=True, kw_only=True):
    """The client's HTTP request: of a WebSocket handshake, or a plain one (bodies follow)."""

    method: str
    path: str
    query: Pairs = ()
    headers: Pairs = ()


class Response(Entry, frozen=True, kw_only=True):
    """The server's answer to it; 101 opens the WebSocket."""

    status: Annotated[int, Meta(ge=100, le=999)]
    reason: str = ""
    headers: Pairs = ()


class Sided(Entry, frozen=True, kw_only=True):
    """What one of the two sides did."""

    side: Side


class Carrier(Sided, frozen=True, kw_only=True):
    """What carries data: in at most one of the fields, and in none if there are no bytes.

    Attributes:
        json: a text that is a JSON object on one line, byte for byte as it was.
        text: any other text.
        base64: bytes.
        blob: offset and length of bytes beside the cassette.
        size: how many bytes there were, when they were left out.
    """

    json: Raw | UnsetType = UNSET
    text: str | UnsetType = UNSET
    base64: bytes | UnsetType = UNSET
    blob: tuple[Count, Count] | UnsetType = UNSET
    size: Count | UnsetType = UNSET


class Body(Carrier, frozen=True, kw_only=True):
    """A piece of the body of an HTTP request (client) or response (server), unchunked."""


class Message(Carrier, frozen=True, kw_only=True):
    """A whole WebSocket message, when its last frame was seen.

    Attributes:
        opcode: of its first frame.
        frames: the payload sizes of its frames, if it came in more than one.
    """

    opcode: Literal["text", "binary"] = "text"
    frames: tuple[Count, ...] = ()


class Audio(Entry, frozen=True, kw_only=True):
    """Messages of the client that carry audio and nothing else: a run of them, one or more.

    Attributes:
        opcode: of all.
        sizes: payload sizes, bytes, as they were on the wire.
        gaps_us: microseconds from each to the next; ``at_us`` is when the first was seen.
        offset: where their payloads begin beside the cassette, one behind the other; absent when
            they were left out.
        frames: the payload sizes of the frames of a single message that came in several.
    """

    opcode: Literal["text", "binary"] = "binary"
    sizes: tuple[Count, ...]
    gaps_us: tuple[Micros, ...] = ()
    offset: Count | UnsetType = UNSET
    frames: tuple[Count, ...] = ()


class Ping(Carrier, frozen=True, kw_only=True):
    """A ping frame (RFC 6455, 5.5.2)."""


class Pong(Carrier, frozen=True, kw_only=True):
    """A pong frame, asked for or not (5.5.3)."""


class Close(Sided, frozen=True, kw_only=True):
    """A close frame (5.5.1); without a code, its body was empty."""

    code: Annotated[int, Meta(ge=0, le=65535)] | None = None
    reason: str = ""


class Bytes(Carrier, frozen=True, kw_only=True):
    """Bytes on the connection that are no HTTP and no frame RFC 6455 allows."""


class Fin(Sided, frozen=True, kw_only=True):
    """A side shut its direction, while the connection went on."""


class End(Entry, frozen=True, kw_only=True):
    """How the connection ended; the last entry of an interaction.

    ============  ==========================================================================
    close         in order, after close frames in both directions; ``by``: who closed first
    answered      in order, after a whole answer to a plain HTTP request
    status        in order, after a handshake that was answered with another status than 101
    fin           FIN without a close frame, or in the middle of an answer
    reset         RST
    silence       nothing more came, and nobody ended it: the side ``by`` fell silent
    refused       nobody listened
    unknown-host  the name has no address
    no-answer     the server answered neither the attempt to connect nor, if it is there, the
                  request
    ============  ==========================================================================

    An interaction without this entry was still going on when the recording ended.
    """

    how: How
    by: Side


AnyEntry = (
    Open | Request | Response | Body | Message | Audio | Ping | Pong | Close | Bytes | Fin | End
)


@dataclass(frozen=True)
class Interaction:
    """One connection attempt and all that was seen of it.

    Attributes:
        number: from 0, in the order of attempts.
        entries: its entries, the first of them an `Open`.
        places: where each stands in the cassette: its number among all entries, from 1.
    """

    number: int
    entries: tuple[AnyEntry, ...]
    places: tuple[int, ...]

    def first(self, kind: type[msgspec.Struct]) -> AnyEntry | None:
        """The first entry of a kind."""
        return next((entry for entry in self.entries if isinstance(entry, kind)), None)

    @property
    def request(self) -> Request | None:
        """The HTTP request."""
        return next((e for e in self.entries if isinstance(e, Request)), None)

    @property
    def response(self) -> Response | None:
        """The answer to it."""
        return next((e for e in self.entries if isinstance(e, Response)), None)

    @property
    def end(self) -> End | None:
        """How it ended; None if it was still going on when the recording ended."""
        last = self.entries[-1]
        return last if isinstance(last, End) else None

    @property
    def is_websocket(self) -> bool:
        """Whether the request, if there is one, asks for an upgrade."""
        request = self.request
        return request is None or any(
            name.lower() == "upgrade" and value.lower() == "websocket"
            for name, value in request.headers
        )


@dataclass(frozen=True)
class Cassette:
    """A recording.

    Attributes:
        header: what holds for all of it.
        entries: in the order of the file.
        blob: the bytes kept beside the lines; None if they are not at hand.
        cut: what is missing at the end, if the file ends too early.
        name: what messages call it.
    """

    header: Header
    entries: tuple[AnyEntry, ...]
    blob: bytes | None = None
    cut: str | None = None
    name: str = "cassette"

    def interactions(self) -> tuple[Interaction, ...]:
        """The entries by interaction."""
        found: dict[int, list[tuple[int, AnyEntry]]] = {}
        for place, entry in enumerate(self.entries, start=1):
            found.setdefault(entry.interaction, []).append((place, entry))
        return tuple(
            Interaction(
                number, tuple(entry for _, entry in placed), tuple(place for place, _ in placed)
            )
            for number, placed in sorted(found.items())
        )

    @property
    def lacks_blob(self) -> bool:
        """Whether there should be bytes beside it that are not at hand."""
        return self.blob is None and any(
            not isinstance(getattr(entry, "blob", UNSET), UnsetType)
            or not isinstance(getattr(entry, "offset", UNSET), UnsetType)
            for entry in self.entries
        )

    def data_of(self, entry: Carrier) -> bytes | None:
        """The bytes that ``entry`` carries; None if they were left out or are not at hand."""
        if not isinstance(entry.json, UnsetType):
            return bytes(entry.json)
        if not isinstance(entry.text, UnsetType):
            return entry.text.encode()
        if not isinstance(entry.base64, UnsetType):
            return entry.base64
        if not isinstance(entry.blob, UnsetType):
            offset, length = entry.blob
            return None if self.blob is None else self.blob[offset : offset + length]
        return b"" if isinstance(entry.size, UnsetType) else None

    def audio_of(self, entry: Audio) -> tuple[bytes, ...] | None:
        """The payloads of a run of audio; None if they were left out or are not at hand."""
        if isinstance(entry.offset, UnsetType) or self.blob is None:
            return None
        at = entry.offset
        payloads: list[bytes] = []
        for size in entry.sizes:
            payloads.append(self.blob[at : at + size])
            at += size
        return tuple(payloads)


def size_of(entry: Carrier) -> int:
    """How many bytes ``entry`` carries, left out or not."""
    if not isinstance(entry.json, UnsetType):
        return len(bytes(entry.json))
    if not isinstance(entry.text, UnsetType):
        return len(entry.text.encode())
    if not isinstance(entry.base64, UnsetType):
        return len(entry.base64)
    if not isinstance(entry.blob, UnsetType):
        return entry.blob[1]
    return 0 if isinstance(entry.size, UnsetType) else entry.size


def query_of(pairs: Sequence[tuple[str, str]]) -> Mapping[str, tuple[str, ...]]:
    """A query as dialects see it: all values by key."""
    found: dict[str, tuple[str, ...]] = {}
    for key, value in pairs:
        found[key] = (*found.get(key, ()), value)
    return found
