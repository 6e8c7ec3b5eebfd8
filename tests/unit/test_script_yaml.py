"""Scripts in YAML: read, written, and refused at the line of the mistake."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sttkit import Cue, Network, Point, Script, ScriptError, Step, UsageError, faults, script
from sttkit.audio.speech import from_items, silence, speech
from sttkit.scripting.model import ACTIONS
from sttkit.scripting.nodes import MAX_BYTES
from sttkit.scripting.yaml import dump_script, load_script, parse_script
from tests.unit.test_cases import placements

WHOLE = """\
sttkit: 1
dialect: deepgram
speech: [{say: hello there}, {pause: 0.8}, {say: how are you}]
client: [{at: {audio_s: 2.0}, do: flush}, {at: {point: idle, n: 2}, do: aclose}, {do: end-at-once}]
faults: [{fault: close, code: 1011, at: mid-utterance, n: 2, connection: next}]
network: {latency: 0.03, jitter: 0.01}
seed: 7
"""


def test_a_script_says_the_same_in_yaml_and_in_python() -> None:
    assert parse_script(WHOLE) == script(
        speech("hello there", "how are you", seed=7),
        faults.close(1011, at="mid-utterance", n=2),
        client=[
            Step("flush", Cue(audio_s=2.0)),
            Step("aclose", Cue(Point.IDLE, 2)),
            Step("end-at-once"),
        ],
        dialect="deepgram",
        network=Network(0.03, 0.01),
        seed=7,
    )


WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12
) | st.sampled_from(["yes", "no", "007", "1.5", "null", "~", "2020-13-45", "[a]", "#", "on", "'"])


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    seed = draw(st.integers(0, 2**64 - 1))
    pauses = st.floats(0, 20).map(lambda seconds: {"pause": round(seconds, 3)})
    said = st.lists(WORDS, min_size=1, max_size=4).map(lambda words: {"say": " ".join(words)})
    talk = from_items(draw(st.lists(pauses | said, max_size=6)), seed=seed)
    cues = (
        st.just(Cue())
        | st.builds(Cue, st.sampled_from(Point), st.integers(1, 1000))
        | st.builds(lambda at: Cue(audio_s=at), st.floats(0, 1000))
    )
    step = st.builds(Step, st.sampled_from([*ACTIONS]), cues).map(
        lambda step: Step(step.do) if step.do.endswith("-at-once") else step
    )
    steps = st.lists(step, max_size=3)
    seconds = st.floats(0, 100)
    return Script(
        talk,
        tuple(draw(st.lists(placements(), max_size=3))),
        tuple(draw(steps)),
        draw(st.none() | st.sampled_from(["deepgram", "custom_stt"])),
        Network(draw(seconds), draw(seconds)),
        seed,
    )


@settings(deadline=None)
@given(scripts())
def test_a_script_is_read_as_it_was_written(written: Script) -> None:
    assert parse_script(dump_script(written)) == written


def test_a_muted_caller_is_written_as_a_pause() -> None:
    assert parse_script(dump_script(script(silence(12.5)))) == script(silence(12.5))


@pytest.mark.parametrize("word", ["yes", "no", "on", "007", "1.50", "null", "2020-01-01", "1e3"])
def test_what_is_said_is_text_as_it_stands(word: str) -> None:
    said = parse_script(f"sttkit: 1\nspeech: [{{say: {word}}}]\n").speech
    assert said.utterances[0].text == word


HEAD = "sttkit: 1\nspeech: [{say: hi}]\n"


@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        ("", "<script>", "empty"),
        ("speech: []", "<script>:1:1", "no version"),
        ("sttkit: 2\nspeech: []", "<script>:1:9", "version 2"),
        ("sttkit: 1", "<script>:1:1", "no speech"),
        ("- a", "<script>:1:1", "a sequence"),
        ("text", "<script>:1:1", "a scalar"),
        ("sttkit: [1", "<script>:1:11", "not YAML"),
        ("a: b: c", "<script>:1:5", "not YAML"),
        ("--- 1\n--- 2\n", "<script>:2:1", "not YAML"),
        ("sttkit: \x00", "<script>", "not YAML"),
        ("[" * 500_000, "<script>:1:21", "nested too deeply"),
        ("a: " * 300_000, "<script>:1:5", "not YAML"),
        ("- " * 400_000, "<script>:1:41", "nested too deeply"),
        ("sttkit: 1\nspeach: []", "<script>:2:1", "did you mean 'speech'?"),
        ("sttkit: 1\nsttkit: 1\n", "<script>:2:1", "the key 'sttkit' twice"),
        ("sttkit: 1\n? [a]\n: b\n", "<script>:2:3", "unknown key"),
        ("sttkit: !!python/object:os.system 1", "<script>:1:9", "the tag"),
        ("sttkit: !mine 1", "<script>:1:9", "the tag"),
        ("sttkit: &a 1\nseed: *a", "<script>:1:9", "an anchor or alias"),
        ("sttkit: 1\nspeech: hello", "<script>:2:9", "a scalar; expected a list"),
        ("sttkit: 1\nspeech: [hello]", "<script>:2:10", "a scalar"),
        ("sttkit: 1\nspeech: [{say: }]", "<script>:2:9", "nothing is said"),
        ("sttkit: 1\nspeech: [{pause: long}]", "<script>:2:9", "a pause of 'long'"),
        ("sttkit: 1\nspeech: [{pause: .nan}]", "<script>:2:9", "a pause of nan"),
        ("sttkit: 1\nspeech: [{wav: no.wav, words: []}]", "<script>:2:9", "no such WAV file"),
        ("sttkit: 1\nspeech: [{[a]: 1}]", "<script>:2:10", "a value that is none"),
        ("sttkit: 1\nspeech: [{pause: 2020-13-45}]", "<script>:2:10", "a value that is none"),
        (HEAD + "seed: x", "<script>:3:7", "'x'; expected a whole number"),
        (HEAD + "seed: true", "<script>:3:7", "True"),
        (HEAD + "seed: -1", "<script>:3:7", "-1; expected a whole number from 0"),
        (HEAD + "seed: 2020-13-45", "<script>:3:7", "a value that is none"),
        (HEAD + "seed: " + "9" * 5000, "<script>:3:7", "a value that is none"),
        (HEAD + "dialect: 5", "<script>:3:10", "5; expected text"),
        (HEAD + "network: {latency: -1}", "<script>:3:20", "-1; expected seconds"),
        (HEAD + "network: {latency: .inf}", "<script>:3:20", "inf; expected seconds"),
        (HEAD + "network: {speed: 1}", "<script>:3:11", "unknown key 'speed'"),
        (HEAD + "faults: {fault: reset}", "<script>:3:9", "a mapping; expected a list"),
        (HEAD + "faults: [reset]", "<script>:3:10", "no fault is named"),
        (HEAD + "faults: [{at: idle}]", "<script>:3:10", "no fault is named"),
        (HEAD + "faults: [{fault: rest, at: idle}]", "<script>:3:18", "did you mean 'reset'?"),
        (HEAD + "faults: [{fault: [x], at: idle}]", "<script>:3:18", "expected text"),
        (HEAD + "faults:\n- fault: reset\n", "<script>:4:3", "reset has no place"),
        (HEAD + "faults: [{fault: reset, at: connecting}]", "<script>:3:10", "makes no sense"),
        (HEAD + "faults: [{fault: reset, at: idle, code: 1}]", "<script>:3:35", "unknown key"),
        (HEAD + "faults: [{fault: close, at: idle, code: x}]", "<script>:3:10", "close with code"),
        (HEAD + "faults: [{fault: close, at: idle, code: [1]}]", "<script>:3:10", "close with"),
        (HEAD + "faults: [{fault: close, at: idle, code: {}}]", "<script>:3:10", "close with"),
        (HEAD + "faults: [{fault: reset, at: idle, n: 0}]", "<script>:3:38", "0; expected a whole"),
        (HEAD + "faults: [{fault: reset, at: idle, connection: all}]", "<script>:3:10", "'all'"),
        (HEAD + "faults: [{fault: reset, at: idle, connection: [1]}]", "<script>:3:10", "[1]"),
        (HEAD + "client: [{at: {}}]", "<script>:3:10", "nothing is done"),
        (HEAD + "client: [{do: dance}]", "<script>:3:15", "unknown action 'dance'"),
        (
            HEAD + "client: [{do: aclose-at-once, at: {audio_s: 1}}]",
            "<script>:3:15",
            "no time of its own",
        ),
        (HEAD + "client: [{do: end, at: {}}]", "<script>:3:24", "a cue of this form"),
        (HEAD + "client: [{do: end, at: {point: x}}]", "<script>:3:32", "unknown point 'x'"),
        (HEAD + "client: [{do: end, at: {point: idle, n: 0}}]", "<script>:3:41", "0; expected"),
        (HEAD + "client: [{do: end, at: {audio_s: x}}]", "<script>:3:34", "'x'; expected seconds"),
        (
            HEAD + "client: [{do: end, at: {audio_s: 1, point: idle}}]",
            "<script>:3:24",
            "a cue of this form",
        ),
    ],
)
def test_a_mistake_is_reported_at_its_line(text: str, where: str, problem: str) -> None:
    with pytest.raises(ScriptError) as refused:
        parse_script(text)
    assert refused.value.where == where
    assert problem in str(refused.value)


def test_a_text_that_is_too_large_is_not_read() -> None:
    with pytest.raises(ScriptError, match="too large"):
        parse_script("#" * (MAX_BYTES + 1))


def test_a_script_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(WHOLE, encoding="utf-8")
    assert load_script(path) == parse_script(WHOLE)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "big.yaml").write_text("#" * (MAX_BYTES + 1))
    (tmp_path / "latin.yaml").write_bytes(b"sttkit: \xff")
    for name, problem in (
        ("missing.yaml", "no such script file"),
        ("big.yaml", "too large"),
        ("latin.yaml", "cannot be read"),
        (".", "cannot be read"),
    ):
        with pytest.raises(ScriptError, match=problem) as refused:
            load_script(tmp_path / name)
        assert refused.value.where == str(tmp_path / name)


@settings(deadline=None)
@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda b: b.decode("latin-1")))
def test_any_text_is_a_script_or_a_script_error(text: str) -> None:
    for tried in (text, f"sttkit: 1\nspeech: [{{say: a}}]\n{text}"):
        with contextlib.suppress(ScriptError):
            parse_script(tried)


def test_a_script_in_python_takes_only_faults_and_known_actions() -> None:
    with pytest.raises(UsageError, match="is not a placed fault"):
        script(None, "reset@idle")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="unknown action 'dance'"):
        script(None, client=[Step("dance")])
    assert script().speech == silence(1.0)


def test_an_action_with_a_parameter_is_read_as_it_was_written() -> None:
    step = Step("pause", Cue(audio_s=1.0), 180.0)
    written = dump_script(Script(speech("hello"), client=(step,)))
    assert "seconds: 180.0" in written
    assert parse_script(written).client == (step,)


@pytest.mark.parametrize("given", ["soon", "-1", "[1]"])
def test_an_actions_parameter_has_its_limits(given: str) -> None:
    text = f"sttkit: 1\nspeech: [{{say: hello}}]\nclient: [{{do: pause, seconds: {given}}}]\n"
    with pytest.raises(ScriptError) as caught:
        parse_script(text)
    assert "<script>:3" in str(caught.value)
