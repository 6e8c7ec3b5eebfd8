"""The examples of docs/pytest.md, run as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "pytest.md"
EXAMPLE = re.compile(r"^```python\n# (\S+\.py)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

EXAMPLES = dict(EXAMPLE.findall(PAGE.read_text(encoding="utf-8")))


def test_every_block_of_python_is_an_example_with_a_file_name():
    assert len(EXAMPLES) == PAGE.read_text(encoding="utf-8").count("```python")


def test_the_examples_pass(tmp_path):
    # The conftest of one example is not for the others; any test may do with it.
    own = tmp_path / "own_plugin"
    own.mkdir()
    for name, text in EXAMPLES.items():
        folder = own if name in ("conftest.py", "test_scripts.py") else tmp_path
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    tmp_path.joinpath("pytest.ini").write_text(
        "[pytest]\naddopts = --strict-markers\nasyncio_default_fixture_loop_scope = function\n",
        encoding="utf-8",
    )
    # One process for all of them: importing livekit takes longer than most.
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error::pytest.PytestWarning"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout
