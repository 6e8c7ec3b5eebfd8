"""What a failing test prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from sttkit import faults, script, speech
from sttkit.scripting.yaml import dump_script, load_script

pytest_plugins = ["pytester"]


def test_a_failing_test_prints_timeline_and_reproducer(project):
    project.makepyfile(
        """
        import pytest

        @pytest.mark.stt_script("duplicate@after-final", seed=5)
        def test_it(transcribe):
            assert transcribe().finals == ["nothing"]
        """
    )
    result = project.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*- sttkit timeline -*",
            "*duplicate at after-final*",
            "*- sttkit reproducer -*",
            "seed 5",
            "sttkit check custom_stt --case duplicate@after-final --seed 5",
        ]
    )
    lines = result.stdout.lines
    first = next(index for index, line in enumerate(lines) if "- sttkit timeline -" in line)
    last = next(index for index, line in enumerate(lines) if "- sttkit reproducer -" in line)
    assert max(map(len, lines[first:last])) <= 80


def test_what_no_command_line_does_is_reproduced_by_the_test_itself(project):
    project.makepyfile(
        """
        from client import talk
        import pytest

        @pytest.mark.stt_script("duplicate@after-final")
        def test_own_client(stt_server):
            with stt_server.listening() as place:
                assert talk(place, stt_server.pcm()) == ["nothing"]

        @pytest.mark.stt_script("none@idle")
        def test_own_options(transcribe):
            assert transcribe(pace=0).finals == ["nothing"]
        """
    )
    result = project.runpytest()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        ["seed 0", "pytest *::test_own_client", "seed 0", "pytest *::test_own_options"]
    )


def test_a_script_made_by_the_test_is_written_down_for_its_reproducer(project):
    project.makepyfile(
        """
        from sttkit import faults, script, speech

        def test_it(stt_server):
            stt_server.play(script(speech("hello there"), faults.reset(at="idle"), seed=0))
            assert False
        """
    )
    result = project.runpytest()
    result.stdout.fnmatch_lines(["seed 0", "sttkit run *.yaml custom_stt"])
    command = next(line for line in result.stdout.lines if line.startswith("sttkit run "))
    written = Path(project.path, command.split()[2])
    assert written.is_relative_to(project.path / ".pytest_cache")
    assert load_script(written) == script(speech("hello there"), faults.reset(at="idle"))


def test_a_script_from_a_file_is_reproduced_from_that_file(project):
    said = script(speech("hello there"), faults.reset(at="idle"), seed=4)
    project.path.joinpath("mine.yaml").write_text(dump_script(said))
    project.makepyfile(
        "def test_it(stt_server):\n    stt_server.play('mine.yaml')\n    assert False\n"
    )
    project.runpytest().stdout.fnmatch_lines(["seed 4", "sttkit run mine.yaml custom_stt"])


def test_without_a_cache_the_test_itself_is_the_reproducer(project):
    project.makepyfile(
        """
        from sttkit import script, speech

        def test_it(stt_server):
            stt_server.play(script(speech("hello there")))
            assert False
        """
    )
    result = project.runpytest("-p", "no:cacheprovider")
    result.stdout.fnmatch_lines(["seed 0", "pytest *::test_it"])


def test_what_goes_wrong_in_a_report_does_not_hide_the_failure(project):
    project.path.joinpath(".pytest_cache").write_text("a file where the cache belongs")
    project.makepyfile(
        """
        from sttkit import script, speech

        def test_it(stt_server):
            stt_server.play(script(speech("hello there")))
            assert "the failure" == "itself"
        """
    )
    result = project.runpytest("-W", "ignore")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*assert 'the failure' == 'itself'*", "could not be made: *"])


def test_a_failing_test_prints_the_same_under_xdist(project):
    pytest.importorskip("xdist")
    project.makepyfile(
        """
        from client import talk
        import pytest

        @pytest.mark.parametrize("number", range(4))
        @pytest.mark.stt_script("duplicate@after-final")
        def test_it(stt_server, number):
            with stt_server.listening() as place:
                assert talk(place, stt_server.pcm()) == [number]
        """
    )
    result = project.runpytest_subprocess("-n", "2")
    result.assert_outcomes(failed=4)
    assert result.stdout.str().count("duplicate at after-final") == 4
    assert result.stdout.str().count("- sttkit reproducer -") == 4
