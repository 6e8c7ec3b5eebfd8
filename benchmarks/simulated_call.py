"""An hour of a call in virtual time, as a multiple of real time, beside others' virtual time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks import peers
from benchmarks.report import Row

TITLE = "An hour of a call in virtual time, on one core (12 line breaks, 5 interims/s; best of 3)"
HOUR_S = 3600.0
PEER_S = 300.0
"""Peers get five minutes, and no line break, which is enough to see how fast they are."""
TIMES = 3
"""Each call is had so often, and the best taken: what else the machine does only adds to it."""


def call(
    world: str,
    target: str,
    seconds: float,
    frame_ms: int,
    environment: Mapping[str, str] = os.environ,
) -> dict[str, Any]:
    """A call in a process of its own; see `benchmarks.calling`.

    Raises:
        RuntimeError: the plugin did not deliver nearly all there was to hear, so that its time
            says nothing.
    """
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.calling", world, target, str(seconds), str(frame_ms)],
        capture_output=True,
        text=True,
        env=dict(environment),
    )
    if done.returncode:
        raise RuntimeError(f"{world} {target}: {done.stderr.strip().splitlines()[-1]}")
    cost: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    interims = cost["events"].get("interim_transcript", 0)
    if interims < 4.5 * seconds:
        raise RuntimeError(f"{world} {target}: {interims} interims in {seconds:.0f} s")
    return cost


def rows() -> Iterator[Row]:
    """The kit with several plugins, then the peers with one."""
    for target, frame_ms, named, goal in (
        ("deepgram", 20, "livekit-plugins-deepgram (aiohttp), 50 frames/s", ">= 600 x"),
        ("deepgram", 100, "livekit-plugins-deepgram (aiohttp), 10 frames/s", ">= 900 x"),
        ("custom_stt", 20, "the reference plugin (aiohttp), 50 frames/s", ""),
        ("plain", 20, "a small plugin over websockets, 50 frames/s", ""),
    ):
        yield Row(named, _speed("simulated", target, HOUR_S, frame_ms), goal)
    yield Row(
        "deepgram, 50 frames/s, LiveKit's approach (a selector over loopback)",
        _speed("jumping", "deepgram", PEER_S, 20),
    )
    looptime = peers.environment("looptime")
    if looptime is None:
        yield Row("deepgram, 50 frames/s, looptime over loopback", "could not be installed")
    else:
        yield Row(
            "deepgram, 50 frames/s, looptime over loopback",
            _speed("looptime", "deepgram", PEER_S, 20, looptime),
        )


def _speed(
    world: str,
    target: str,
    seconds: float,
    frame_ms: int,
    environment: Mapping[str, str] = os.environ,
) -> str:
    costs = (call(world, target, seconds, frame_ms, environment) for _ in range(TIMES))
    cpu_s: float = min(cost["cpu_s"] for cost in costs)
    return f"{seconds / cpu_s:.0f} x real time ({cpu_s:.1f} s CPU)"
