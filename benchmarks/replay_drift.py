"""How far a replay at the recorded pace is from the recording, seen by the client.

The client sends audio at real pace, as it did then, to a server that thinks for a tenth of a
second. What is compared is how long each answer came after the message of audio that led to it.
What the machine does to either session counts as drift, too: so that is measured besides, by
recording the server a second time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.load import CHUNK_BYTES
from benchmarks.report import Row
from benchmarks.session import ANSWER_EVERY, audio, by_websockets
from benchmarks.session_servers import served_by
from sttkit.cassette.model import AnyEntry, Audio, Message
from sttkit.deck.files import load_cassette
from sttkit.recording import recording

TITLE = "Replaying at the recorded pace: a session of 24 s, 50 messages of audio a second"
SECONDS = 24.0
THINKS_S = "0.1"
EVERY_S = CHUNK_BYTES / 2 / 16000


def rows() -> Iterator[Row]:
    """The recording of a replay is compared with the recording that was replayed."""
    with TemporaryDirectory() as folder:
        original, twice, again = (Path(folder, f"{n}.jsonl") for n in ("first", "second", "replay"))
        with served_by("plain", THINKS_S) as server:
            record(server.url, original)
            record(server.url, twice)
        with served_by("replay", str(original), "exact") as replay:
            record(replay.url, again)
        yield Row("drift of the replay, 99th percentile", shown(original, again), "<= 2 ms")
        yield Row("the server's own, recorded twice: what the machine does", shown(original, twice))


def shown(one: Path, other: Path) -> str:
    """The drift between two recordings."""
    drift = sorted(map(abs, drifts(one, other)))
    p50, p99 = drift[len(drift) // 2], drift[int(len(drift) * 0.99)]
    return f"{p99 * 1e3:.2f} ms (median {p50 * 1e3:.2f} ms, {len(drift)} answers)"


def record(url: str, path: Path) -> None:
    """The session at real pace."""
    messages = audio()[: round(SECONDS / EVERY_S)]
    with recording(path, dialect="custom_stt", audio="drop"):
        asyncio.run(by_websockets(url, messages, EVERY_S))


def drifts(original: Path, again: Path) -> list[float]:
    """Seconds by which each answer came later than it had come, after what led to it."""
    return [late - usual for usual, late in zip(delays(original), delays(again), strict=True)]


def delays(path: Path) -> list[float]:
    """Seconds from the message of audio that led to an answer, to the answer."""
    entries = load_cassette(path).entries
    sent = [at for entry in entries for at in sent_at(entry)]
    answers = [e.at_us for e in entries if isinstance(e, Message) and e.side == "server"]
    causes = sent[ANSWER_EVERY - 1 :: ANSWER_EVERY]
    return [(at - cause) * 1e-6 for at, cause in zip(answers, causes, strict=True)]


def sent_at(entry: AnyEntry) -> list[int]:
    """When the messages of a run of audio were sent, microseconds."""
    if not isinstance(entry, Audio):
        return []
    return list(accumulate(entry.gaps_us, initial=entry.at_us))
