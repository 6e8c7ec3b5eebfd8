"""A cassette made anew with less in it: without secrets, audio or words."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from sttkit.cassette.anonymous import noise_like, with_audio
from sttkit.cassette.format import line_of
from sttkit.cassette.meter import Meter
from sttkit.cassette.model import (
    AnyEntry,
    Audio,
    Body,
    Carrier,
    Cassette,
    Message,
    Request,
)
from sttkit.cassette.raw import dialect_of
from sttkit.cassette.redact import Redactor
from sttkit.cassette.tape import dialect_request
from sttkit.events import Audio as HeardAudio

AudioPolicy = Literal["keep", "drop", "replace"]


def redacted(cassette: Cassette, redactor: Redactor, *, audio: AudioPolicy = "keep") -> Cassette:
    """``cassette`` as it may be shown to others.

    Raises:
        UsageError: a secret cannot be removed.
    """
    remaker = _Remaker(cassette, redactor, audio)
    entries = tuple(map(remaker.entry, cassette.entries))
    header = cassette.header
    changes: dict[str, Any] = {
        "truth": tuple(redactor.text(said) for said in header.truth),
        "note": redactor.text(header.note),
    }
    if audio != "keep" and header.audio != "dropped":
        changes["audio"] = "dropped" if audio == "drop" else "replaced"
    if redactor.pseudonyms is not None:
        changes["truth"] = tuple(map(redactor.pseudonyms.text, changes["truth"]))
        changes["transcript"] = "pseudonyms"
    made = msgspec.structs.replace(header, **changes)
    for item in (made, *entries):
        redactor.line(line_of(item))
    return Cassette(made, entries, bytes(remaker.blob), cassette.cut, cassette.name)


def without_secrets(cassette: Cassette, redactor: Redactor) -> Cassette:
    """``cassette`` to be shown: nothing else is removed, and nothing refused."""
    blob = redactor.aside(cassette.blob) if cassette.blob is not None else None
    entries = tuple(map(redactor.entry, cassette.entries))
    header = msgspec.structs.replace(
        cassette.header,
        truth=tuple(map(redactor.text, cassette.header.truth)),
        note=redactor.text(cassette.header.note),
    )
    return Cassette(header, entries, blob, cassette.cut, cassette.name)


class _Remaker:
    def __init__(self, cassette: Cassette, redactor: Redactor, audio: AudioPolicy) -> None:
        self._cassette = cassette
        self._redactor = redactor
        self._audio = audio
        self._dialect = dialect_of(cassette.header.dialect, cassette.header.sample_rate)
        self._meters: dict[int, Meter] = {}
        self.blob = bytearray()

    def entry(self, entry: AnyEntry) -> AnyEntry:
        meter = self._meters.setdefault(entry.interaction, Meter(self._dialect))
        if isinstance(entry, Request):
            meter.knock(dialect_request(entry))
        if isinstance(entry, Audio):
            return self._run(entry, meter)
        if isinstance(entry, Carrier) and not isinstance(entry.blob, UnsetType):
            return self._aside(entry)
        if isinstance(entry, Message) and entry.side == "client" and entry.opcode == "text":
            data = self._cassette.data_of(entry)
            if data is not None:
                meter.hear(data.decode())
        return self._redactor.entry(entry)

    def _run(self, run: Audio, meter: Meter) -> AnyEntry:
        payloads = self._cassette.audio_of(run)
        if self._audio == "drop" or payloads is None:
            return msgspec.structs.replace(run, offset=UNSET)
        if self._audio == "replace":
            replaced = [self._noise(payload, run, meter) for payload in payloads]
            payloads = tuple(one for one in replaced if one is not None)
            if len(payloads) < len(replaced):
                return msgspec.structs.replace(run, offset=UNSET)
        return msgspec.structs.replace(run, offset=self._put(b"".join(payloads)))

    def _noise(self, payload: bytes, run: Audio, meter: Meter) -> bytes | None:
        message = payload.decode() if run.opcode == "text" else payload
        event = meter.hear(message)
        if not isinstance(event, HeardAudio):
            return None
        noise = noise_like(event.pcm, meter.sample_rate, seed=len(self.blob) + meter.position_us)
        made = with_audio(message, event.pcm, noise)
        return made.encode() if isinstance(made, str) else made

    def _aside(self, entry: Carrier) -> AnyEntry:
        data = self._cassette.data_of(entry)
        is_audio = isinstance(entry, Body) and entry.side == "client"
        assert not isinstance(entry.blob, UnsetType)
        if data is None or (is_audio and self._audio != "keep"):
            return _left_out(entry)
        if entry.side == "server":  # audio has no other words in it
            data = self._text_without(data)
        return msgspec.structs.replace(entry, blob=(self._put(data), len(data)))  # type: ignore[return-value]

    def _text_without(self, data: bytes) -> bytes:
        try:
            return self._redactor.document(data.decode(), is_transcript=True).encode()
        except UnicodeDecodeError:
            return data

    def _put(self, data: bytes) -> int:
        offset = len(self.blob)
        self.blob += self._redactor.aside(data)
        return offset


def _left_out(entry: Carrier) -> AnyEntry:
    assert not isinstance(entry.blob, UnsetType)
    made: Any = msgspec.structs.replace(entry, blob=UNSET, size=entry.blob[1])
    return made  # type: ignore[no-any-return]
