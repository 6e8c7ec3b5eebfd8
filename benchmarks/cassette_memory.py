"""What memory grows by over 200,000 messages: recording in process, by proxy, and replaying.

Each is measured after a tenth of them and at the end: what only the first tenth takes is no growth.
A server that replays is measured over 200,000 more, since it takes so many to fill its journal,
which is bounded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.machine import resident_bytes
from benchmarks.recording_cost import recorded
from benchmarks.report import Row
from benchmarks.session import MESSAGES, audio, by_websockets
from benchmarks.session_servers import served_by
from sttkit.recording import recording

TITLE = "Memory over 200,000 messages of cassettes"
SESSIONS = 67
"""Sessions' worth of messages: 201,000."""
TENTH = 7


def rows() -> Iterator[Row]:
    """Recording in one long session each; replaying the same cassette again and again."""
    goal = "<= 5 MB"
    with TemporaryDirectory() as folder, served_by("plain") as server:
        path = Path(folder, "session.jsonl")
        yield Row("recording in process", grown(*recorded_long(server.url, path)), goal)
        with served_by("proxy", server.url, str(path)) as proxy:
            held = []
            for sessions in (TENTH, SESSIONS - TENTH):
                asyncio.run(by_websockets(proxy.url, audio() * sessions))
                held.append(proxy.cost()[1])
            yield Row("sttkit record", grown(*held), goal)
        recorded("websockets", server.url, path, "keep")
        with served_by("replay", str(path), "asap") as replay:
            held = []
            for _ in range(2 * SESSIONS):
                asyncio.run(by_websockets(replay.url, audio()))
                held.append(replay.cost()[1])  # and it starts over: that session is done with
            before, end = held[SESSIONS - 1], held[-1]
            yield Row("sttkit replay", grown(before, end, first=SESSIONS, last=2 * SESSIONS), goal)


def recorded_long(url: str, path: Path) -> tuple[int, int]:
    """Bytes held after a tenth, and at the end, before the cassette is closed."""
    held: list[int] = []
    with recording(path, dialect="custom_stt"):
        for sessions in (TENTH, SESSIONS - TENTH):
            asyncio.run(by_websockets(url, audio() * sessions))
            held.append(resident_bytes())
    return held[0], held[1]


def grown(before: int, end: int, *, first: int = TENTH, last: int = SESSIONS) -> str:
    """How much was held more at the end, after the ``last`` session, than after the ``first``."""
    messages = f"{first * MESSAGES:,} to {last * MESSAGES:,}"
    return f"+{max(0, end - before) / 1e6:.1f} MB from {messages} messages"
