"""The fixture and the marker ``stt_cassette``, seen from the projects that use them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sttkit.deck.files import save_cassette
from tests.support.taping import TapedStage

pytest_plugins = ["pytester"]

CLIENT = """
import json
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

def talk(place, pcm, language="en", ends=True):
    said = []
    with connect(place.ws + "/ws/transcribe", proxy=None) as ws:
        ws.send(json.dumps({"type": "config", "sample_rate": 16000, "language": language}))
        try:
            for start in range(0, len(pcm), 1000):
                ws.send(pcm[start : start + 1000])
            if ends:
                ws.send(json.dumps({"type": "end_of_stream"}))
                for message in ws:
                    said.append(json.loads(message))
        except ConnectionClosed:
            pass
    return [message["text"] for message in said if message["type"] == "final"]
"""
INI = "[pytest]\naddopts = -p no:hypothesispytest\nasyncio_default_fixture_loop_scope = function\n"


@pytest.fixture
def project(imported: None, pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with a client of its own and a cassette."""
    pytester.makepyfile(client=CLIENT)
    pytester.makeini(INI)
    stage = TapedStage()
    caller = stage.call()
    caller.speak(until=stage.script.speech.duration)
    caller.end()
    for name in ("two.jsonl", "cassettes/test_it/test_default.jsonl"):
        path = pytester.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        save_cassette(stage.cassette(), path)
    return pytester


def run(project: pytest.Pytester, body: str) -> pytest.RunResult:
    lines = ["import pytest", "from client import talk", *body.strip("\n").splitlines()]
    (project.path / "test_it.py").write_text("\n".join(lines) + "\n")
    return project.runpytest("-q", "-p", "no:cacheprovider")


def test_a_marked_test_meets_the_recording(project: pytest.Pytester) -> None:
    result = run(
        project,
        """
@pytest.mark.stt_cassette("two.jsonl", timing="scaled:0.01")
def test_marked(stt_server):
    with stt_server.listening() as place:
        assert talk(place, stt_server.pcm()) == ["hello there friend", "how are you today"]
    assert stt_server.mismatches == ()
    assert stt_server.unplayed == ()

def test_default(stt_cassette):
    with stt_cassette.listening() as place:
        assert talk(place, stt_cassette.pcm()) == ["hello there friend", "how are you today"]
""",
    )
    result.assert_outcomes(passed=2)


def test_a_passing_test_fails_on_what_was_not_as_recorded(project: pytest.Pytester) -> None:
    result = run(
        project,
        """
@pytest.mark.stt_cassette("two.jsonl")
def test_other_words(stt_server):
    with stt_server.listening() as place:
        talk(place, stt_server.pcm(), language="fr")

@pytest.mark.stt_cassette("two.jsonl")
def test_left_early(stt_server):
    with stt_server.listening() as place:
        talk(place, stt_server.pcm()[:64000], ends=False)

@pytest.mark.stt_cassette("two.jsonl", volatile=["language"])
def test_volatile(stt_server):
    with stt_server.listening() as place:
        talk(place, stt_server.pcm(), language="fr")
""",
    )
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        [
            "two.jsonl, interaction 1, entry 4 (upstream, +0.000 s)",
            '  expected  config {"type": "config", "sample_rate": 16000, "language": "en"}',
            '  differs   language was "en", and is "fr"',
            "  rerun     sttkit replay two.jsonl --until 4",
            "*sttkit reproducer*",
            "two.jsonl: never played: *",
        ]
    )


def test_unplayed_entries_may_be_allowed_and_faults_allow_them(project: pytest.Pytester) -> None:
    result = run(
        project,
        """
@pytest.mark.stt_cassette("two.jsonl", allow_unplayed=True)
def test_allowed(stt_server):
    with stt_server.listening():
        pass

@pytest.mark.stt_cassette("two.jsonl", fault="reset@after-final")
def test_faulted(stt_server):
    with stt_server.listening() as place:
        with pytest.raises(OSError):
            raise OSError if talk(place, stt_server.pcm()) != [] else ConnectionError
    assert [r.data["id"] for r in stt_server.trace if r.kind == "fault"] == ["reset"]
""",
    )
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("marker", "problem"),
    [
        ('"none.jsonl"', "no cassette file 'none.jsonl'"),
        ('"two.jsonl", speed=2', "wrong arguments"),
        ('"two.jsonl", timing="quick"', "the timing 'quick'"),
        ('"two.jsonl", fault="melt@idle"', "unknown fault 'melt'"),
        ('"test_it.py"', "test_it.py:1: "),
    ],
)
def test_a_marker_that_cannot_be_played_says_why(
    project: pytest.Pytester, marker: str, problem: str
) -> None:
    body = f"@pytest.mark.stt_cassette({marker})\ndef test_it(stt_server): pass"
    result = run(project, body)
    result.assert_outcomes(errors=1)
    assert problem in result.stdout.str().replace("\n", " ")


def test_a_marker_that_plays_to_nobody_fails_the_test(project: pytest.Pytester) -> None:
    result = run(project, '@pytest.mark.stt_cassette("two.jsonl")\ndef test_it(): pass')
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*nothing would be played*"])


def test_a_cassette_and_a_script_at_once_are_refused(project: pytest.Pytester) -> None:
    result = run(
        project,
        '@pytest.mark.stt_script("none@idle")\n@pytest.mark.stt_cassette("two.jsonl")\n'
        "def test_it(stt_server): pass",
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*only one of them can be played*"])


def test_paths_start_at_the_folder_of_the_test(project: pytest.Pytester) -> None:
    folder = project.path / "deep"
    folder.mkdir()
    (folder / "test_deep.py").write_text(
        'import pytest\n@pytest.mark.stt_cassette("own.jsonl", allow_unplayed=True)\n'
        "def test_it(stt_server): assert stt_server.tape.name == 'own.jsonl'\n"
    )
    Path(project.path / "two.jsonl").rename(folder / "own.jsonl")
    Path(project.path / "two.audio").rename(folder / "own.audio")
    project.runpytest("-q", "-p", "no:cacheprovider", "deep").assert_outcomes(passed=1)


def test_a_key_that_a_client_says_is_not_in_what_a_failing_test_prints(
    project: pytest.Pytester,
) -> None:
    result = run(
        project,
        """
@pytest.mark.stt_cassette("two.jsonl")
def test_other_words(stt_server):
    with stt_server.listening() as place:
        talk(place, b"\\0\\0" * 4000, language="sk-abcdefghij" + "klmnop1234")
""",
    )
    result.assert_outcomes(failed=1)
    said = "\n".join([*result.outlines, *result.errlines])
    assert "language was" in said
    assert "sk-abcdefghijklmnop1234" not in said
