"""``python -m benchmarks [NAME…]``: run all or some, print a table of each as it comes."""

from __future__ import annotations

import argparse
import os
import platform
import time
from importlib import import_module

BENCHMARKS = (
    "server_cost",
    "server_streams",
    "simulated_call",
    "simulated_memory",
    "check_plan",
    "search",
    "recording_cost",
    "replay_speed",
    "replay_drift",
    "proxy_cost",
    "cassette_memory",
)


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    names = parser.parse_args().names or BENCHMARKS
    for name in names:
        if name not in BENCHMARKS:
            parser.error(f"no benchmark {name!r}; there are {', '.join(BENCHMARKS)}")
    print(
        f"sttkit benchmarks - Python {platform.python_version()}, {platform.machine()}, "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    for name in names:
        benchmark = import_module(f"benchmarks.{name}")
        print(f"\n{benchmark.TITLE}  [{name}]", flush=True)
        began = time.monotonic()
        for row in benchmark.rows():
            print(row, flush=True)
        print(f"  took {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
