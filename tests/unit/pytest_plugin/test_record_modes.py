"""Record modes of ``stt_cassette``: when a cassette is played, and when it is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from sttkit.deck.files import load_cassette
from tests.unit.pytest_plugin.test_cassettes import CLIENT, INI

pytest_plugins = ["pytester"]

CONFTEST = """
import pytest

@pytest.fixture
def stt_upstream():
    from sttkit import script, speech
    from sttkit.dialects import load_dialect
    from sttkit.pytest_plugin.listening import Listening

    healthy = script(speech("hello there friend", "how are you today"))
    traces = []
    dialect = load_dialect("custom_stt")
    listening = Listening(healthy, dialect, lambda *told: traces.append(told[1]), lambda: None)
    with listening as place:
        yield place.ws
    sessions = [record for record in traces[0].records if record.kind == "config"]
    with open("sessions.txt", "a") as file:
        file.write("session\\n" * len(sessions))
"""
WORDS = '["hello there friend", "how are you today"]'
PRELUDE = """
import pytest
from client import talk
from sttkit import speech
from sttkit.audio.synth import render

PCM = render(speech("hello there friend", "how are you today"), 16000)
"""
ONE = f"""
@pytest.mark.stt_cassette("new/one.jsonl", record_mode="MODE")
def test_it(stt_server):
    with stt_server.listening() as place:
        assert talk(place, PCM) == {WORDS}
"""
TWO = f"""
@pytest.mark.stt_cassette("new/one.jsonl", record_mode="MODE")
def test_it(stt_server):
    with stt_server.listening() as place:
        assert talk(place, PCM) == {WORDS}
        assert talk(place, PCM, language="fr") == {WORDS}
"""


class Project:
    """A project with a client of its own and a service to record from."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.cassette = pytester.path / "new/one.jsonl"
        pytester.makepyfile(client=CLIENT)
        pytester.makeini(INI)
        pytester.makeconftest(CONFTEST)

    def run(self, body: str, *options: str, mode: str = "none") -> pytest.RunResult:
        text = PRELUDE + body.replace("MODE", mode)
        (self.pytester.path / "test_it.py").write_text(text)
        return self.pytester.runpytest("-q", "-p", "no:cacheprovider", *options)

    @property
    def sessions(self) -> int:
        """How many the service has had."""
        path = self.pytester.path / "sessions.txt"
        return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.fixture
def project(imported: None, pytester: pytest.Pytester) -> Project:
    return Project(pytester)


def test_once_records_what_is_not_there_and_plays_it_ever_after(project: Project) -> None:
    project.run(ONE, mode="once").assert_outcomes(passed=1)
    recorded = project.cassette.read_bytes()
    assert project.sessions == 1
    (one,) = load_cassette(project.cassette).interactions()
    assert one.end is not None
    assert one.end.how == "close"
    assert load_cassette(project.cassette).header.dialect == "custom_stt"
    project.run(ONE, mode="once").assert_outcomes(passed=1)
    project.run(ONE).assert_outcomes(passed=1)
    assert project.sessions == 1
    assert project.cassette.read_bytes() == recorded
    project.run(TWO, mode="once").assert_outcomes(failed=1)
    assert project.sessions == 1


def test_all_records_anew_what_is_there(project: Project) -> None:
    project.run(ONE, mode="once").assert_outcomes(passed=1)
    project.run(TWO, mode="all").assert_outcomes(passed=1)
    assert project.sessions == 3
    assert len(load_cassette(project.cassette).interactions()) == 2
    project.run(TWO).assert_outcomes(passed=1)


def test_new_episodes_plays_the_sessions_that_are_there_and_appends_further_ones(
    project: Project,
) -> None:
    project.run(ONE, mode="new_episodes").assert_outcomes(passed=1)
    before, blob = project.cassette.read_bytes(), load_cassette(project.cassette).blob
    project.run(ONE, mode="new_episodes").assert_outcomes(passed=1)
    assert (project.sessions, project.cassette.read_bytes()) == (1, before)
    project.run(TWO, mode="new_episodes").assert_outcomes(passed=1)
    assert project.sessions == 2
    made = load_cassette(project.cassette)
    assert project.cassette.read_bytes().startswith(before)
    assert made.blob == (blob or b"") * 2
    assert len(made.interactions()) == 2
    project.run(TWO).assert_outcomes(passed=1)
    assert project.sessions == 2


def test_a_session_that_is_there_and_was_another_one_is_a_mismatch_and_not_recorded(
    project: Project,
) -> None:
    project.run(ONE, mode="once").assert_outcomes(passed=1)
    other = TWO.replace('PCM, language="fr"', "PCM").replace("PCM)", 'PCM, language="de")', 1)
    result = project.run(other, mode="new_episodes")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(['  differs   language was "en", and is "de"'])


def test_the_command_line_has_the_last_word(project: Project) -> None:
    project.run(ONE, "--sttkit-record-mode=once").assert_outcomes(passed=1)
    project.run(ONE, "--sttkit-record-mode=none", mode="all").assert_outcomes(passed=1)
    assert project.sessions == 1


def test_a_misspelt_mode_is_an_error(project: Project) -> None:
    result = project.run(ONE, mode="onse")
    result.assert_outcomes(errors=1)
    assert "unknown record mode 'onse'" in result.stdout.str()
    result = project.run(ONE, "--sttkit-record-mode=onse")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "invalid choice: 'onse'" in result.stderr.str()
    assert not project.cassette.exists()


def test_none_blocks_every_socket_also_if_the_client_takes_it_for_a_bad_line(
    project: Project,
) -> None:
    project.run(ONE, mode="once").assert_outcomes(passed=1)
    away = """
import socket

def lookup():
    try:
        socket.create_connection(("192.0.2.1", 9), 0.01)
    except Exception:
        pass
"""
    result = project.run(away + ONE.replace("PCM)", "PCM, lookup())"))
    result.assert_outcomes(failed=1)
    assert "a connection to 192.0.2.1, though the network is blocked" in result.stdout.str()
    calling = away + ONE.replace("    with", "    lookup()\n    with")
    result = project.run(calling)
    result.assert_outcomes(failed=1)
    assert "a connection to 192.0.2.1, though the network is blocked" in result.stdout.str()
    allowed = calling.replace("record_mode=", 'allow_hosts=["192.0.2.1"], record_mode=')
    project.run(allowed).assert_outcomes(passed=1)


def test_a_test_that_fails_meanwhile_leaves_the_cassette_as_it_was(project: Project) -> None:
    project.run(ONE, mode="once").assert_outcomes(passed=1)
    before = project.cassette.read_bytes()
    project.run(ONE.replace("hello", "goodbye"), mode="all").assert_outcomes(failed=1)
    assert project.cassette.read_bytes() == before
    assert [path.name for path in sorted(project.cassette.parent.iterdir())] == [
        "one.audio",
        "one.jsonl",
    ]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("record_mode", 'fault="reset@idle", record_mode'), "a fault on top of what is recorded"),
        (("one.jsonl", "one.txt"), "expected NAME.jsonl"),
        (("talk(place, PCM)", "stt_server.pcm()"), "the audio of a cassette that is being"),
        (("talk(place, PCM)", WORDS), "nothing was recorded"),
        (
            ("    with", "    with stt_server.listening() as place: talk(place, PCM)\n    with"),
            "a second recording in one test",
        ),
    ],
)
def test_what_cannot_be_recorded_is_said_aloud(
    change: tuple[str, str], problem: str, project: Project
) -> None:
    result = project.run(ONE.replace(*change), mode="all")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert problem in result.stdout.str()


def test_transcribe_does_not_record(project: Project) -> None:
    body = '@pytest.mark.stt_cassette(record_mode="once")\ndef test_it(transcribe): transcribe()'
    result = project.run(body)
    result.assert_outcomes(failed=1)
    assert "transcribe() while a cassette is recorded" in result.stdout.str()


def test_a_simulated_loop_does_not_record(project: Project) -> None:
    body = """
from contextlib import closing
from sttkit.pytest_plugin import simulated_loop

@pytest.mark.stt_cassette(record_mode="once")
def test_it(stt_server):
    async def main():
        async with stt_server.listening():
            pass
    with closing(simulated_loop()) as loop:
        loop.run_until_complete(main())
"""
    result = project.run(body)
    result.assert_outcomes(failed=1)
    assert "a recording on a simulated event loop" in result.stdout.str()


def test_without_a_service_there_is_nothing_to_record_from(project: Project) -> None:
    Path(project.pytester.path / "conftest.py").unlink()
    result = project.run(ONE, mode="once")
    result.assert_outcomes(errors=1)
    assert "override the fixture stt_upstream" in result.stdout.str()
