"""The workflow in docs/ci.md is one, and what it names there is."""

import re
import shlex
from pathlib import Path

import yaml

from sttkit.cli import main, make_parser

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
WORKFLOW = yaml.safe_load(re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[0])
COMMANDS = [
    shlex.split(step["run"]) for step in WORKFLOW["jobs"]["judge"]["steps"] if "run" in step
]


def test_what_the_workflow_runs_is_a_command_line_of_sttkit():
    (judging,) = [command[1:] for command in COMMANDS if command[0] == "sttkit"]
    arguments = make_parser().parse_args(judging)
    assert arguments.targets == ["my_plugin.py:build"]
    assert arguments.junit is not None


def test_what_it_installs_is_an_extra():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    named = re.findall(r"sttkit\[([a-z,]+)\]", PAGE)
    assert len(named) >= 2
    for extra in ",".join(named).split(","):
        assert re.search(rf"^{extra} = \[", project, flags=re.MULTILINE)


def test_each_option_that_the_page_names_is_one_of_the_check(capsys):
    assert main(["check", "--help"]) == 0
    known = re.findall(r"--[a-z]+", capsys.readouterr().out)
    assert set(re.findall(r"--[a-z]+", PAGE)) <= set(known)
