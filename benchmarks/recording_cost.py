"""CPU and bytes of recording a session in process, redaction on, beside the session by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks import cassetter_session
from benchmarks.load import CHUNK_BYTES
from benchmarks.report import Row
from benchmarks.session import CLIENTS, MESSAGES, Cost, audio, cost_of
from benchmarks.session_servers import served_by
from sttkit.cassette.redacting import AudioPolicy
from sttkit.deck.files import blob_path
from sttkit.recording import recording

TITLE = "Recording a session in process: 3000 x 640 bytes up, 300 JSON down, as fast as they go"
PAIRS = 11
RAW_BYTES = MESSAGES * CHUNK_BYTES


def rows() -> Iterator[Row]:
    """Pairs in one run, so that the machine's mood is the same for both."""
    with TemporaryDirectory() as folder, served_by("plain") as server:
        path = Path(folder, "session.jsonl")
        for client in CLIENTS:
            pairs = [
                (direct(client, server.url), recorded(client, server.url, path, "keep"))
                for _ in range(PAIRS)
            ]
            pairs.sort(key=lambda pair: pair[1].cpu_s / pair[0].cpu_s)
            without, made = pairs[PAIRS // 2]
            yield Row(
                f"{client}: CPU recorded over direct (median of {PAIRS} pairs)",
                f"{made.cpu_s / without.cpu_s:.2f} "
                f"({made.cpu_s * 1e3:.0f} and {without.cpu_s * 1e3:.0f} ms)",
                "<= 1.5",
            )
        peer = cassetter_session.told(server.url, PAIRS)
        if peer is None:
            yield Row(cassetter_session.WHAT, "could not be installed")
        else:
            ratio = median(
                made / bare for (bare, _), (made, _) in zip(peer.direct, peer.recorded, strict=True)
            )
            yield Row(f"{cassetter_session.WHAT}: CPU recorded over direct", f"{ratio:.2f}")
            yield Row(
                f"{cassetter_session.WHAT}: on disk, over the bytes of the audio",
                f"{peer.size / RAW_BYTES:.2f}",
            )
        size = path.stat().st_size + blob_path(path).stat().st_size
        yield Row("on disk with audio, over the bytes of it", f"{size / RAW_BYTES:.2f}", "<= 1.1")
        recorded("aiohttp", server.url, path, "drop")
        yield Row("on disk without audio", f"{path.stat().st_size / 1e3:.0f} kB", "<= 150 kB")


def direct(client: str, url: str) -> Cost:
    """The session by itself."""
    messages = audio()
    return cost_of(lambda: asyncio.run(CLIENTS[client](url, messages, 0.0)))


def recorded(client: str, url: str, path: Path, policy: AudioPolicy) -> Cost:
    """The session recorded, from before the cassette is begun until it is whole."""
    messages = audio()
    for old in (path, blob_path(path)):  # to give its pages back is no part of recording
        old.unlink(missing_ok=True)

    def have() -> None:
        with recording(path, dialect="custom_stt", audio=policy):
            asyncio.run(CLIENTS[client](url, messages, 0.0))

    return cost_of(have)
