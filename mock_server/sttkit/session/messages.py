"""Messages that no healthy server sends, made for a dialect."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sttkit.dialects.model import Dialect, Message, View
from sttkit.dialects.wire import object_of, text_of
from sttkit.events import Final, Interim, SpeechEnded, SpeechStarted

HUGE_BYTES = 1 << 20
NESTING = 100_000
_NOISE = "\x01\x02\x7f\u0080\u07ff\uffff" * 20


def malformed(fault_id: str, dialect: Dialect, view: View) -> list[Message]:
    """The messages of a fault of the family *messages* that adds messages; else an empty list."""
    if fault_id == "not-json":
        return ["<html><body>502 Bad Gateway</body></html>"]
    if fault_id == "json-array":
        return ["[1, 2, 3]"]
    if fault_id == "json-null":
        return ["null"]
    if fault_id == "wrong-types":
        return list(dialect.wrong_types)
    if fault_id == "unknown-type":
        return [dialect.unknown]
    if fault_id == "empty":
        return [""]
    if fault_id == "binary-for-text":
        said = dialect.write(Interim("binary"), view) or dialect.write(Final("binary"), view)
        return [_flipped(message) for message in said]
    if fault_id == "text-for-binary":
        return [_NOISE]
    if fault_id == "huge":
        return [_huge(dialect.unknown)]
    if fault_id == "nested":
        return ["[" * NESTING + "]" * NESTING]
    if fault_id == "null-error":
        return _null_error(dialect)
    if fault_id in ("empty-transcript", "early-message"):
        # Where finals follow the end of their utterance, one of an utterance without is unheard of.
        marks = (SpeechStarted(), SpeechEnded()) if dialect.facts.late_transcripts else ()
        noise = (*marks, Final(""))
        return [message for event in noise for message in dialect.write(event, view)]
    return []


def _null_error(dialect: Dialect) -> list[Message]:
    """The first error message that has a code in it, without it."""
    for failure in dialect.errors.values():
        said = object_of(failure.message) if failure.message is not None else None
        nulled = _nulled(said)
        if isinstance(nulled, Mapping) and nulled != said:
            return [text_of(nulled)]
    return []


def _nulled(value: object) -> object:
    """A JSON value with null in place of its codes: its numbers, and what is called one."""
    if isinstance(value, Mapping):
        return {k: None if "code" in k else _nulled(part) for k, part in value.items()}
    if isinstance(value, list):
        return [_nulled(part) for part in value]
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return None if is_number else value


def _flipped(message: Message) -> Message:
    if isinstance(message, str):
        return message.encode()
    return message.decode("utf-8", "replace")


def _huge(unknown: Message) -> Message:
    text = unknown if isinstance(unknown, str) else unknown.decode("utf-8", "replace")
    try:
        value = json.loads(text)
    except ValueError:
        value = {}
    value["padding"] = "x" * HUGE_BYTES
    return json.dumps(value)
