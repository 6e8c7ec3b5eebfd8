"""What a search costs, CPU: examples of half a minute with two faults, and a planted bug.

The best of three, each in a process of its own: what else the machine does only adds to it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.report import Row
from sttkit import Script, speech
from sttkit.conformance.surveying import survey
from sttkit.scripting.yaml import parse_script
from sttkit.strategies import SEARCHING, assert_holds, scripts
from tests.support.planted import forgetful

TITLE = "Property tests over whole sessions, best of 3"

EXAMPLES = 200
TIMES = 3
_SAID = (
    "hello there friend", "how are you", "today good morning", "what time does", "the train leave",
    "please wait book", "one table near", "window for two", "tonight my name", "begins with seven",
)  # fmt: skip
HALF_A_MINUTE = speech(*_SAID, pause=2.1)


def rows() -> Iterator[Row]:
    """The rows of the report."""
    spent, played = _best(_examples)
    yield Row(
        f"{played} examples of {HALF_A_MINUTE.duration:.0f} s of audio with two faults",
        f"{spent:.1f} s",
        "10 s",
    )
    spent, faults = _best(_planted)
    yield Row(f"a planted bug, found and shrunk to {faults} faults", f"{spent:.1f} s", "15 s")


def _best(search: Callable[[], tuple[float, int]]) -> tuple[float, int]:
    with get_context("spawn").Pool(1, _begin, maxtasksperchild=1) as pool:
        return min(pool.apply(search) for _ in range(TIMES))


def _begin() -> None:
    logging.disable(logging.CRITICAL)  # the plugins under test warn of each fault
    survey("custom_stt")  # imports the plugin


def _examples() -> tuple[float, int]:
    played = 0

    @settings(SEARCHING, max_examples=EXAMPLES, derandomize=True, database=None)
    @given(scripts(min_faults=2, max_faults=2, said=st.just(HALF_A_MINUTE)))
    def search(said: Script) -> None:
        nonlocal played
        played += 1
        assert_holds("custom_stt", said)

    began = time.process_time()
    search()
    return time.process_time() - began, played


def _planted() -> tuple[float, int]:
    @settings(SEARCHING, max_examples=300, derandomize=True, database=None)
    @given(scripts())
    def search(said: Script) -> None:
        assert_holds(forgetful, said)

    began = time.process_time()
    try:
        search()
    except AssertionError as error:
        yaml = str(error).partition("as YAML:\n\n")[2].partition("\nas Python:")[0]
        return time.process_time() - began, len(parse_script(yaml).faults)
    raise RuntimeError("the planted bug was not found")
