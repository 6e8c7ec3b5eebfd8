"""A dialect out of tables: who is let in, what the client says, what the server says.

Most providers differ in names only. `from_tables` makes the functions of a `Dialect` out of a
`Door`, `Ears` and a list of `Saying`s; what a provider does unlike all others is a function in its
own file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from sttkit.dialects.model import (
    Batch,
    Dialect,
    Facts,
    Message,
    Opening,
    ProviderFailure,
    Refusal,
    Request,
    View,
)
from sttkit.dialects.template import Filler, Slot, Template, filler, match, spoil
from sttkit.dialects.wire import base64_of, flat, object_of, sample_rate_of, text_of
from sttkit.events import (
    Audio,
    ClientEvent,
    Config,
    Final,
    ProviderError,
    ServerEvent,
    Transcript,
    Unintelligible,
)

_UNKNOWN: Template = {"type": "mystery", "value": 1}


class Form(Protocol):
    """How messages are written as JSON would be, and read: what the tables say, on the wire."""

    def encode(self, value: Mapping[str, object]) -> Message:
        """A server message."""
        ...

    def decode(self, message: Message) -> Mapping[str, object] | None:
        """What a server message says, or None if it is none."""
        ...

    def decode_client(self, message: Message) -> Mapping[str, object] | None:
        """What a client message says, or None if it is none."""
        ...


class Json:
    """JSON objects in text messages."""

    def encode(self, value: Mapping[str, object]) -> Message:
        return text_of(value)

    def decode(self, message: Message) -> Mapping[str, object] | None:
        return object_of(message)

    decode_client = decode


_JSON = Json()


@dataclass(frozen=True)
class Door:
    """Who is let in.

    Attributes:
        path: of the upgrade request; ``*`` in it stands for anything.
        older: other paths, that the provider still serves to older clients.
        key: the header that carries the API key, or, behind a question mark, the name of a query
            parameter; any value will do. None where a message does.
        later: whether the first message may carry the key instead, so that none is asked for here.
        denied: what the provider says without one (401).
        settings: where the configuration is: in the ``query``, in headers of these names, or, where
            there are none, in a message.
        only: values that are served here, by setting; a setting left out has the first.
    """

    path: str
    key: str | None = "authorization"
    later: bool = False
    denied: str = "Unauthorized"
    settings: Literal["query"] | tuple[str, ...] = "query"
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    older: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ears:
    """What the client says.

    Attributes:
        controls: what a message of a kind means. `Config` as a class takes the message for it.
        kind_of: the kind of a JSON message.
        bare: what a message that is no JSON means, word by word; an empty one may mean something.
        binary: whether binary messages are audio; a function says what each is, where not all are.
        base64: where the audio is, by kind of message: dotted names. What is bytes there already is
            taken as it is.
        first: the kind of the first message where it has none of its own; nothing is understood
            before it. None where the client need not begin with any.
        settings: dotted name of the configuration in its message; the whole message if empty.
        form: how messages are read; binary ones too, unless they are audio.
        refuses: why the provider refuses an event that it understands, or None; of audio it may
            look at nothing but how much it is.
    """

    controls: Mapping[str, ClientEvent | type[Config]]
    kind_of: Callable[[Mapping[str, object]], object] = lambda message: message.get("type")
    bare: Mapping[Message, ClientEvent] = field(default_factory=dict)
    binary: bool | Callable[[bytes], ClientEvent] = True
    base64: Mapping[str, str] = field(default_factory=dict)
    first: str | None = None
    settings: str = ""
    form: Form = _JSON
    refuses: Callable[[ClientEvent, View], Unintelligible | None] | None = None


@dataclass(frozen=True)
class Saying:
    """A message that says an event; several for one event are sent in the order of the table.

    Attributes:
        event: the kind of event.
        template: the message (see `sttkit.dialects.template`).
        when: whether it is sent; None for always.
        each: what it is sent for, one by one; None for the event itself.
        aside: it accompanies another message that says the event, and is not understood by itself.
    """

    event: type
    template: Template
    when: Callable[[ServerEvent, View], bool] | None = None
    each: Callable[[ServerEvent], Iterable[ServerEvent]] | None = None
    aside: bool = False


def word_by_word(event: ServerEvent) -> Iterable[ServerEvent]:
    """The words of a final one by one, with the spaces between them."""
    assert isinstance(event, Final)
    for number, word in enumerate(event.words):
        yield Final(f" {word.text}" if number else word.text, word.start, word.end, (word,))


def unless(key: str, value: object) -> Callable[[ServerEvent, View], bool]:
    """Whether the client's configuration does not switch it off."""
    return lambda event, view: view.config.get(key) != value


def only_if(key: str, value: object) -> Callable[[ServerEvent, View], bool]:
    """Whether the client's configuration switches it on."""
    return lambda event, view: view.config.get(key) == value


def from_tables(
    *,
    name: str,
    source: str,
    host: str,
    door: Door,
    ears: Ears,
    sayings: tuple[Saying, ...],
    errors: Mapping[str, ProviderFailure],
    facts: Facts,
    http_error: Callable[[int, str], object] = lambda status, message: {"error": message},
    wrong_types: tuple[Template, ...] = (),
    unknown: Template = _UNKNOWN,
    rate: str = "sample_rate",
    default_rate: int | None = 16000,
    aliases: Mapping[str, str] | None = None,
    batch: Batch | None = None,
    health: tuple[str, object] | None = None,
    health_loading: object = None,
    steps: Mapping[str, Callable[[Request], object | Refusal]] | None = None,
    example: str | None = None,
    volatile: frozenset[str] = frozenset(),
    carrier: Literal["websocket", "grpc"] = "websocket",
) -> Dialect:
    """The dialect that the tables describe.

    Args:
        name, source, host, errors, facts: as in `Dialect`.
        http_error, batch, health, health_loading, steps, volatile, carrier: likewise.
        door, ears, sayings: the tables.
        wrong_types: as in `Dialect`, before they are made JSON; if there are none, the transcripts
            of the table with other things in their slots.
        unknown: likewise, where the kind of a message is told by another key.
        rate: name of the sample rate in the configuration.
        default_rate: where it is not there, Hz; None where the door asks for one.
        aliases: other names of a kind of message, that the provider used to have.
        example: as in `Dialect`; the door's path, if there is nothing more to say.
    """

    def rate_of(config: Mapping[str, object]) -> int:
        return sample_rate_of(config.get(rate)) or default_rate or 16000

    form = ears.form
    written: dict[type, list[tuple[Saying, Filler]]] = {}
    for saying in sayings:
        written.setdefault(saying.event, []).append((saying, filler(saying.template)))
    return Dialect(
        name=name,
        source=source,
        host=host,
        volatile=volatile,
        carrier=carrier,
        open=lambda request: _open(door, request, rate, default_rate),
        read=_reader(ears),
        pcm=lambda size, view: _is_pcm(ears, size, view),
        write=lambda event, view: _write(written.get(type(event), ()), form, event, view),
        explain=lambda message: _explain(
            sayings, aliases or {}, errors, form.decode(message), message
        ),
        http_error=http_error,
        errors=errors,
        unknown=_encoded(unknown, form),
        wrong_types=tuple(_encoded(one, form) for one in wrong_types or _spoilt(sayings)),
        facts=facts,
        rate_of=rate_of,
        batch=batch,
        health=health,
        health_loading=health_loading,
        steps=steps or {},
        example=example or door.path.replace("*", ""),
        key=None if door.key is None or door.key.startswith("?") else door.key,
    )


def _open(door: Door, request: Request, rate: str, default_rate: int | None) -> Opening | Refusal:
    before, star, behind = door.path.partition("*")
    fits = request.path.startswith(before) and request.path.endswith(behind)
    if (not fits or not star) and request.path not in (door.path, *door.older):
        return Refusal(404, f"nothing at {request.path}")
    if door.key is not None and not door.later and not _key(door.key, request):
        return Refusal(401, door.denied)
    config: dict[str, object] = {}
    if door.settings == "query":
        for key, values in request.query.items():
            config[key] = values[0] if len(values) == 1 else list(values)
    else:
        headers = request.headers
        config |= {key: headers[key.lower()] for key in door.settings if key.lower() in headers}
    for key, served in door.only.items():
        if config.get(key, served[0]) not in served:
            return Refusal(400, f"{key} {config[key]!r} is not served here")
    sample_rate = sample_rate_of(config.get(rate, default_rate))
    if sample_rate is None:
        return Refusal(400, f"{rate} {config.get(rate)!r} is not served here")
    return Opening(config, sample_rate)


def _key(where: str, request: Request) -> str | None:
    return request.first(where[1:]) if where[0] == "?" else request.headers.get(where.lower())


def _reader(ears: Ears) -> Callable[[Message, View], ClientEvent]:
    """What reads the client's messages, nearly all of which are audio as it is."""
    as_it_is, first, refuses = _takes_pcm(ears), ears.first, ears.refuses

    def read(message: Message, view: View) -> ClientEvent:
        event: ClientEvent
        if as_it_is and isinstance(message, bytes):
            event = Audio(message)
        else:
            event = _meaning(ears, message, view)
        if isinstance(event, Audio):
            if len(event.pcm) % 2:
                return Unintelligible("an odd number of bytes of 16-bit audio")
        elif isinstance(event, Unintelligible):
            return event
        if first is not None and not view.config and not isinstance(event, Config):
            return Unintelligible(f"{type(event).__name__} before the configuration")
        return event if refuses is None else refuses(event, view) or event

    return read


def _takes_pcm(ears: Ears) -> bool:
    """Whether every binary message is audio as it is."""
    return ears.binary is True and not any(isinstance(bare, bytes) for bare in ears.bare)


def _is_pcm(ears: Ears, size: int, view: View) -> bool:
    """Whether `_reader` takes every binary message of this size for audio as it is."""
    return (
        _takes_pcm(ears)
        and size % 2 == 0
        and (ears.first is None or bool(view.config))
        and (ears.refuses is None or ears.refuses(Audio(bytes(size)), view) is None)
    )


def _meaning(ears: Ears, message: Message, view: View) -> ClientEvent:
    if ears.bare and message in ears.bare:
        return ears.bare[message]
    if isinstance(message, bytes) and callable(ears.binary):
        return ears.binary(message)
    if isinstance(message, bytes) and ears.binary:
        return Audio(message)
    value = ears.form.decode_client(message)
    if value is None:
        what = "a binary message" if isinstance(message, bytes) else "not a JSON object"
        return Unintelligible(what)
    kind = ears.kind_of(value)
    if kind is None and ears.first is not None and not view.config:
        kind = ears.first
    if not isinstance(kind, str):
        return Unintelligible(f"unknown type {kind!r}")
    if kind in ears.base64:
        held = _inside(value, ears.base64[kind])
        pcm = held if isinstance(held, bytes) else base64_of(held)
        return Audio(pcm) if pcm is not None else Unintelligible("audio that is not base64")
    control = ears.controls.get(kind)
    if control is Config:
        settings = _inside(value, ears.settings) if ears.settings else {**value, "type": kind}
        if not isinstance(settings, dict):
            return Unintelligible(f"{kind!r} without {ears.settings!r}")
        return Config(flat(settings))
    if control is None or isinstance(control, type):
        return Unintelligible(f"unknown type {kind!r}")
    return control


def _inside(value: object, dotted: str) -> object:
    for key in dotted.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _write(
    written: Iterable[tuple[Saying, Filler]], form: Form, event: ServerEvent, view: View
) -> list[Message]:
    messages: list[Message] = []
    for saying, put in written:
        if saying.when is not None and not saying.when(event, view):
            continue
        for piece in (event,) if saying.each is None else saying.each(event):
            messages.append(_encoded(put(piece, view), form))
    return messages


def _encoded(value: object, form: Form) -> Message:
    """In its form; a text or bytes that are a whole message are sent as they are."""
    if isinstance(value, (str, bytes)):
        return value
    assert isinstance(value, Mapping)
    return form.encode(value)


def _spoilt(sayings: tuple[Saying, ...]) -> Iterable[Template]:
    """The messages that say a transcript, with values of wrong types in their slots."""
    for number, saying in enumerate(sayings):
        if issubclass(saying.event, Transcript) and not saying.aside:
            yield spoil(saying.template, number)


def _explain(
    sayings: tuple[Saying, ...],
    aliases: Mapping[str, str],
    errors: Mapping[str, ProviderFailure],
    value: Mapping[str, object] | None,
    message: Message,
) -> ServerEvent | None:
    for name, failure in errors.items():
        if message == failure.message:
            return ProviderError(name)
    # A binary message that no form reads is said by a slot of its own.
    said: object = message if value is None and isinstance(message, bytes) else value
    kind = value.get("type") if value is not None else None
    if value is not None and isinstance(kind, str) and kind in aliases:
        said = {**value, "type": aliases[kind]}
    for saying in sayings:
        is_whole = isinstance(saying.template, Slot)
        if saying.aside or said is None or is_whole is not isinstance(said, bytes):
            continue
        fields = match(saying.template, said)
        if fields is not None:
            if "duration" in fields:
                length, start = fields.pop("duration"), fields.get("start", 0.0)
                assert isinstance(length, float)
                assert isinstance(start, float)
                fields["end"] = round(start + length, 3)
            event: ServerEvent = saying.event(**fields)
            return event
    return None
