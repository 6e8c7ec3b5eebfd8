"""The reference plugin under scripts that nobody thought of: no law of level must is broken.

A usual run has the same examples each time. More, and new ones:

    STTKIT_EXAMPLES=2000 pytest tests/property/test_reference_plugin.py

A failure prints the shrunk script, as YAML for ``sttkit run`` and as Python for a test.
"""

from __future__ import annotations

import os
from dataclasses import replace

from hypothesis import HealthCheck, Phase, example, given, note, settings

from sttkit import Script, faults, script, speech
from sttkit.conformance.timeline import timeline
from sttkit.faults import Family
from sttkit.laws import ALL_LAWS, Verdict, judge
from sttkit.scripting.python import python_of
from sttkit.scripting.yaml import dump_script
from sttkit.strategies import scripts, speeches
from sttkit.targets import load_target
from sttkit.worlds.simulated import play

EXAMPLES = int(os.environ.get("STTKIT_EXAMPLES", "0"))

MUST = [law for law in ALL_LAWS if law.level == "must"]

few = settings(
    max_examples=EXAMPLES or 60,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    # Explaining costs as many runs again as shrinking does.
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)


def assert_no_must_is_broken(said: Script) -> None:
    note(f"as YAML, for `sttkit run`:\n\n{dump_script(said)}")
    note(f"as Python:\n\n{python_of(said)}\n")
    played = play(load_target("custom_stt"), said)
    # It is known to announce speech, so that silence about it counts.
    run = replace(played.run, subject=replace(played.run.subject, start_in_health=True))
    broken = {
        law_id: judgement
        for law_id, judgement in judge(run, MUST).items()
        if judgement.verdict is Verdict.FAIL
    }
    if broken:
        note(timeline(played.trace.records))
    assert not broken


@few
@given(
    scripts(
        max_faults=2,
        max_steps=1,
        said=speeches(max_utterances=2, max_words=2),
    ).filter(lambda said: bool(said.faults))
)
@example(script(speech("hello there"), faults.reset(at="mid-utterance")))
def test_no_fault_makes_the_reference_plugin_break_a_must(said):
    assert_no_must_is_broken(said)


@settings(few, max_examples=EXAMPLES or 20)
@given(
    scripts(
        max_faults=2,
        max_steps=0,
        said=speeches(max_utterances=1),
        families=(Family.BATCH,),
    ).filter(lambda said: bool(said.faults))
)
def test_no_fault_of_a_batch_request_does_either(said):
    assert_no_must_is_broken(said)


def test_a_plugin_that_never_reconnects_does_not_get_through():
    target = load_target("self_managed")
    said = script(speech("hello there"), faults.reset(at="mid-utterance"))
    verdicts = judge(play(target, said).run, MUST)
    assert Verdict.FAIL in [verdicts[law].verdict for law in ("LIVE-1", "RETRY-1")]
