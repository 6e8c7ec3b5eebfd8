"""The examples in docs/simulation.md work."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[3] / "docs" / "simulation.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize(
    ("number", "said"), [(0, "b'hello\\n' b'' 3602"), (1, ""), (2, "Connection reset by peer")]
)
def test_the_examples_work(number: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    exec(EXAMPLES[number], names)
    assert capsys.readouterr().out.startswith(said)


def test_all_examples_are_tested() -> None:
    assert len(EXAMPLES) == 3
