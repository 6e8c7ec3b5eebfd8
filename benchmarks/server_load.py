"""CPU of the fake server per message, journal on, beside a bare ``websockets`` echo server."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import dataclass

from benchmarks.load import CHUNK_BYTES, RATE_HZ, masked_frame, run_load
from sttkit.audio.speech import speech
from sttkit.audio.synth import render


@dataclass(frozen=True)
class Measured:
    """One subject under one load: CPU seconds per message, and the share of a core it took."""

    cpu_per_message: float
    core_share: float
    lateness: float


def measure(subject: str, *, streams: int, seconds: float) -> Measured:
    """Run ``subject`` in a process of its own under a load from this one."""
    said = speech("hello there friend", "how are you today").with_encore(60)
    pcm = render(said, 16000)
    frames = [
        masked_frame(2, pcm[at : at + CHUNK_BYTES])
        for at in range(0, min(len(pcm), 20 * 32000) - CHUNK_BYTES, CHUNK_BYTES)
    ]
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.subjects", subject],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        port = int(process.stdout.readline())
        process.stdin.write("\n")
        process.stdin.flush()
        sent, took = asyncio.run(run_load(port, frames, streams=streams, seconds=seconds))
        process.stdin.write("\n")
        process.stdin.flush()
        report = json.loads(process.stdout.readline())
    return Measured(report["cpu_s"] / sent, report["cpu_s"] / took, took / seconds)


def main() -> list[tuple[str, str]]:
    """The rows of the report."""
    pairs = [
        (measure("fake", streams=200, seconds=4), measure("echo", streams=200, seconds=4))
        for _ in range(3)
    ]
    pairs.sort(key=lambda pair: pair[0].cpu_per_message / pair[1].cpu_per_message)
    fake, echo = pairs[len(pairs) // 2]
    many = measure("fake", streams=500, seconds=4)
    holds = 1 / (fake.cpu_per_message * RATE_HZ)
    return [
        (
            "fake server, 200 streams x 50 msg/s, journal on",
            f"{fake.cpu_per_message * 1e6:.0f} us CPU per message",
        ),
        (
            "bare websockets echo server, same load",
            f"{echo.cpu_per_message * 1e6:.0f} us CPU per message",
        ),
        (
            "ratio (median of 3 pairs; goal <= 2)",
            f"{fake.cpu_per_message / echo.cpu_per_message:.2f}",
        ),
        (
            "500 streams x 50 msg/s on one core",
            f"{many.core_share:.0%} of a core, {many.lateness:.2f} x the load's time",
        ),
        ("streams one core holds, by CPU per message (goal >= 500)", f"{holds:.0f}"),
    ]
