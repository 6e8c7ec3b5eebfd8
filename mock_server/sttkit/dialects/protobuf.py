"""Protocol Buffers for dialects that speak gRPC: the wire format of proto3, by tables of fields.

A message is a mapping by field names, as a JSON object would be, so templates and control tables
work on it as they do on JSON. Only what speech services use is here; the plugins bring the real
library, which the tests hold against this one. Source: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sttkit.dialects.model import Message

Schema = Mapping[str, "Field"]
"""The fields of a message, by name."""

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_DEFAULTS: dict[str, object] = {"text": "", "bytes": b"", "bool": False, "int": 0, "float": 0.0}
_NANOS = 1_000_000_000


@dataclass(frozen=True)
class Field:
    """One field of a message.

    Attributes:
        number: its number on the wire.
        kind: what it holds; ``duration`` is a google.protobuf.Duration as seconds, ``int`` any
            varint that is not negative (an enum too), ``float`` four bytes.
        many: whether it is repeated.
    """

    number: int
    kind: Literal["text", "bytes", "bool", "int", "float", "duration"] | Schema
    many: bool = False


@dataclass(frozen=True)
class Protobuf:
    """How the messages of a dialect are made bytes: one type for each direction.

    Attributes:
        asks: what the client sends.
        answers: what the server sends.
    """

    asks: Schema
    answers: Schema

    def encode(self, value: Mapping[str, object]) -> bytes:
        """The bytes of a server message."""
        return encode(self.answers, value)

    def decode(self, message: Message) -> Mapping[str, object] | None:
        """What a server message says, or None if it is none."""
        return decode(self.answers, message)

    def decode_client(self, message: Message) -> Mapping[str, object] | None:
        """What a client message says, or None if it is none."""
        return decode(self.asks, message)


DURATION: Schema = {"seconds": Field(1, "int"), "nanos": Field(2, "int")}


def encode(schema: Schema, value: Mapping[str, object]) -> bytes:
    """A message's bytes; defaults are left out, as proto3 has it.

    Raises:
        KeyError: the message has no such field.
        TypeError: a value is not of its field's kind.
    """
    out = bytearray()
    for name, held in value.items():
        field = schema[name]
        for one in held if field.many and isinstance(held, list) else [held]:
            out += _encoded(field, one)
    return bytes(out)


def decode(schema: Schema, message: Message) -> dict[str, object] | None:
    """The fields of a message: scalars always (with their default), messages where they are there.

    None where the bytes are no message. Fields that the schema does not have, or has with another
    wire type, are passed over, as protobuf has it.
    """
    if not isinstance(message, bytes):
        return None
    by_number = {field.number: (name, field) for name, field in schema.items()}
    value: dict[str, object] = {}
    for name, field in schema.items():
        if field.many:
            value[name] = []
        elif isinstance(field.kind, str) and field.kind in _DEFAULTS:
            value[name] = _DEFAULTS[field.kind]
    try:
        for number, wire, raw in _fields(message):
            name, field = by_number.get(number, ("", Field(0, "int")))
            if not name or wire != _wire_type(field):
                continue
            held = _decoded(field, raw)
            kept = value[name] if field.many else None
            if isinstance(kept, list):
                kept.append(held)
            else:
                value[name] = held
    except (ValueError, struct.error):
        return None
    return value


def _wire_type(field: Field) -> int:
    if field.kind in ("bool", "int"):
        return _VARINT
    return _FIXED32 if field.kind == "float" else _LENGTH


def _encoded(field: Field, value: object) -> bytes:
    kind = field.kind
    if kind in ("bool", "int"):
        if not isinstance(value, int):
            raise TypeError(f"{value!r} is no whole number")
        return _key(field) + _varint(int(value)) if value else b""
    if kind == "float":
        if not isinstance(value, (int, float)):
            raise TypeError(f"{value!r} is no number")
        return _key(field) + struct.pack("<f", value) if value else b""
    if kind == "duration":
        if not isinstance(value, (int, float)):
            raise TypeError(f"{value!r} is no number of seconds")
        nanos = round(value * _NANOS)
        inside = encode(DURATION, {"seconds": nanos // _NANOS, "nanos": nanos % _NANOS})
        return _key(field) + _varint(len(inside)) + inside
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogatepass")
        if not value and not field.many:
            return b""
    elif isinstance(value, Mapping) and not isinstance(kind, str):
        value = encode(kind, value)
    if not isinstance(value, bytes):
        raise TypeError(f"{value!r} in field {field.number}")
    return _key(field) + _varint(len(value)) + value


def _decoded(field: Field, raw: int | bytes) -> object:
    if isinstance(raw, int):
        return bool(raw) if field.kind == "bool" else raw
    if field.kind == "float":
        # The shortest number that is this one in four bytes: what was meant.
        return float(str(np.frombuffer(raw, "<f4")[0]))
    if field.kind == "text":
        return raw.decode()
    if field.kind == "bytes":
        return raw
    inside = decode(DURATION if field.kind == "duration" else _schema_of(field), raw)
    if inside is None:
        raise ValueError("a field that is no message")
    if field.kind == "duration":
        seconds, nanos = inside["seconds"], inside["nanos"]
        assert isinstance(seconds, int)
        assert isinstance(nanos, int)
        return seconds + nanos / _NANOS
    return inside


def _schema_of(field: Field) -> Schema:
    assert not isinstance(field.kind, str)
    return field.kind


def _key(field: Field) -> bytes:
    return _varint(field.number << 3 | _wire_type(field))


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _fields(data: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        number, wire = key >> 3, key & 7
        if not number:
            raise ValueError("a field without a number")
        if wire == _VARINT:
            value, at = _read_varint(data, at)
            yield number, wire, value
            continue
        if wire == _LENGTH:
            size, at = _read_varint(data, at)
        elif wire in (_FIXED32, _FIXED64):
            size = 4 if wire == _FIXED32 else 8
        else:
            raise ValueError(f"wire type {wire}")
        if at + size > len(data):
            raise ValueError("the message breaks off")
        yield number, wire, data[at : at + size]
        at += size


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise ValueError("the message breaks off")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number of more than ten bytes")


def misread(schema: Schema) -> Iterable[bytes]:
    """Messages in which every field has another wire type than the schema says, and one that
    breaks off: what a parser passes over, and what it cannot parse."""
    yield b"".join(_varint(field.number << 3 | _FIXED64) + bytes(8) for field in schema.values())
    first = next(iter(schema.values()))
    yield _varint(first.number << 3 | _LENGTH) + _varint(100) + b"\xff"
