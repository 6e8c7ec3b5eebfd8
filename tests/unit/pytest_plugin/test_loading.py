"""Pytest around the plugin: without it, without pytest-asyncio, and what it costs."""

from __future__ import annotations

import subprocess
import sys

from tests.unit.pytest_plugin.projects import INI

pytest_plugins = ["pytester"]


def test_it_can_be_switched_off(project):
    project.makepyfile(
        """
        def test_it(request):
            assert not request.config.pluginmanager.has_plugin("sttkit")
        """
    )
    project.runpytest("-p", "no:sttkit").assert_outcomes(passed=1)


def test_it_works_without_pytest_asyncio(project):
    project.makeini(INI)
    project.makepyfile(
        """
        import pytest

        @pytest.mark.stt_script("none@idle")
        def test_it(transcribe):
            assert transcribe(pace=0).finals == ["hello there friend", "how are you today"]
        """
    )
    project.runpytest("-p", "no:asyncio").assert_outcomes(passed=1)


def test_collecting_nothing_imports_nothing_heavy(tmp_path):
    heavy = {"aiohttp", "asyncio", "hypothesis", "livekit", "numpy", "rich", "websockets", "yaml"}
    code = (
        "import sys, pytest\n"
        "pytest.main(['-q', '-p', 'sttkit.pytest_plugin', '-p', 'no:cacheprovider'])\n"
        f"print('imported:', sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": ":".join(sys.path)},
    )
    assert "imported: []" in done.stdout
