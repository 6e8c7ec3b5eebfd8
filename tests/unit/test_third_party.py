"""The adapters in examples/third_party: each a dialect and a factory for somebody else's plugin."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from sttkit.dialects import load_dialect
from sttkit.dialects.checking import first_flaw
from sttkit.scripting.cases import parse_case
from sttkit.targets import load_target
from sttkit.worlds import simulated

FOLDER = Path(__file__).parents[2] / "examples" / "third_party"
ADAPTERS = {
    "aliyun": "livekit.plugins.aliyun",
    "kyutai": "lasuite.plugins.kyutai",
    "pyai_hear": "livekit.plugins.pyai",
    "reson8": "livekit.plugins.reson8",
    "voho": "livekit.plugins.voho",
}


def test_there_is_an_adapter_for_each() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} == set(ADAPTERS)


@pytest.mark.parametrize("name", ADAPTERS)
def test_an_adapter_is_a_target_with_a_sound_dialect(name: str) -> None:
    target = load_target(f"{FOLDER / name}.py:build")
    assert target.dialect == f"{FOLDER / name}.py:DIALECT"
    assert target.package.startswith("livekit-plugins-")
    assert first_flaw(load_dialect(target.dialect)) is None


@pytest.mark.parametrize("name", ADAPTERS)
def test_its_plugin_brings_the_finals(name: str) -> None:
    parent = ADAPTERS[name].partition(".")[0]
    if find_spec(parent) is None or find_spec(ADAPTERS[name]) is None:
        pytest.skip(f"{ADAPTERS[name]} is not installed: it is not LiveKit's")
    played = simulated.play(
        load_target(f"{FOLDER / name}.py:build"), parse_case("none@idle").script()
    )
    said = [
        str(record.data["text"])
        for record in played.trace
        if record.kind == "event" and record.data["type"] == "final_transcript"
    ]
    assert " ".join(said) == "hello there friend how are you today"
