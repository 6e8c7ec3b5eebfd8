"""A plugin that leaves the simulation is told so: what it did and where, and no traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import tests.support.outsiders  # noqa: F401 (all of it before pytest in pytest: NumPy loads once)
from sttkit.cli import main
from sttkit.laws.model import Verdict

pytest_plugins = ["pytester"]

FILE = Path(__file__).parents[1] / "support" / "outsiders.py"
DESCRIPTOR = ("add_reader(", "cannot be simulated", "outsiders.py:", "--loopback")
THREAD = ("another thread, 'recorder'", "outsiders.py:", " report", "--loopback")
ELSEWHERE = ("'api.elsewhere.example' is no host", "http://localhost:8000", "context.place")
QUIETLY = ("-p", "no:hypothesispytest", "-p", "no:asyncio")
"""Arguments for a pytest that loads no plugins which these tests do not use."""
REFUSED = [("descriptor", DESCRIPTOR), ("thread", THREAD), ("elsewhere", ELSEWHERE)]


@pytest.mark.parametrize(("name", "told"), REFUSED)
def test_check_says_that_the_target_could_not_be_run(name, told, capsys):
    assert main(["check", f"{FILE}:{name}", "--case", "none@idle", "--json", "-"]) == 3
    target = json.loads(capsys.readouterr().out)["targets"][0]
    assert [part for part in told if part not in target["error"]] == []
    assert target["cases"] == []


@pytest.mark.parametrize(("name", "told"), REFUSED)
def test_run_says_it_in_one_line(name, told, capsys):
    assert main(["run", "none@idle", f"{FILE}:{name}"]) in (2, 3)
    out, err = capsys.readouterr()
    assert [part for part in told if part not in err] == []
    assert err.count("\n") == 1
    assert "Traceback" not in out + err


@pytest.mark.parametrize(("name", "told"), REFUSED)
def test_transcribe_raises_it_in_the_test_without_a_frame_of_the_kit(name, told, pytester):
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.mark.stt_plugin({f"{FILE}:{name}"!r})
        @pytest.mark.stt_script("none@idle")
        def test_it(transcribe):
            transcribe()
        """
    )
    result = pytester.runpytest(*QUIETLY)
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    assert [part for part in told if part not in text] == []
    assert "simulated.py" not in text
    assert "warnings summary" not in text


def test_a_plugin_that_blocks_in_real_time_breaks_live_5_and_it_is_said_where(capsys):
    assert main(["check", f"{FILE}:blocking", "--case", "none@idle", "--json", "-"]) == 1
    [case] = json.loads(capsys.readouterr().out)["targets"][0]["cases"]
    [said] = [said for said in case["verdicts"] if said["law"] == "LIVE-5"]
    assert said["verdict"] == "fail"
    assert "outsiders.py:" in said["observed"]
    assert " stream" in said["observed"]


def test_run_shows_the_block_in_its_timeline(capsys):
    assert main(["run", "none@idle", f"{FILE}:blocking"]) == 1
    out = capsys.readouterr().out
    assert "event loop stood still for 2." in out
    assert "LIVE-5 FAIL" in out


def test_transcribe_sees_the_block_by_the_law(pytester):
    pytester.makepyfile(
        f"""
        import pytest
        from sttkit.laws.model import Verdict

        @pytest.mark.stt_plugin({f"{FILE}:blocking"!r})
        @pytest.mark.stt_script("none@idle")
        def test_it(transcribe):
            said = transcribe().verdicts["LIVE-5"]
            assert said.verdict is Verdict.FAIL
            assert "outsiders.py:" in said.observed
        """
    )
    pytester.runpytest(*QUIETLY).assert_outcomes(passed=1)


def test_a_target_that_says_so_is_checked_over_loopback(capsys):
    assert main(["check", f"{FILE}:real_thread", "--case", "none@idle", "--json", "-"]) == 0
    target = json.loads(capsys.readouterr().out)["targets"][0]
    assert (target["world"], target["loopback_only"]) == (
        "loopback",
        "it has a thread of its own",
    )
    [case] = target["cases"]
    assert (case["world"], case["trace_sha256"]) == ("loopback", None)
    assert Verdict.FAIL.value not in {said["verdict"] for said in case["verdicts"]}


def test_a_target_that_says_so_is_run_over_loopback(capsys):
    assert main(["run", "none@idle", f"{FILE}:real_thread"]) == 0
    assert "over loopback: it has a thread of its own" in capsys.readouterr().err


def test_a_target_that_says_so_is_transcribed_over_loopback(pytester):
    pytester.makepyfile(
        f"""
        import pytest

        @pytest.mark.stt_plugin({f"{FILE}:real_thread"!r})
        @pytest.mark.stt_script("none@idle")
        def test_it(transcribe):
            heard = transcribe()
            assert heard.finals
            assert heard.run.world == "loopback"
        """
    )
    pytester.runpytest(*QUIETLY).assert_outcomes(passed=1)
