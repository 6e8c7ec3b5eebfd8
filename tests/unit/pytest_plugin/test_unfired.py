"""Faults that never happen."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]


def test_a_passing_test_whose_faults_never_happened_fails(project):
    project.makepyfile(
        """
        from client import talk
        from sttkit import faults, script, speech

        def test_it(stt_server):
            stt_server.play(script(
                speech("hello there"),
                faults.duplicate(at="mid-utterance"),
                faults.reset(at="mid-utterance", n=9),
                faults.reset(at="flush"),
            ))
            with stt_server.listening() as place:
                talk(place, stt_server.pcm())
        """
    )
    result = project.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "of the script, this never happened:",
            "    reset@mid-utterance.9*reached 2×, at most as mid-utterance.2)",
            "    reset@flush*(flush was never reached)",
            "*stt_server.play(..., allow_unfired=True)*",
        ]
    )


@pytest.mark.parametrize(
    "body",
    [
        "stt_server.play('reset@flush', allow_unfired=True)",
        "stt_server.play('none@idle')",
        "stt_server.play('reset@flush'); stt_server.play('none@idle')",
    ],
    ids=["allowed", "no faults", "played again"],
)
def test_nothing_is_said_where_no_fault_is_missing(project, body):
    project.makepyfile(
        f"""
        from client import talk

        def test_it(stt_server):
            {body}
            with stt_server.listening() as place:
                talk(place, stt_server.pcm())
        """
    )
    project.runpytest().assert_outcomes(passed=1)


def test_a_test_that_drives_nothing_is_told_so(project):
    project.makepyfile("def test_it(stt_server):\n    stt_server.play('reset@idle')\n")
    result = project.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*never played (reset@idle): call transcribe(), or *"])


def test_a_server_that_a_fixture_holds_open_is_asked_when_it_is_closed(project):
    project.makepyfile(
        """
        import pytest
        from client import talk

        @pytest.fixture
        def client(stt_server):
            with stt_server.listening() as place:
                yield
                talk(place, stt_server.pcm())

        @pytest.mark.stt_script("reset@between-utterances")
        def test_fault_in_teardown(client):
            pass

        @pytest.mark.stt_script("reset@flush")
        def test_no_fault(client):
            pass
        """
    )
    result = project.runpytest()
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_no_fault*", "*sttkit timeline*"])


def test_a_test_that_fails_is_not_told_of_missing_faults_too(project):
    project.makepyfile(
        """
        import pytest

        @pytest.mark.stt_script("reset@idle")
        def test_fails(stt_server):
            assert False

        @pytest.mark.stt_script("reset@idle")
        def test_skips(stt_server):
            pytest.skip("a test that skips itself")

        @pytest.mark.xfail(strict=True, reason="a test that is to fail")
        @pytest.mark.stt_script("reset@idle")
        def test_expected(stt_server):
            assert False
        """
    )
    result = project.runpytest()
    result.assert_outcomes(failed=1, skipped=1, xfailed=1)
    result.stdout.no_fnmatch_line("*never*")
