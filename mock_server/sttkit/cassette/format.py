"""Cassettes as text: JSON lines, read in one go and written entry by entry.

Reading is decoding into the classes of `sttkit.cassette.model` and nothing else: whatever a file
says, it is data. A file that is damaged, too large or newer than this kit is an error that names
file, line and what was expected; a file that ends too early is read as far as it is whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec
from msgspec import Raw, UnsetType

from sttkit.cassette.model import (
    VERSION,
    AnyEntry,
    Audio,
    Carrier,
    Cassette,
    End,
    Entry,
    Header,
    Message,
    Open,
    size_of,
)
from sttkit.cassette.versions import upgraded
from sttkit.errors import UsageError

MAX_FILE_BYTES = 256 << 20
MAX_LINE_BYTES = 8 << 20
MAX_ENTRIES = 1_000_000
MAX_INTERACTIONS = 10_000
MAX_DEPTH = 64
"""Of JSON in JSON; what is deeper is written as text."""
MAX_INLINE_BYTES = 1 << 20
"""Of data in a line; what is longer goes beside the cassette."""
MAX_RUN = 1000
"""Messages in one run of audio."""

_DATA_FIELDS = ("json", "text", "base64", "blob", "size")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_BRACKET = re.compile(rb"[][{}]")

_encode = msgspec.json.Encoder().encode
_encode_lines = msgspec.json.Encoder().encode_lines
_decode_header = msgspec.json.Decoder(Header).decode
_decode_entry = msgspec.json.Decoder(AnyEntry).decode
_decode_any = msgspec.json.Decoder().decode
_raw_lines = msgspec.json.Decoder(Raw).decode_lines


# --- reading ----------------------------------------------------------------------------------


def parse(data: bytes, *, name: str = "<cassette>", blob: bytes | None = None) -> Cassette:
    """The cassette in a file's bytes; ``blob`` is what is kept beside it, if that is at hand.

    Raises:
        UsageError: it is no cassette, damaged, too large, or newer than this kit.
    """
    if len(data) > MAX_FILE_BYTES:
        raise UsageError("too large", where=name, expected=f"at most {MAX_FILE_BYTES} bytes")
    try:
        data.decode()
    except UnicodeDecodeError as error:
        if b"\n" in data[error.start :] or error.end < len(data):
            bad = data.count(b"\n", 0, error.start) + 1
            raise UsageError("not UTF-8", where=f"{name}:{bad}", expected="JSON lines") from None
    lines = data.split(b"\n")
    rest = lines.pop()
    cut = f"line {len(lines) + 1} is not whole" if rest else None
    if not lines:
        raise UsageError("no whole line", where=f"{name}:1", expected=_HEADER_EXAMPLE)
    if len(lines) > MAX_ENTRIES + 1:
        raise UsageError("too many lines", where=name, expected=f"at most {MAX_ENTRIES}")
    header, lines = _header_and_lines(lines, name)
    judge = _Judge(name, blob)
    for number, line in enumerate(lines, start=2):
        entry = _entry_of(line, f"{name}:{number}")
        if judge.is_beyond_blob(entry):
            cut = f"the data of line {number} is not whole"
            break
        judge.take(entry, number)
    return Cassette(header, tuple(judge.entries), blob, cut, name)


_HEADER_EXAMPLE = f'a header such as {{"sttkit-cassette":{VERSION}}}'


def _header_and_lines(lines: list[bytes], name: str) -> tuple[Header, list[bytes]]:
    where = f"{name}:1"
    head = _bounded(lines[0], where)
    try:
        raw = _decode_any(head)
    except (msgspec.DecodeError, RecursionError) as error:
        raise UsageError(f"not JSON ({error})", where=where, expected=_HEADER_EXAMPLE) from None
    version = raw.get("sttkit-cassette") if isinstance(raw, dict) else None
    if isinstance(version, bool) or not isinstance(version, int):
        raise UsageError("no cassette", where=where, expected=_HEADER_EXAMPLE)
    if version > VERSION:
        raise UsageError(
            f"format {version} is newer than this kit",
            where=where,
            expected=f"format {VERSION} or older",
            hint="install a newer sttkit",
        )
    if version < VERSION:
        lines = upgraded(lines, version, name)
    try:
        return _decode_header(lines[0]), lines[1:]
    except msgspec.DecodeError as error:
        raise UsageError(str(error), where=where, expected=_HEADER_EXAMPLE) from None


def _bounded(line: bytes, where: str) -> bytes:
    if len(line) > MAX_LINE_BYTES:
        raise UsageError("a line too long", where=where, expected=f"at most {MAX_LINE_BYTES} bytes")
    if _is_too_deep(line):
        raise UsageError("nested too deeply", where=where, expected=f"at most {MAX_DEPTH} levels")
    return line


def _entry_of(line: bytes, where: str) -> AnyEntry:
    try:
        entry: AnyEntry = _decode_entry(_bounded(line, where))
        return entry
    except msgspec.ValidationError as error:
        raise UsageError(
            f"no entry: {error}", where=where, expected="an entry as in cassettes/FORMAT.md"
        ) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise UsageError(f"not JSON ({error})", where=where, expected="one entry") from None


def _is_too_deep(line: bytes) -> bool:
    if line.count(b"{") + line.count(b"[") <= MAX_DEPTH:
        return False
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", line)):
        depth += 1 if bracket in b"{[" else -1
        if depth > MAX_DEPTH:
            return True
    return False


class _Judge:
    """Looks at entries in their order: what single lines cannot tell."""

    def __init__(self, name: str, blob: bytes | None) -> None:
        self._name = name
        self._blob_bytes = None if blob is None else len(blob)
        self._last: list[AnyEntry] = []
        self.entries: list[AnyEntry] = []

    def is_beyond_blob(self, entry: AnyEntry) -> bool:
        if self._blob_bytes is None:
            return False
        if isinstance(entry, Audio) and not isinstance(entry.offset, UnsetType):
            return entry.offset + sum(entry.sizes) > self._blob_bytes
        if isinstance(entry, Carrier) and not isinstance(entry.blob, UnsetType):
            return sum(entry.blob) > self._blob_bytes
        return False

    def take(self, entry: AnyEntry, line: int) -> None:
        problem = self._order_problem(entry) or _problem_of(entry)
        if problem is not None:
            what, expected = problem
            raise UsageError(what, where=f"{self._name}:{line}", expected=expected)
        if entry.interaction < len(self._last):
            self._last[entry.interaction] = entry
        else:
            self._last.append(entry)
        self.entries.append(entry)

    def _order_problem(self, entry: AnyEntry) -> tuple[str, str] | None:
        number = entry.interaction
        known = len(self._last)
        if isinstance(entry, Open):
            if number != known:
                return f"interaction {number} is opened", f"interaction {known}"
            if number >= MAX_INTERACTIONS:
                return "too many interactions", f"at most {MAX_INTERACTIONS}"
            return None
        if number >= known:
            return f"interaction {number} was not opened", "an entry of kind open before"
        last = self._last[number]
        if isinstance(last, End):
            return f"interaction {number} has ended", "nothing behind an entry of kind end"
        if entry.at_us < last.at_us:
            return f"at_us goes back to {entry.at_us}", f"{last.at_us} or more"
        if entry.audio_us < last.audio_us:
            return f"audio_us goes back to {entry.audio_us}", f"{last.audio_us} or more"
        return None


def _problem_of(entry: AnyEntry) -> tuple[str, str] | None:
    if isinstance(entry, Audio):
        count = len(entry.sizes)
        if not 1 <= count <= MAX_RUN:
            return f"a run of {count} messages", f"1 to {MAX_RUN}"
        if len(entry.gaps_us) != count - 1:
            return f"{len(entry.gaps_us)} gaps", f"{count - 1}, one between each two messages"
        if entry.frames and (count > 1 or sum(entry.frames) != entry.sizes[0]):
            return "frames that do not add up", "the frames of a single message"
    elif isinstance(entry, Carrier):
        fields = [name for name in _DATA_FIELDS if not isinstance(getattr(entry, name), UnsetType)]
        if len(fields) > 1:
            return f"data in {' and '.join(fields)}", "data in one of: " + ", ".join(_DATA_FIELDS)
        if isinstance(entry, Message) and entry.frames and sum(entry.frames) != size_of(entry):
            return "frames that do not add up", f"{size_of(entry)} bytes in all"
        if not isinstance(entry.json, UnsetType) and not bytes(entry.json).startswith(b"{"):
            return "json that is no object", "an object"
    return None


# --- writing ----------------------------------------------------------------------------------


def line_of(item: Header | Entry) -> bytes:
    """A header or entry as a line of the file."""
    return _encode(item) + b"\n"


def lines_of(entries: Sequence[Entry]) -> bytes:
    """Entries as lines of the file."""
    return _encode_lines(entries)


def dump(cassette: Cassette) -> bytes:
    """The file that `parse` turns into the same cassette; its blob is a file of its own."""
    return b"".join(map(line_of, (cassette.header, *cassette.entries)))


def carried(data: bytes, *, text: bool, put_aside: Callable[[bytes], int]) -> dict[str, object]:
    """The fields of a `Carrier` that carry ``data``, in the one form the format has for it.

    ``put_aside`` keeps bytes beside the cassette and says where.
    """
    if not data:
        return {}
    if len(data) > MAX_INLINE_BYTES:
        return {"blob": (put_aside(data), len(data))}
    if text:
        if are_json_lines((data,)):
            return {"json": Raw(data)}
        try:
            return {"text": data.decode()}
        except UnicodeDecodeError:  # as a fault may send it
            pass
    return {"base64": data}


def are_json_lines(texts: Sequence[bytes]) -> bool:
    """Whether each of some texts is carried as JSON; false if there is none."""
    for text in texts:
        if text[:1] != b"{" or text[-1:] != b"}" or len(text) > MAX_INLINE_BYTES:
            return False
        # One level of nesting is the line's own.
        if text.count(b"{") + text.count(b"[") >= MAX_DEPTH and _is_too_deep(b"[" + text):
            return False
    lines = b"\n".join(texts)
    if b"\r" in lines or lines.count(b"\n") >= len(texts):
        return False
    try:
        lines.decode()
        # What ends with "}" is not continued by what begins with "{": as many values as lines are
        # one in each.
        return len(_raw_lines(lines)) == len(texts) > 0
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        return False
