"""LiveKit's adapters of several STTs are STTs themselves: they are judged like a plugin."""

from __future__ import annotations

from pathlib import Path

import pytest

from sttkit.laws import judge
from sttkit.laws.model import Verdict
from sttkit.scripting.cases import parse_case
from sttkit.targets import load_target
from sttkit.worlds import simulated

FALLBACK = Path(__file__).parents[2] / "examples" / "fallback.py"


@pytest.mark.parametrize("case", ["none@idle", "reset@mid-utterance.2"])
def test_an_adapter_passes_on_what_a_sound_plugin_says(case: str) -> None:
    target = load_target(f"{FALLBACK}:build")
    run = simulated.play(target, parse_case(case).script()).run

    verdicts = {judgement.verdict for judgement in judge(run).values()}

    assert run.history.streams[0].finals
    assert Verdict.FAIL not in verdicts
