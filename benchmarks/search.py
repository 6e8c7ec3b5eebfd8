"""What a search costs, CPU: examples of half a minute with two faults, and a planted bug."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.report import Row
from sttkit import Script, speech
from sttkit.conformance.surveying import survey
from sttkit.scripting.yaml import parse_script
from sttkit.strategies import SEARCHING, assert_holds, scripts
from tests.support.planted import forgetful

TITLE = "Property tests over whole sessions"

EXAMPLES = 200
_SAID = (
    "hello there friend", "how are you", "today good morning", "what time does", "the train leave",
    "please wait book", "one table near", "window for two", "tonight my name", "begins with seven",
)  # fmt: skip
HALF_A_MINUTE = speech(*_SAID, pause=2.1)


def rows() -> Iterator[Row]:
    """The rows of the report."""
    logging.disable(logging.CRITICAL)  # the plugins under test warn of each fault
    survey("custom_stt")  # imports the plugin
    spent, played = _examples()
    yield Row(
        f"{played} examples of {HALF_A_MINUTE.duration:.0f} s of audio with two faults",
        f"{spent:.1f} s",
        "10 s",
    )
    spent, faults = _planted()
    yield Row(f"a planted bug, found and shrunk to {faults} faults", f"{spent:.1f} s", "15 s")
    logging.disable(logging.NOTSET)


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
