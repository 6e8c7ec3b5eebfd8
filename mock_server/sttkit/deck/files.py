"""Cassettes as files: ``NAME.jsonl``, and beside it ``NAME.audio`` where there is something in it.

    with Recording.begin(path, Header(version=VERSION, dialect="custom_stt"), guard) as recording:
        recording.writer.open(at_us, "wss://stt.example")
        recording.flush()        # once a second or so

All of it is written with the rights of the user only: a recording is somebody's voice.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from sttkit.cassette.format import MAX_ENTRIES, MAX_FILE_BYTES, dump, parse
from sttkit.cassette.model import Cassette, Header
from sttkit.cassette.raw import dialect_of
from sttkit.cassette.vcr import import_vcr
from sttkit.cassette.writing import CassetteWriter, Guard
from sttkit.errors import UsageError

MAX_BLOB_BYTES = 1 << 30
VCR_SUFFIXES = frozenset({".yaml", ".yml"})


def blob_path(path: Path) -> Path:
    """Where the bytes beside a cassette are."""
    return path.with_suffix(".audio")


def load_cassette(path: Path, *, name: str | None = None) -> Cassette:
    """The cassette in a file; messages call it ``name`` (default: the path).

    A YAML file is taken for one of VCR.py, and imported.

    Raises:
        UsageError: there is no such file, or it is no cassette that this kit can read.
    """
    said = name or str(path)
    beside = blob_path(path)
    data = _read(path, said, MAX_FILE_BYTES)
    if path.suffix in VCR_SUFFIXES:
        return import_vcr(data, name=said)
    blob = _read(beside, str(beside), MAX_BLOB_BYTES) if beside.exists() else None
    return parse(data, name=said, blob=blob)


def save_cassette(cassette: Cassette, path: Path) -> None:
    """Write a cassette, and what belongs beside it, in place of what was there.

    Raises:
        UsageError: it cannot be written.
    """
    if path.suffix in VCR_SUFFIXES:
        raise UsageError("a cassette is no YAML", where=str(path), expected="NAME.jsonl")
    beside = blob_path(path)
    try:
        if cassette.blob:
            _replace(beside, cassette.blob)
        _replace(path, dump(cassette))
        if not cassette.blob:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"cannot be written ({error.strerror})", where=str(path)) from None


class Recording:
    """A cassette that is being recorded.

    Attributes:
        writer: takes what happens.
    """

    def __init__(self, path: Path, lines: BinaryIO, header: Header, guard: Guard | None) -> None:
        self._beside = blob_path(path)
        self._lines = lines
        # From the start, so that a recording has the same descriptors all the time.
        self._blob = _create(self._beside)
        self._entries = self._line_bytes = self._blob_bytes = 0
        self.writer = CassetteWriter(header, self._write, self._put_aside, guard)
        self.flush()

    @classmethod
    def begin(cls, path: Path, header: Header, guard: Guard | None) -> Recording:
        """Begin a cassette, in place of what was there.

        Raises:
            UsageError: it cannot be written, or its dialect does not exist.
        """
        dialect_of(header.dialect, header.sample_rate)  # before there is a file
        try:
            lines = _create(path)
            return cls(path, lines, header, guard)
        except OSError as error:
            raise UsageError(f"cannot be written ({error.strerror})", where=str(path)) from None

    def flush(self) -> None:
        """Hand everything to the operating system, so that a crash of this process loses nothing.

        Call it about once a second; what lies beside the cassette goes first.
        """
        self.writer.settle()
        self._blob.flush()
        self._lines.flush()

    @property
    def size(self) -> int:
        """Bytes written so far, in both files."""
        return self._line_bytes + self._blob_bytes

    def close(self) -> None:
        """Finish the cassette."""
        self.flush()
        self.abandon()

    def abandon(self) -> None:
        """Write nothing more."""
        self._blob.close()
        self._lines.close()
        if not self._blob_bytes:
            self._beside.unlink(missing_ok=True)

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _write(self, lines: bytes) -> None:
        self._entries += lines.count(b"\n")
        self._line_bytes += len(lines)
        if self._entries > MAX_ENTRIES or self._line_bytes > MAX_FILE_BYTES:
            raise _full(f"{MAX_ENTRIES} entries and {MAX_FILE_BYTES} bytes")
        self._lines.write(lines)

    def _put_aside(self, data: bytes) -> None:
        self._blob_bytes += len(data)
        if self._blob_bytes > MAX_BLOB_BYTES:
            raise _full(f"{MAX_BLOB_BYTES} bytes of audio")
        self._blob.write(data)


def _read(path: Path, name: str, limit: int) -> bytes:
    try:
        if path.stat().st_size > limit:
            raise UsageError("too large", where=name, expected=f"at most {limit} bytes")
        return path.read_bytes()
    except FileNotFoundError:
        raise UsageError(
            "no such cassette", where=name, hint="record one: sttkit record URL CASSETTE"
        ) from None
    except OSError as error:
        raise UsageError(f"cannot be read ({error.strerror})", where=name) from None


def _full(limit: str) -> UsageError:
    return UsageError(
        "the cassette is full", expected=f"at most {limit}", hint="go on in another one"
    )


def _create(path: Path) -> BinaryIO:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    return os.fdopen(os.open(path, flags, 0o600), "wb")


def _replace(path: Path, data: bytes) -> None:
    draft = path.with_name(path.name + ".new")
    try:
        with _create(draft) as file:
            file.write(data)
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
