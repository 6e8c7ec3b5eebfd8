"""The plugin under test: where it comes from, and what cannot be one."""

from __future__ import annotations

import pytest

from tests.unit.pytest_plugin.projects import ASYNC_INI

pytest_plugins = ["pytester"]


def test_the_plugin_under_test_comes_from_ini_command_line_marker_or_fixture(project):
    project.makeini(ASYNC_INI + "sttkit_target = deepgram\n")
    project.makepyfile(
        """
        import pytest

        def test_given(stt_plugin, stt_server, request):
            expected = request.config.getoption("--sttkit-target") or "deepgram"
            assert stt_plugin == stt_server.dialect == expected

        @pytest.mark.stt_plugin("deepgram")
        def test_marker(stt_server):
            assert stt_server.dialect == "deepgram"

        class TestFixture:
            @pytest.fixture
            def stt_plugin(self):
                def mine(context):
                    ...
                mine.dialect = "deepgram"
                return mine

            def test_it(self, stt_server):
                assert stt_server.dialect == "deepgram"

        @pytest.mark.parametrize("stt_plugin", ["custom_stt", "deepgram"])
        def test_each(stt_plugin, stt_server):
            assert stt_server.dialect == stt_plugin
        """
    )
    project.runpytest().assert_outcomes(passed=5)
    project.runpytest("--sttkit-target", "custom_stt").assert_outcomes(passed=5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ('"deepgrm"', "*unknown target 'deepgrm'*did you mean 'deepgram'?*"),
        ("42", "*42 is no plugin*a target's name, a Target, or a function*"),
        ('"deepgram"', "*the script is for custom_stt, and *deepgram, speaks deepgram*"),
    ],
)
def test_a_plugin_that_cannot_be_driven_is_a_clear_error(project, given, message):
    project.makepyfile(
        f"""
        import pytest
        from sttkit import script, speech

        @pytest.fixture
        def stt_plugin():
            return {given}

        def test_it(stt_server, transcribe):
            stt_server.play(script(speech("hello"), dialect="custom_stt"))
            transcribe()
        """
    )
    result = project.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([message])


def test_a_factory_in_a_file_is_named_in_the_reproducer_and_a_local_one_is_not(project):
    project.makepyfile(
        test_it="""
        import pytest

        def build(context):
            raise RuntimeError("out of order")

        @pytest.fixture(params=["by name", "nameless"])
        def stt_plugin(request):
            return build if request.param == "by name" else lambda context: build(context)

        @pytest.mark.stt_script("reset@idle")
        def test_it(transcribe):
            transcribe()
        """
    )
    result = project.runpytest()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "*TargetError: *out of order*",
            "sttkit check test_it.py:build --case reset@idle --seed 0",
            "pytest 'test_it.py::test_it?nameless?'",
        ]
    )
