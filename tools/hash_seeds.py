"""Play cases in many processes, each with another PYTHONHASHSEED, and compare all the traces.

    python tools/hash_seeds.py                      # 20 values, 50 runs each, two plugins
    python tools/hash_seeds.py --values 2 --runs 5 deepgram reset@mid-utterance.2

A busy process runs beside them, so that they are interrupted at other places each time. With
`--conditions` the processes differ in more than the seed: development mode, DEBUG logging to a
file, a tracer on every line.

Exit status: 0 if there was one trace for each case, 1 if there were several.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random
from types import FrameType
from typing import Any, NamedTuple

CASES = (
    ("custom_stt", "close=1011@mid-utterance.2+second-stream+update-options"),
    ("deepgram", "reset@mid-utterance.2/http=503@connecting+second-stream+close-http-session"),
)
"""Played unless others are named: faults, retries, and two streams that are kept in sets."""
CONDITIONS = ("plain", "dev", "debug", "traced")


Pair = tuple[str, str]
"""A target and a case."""


class Played(NamedTuple):
    """What one process came to: how often it saw which trace, and seconds of CPU time."""

    hashes: list[Counter[str]]
    cpu_s: float


def play(target: str, case: str, runs: int) -> Counter[str]:
    """Hashes of the traces of ``runs`` runs in this process."""
    from sttkit.conformance.casework import script_of
    from sttkit.conformance.surveying import survey, target_of
    from sttkit.worlds.simulated import play as play_simulated

    survey(target)
    script = script_of(case, 0)
    return Counter(play_simulated(target_of(target), script).trace.sha256() for _ in range(runs))


def play_elsewhere(pairs: Sequence[Pair], runs: int, seed: int, condition: str) -> Played:
    """All of them in a process of its own, with this PYTHONHASHSEED."""
    options = ["-X", "dev"] if condition == "dev" else []
    named = [word for pair in pairs for word in pair]
    worker = [__file__, "--worker", condition, "--runs", str(runs), *named]
    done = subprocess.run(
        [sys.executable, *options, *worker],
        env={**os.environ, "PYTHONHASHSEED": str(seed)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"PYTHONHASHSEED={seed}, {condition}:\n{done.stderr}")
    said = json.loads(done.stdout.splitlines()[-1])
    return Played([Counter(each) for each in said["hashes"]], said["cpu_s"])


def work(pairs: Sequence[Pair], runs: int, condition: str) -> None:
    """What such a process does."""
    with tempfile.TemporaryFile("w") as log:
        if condition == "debug":
            logging.basicConfig(level=logging.DEBUG, stream=log)
        if condition == "traced":
            sys.settrace(_trace)
        hashes = [play(target, case, runs) for target, case in pairs]
        sys.settrace(None)
    print(json.dumps({"hashes": hashes, "cpu_s": time.process_time()}))


def _trace(frame: FrameType, event: str, argument: object) -> Any:
    return _trace


@contextmanager
def busy_process() -> Iterator[None]:
    """A process that computes without end, beside ours."""
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        busy.kill()
        busy.wait()


def main(arguments: list[str] | None = None) -> int:
    """Play, compare, tell."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("cases", nargs="*", metavar="TARGET CASE", help="instead of two of its own")
    parser.add_argument("--values", type=int, default=20, help="of PYTHONHASHSEED (default: 20)")
    parser.add_argument("--runs", type=int, default=50, help="in each process (default: 50)")
    parser.add_argument("--conditions", action="store_true", help="more than the seed differs")
    parser.add_argument("--worker", choices=CONDITIONS, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if len(given.cases) % 2:
        parser.error("a target without a case")
    pairs = list(zip(given.cases[::2], given.cases[1::2], strict=True)) or CASES
    if given.worker:
        work(pairs, given.runs, given.worker)
        return 0
    seeds = [0, *(Random(0).sample(range(1, 2**32), given.values - 1))]
    seen: list[Counter[str]] = [Counter() for _ in pairs]
    cpu_s = 0.0
    with busy_process():
        for number, seed in enumerate(seeds):
            condition = CONDITIONS[number % len(CONDITIONS)] if given.conditions else "plain"
            played = play_elsewhere(pairs, given.runs, seed, condition)
            cpu_s += played.cpu_s
            for counter, hashes in zip(seen, played.hashes, strict=True):
                counter.update(hashes)
    for (target, case), hashes in zip(pairs, seen, strict=True):
        runs = sum(hashes.values())
        print(f"{target} {case}: {runs} runs in {len(seeds)} processes, {len(hashes)} trace(s)")
        if len(hashes) > 1:
            for digest, times in hashes.most_common():
                print(f"  {times:5} times {digest}")
    print(f"{cpu_s:.0f} s of CPU time")
    return int(any(len(hashes) > 1 for hashes in seen))


if __name__ == "__main__":
    sys.exit(main())
