"""The public names, and how little it takes to import them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import sttkit
from sttkit import faults, strategies

PUBLIC = [
    "Cue",
    "Fault",
    "Network",
    "Placed",
    "Point",
    "Script",
    "ScriptError",
    "Speech",
    "Step",
    "SttkitError",
    "TargetError",
    "UsageError",
    "__version__",
    "faults",
    "script",
    "silence",
    "speech",
]
HEAVY = ("aiohttp", "asyncio", "h11", "livekit", "numpy", "rich", "ssl", "websockets", "yaml")


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}; import sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(json.loads(done.stdout))


def test_the_public_names_are_these() -> None:
    assert sorted(sttkit.__all__) == PUBLIC
    assert all(hasattr(sttkit, name) for name in sttkit.__all__)


@pytest.mark.parametrize(
    "statement", ["import sttkit", "from sttkit import faults, script, speech"]
)
def test_importing_the_kit_loads_nothing_heavy(statement: str) -> None:
    before, after = loaded_by("pass"), loaded_by(statement)
    assert not [name for name in HEAVY if name in after - before]


def test_the_engine_loads_without_a_loop_or_livekit() -> None:
    loaded = loaded_by("import sttkit.session.connection") - loaded_by("pass")
    assert not {"aiohttp", "livekit", "numpy", "yaml"} & loaded


def test_the_public_names_for_property_tests_are_these() -> None:
    assert sorted(strategies.__all__) == [
        "IN_A_CALL",
        "SEARCHING",
        "STREAMING",
        "assert_holds",
        "client_steps",
        "placed_faults",
        "scripts",
        "speeches",
    ]
    assert all(hasattr(strategies, name) for name in strategies.__all__)


def test_every_fault_has_a_constructor_of_its_name() -> None:
    for kind in faults.CATALOGUE:
        if kind.id != "none":
            maker = getattr(faults, kind.id.replace("-", "_"))
            assert maker.id == kind.id
