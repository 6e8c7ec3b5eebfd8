"""Writing a cassette as it happens.

    writer = CassetteWriter(Header(version=VERSION, dialect="custom_stt"), file.write, put_aside)
    one = writer.open(at_us, "wss://stt.example")
    one.request(at_us, "GET", "/v1/listen", query, headers)
    one.response(at_us, 101, "Switching Protocols", headers)
    one.message(at_us, "client", pcm)           # bytes: binary, str: text
    one.message(at_us, "server", '{"type":"Results"}')
    one.close(at_us, "client", 1000, "")
    one.end(at_us, "close", "client")
    writer.settle()                              # before the file is flushed

Everything is handed to ``write`` at once, as whole lines in their order, except that messages of
audio are gathered into runs of at most a second. So who flushes after a `settle` each second loses
at most the last second in a crash: bytes kept aside must reach the disk before the lines do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import sub
from typing import Any, Protocol

from msgspec import UNSET, UnsetType

from sttkit.cassette.anonymous import noise_like, with_audio
from sttkit.cassette.format import MAX_INTERACTIONS, carried, line_of
from sttkit.cassette.meter import Meter
from sttkit.cassette.model import (
    AnyEntry,
    Audio,
    Body,
    Bytes,
    Close,
    End,
    Fin,
    Header,
    How,
    Message,
    Open,
    Pairs,
    Ping,
    Pong,
    Request,
    Response,
    Side,
    query_of,
)
from sttkit.cassette.raw import dialect_of
from sttkit.dialects.model import Dialect
from sttkit.dialects.model import Message as Payload
from sttkit.dialects.model import Request as DialectRequest
from sttkit.errors import UsageError
from sttkit.events import Audio as HeardAudio

RUN_US = 1_000_000
"""How long a run of audio may last."""
RUN_MESSAGES = 100
RUN_BYTES = 1 << 20
"""How much audio a run may have that is not written yet."""

_TEXTUAL = ("json", "text/", "x-www-form-urlencoded", "xml")


class Guard(Protocol):
    """Keeps secrets out of what is written (see `sttkit.cassette.redact`)."""

    def entry(self, entry: AnyEntry) -> AnyEntry:
        """``entry`` without secrets."""
        ...

    def aside(self, data: bytes) -> bytes:
        """Bytes to be kept beside the cassette, without secrets; as long as before."""
        ...

    def line(self, line: bytes) -> None:
        """A last look at a line.

        Raises:
            UsageError: there is still a secret in it.
        """


class CassetteWriter:
    """Writes one cassette.

    Args:
        header: the first line; it says what becomes of the audio.
        write: takes whole lines for the cassette.
        put_aside: takes bytes for the file beside it, one behind the other.
        guard: keeps secrets out; None trusts the data (it was made by the kit itself).

    Raises:
        UsageError: the header names a dialect that there is not.
    """

    def __init__(
        self,
        header: Header,
        write: Callable[[bytes], object],
        put_aside: Callable[[bytes], object],
        guard: Guard | None = None,
    ) -> None:
        self.header = header
        self.dialect: Dialect = dialect_of(header.dialect, header.sample_rate)
        self._write = write
        self._put_aside = put_aside
        self._guard = guard
        self._aside_bytes = 0
        self._open: list[InteractionWriter] = []
        self._count = 0
        self.write(header)

    def open(self, at_us: int, origin: str = "") -> InteractionWriter:
        """A connection is tried.

        Raises:
            UsageError: the cassette is full.
        """
        if self._count >= MAX_INTERACTIONS:
            raise UsageError(f"more than {MAX_INTERACTIONS} interactions in one cassette")
        interaction = InteractionWriter(self, self._count)
        self._count += 1
        self._open.append(interaction)
        self.write(Open(interaction=interaction.number, at_us=at_us, origin=origin))
        return interaction

    def settle(self) -> None:
        """Write the runs of audio that are being gathered."""
        for interaction in self._open:
            interaction.settle()

    def write(self, item: AnyEntry | Header) -> None:
        """Write a line."""
        if self._guard is not None and not isinstance(item, Header):
            item = self._guard.entry(item)
        line = line_of(item)
        if self._guard is not None:
            self._guard.line(line)
        self._write(line)

    def put_aside(self, data: bytes) -> int:
        """Keep bytes beside the cassette; returns where they begin."""
        if self._guard is not None:
            data = self._guard.aside(data)
        offset = self._aside_bytes
        self._aside_bytes += len(data)
        self._put_aside(data)
        return offset

    def is_over(self, interaction: InteractionWriter) -> None:
        """Forget an interaction that has ended."""
        self._open.remove(interaction)


class InteractionWriter:
    """Writes what happens on one connection; times are microseconds since the cassette began.

    Attributes:
        number: of the interaction, from 0.
    """

    def __init__(self, writer: CassetteWriter, number: int) -> None:
        self.number = number
        self._writer = writer
        self._keeps_audio = writer.header.audio == "kept"
        self._meter = Meter(writer.dialect)
        self._run: _Run | None = None
        self._textual_body = True

    @property
    def audio_us(self) -> int:
        """The audio position."""
        return self._meter.position_us

    def request(
        self, at_us: int, method: str, path: str, query: Iterable[tuple[str, str]], headers: Pairs
    ) -> None:
        """The client's request; ``query`` decoded, in its order."""
        pairs = tuple(query)
        lower = {name.lower(): value for name, value in headers}
        self._meter.knock(DialectRequest(method, path, query_of(pairs), lower))
        kind = lower.get("content-type", "").lower()
        self._textual_body = any(part in kind for part in _TEXTUAL)
        self._put(Request, at_us, method=method, path=path, query=pairs, headers=headers)

    def response(self, at_us: int, status: int, reason: str = "", headers: Pairs = ()) -> None:
        """The server's answer."""
        self._put(Response, at_us, status=status, reason=reason, headers=headers)

    def body(self, at_us: int, side: Side, data: bytes) -> None:
        """A piece of a body, unchunked. A client's that is no text counts as audio."""
        if side == "client" and not self._textual_body:
            if self._writer.header.audio == "kept":
                fields: dict[str, object] = {"blob": (self._writer.put_aside(data), len(data))}
            else:  # a body is a file, not PCM: noise of the same shape cannot replace it
                fields = {"size": len(data)}
            self._put(Body, at_us, side=side, **fields)
            return
        self._put(Body, at_us, side=side, **self._carried(data, text=True))

    def message(self, at_us: int, side: Side, data: Payload, frames: Sequence[int] = ()) -> None:
        """A whole message, when its last frame was seen; ``frames`` if there was more than one."""
        is_text = isinstance(data, str)
        if side == "client":
            run = self._run
            if run is not None and not (run.takes(at_us, is_text=is_text) and len(frames) < 2):
                self.settle()  # while the position is still the one behind it
            event = self._meter.hear(data)
            if type(event) is HeardAudio and data:
                self._audio(at_us, data, event.pcm, frames)
                return
        self._message(at_us, side, data, frames)

    def binary(self, at_us: int, data: bytes) -> None:
        """A whole binary message of the client, as most are: like `message`, but quicker."""
        run = self._run
        if run is None or not self._keeps_audio or not run.takes(at_us, is_text=False):
            self.message(at_us, "client", data)
        elif type(self._meter.hear(data)) is HeardAudio and data:
            run.add(at_us, len(data), data)
        else:
            self._message(at_us, "client", data, ())

    def _message(self, at_us: int, side: Side, data: Payload, frames: Sequence[int]) -> None:
        """A message that is no audio."""
        is_text = isinstance(data, str)
        frames = tuple(frames) if len(frames) > 1 else ()
        payload = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
        fields = self._carried(payload, text=is_text)
        opcode = "text" if is_text else "binary"
        self._put(Message, at_us, side=side, opcode=opcode, frames=frames, **fields)

    def ping(self, at_us: int, side: Side, data: bytes) -> None:
        """A ping frame."""
        self._put(Ping, at_us, side=side, **self._carried(data, text=False))

    def pong(self, at_us: int, side: Side, data: bytes) -> None:
        """A pong frame."""
        self._put(Pong, at_us, side=side, **self._carried(data, text=False))

    def close(self, at_us: int, side: Side, code: int | None, reason: str = "") -> None:
        """A close frame; no code (or 1005, which stands for none) if its body was empty."""
        self._put(Close, at_us, side=side, code=None if code == 1005 else code, reason=reason)

    def stray(self, at_us: int, side: Side, data: bytes) -> None:
        """Bytes that are no HTTP and no frame."""
        self._put(Bytes, at_us, side=side, **self._carried(data, text=False))

    def fin(self, at_us: int, side: Side) -> None:
        """A side shut its direction, and the connection goes on."""
        self._put(Fin, at_us, side=side)

    def end(self, at_us: int, how: How, by: Side) -> None:
        """The connection ended."""
        self._put(End, at_us, how=how, by=by)
        self._writer.is_over(self)

    def settle(self) -> None:
        """Write the run of audio that is being gathered."""
        run, self._run = self._run, None
        if run is None:
            return
        offset: int | UnsetType = UNSET
        kept = run.kept
        if kept is not None:
            # All of it at once: what is cut in two by messages is no less of a secret.
            offset = self._writer.put_aside(kept)
        self._writer.write(run.entry(self.number, self._meter.position_us, offset))

    def _audio(self, at_us: int, data: Payload, pcm: bytes, frames: Sequence[int]) -> None:
        run = self._run
        if run is None:
            run = self._run = _Run(at_us, is_text=isinstance(data, str))
        payload = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
        run.add(at_us, len(payload), payload if self._keeps_audio else self._instead(data, pcm))
        if len(frames) > 1:
            run.frames = tuple(frames)
            self.settle()

    def _instead(self, data: Payload, pcm: bytes) -> bytes | None:
        """What is written instead of a message of audio; None: nothing."""
        if self._writer.header.audio == "dropped":
            return None
        noise = noise_like(pcm, self._meter.sample_rate, seed=self._meter.position_us)
        made = with_audio(data, pcm, noise)
        return made.encode() if isinstance(made, str) else made

    def _carried(self, data: bytes, *, text: bool) -> dict[str, object]:
        return carried(data, text=text, put_aside=self._writer.put_aside)

    def _put(self, kind: Callable[..., AnyEntry], at_us: int, **fields: Any) -> None:
        self.settle()
        self._writer.write(
            kind(interaction=self.number, at_us=at_us, audio_us=self._meter.position_us, **fields)
        )


class _Run:
    """Messages of audio that will be one entry.

    Attributes:
        frames: of a single message that came in several.
    """

    def __init__(self, at_us: int, *, is_text: bool) -> None:
        self.frames: tuple[int, ...] = ()
        self._is_text = is_text
        self._until_us = at_us + RUN_US
        self._times: list[int] = []
        self._sizes: list[int] = []
        self._kept: list[bytes] = []
        self._bytes = 0

    def takes(self, at_us: int, *, is_text: bool) -> bool:
        """Whether a message belongs to this run."""
        return (
            is_text is self._is_text
            and at_us < self._until_us
            and self._bytes < RUN_BYTES
            and len(self._times) < RUN_MESSAGES
        )

    def add(self, at_us: int, size: int, kept: bytes | None) -> None:
        """One message more, and what is kept of it."""
        self._times.append(at_us)
        self._sizes.append(size)
        if kept is not None:
            self._kept.append(kept)
        self._bytes += size

    @property
    def kept(self) -> bytes | None:
        """What is kept of all of them, one behind the other; None if one is left out."""
        return b"".join(self._kept) if len(self._kept) == len(self._sizes) else None

    def entry(self, number: int, position_us: int, offset: int | UnsetType) -> Audio:
        """The whole run; ``offset`` is where it is kept, ``position_us`` the position behind it."""
        times = self._times
        return Audio(
            interaction=number,
            at_us=times[0],
            audio_us=position_us,
            opcode="text" if self._is_text else "binary",
            sizes=tuple(self._sizes),
            gaps_us=tuple(map(sub, times[1:], times)),
            offset=offset,
            frames=self.frames,
        )
