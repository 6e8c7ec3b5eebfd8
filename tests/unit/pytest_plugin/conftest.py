"""A project that uses the pytest plugin."""

from __future__ import annotations

from importlib import import_module

import pytest

from tests.unit.pytest_plugin.projects import ASYNC_INI, CLIENT


@pytest.fixture(scope="session")
def imported() -> None:
    """What must not be imported anew by each run in this process: extension modules cannot be."""
    for module in (
        "livekit.agents",
        "livekit.plugins.custom_stt",
        "numpy",
        "sttkit.audio.synth",
        "sttkit.conformance.casework",
        "sttkit.conformance.timeline",
        "sttkit.deck.staging",
        "sttkit.laws",
        "sttkit.scripting.yaml",
        "sttkit.server.fake",
        "sttkit.worlds.loopback",
        "websockets.sync.client",
    ):
        import_module(module)


@pytest.fixture
def project(imported, pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with a client of its own."""
    pytester.makepyfile(client=CLIENT)
    pytester.makeini(ASYNC_INI)
    return pytester
