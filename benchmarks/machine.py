"""The machine: cores, descriptors and memory."""

from __future__ import annotations

import os
import resource
from pathlib import Path


def allow_many_files() -> None:
    """As many descriptors as this process may have: a thousand streams are a thousand sockets."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def keep_to_core(number: int) -> None:
    """Run on this core only, where the system lets us choose and there are several."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[number % len(cores)]})


def resident_bytes() -> int:
    """Memory that this process holds now; where that cannot be asked, the most it ever held."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except (OSError, ValueError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
