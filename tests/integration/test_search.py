"""A bug that nobody planned a case for is found, shrunk and told, by each of the three doors."""

from __future__ import annotations

import json
import shlex

import pytest
from hypothesis import given, settings

import sttkit
from sttkit import UsageError, cli
from sttkit.audio.speech import from_items
from sttkit.conformance.check import check
from sttkit.conformance.options import CheckOptions
from sttkit.conformance.result import as_json
from sttkit.deck.files import save_cassette
from sttkit.scripting.cases import parse_case
from sttkit.scripting.yaml import parse_script
from sttkit.strategies import SEARCHING, assert_holds, scripts
from sttkit.targets import load_target
from sttkit.worlds import simulated
from tests.support.planted import forgetful
from tests.support.tapped import recording

PLUGIN = "tests/support/planted.py:forgetful"
LARGE = """
sttkit: 1
speech: [{say: hello there friend}, {pause: 0.8}, {say: how are you today}]
client: [{at: {audio_s: 0.5}, do: pause}]
faults:
- {fault: duplicate, at: mid-utterance}
- {fault: close, code: 1012, at: mid-utterance}
- {fault: reset, at: mid-utterance, n: 2}
network: {latency: 0.03, jitter: 0.01}
seed: 7
"""


@pytest.fixture(scope="module")
def told() -> str:
    """What a failing property test says."""

    @settings(SEARCHING, max_examples=300, derandomize=True, database=None)
    @given(scripts())
    def no_script_breaks_it(script):
        assert_holds(forgetful, script)

    with pytest.raises(AssertionError) as caught:
        no_script_breaks_it()
    return str(caught.value)


def part(text: str, begin: str, end: str) -> str:
    return text.partition(begin)[2].partition(end)[0]


def test_the_planted_bug_is_found_and_shrunk_to_two_faults(told):
    script = parse_script(part(told, "as YAML:\n\n", "\nas Python:"))
    assert len(script.faults) <= 2
    assert not script.client
    assert "RETRY-1" in told


def test_yaml_python_and_the_line_for_a_shell_all_fail_alike(told, capsys):
    script = parse_script(part(told, "as YAML:\n\n", "\nas Python:"))
    names = {**vars(sttkit), "from_items": from_items}
    assert eval(part(told, "as Python:\n\n", "\n\nagain:"), names) == script
    with pytest.raises(AssertionError) as again:
        assert_holds(PLUGIN, script)
    assert str(again.value).splitlines()[1:] == told.splitlines()[1:]
    program, *arguments = shlex.split(part(told, "\nagain: ", "\n"))
    assert program == "sttkit"
    assert cli.main(arguments) == 1
    assert "RETRY-1 FAIL" in capsys.readouterr().out


def test_shrink_takes_away_all_but_two_faults(tmp_path, capsys):
    large, small = tmp_path / "large.yaml", tmp_path / "small.yaml"
    large.write_text(LARGE, encoding="utf-8")
    assert cli.main(["shrink", str(large), PLUGIN, "-o", str(small)]) == 1
    said = capsys.readouterr().out
    assert "3 faults, 1 action, 7 words -> 2 faults, 0 actions, 1 word" in said
    left = parse_script(small.read_text(encoding="utf-8"))
    assert [placed.fault.id for placed in left.faults] == ["close", "reset"]
    assert said.startswith(small.read_text(encoding="utf-8"))
    with pytest.raises(AssertionError, match="RETRY-1"):
        assert_holds(forgetful, left)


def test_a_script_that_breaks_nothing_is_not_shrunk(tmp_path, capsys):
    sound = "{sttkit: 1, speech: [{say: hello}]}"
    assert cli.main(["shrink", sound, "custom_stt", "-o", str(tmp_path / "small.yaml")]) == 0
    assert "nothing to shrink" in capsys.readouterr().err
    assert cli.main(["shrink", sound, "custom_stt", "--law", "RETRY-1"]) <= 2
    assert "custom_stt does not break RETRY-1" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.fixture
def cassette(tmp_path):
    """A healthy session of the plugin with the bug, recorded."""
    target = load_target(PLUGIN)
    with recording(target.dialect) as recorded:
        simulated.play(target, parse_case("none@idle").script())
    path = tmp_path / "mine.jsonl"
    save_cassette(recorded.cassette(), path)
    return str(path)


def test_a_case_on_a_recording_gets_smaller_and_what_is_printed_plays_it_again(cassette, capsys):
    large = "duplicate@mid-utterance/close=1012@mid-utterance/reset@mid-utterance.2+pause=3"
    assert cli.main(["shrink", large, PLUGIN, "--speech", cassette]) == 1
    said = capsys.readouterr().out
    assert "3 faults, 1 action, 7 words -> 2 faults, 0 actions, 7 words, in " in said
    small = "close=1011@mid-utterance/reset@mid-utterance"
    assert said.splitlines()[0] == small
    again = part(said, "\nagain: ", "\n")
    assert again == f"sttkit check {PLUGIN} --case {small} --seed 0 --speech {cassette}"
    assert cli.main(shlex.split(again)[1:]) == 1
    assert "RETRY-1 FAIL" in capsys.readouterr().out


def test_a_recording_without_its_audio_keeps_its_words(cassette, capsys):
    bare = cassette.replace("mine", "bare")
    assert cli.main(["redact", cassette, bare, "--audio", "drop"]) == 0
    capsys.readouterr()
    large = "close=1012@mid-utterance/reset@mid-utterance.2"
    assert cli.main(["shrink", large, PLUGIN, "--speech", bare]) == 1
    assert "close=1011@mid-utterance/reset@mid-utterance\n" in capsys.readouterr().out


def test_a_client_that_was_not_recorded_is_not_shrunk_on_a_recording(capsys):
    arguments = ["shrink", "reset@idle", PLUGIN, "--speech", "examples/two_utterances.jsonl"]
    assert cli.main(arguments) == 2
    assert 'task is missing, it was "transcribe"' in capsys.readouterr().err


def test_a_check_finds_and_shrinks_it_too():
    options = CheckOptions((PLUGIN,), cases=("none@idle",), examples=60, jobs=1)
    result = check(options)
    (target,) = result.targets
    assert target.examples == 60
    (finding,) = (f for f in target.findings if f.law == "RETRY-1")
    assert finding.owner == "plugin"
    assert len(parse_script(finding.script).faults) <= 2
    with pytest.raises(AssertionError, match="RETRY-1"):
        assert_holds(forgetful, parse_script(finding.script), laws=["RETRY-1"])
    assert finding.cases[0] in [case.id for case in target.cases]
    assert cli.main(shlex.split(finding.reproduce)[1:]) == 1
    assert json.dumps(as_json(check(options))["targets"][0]["findings"]) == json.dumps(
        as_json(result)["targets"][0]["findings"]
    )


def test_a_search_says_nothing_of_a_sound_plugin():
    options = CheckOptions(("custom_stt",), cases=("none@idle",), examples=30, jobs=1, seed=3)
    (target,) = check(options).targets
    assert target.examples == 30
    assert [case.id for case in target.cases] == ["none@idle"]
    assert target.findings == ()


async def test_an_assertion_in_a_running_loop_is_wrong_usage():
    script = parse_script("{sttkit: 1, speech: [{say: hello}]}")
    with pytest.raises(UsageError, match="an event loop is running"):
        assert_holds("custom_stt", script)


def test_what_the_framework_breaks_is_not_held_against_a_plugin():
    # The base class drops the audio of the stream that ends at once when its line is reset.
    script = sttkit.script(
        sttkit.speech("hello there"), sttkit.faults.rfc("rsv-bits", at="mid-utterance")
    )
    assert_holds("custom_stt", script)


@pytest.mark.parametrize(
    ("plugin", "laws", "message"),
    [
        ("custum_stt", (), "did you mean 'custom_stt'"),
        (42, (), "42 is no plugin"),
        ("custom_stt", ("RETRY-99",), "unknown law 'RETRY-99'"),
        ("deepgram", (), "the script is for custom_stt, and deepgram speaks deepgram"),
    ],
)
def test_what_cannot_be_asserted_is_wrong_usage(plugin, laws, message):
    script = parse_script("{sttkit: 1, dialect: custom_stt, speech: [{say: hello}]}")
    with pytest.raises(UsageError, match=message):
        assert_holds(plugin, script, laws=laws)
