"""Message templates: one datum says both how a message is written and how it is understood.

A template is a JSON value with slots. `filler` puts events into the slots; `match` takes them out
again, if the message is of this kind: if every `Is` in the template finds its value. So the two
halves of a codec cannot drift apart.

    {"type": Is("Turn"), "turn": utterance(), "transcript": text(), "words": words(per_s=1000)}
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sttkit.dialects.model import View
from sttkit.dialects.wire import number
from sttkit.events import Word

Template = object
"""JSON with slots: a mapping, a list, a `Slot`, an `Is`, or a value that is written as it is."""

_WORDS_KEPT = 256
"""Of a list of words: the next interim has nearly all of them again."""
_MISFITS: tuple[object, ...] = (None, [7], {"a": 1}, True)
"""No text, no number and no list of words."""

Filler = Callable[[Any, View], object]
"""Makes the value in a place of a message that says an event (one that has what belongs there)."""

Fields = dict[str, object]
"""Attributes of an event, by name; ``duration`` stands for the end of one that has a start."""


def _nothing(value: object) -> Fields:
    return {}


@dataclass(frozen=True)
class Is:
    """A value that tells messages apart."""

    value: str | bool | float


@dataclass(frozen=True)
class Slot:
    """A place in a template.

    Attributes:
        put: what is written there.
        take: what the value there says of the event; anything may be there, or None. It gives None
            where the value makes it a message of another kind.
    """

    put: Filler
    take: Callable[[object], Fields | None] = _nothing


# --- what an event says -------------------------------------------------------------------------


def text() -> Slot:
    """The whole text of a transcript."""
    return Slot(lambda event, view: event.text, lambda value: {"text": _text(value)})


def delta(between: str = "") -> Slot:
    """What a transcript adds to what was said of its segment before (see `View.said`).

    ``between`` is what separates the pieces, where the provider leaves that to the client.
    """

    def put(event: Any, view: View) -> object:
        added = str(event.text).removeprefix(view.said)
        return added.removeprefix(between) if view.said else added

    return Slot(put, lambda value: {"text": _text(value)})


def binary_text() -> Slot:
    """A whole binary message that is the text of a transcript and nothing else."""
    return Slot(
        lambda event, view: event.text.encode("utf-8", "surrogatepass"),
        lambda value: (
            {"text": value.decode("utf-8", "replace")} if isinstance(value, bytes) else None
        ),
    )


def confidence() -> Slot:
    """A number from 0 to 1."""
    return Slot(lambda event, view: event.confidence, lambda value: {"confidence": number(value)})


def flag(name: str) -> Slot:
    """A boolean attribute of an event: ``endpoint`` or ``from_flush``."""
    return Slot(lambda event, view: getattr(event, name), lambda value: {name: value is True})


def time(name: str, *, per_s: int = 1) -> Slot:
    """A time attribute of an event (``start``, ``end``, ``at``, ``audio_s``).

    ``per_s`` is how many of the provider's units make a second; whole ones, if it is not 1.
    """

    def take(value: object) -> Fields:
        return {name: number(value) / per_s}

    if per_s == 1:
        return Slot(lambda event, view: round(float(getattr(event, name)), 3), take)
    return Slot(lambda event, view: round(getattr(event, name) * per_s), take)


def duration(*, per_s: int = 1) -> Slot:
    """From the start of a transcript to its end."""
    return Slot(
        lambda event, view: _in_units(event.end - event.start, per_s),
        lambda value: {"duration": number(value) / per_s},
    )


def words(
    word: str = "word",
    start: str = "start",
    end: str = "end",
    *,
    per_s: int = 1,
    confidence: str | None = None,
    more: Callable[[Word], Mapping[str, object]] = lambda word: {},
) -> Slot:
    """A list of words with their times, under the provider's keys.

    ``confidence`` is the key of each word's share of the transcript's; ``more`` adds other keys.
    """

    @lru_cache(maxsize=_WORDS_KEPT)
    def entry(one: Word, share: object) -> Mapping[str, object]:
        written: dict[str, object] = {
            word: one.text,
            start: _in_units(one.start, per_s),
            end: _in_units(one.end, per_s),
        }
        if confidence:
            written[confidence] = share
        return {**written, **more(one)}

    def put(event: Any, view: View) -> object:
        said: Sequence[Word] = getattr(event, "words", ())
        share = event.confidence if confidence else None
        return [entry(one, share) for one in said]

    def take(value: object) -> Fields:
        entries = [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
        fields: Fields = {
            "words": tuple(
                Word(
                    _text(entry.get(word)),
                    number(entry.get(start)) / per_s,
                    number(entry.get(end)) / per_s,
                )
                for entry in entries
            )
        }
        if confidence and entries:
            fields["confidence"] = number(entries[0].get(confidence))
        return fields

    return Slot(put, take)


# --- what the session knows ---------------------------------------------------------------------


def session(form: str = "{}") -> Slot:
    """The session's id."""
    return Slot(lambda event, view: form.format(view.session_id))


def sequence(form: str = "") -> Slot:
    """The number of this message; as an id, if ``form`` says how (``event_{}``)."""
    return Slot(lambda event, view: form.format(view.sequence) if form else view.sequence)


def heard(*, per_s: int = 1) -> Slot:
    """How much audio the server has heard."""
    return Slot(lambda event, view: _in_units(view.heard_s, per_s))


def utterance(form: str = "") -> Slot:
    """The number of the utterance; as an id, if ``form`` says how (``item_{}``)."""
    return Slot(lambda event, view: form.format(view.utterance) if form else view.utterance)


def segment(form: str) -> Slot:
    """The number of the segment, as an id (``item_{}``)."""
    return Slot(lambda event, view: form.format(view.segment))


def asked(key: str, default: str) -> Slot:
    """What the client asked for under a key of the configuration."""
    return Slot(lambda event, view: str(view.config.get(key) or default))


# --- both halves --------------------------------------------------------------------------------


def filler(template: Template) -> Filler:
    """What makes the messages that say events; to be made once, since they are many.

    What has no slots is the same in all of them, and is made once too.
    """
    fixed, put = _prepared(template)
    return put or (lambda event, view: fixed)


def _prepared(template: Template) -> tuple[object, Filler | None]:
    """The part that is the same in all messages, and what makes the whole where that is not all."""
    if isinstance(template, Slot):
        return None, template.put
    if isinstance(template, Is):
        return template.value, None
    if isinstance(template, Mapping):
        entries = {key: _prepared(part) for key, part in template.items()}
        same = {key: fixed for key, (fixed, _) in entries.items()}
        slots = [(key, put) for key, (_, put) in entries.items() if put is not None]

        def fill(event: Any, view: View) -> object:
            filled = same.copy()
            for key, put in slots:
                filled[key] = put(event, view)
            return filled

        return same, fill if slots else None
    if isinstance(template, list):
        parts = [_prepared(part) for part in template]
        if not any(put for _, put in parts):
            return [fixed for fixed, _ in parts], None
        return None, lambda event, view: [
            fixed if put is None else put(event, view) for fixed, put in parts
        ]
    return template, None


def match(template: Template, value: object) -> Fields | None:
    """What ``value`` says of an event, or None if it is a message of another kind."""
    if isinstance(template, Slot):
        return template.take(value)
    if isinstance(template, Is):
        same = type(value) is type(template.value) and value == template.value
        return {} if same else None
    if isinstance(template, Mapping):
        inside = value if isinstance(value, Mapping) else {}
        return _match_all((part, inside.get(key)) for key, part in template.items())
    if isinstance(template, list):
        items = value if isinstance(value, list) else []
        padded = [*items, *[None] * len(template)]
        return _match_all(zip(template, padded, strict=False))
    return {}


def spoil(template: Template, number: int) -> Template:
    """The message with values in its slots that belong in none; ``number`` chooses which."""
    if isinstance(template, Slot):
        return _MISFITS[number % len(_MISFITS)]
    if isinstance(template, Is):
        return template.value
    if isinstance(template, Mapping):
        parts = enumerate(template.items(), start=number)
        return {key: spoil(part, turn) for turn, (key, part) in parts}
    if isinstance(template, list):
        return [spoil(part, number) for part in template]
    return template


def _match_all(pairs: Iterable[tuple[Template, object]]) -> Fields | None:
    fields: Fields = {}
    for part, value in pairs:
        found = match(part, value)
        if found is None:
            return None
        fields |= found
    return fields


def _in_units(seconds: float, per_s: int) -> float | int:
    return round(seconds, 3) if per_s == 1 else round(seconds * per_s)


def _text(value: object) -> str:
    return "" if value is None else str(value)
