"""One server under one load, both in processes of their own, on cores of their own if possible."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

from benchmarks.load import Seen

SLOW_S = 0.05
"""A generator that is further behind its plan in the end has given out itself."""


@dataclass(frozen=True)
class Measured:
    """What the server says of itself, and the generator of both.

    Attributes:
        cpu_s: seconds of CPU time of the server, from the first message to the last pong.
        entries: records that its journal grew by.
        bytes: what its memory grew by.
        seen: by the generator.
    """

    cpu_s: float
    entries: int
    bytes: int
    seen: Seen

    @property
    def cpu_per_message(self) -> float:
        """Seconds of CPU time that the server took for each message."""
        return self.cpu_s / self.seen.sent

    @property
    def core_share(self) -> float:
        """Part of a core that the server took."""
        return self.cpu_s / self.seen.took

    @property
    def generator_gave_out(self) -> bool:
        """Whether the load was less than asked for, so that nothing is proven."""
        return self.seen.late > SLOW_S


def measure(subject: str, *, streams: int, seconds: float) -> Measured:
    """Run a server of `benchmarks.subjects` under a load of so many streams."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.subjects", subject],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        with subprocess.Popen(
            [sys.executable, "-m", "benchmarks.load", port, str(streams), str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as load:
            assert load.stdout is not None
            load.stdout.readline()
            _go_on(server)
            _go_on(load)
            seen = Seen(**json.loads(load.stdout.readline()))
            _go_on(server)
        return Measured(seen=seen, **json.loads(server.stdout.readline()))


def _go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
