"""What a test asks for by name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sttkit.errors import SttkitError
from sttkit.pytest_plugin.report import failing_message
from sttkit.pytest_plugin.server import SttServer
from sttkit.pytest_plugin.transcribe import SttOptions, Transcribe
from sttkit.pytest_plugin.under_test import UnderTest

DEFAULT_TARGET = "custom_stt"
INI_TARGET = "sttkit_target"
SCRIPT_MARKER = "stt_script"
CASSETTE_MARKER = "stt_cassette"
TARGET_MARKER = "stt_plugin"

_CASSETTE_OPTIONS = frozenset(
    {
        *("fault", "timing", "attempts", "volatile", "seed", "allow_unfired", "allow_unplayed"),
        *("record_mode", "allow_hosts"),
    }
)
_PLAYED_FROM = ("127.0.0.1", "localhost")
"""What may be reached while the network is blocked: the server that plays."""

SERVER = pytest.StashKey[SttServer]()
"""Where hooks find the server of a test."""


@pytest.fixture
def stt_plugin(request: pytest.FixtureRequest) -> object:
    """The plugin under test; override it to test your own.

    Return a target's name, a `sttkit.targets.model.Target`, or a function that takes a `Context`
    and returns an STT.
    """
    # Precedence: an overriding fixture (then this one does not run), the marker nearest to the
    # test, the command line, the ini file.
    marker = request.node.get_closest_marker(TARGET_MARKER)
    if marker is not None:
        if len(marker.args) != 1 or marker.kwargs:
            pytest.fail(
                f"@pytest.mark.{TARGET_MARKER}: wrong arguments; "
                f'expected one target, as in @pytest.mark.{TARGET_MARKER}("custom_stt")',
                pytrace=False,
            )
        return marker.args[0]
    return request.config.getoption("--sttkit-target") or request.config.getini(INI_TARGET)


@pytest.fixture
def stt_options() -> SttOptions:
    """How `transcribe` drives the plugin; override it to change that for many tests."""
    return SttOptions()


@pytest.fixture
def stt_upstream() -> str | None:
    """URL of the service that cassettes are recorded from; override it to record any."""
    return None


@pytest.fixture
def stt_server(request: pytest.FixtureRequest, stt_plugin: object) -> Iterator[SttServer]:
    """The fake server of this test: ``play`` says what it does to its clients."""
    folders = (request.path.parent, request.config.rootpath)
    server = SttServer(UnderTest(stt_plugin), folders)
    request.node.stash[SERVER] = server
    # Precedence: what the test itself plays, the marker nearest to it.
    marker = request.node.get_closest_marker(SCRIPT_MARKER)
    if marker is not None:
        _play_marked(server, marker)
    recorded = request.node.get_closest_marker(CASSETTE_MARKER)
    if recorded is not None:
        if marker is not None:
            pytest.fail(
                f"both @pytest.mark.{SCRIPT_MARKER} and @pytest.mark.{CASSETTE_MARKER}: "
                "only one of them can be played; a cassette takes faults as fault=",
                pytrace=False,
            )
        _play_recorded(server, recorded, request)
    yield server
    if not server.is_settled and not server.is_listening:
        # A fixture held the server open until now.
        message = failing_message(server)
        if message:
            pytest.fail(message, pytrace=False)


@pytest.fixture
def stt_cassette(request: pytest.FixtureRequest, stt_server: SttServer) -> SttServer:
    """``stt_server``, playing the cassette of this test.

    That is the one the marker names; without one, ``cassettes/MODULE/TEST.jsonl`` beside the file
    of the test, as pytest-recording has it.
    """
    if request.node.get_closest_marker(CASSETTE_MARKER) is None:
        _play_recorded(stt_server, pytest.mark.stt_cassette().mark, request)
    return stt_server


@pytest.fixture
def transcribe(stt_server: SttServer, stt_options: SttOptions) -> Transcribe:
    """Call it to drive the plugin under test through what ``stt_server`` plays."""
    return Transcribe(stt_server, stt_options)


def default_cassette(request: pytest.FixtureRequest) -> Path:
    """Where the cassette of a test is, if nobody says otherwise: from the folder of its file."""
    name = re.sub(r"[^\w.-]+", "-", request.node.name).strip("-")
    return Path("cassettes") / request.path.stem / f"{name}.jsonl"


def _play_recorded(server: SttServer, marker: pytest.Mark, request: pytest.FixtureRequest) -> None:
    unknown = set(marker.kwargs) - _CASSETTE_OPTIONS
    if len(marker.args) > 1 or unknown:
        pytest.fail(
            f"@pytest.mark.{CASSETTE_MARKER}: wrong arguments; expected one cassette, or none, and "
            f"perhaps {', '.join(f'{name}=' for name in sorted(_CASSETTE_OPTIONS))}",
            pytrace=False,
        )
    path = marker.args[0] if marker.args else default_cassette(request)
    options = dict(marker.kwargs)
    allow = options.pop("allow_hosts", ())
    # Precedence: the command line, the marker.
    mode = request.config.getoption("--sttkit-record-mode") or options.pop("record_mode", "none")
    options |= {"record_mode": mode}
    if mode != "none":
        options["upstream"] = request.getfixturevalue("stt_upstream")
    try:
        server.play_cassette(path, **options)
    except SttkitError as error:
        pytest.fail(f"@pytest.mark.{CASSETTE_MARKER}: {error}", pytrace=False)
    if server.staged is not None and server.staged.take is None:
        from sttkit.recording.guarding import blocked_sockets

        blocking = ExitStack()
        request.addfinalizer(blocking.close)
        server.refused = blocking.enter_context(blocked_sockets((*_PLAYED_FROM, *allow)))


def _play_marked(server: SttServer, marker: pytest.Mark) -> None:
    unknown = set(marker.kwargs) - {"seed", "allow_unfired"}
    if len(marker.args) != 1 or unknown:
        pytest.fail(
            f"@pytest.mark.{SCRIPT_MARKER}: wrong arguments; expected one script, and perhaps "
            "seed= and allow_unfired=, as in "
            f'@pytest.mark.{SCRIPT_MARKER}("reset@mid-utterance.2", seed=1)',
            pytrace=False,
        )
    try:
        server.play(marker.args[0], **marker.kwargs)
    except SttkitError as error:
        pytest.fail(f"@pytest.mark.{SCRIPT_MARKER}: {error}", pytrace=False)
