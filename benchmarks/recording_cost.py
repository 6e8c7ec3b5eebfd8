"""CPU and bytes of recording a session in process, redaction on, beside the session by itself."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.report import Row
from benchmarks.session import CHUNK_BYTES, CLIENTS, MESSAGES, Cost, audio, plain_server
from sttkit.cassette.redacting import AudioPolicy
from sttkit.deck.files import blob_path
from sttkit.recording import recording

TITLE = "Recording a session in process: 3000 x 640 bytes up, 300 JSON down, as fast as they go"
PAIRS = 9
RAW_BYTES = MESSAGES * CHUNK_BYTES


@dataclass(frozen=True)
class Pair:
    """A session, and the same recorded."""

    direct: Cost
    recorded: Cost

    @property
    def ratio(self) -> float:
        """CPU of the second as a multiple of the first."""
        return self.recorded.cpu_s / self.direct.cpu_s


def rows() -> Iterator[Row]:
    """Pairs in one run, so that the machine's mood is the same for both."""
    with TemporaryDirectory() as folder, plain_server() as url:
        path = Path(folder, "session.jsonl")
        for client in CLIENTS:
            pairs = sorted((pair(client, url, path) for _ in range(PAIRS)), key=lambda p: p.ratio)
            middle = pairs[PAIRS // 2]
            cpu = f"{middle.direct.cpu_s * 1e3:.0f} and {middle.recorded.cpu_s * 1e3:.0f} ms CPU"
            yield Row(
                f"{client}: recorded over direct (median of {PAIRS} pairs)",
                f"{middle.ratio:.2f} ({cpu})",
                "<= 1.5",
            )
        size = path.stat().st_size + blob_path(path).stat().st_size
        yield Row("on disk with audio, over the bytes of it", f"{size / RAW_BYTES:.2f}", "<= 1.1")
        recorded("aiohttp", url, path, "drop")
        yield Row("on disk without audio", f"{path.stat().st_size / 1e3:.0f} kB", "<= 150 kB")


def pair(client: str, url: str, path: Path) -> Pair:
    """One after the other."""
    direct = asyncio.run(CLIENTS[client](url, audio(), 0.0))
    gc.collect()
    return Pair(direct, recorded(client, url, path, "keep"))


def recorded(client: str, url: str, path: Path, policy: AudioPolicy) -> Cost:
    """The session, recorded."""
    messages = audio()
    with recording(path, dialect="custom_stt", audio=policy):
        return asyncio.run(CLIENTS[client](url, messages, 0.0))
