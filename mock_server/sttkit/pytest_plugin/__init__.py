"""The pytest plugin: fixtures that play a script to the plugin under test.

    def test_later_speech_survives_a_reset(stt_server, transcribe):
        fault = faults.reset(at="between-utterances")
        stt_server.play(script(speech("hello there", "how are you"), fault))
        assert transcribe().finals == ["hello there", "how are you"]

    fixtures      what a test asks for: stt_server, stt_cassette, transcribe, stt_plugin, …
    server        `SttServer`: what is played, and the fake server for clients of one's own
    transcribe    `Transcribe`: drives the plugin under test
    transcribed   `Transcribed`: what came out, and what the laws say of it
    staging       from what a test hands in to a script
    under_test    from what ``stt_plugin`` returns to a target
    listening     the fake server on the test's loop, or on a thread of its own
    looping       a simulated event loop for async tests
    report        what a failing test prints

pytest loads this in every run of every project that has sttkit installed. So nothing here imports
livekit, numpy, yaml, aiohttp, websockets, hypothesis or rich before a test needs it.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from sttkit.deck.modes import MODES
from sttkit.pytest_plugin.fixtures import (
    CASSETTE_MARKER,
    DEFAULT_TARGET,
    INI_TARGET,
    SCRIPT_MARKER,
    SERVER,
    TARGET_MARKER,
    stt_cassette,
    stt_options,
    stt_plugin,
    stt_server,
    stt_upstream,
    transcribe,
)
from sttkit.pytest_plugin.looping import simulated_loop
from sttkit.pytest_plugin.report import failing_message, sections
from sttkit.pytest_plugin.server import SttServer
from sttkit.pytest_plugin.transcribe import SttOptions, Transcribe
from sttkit.pytest_plugin.transcribed import Failure, Transcribed

__all__ = [
    "Failure",
    "SttOptions",
    "SttServer",
    "Transcribe",
    "Transcribed",
    "simulated_loop",
    "stt_cassette",
    "stt_options",
    "stt_plugin",
    "stt_server",
    "stt_upstream",
    "transcribe",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        INI_TARGET,
        f"plugin under test: a name from `sttkit targets`, module:factory or path/file.py:factory "
        f"(default: {DEFAULT_TARGET})",
        default=DEFAULT_TARGET,
    )
    group = parser.getgroup("sttkit", "speech-to-text plugins")
    group.addoption(
        "--sttkit-target",
        metavar="TARGET",
        help=f"plugin under test, instead of the ini option {INI_TARGET}",
    )
    group.addoption(
        "--sttkit-record-mode",
        choices=MODES,
        help="whether cassettes are played or recorded, instead of what markers say: play only, "
        "record where there is none, record further sessions, record all anew (default: none)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        f"{SCRIPT_MARKER}(script, *, seed=0, allow_unfired=False): play a script - a Script, a "
        "YAML file, or a case id - before the test begins",
    )
    config.addinivalue_line(
        "markers",
        f"{CASSETTE_MARKER}(cassette, *, fault=None, timing='asap', attempts=None, volatile=(), "
        "seed=0, allow_unfired=False, allow_unplayed=None, record_mode='none', allow_hosts=()): "
        "play a recording before the test begins, or make it (default: "
        "cassettes/MODULE/TEST.jsonl)",
    )
    config.addinivalue_line(
        "markers",
        f"{TARGET_MARKER}(target): the plugin under test, where the fixture of the same name is "
        "not overridden",
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    for name in (SCRIPT_MARKER, CASSETTE_MARKER):
        marker = item.get_closest_marker(name)
        if marker is not None and "stt_server" not in getattr(item, "fixturenames", ()):
            pytest.fail(
                f"@pytest.mark.{name} on a test that asks for neither `transcribe` nor "
                "`stt_server`: nothing would be played",
                pytrace=False,
            )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    result = yield
    server = item.stash.get(SERVER, None)
    # Only a test that passed gets here. A server that a fixture still holds open is asked in the
    # teardown of `stt_server` instead: the rest of the script may yet happen.
    if server is not None and not server.is_listening:
        message = failing_message(server)
        server.settle()
        if message:
            pytest.fail(message, pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    server = item.stash.get(SERVER, None)
    if server is None:
        return report
    if report.when != "teardown" and not report.passed:
        server.settle()
    if report.failed and server.staged is not None and not server.reported:
        server.reported = True
        report.sections.extend(sections(server, item))
    return report
