"""One seed, one trace: in one process, in many, and whatever else differs between them."""

import subprocess
import sys
from pathlib import Path

import pytest

from sttkit.conformance.casework import script_of
from sttkit.conformance.check import check
from sttkit.conformance.options import CheckOptions
from sttkit.conformance.surveying import survey, target_of
from sttkit.worlds.simulated import play

ROOT = Path(__file__).parents[2]
PLAN = (
    "none@idle",
    "no-answer@connecting:each",
    "reset@mid-utterance.2/http=503@connecting",
    "half-open@mid-utterance.2",
    "none@mid-utterance+second-stream+close-http-session",
)


def test_a_small_plan_is_the_same_twice():
    options = CheckOptions(("custom_stt", "deepgram"), cases=PLAN, twice=True, jobs=2)
    result = check(options)
    assert [target.compared for target in result.targets] == [len(PLAN), len(PLAN)]
    assert [case.difference for target in result.targets for case in target.cases] == 10 * [None]


MOODY = '''
"""A plugin that looks at the real time, which nothing can simulate, and lets it show."""
from datetime import datetime

from livekit.plugins import custom_stt


def build(context):
    microsecond = datetime.now().microsecond
    return custom_stt.STT(
        api_url=context.place.http,
        api_key=context.api_key,
        http_session=context.http_session,
        language=f"x{microsecond}",
    )
'''


def test_a_plugin_that_looks_at_the_real_time_is_not_the_same_twice(tmp_path):
    path = tmp_path / "moody.py"
    path.write_text(MOODY)
    result = check(CheckOptions((f"{path}:build",), cases=("none@idle",), twice=True, jobs=1))
    difference = result.targets[0].cases[0].difference
    assert difference is not None
    assert '"language": "x' in difference.first.replace("\\", "")
    assert difference.first != difference.second
    assert result.exit_status == 3


@pytest.mark.parametrize("target", ["custom_stt", "deepgram"])
@pytest.mark.parametrize(
    "case",
    [
        "no-answer@connecting:each",
        "none@mid-utterance+second-stream+update-options",
        "none@mid-utterance+second-stream+close-http-session",
    ],
)
def test_what_is_kept_in_sets_has_the_same_order_in_each_run(target, case):
    survey(target)
    script = script_of(case, 0)
    assert len({play(target_of(target), script).trace.sha256() for _ in range(8)}) == 1


def test_hash_seeds_and_a_busy_machine_do_not_matter():
    # A tenth of what tools/hash_seeds.py does by itself; each process imports livekit.
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "hash_seeds.py", "--values", "4", "--runs", "25"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("100 runs in 4 processes, 1 trace(s)") == 2
