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

Everything is handed to ``write`` as whole lines in their order, many at once, since looking for
secrets in many costs little more than in one; messages of audio are gathered into runs of at most a
second. Who flushes after a `settle` each second loses at most the last second in a crash: bytes
kept aside are handed over before the lines that speak of them, and must reach the disk so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from msgspec import UNSET, Raw, UnsetType

from sttkit.cassette.anonymous import noise_like, with_audio
from sttkit.cassette.format import MAX_INTERACTIONS, are_json_lines, carried, line_of, lines_of
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
from sttkit.cassette.runs import AudioRun
from sttkit.dialects.model import Dialect
from sttkit.dialects.model import Message as Payload
from sttkit.dialects.model import Request as DialectRequest
from sttkit.errors import UsageError
from sttkit.events import Audio as HeardAudio

HELD_ENTRIES, HELD_BYTES = 100, 1 << 16
"""How much is handed over at once: no more than processors and searches deal with quickly."""

_TEXTUAL = ("json", "text/", "x-www-form-urlencoded", "xml")


class Guard(Protocol):
    """Keeps secrets out of what is written (see `sttkit.cassette.redact`)."""

    def entry(self, entry: AnyEntry) -> AnyEntry:
        """``entry`` without secrets."""
        ...

    def aside(self, data: bytes) -> bytes:
        """Bytes to be kept beside the cassette, without secrets; as long as before."""
        ...

    def is_clean(self, documents: bytes) -> bool:
        """Whether there is certainly no secret in some documents, a line each.

        That spares looking at each of them, as an entry and as a line of the cassette.
        """
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
        self._entries: list[AnyEntry] = []
        self._asides: list[bytes] = []
        self._offset = self._put_bytes = 0
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
        """Hand over all that is being gathered.

        Raises:
            UsageError: there is a secret in it that cannot be removed.
        """
        for interaction in self._open:
            interaction.settle()
        self._hand_over()

    def write(self, item: AnyEntry | Header) -> None:
        """Write a line, before the next `settle` is over.

        Raises:
            UsageError: there is a secret in what was written so far that cannot be removed.
        """
        if type(item) is Audio or (type(item) is Message and item.json is not UNSET):
            self._entries.append(item)
            if len(self._entries) >= HELD_ENTRIES:
                self._hand_over()
        else:  # there are few of these, and later ones may repeat the secrets of a request
            self._hand_over()
            self._write_line(item)

    def put_aside(self, *pieces: bytes) -> int:
        """Keep bytes beside the cassette, one behind the other; returns where they begin."""
        offset, size = self._offset, sum(map(len, pieces))
        self._asides += pieces
        self._offset += size
        self._put_bytes += size
        if self._put_bytes > HELD_BYTES:
            self._hand_over_asides()
        return offset

    def _hand_over(self) -> None:
        self._hand_over_asides()
        entries, self._entries = self._entries, []
        if not entries:
            return
        # All else in these is numbers and names of ours.
        documents = b"\n".join(
            [one.json for one in entries if isinstance(one, Message) and one.json is not UNSET]
        )
        if self._guard is None or self._guard.is_clean(documents):
            self._write(lines_of(entries))
        else:
            for entry in entries:
                self._write_line(entry)

    def _write_line(self, item: AnyEntry | Header) -> None:
        guard = self._guard
        if guard is None:
            self._write(line_of(item))
            return
        line = line_of(item if isinstance(item, Header) else guard.entry(item))
        guard.line(line)
        self._write(line)

    def _hand_over_asides(self) -> None:
        if self._asides:
            data = b"".join(self._asides)
            self._asides.clear()
            self._put_bytes = 0
            self._put_aside(data if self._guard is None else self._guard.aside(data))

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
        self._audio_is = writer.header.audio
        self._meter = Meter(writer.dialect)
        self._run: AudioRun | None = None
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
        self._put(
            Request, at_us, method=method, path=path, query=pairs or (), headers=headers or ()
        )

    def response(self, at_us: int, status: int, reason: str = "", headers: Pairs = ()) -> None:
        """The server's answer."""
        # Only `()` itself is left out, and on Python 3.10 there are other empty tuples.
        self._put(Response, at_us, status=status, reason=reason, headers=headers or ())

    def body(self, at_us: int, side: Side, data: bytes) -> None:
        """A piece of a body, unchunked. A client's that is no text counts as audio."""
        if side == "client" and not self._textual_body:
            if self._audio_is == "kept":
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

    def binaries(self, times: Sequence[int], payloads: Sequence[bytes]) -> None:
        """Whole binary messages of the client, all of one size, as most of a session are.

        The same as `message` for each, but quicker.
        """
        at, count, size = 0, len(payloads), len(payloads[0])
        if self._audio_is == "replaced" or not self._meter.is_pcm(size):
            for at_us, data in zip(times, payloads, strict=True):
                self.message(at_us, "client", data)
            return
        while at < count:
            run = self._run
            if run is None or not run.takes(times[at], is_text=False):
                self.settle()
                run = self._run = AudioRun(times[at], is_text=False)
            end = at + run.room(times, at, size)
            run.add_all(times[at:end], size, payloads[at:end] if self._audio_is == "kept" else ())
            self._meter.hear_pcm(size * (end - at))
            at = end

    def answers(self, at_us: int, texts: Sequence[bytes]) -> bool:
        """Whole text messages of the server that came at once, if all are JSON, as most are.

        The same as `message` for each, but quicker. False: they are to go that way.
        """
        if not are_json_lines(texts):
            return False
        self.settle()
        number, audio_us, write = self.number, self._meter.position_us, self._writer.write
        for text in texts:
            write(
                Message(
                    interaction=number,
                    at_us=at_us,
                    audio_us=audio_us,
                    side="server",
                    json=Raw(text),
                )
            )
        return True

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
            offset = self._writer.put_aside(*kept)
        self._writer.write(run.entry(self.number, self._meter.position_us, offset))

    def _audio(self, at_us: int, data: Payload, pcm: bytes, frames: Sequence[int]) -> None:
        run = self._run
        if run is None:
            run = self._run = AudioRun(at_us, is_text=isinstance(data, str))
        payload = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
        kept = payload if self._audio_is == "kept" else self._instead(data, pcm)
        run.add(at_us, len(payload), kept)
        if len(frames) > 1:
            run.frames = tuple(frames)
            self.settle()

    def _instead(self, data: Payload, pcm: bytes) -> bytes | None:
        """What is written instead of a message of audio; None: nothing."""
        if self._audio_is == "dropped":
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
