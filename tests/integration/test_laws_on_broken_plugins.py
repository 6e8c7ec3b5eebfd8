"""Every law is seen to fail on a plugin that breaks it, and to hold on one that does not."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from sttkit.laws import ALL_LAWS, judge
from sttkit.laws.model import Judgement, Verdict
from sttkit.scripting.cases import parse_case
from sttkit.targets import load_target
from sttkit.targets.model import Target
from sttkit.worlds import loopback, simulated
from tests.broken import BROKEN
from tests.broken.base import STT, Stream

REAL_TIME = {"LIVE-5:blocks"}
"""What can only be seen in real time: virtual time stands still while code runs."""
JUDGED = {law.id for law in ALL_LAWS}
SEEN = [key for key in BROKEN if BROKEN[key].law in JUDGED]


def verdict(target: Target, law_id: str, case: str, *, real_time: bool) -> Judgement:
    world = loopback if real_time else simulated
    run = world.play(target, parse_case(case).script()).run
    # Both the broken plugins and the probe emit START on a healthy line.
    run = replace(run, subject=replace(run.subject, start_in_health=True))
    return judge(run)[law_id]


def test_each_law_has_a_plugin_that_breaks_it() -> None:
    assert {law.id for law in ALL_LAWS} - {plugin.law for plugin in BROKEN.values()} == set()


@pytest.mark.parametrize("key", SEEN)
def test_the_law_fails_on_the_plugin_that_breaks_it(key: str) -> None:
    plugin = BROKEN[key]
    judgement = verdict(plugin.target, plugin.law, plugin.case, real_time=key in REAL_TIME)
    assert judgement.verdict in (Verdict.FAIL, Verdict.WARN), judgement


@pytest.mark.parametrize("key", SEEN)
def test_the_law_holds_on_a_flawless_plugin_in_the_same_case(key: str) -> None:
    plugin = BROKEN[key]
    judgement = verdict(load_target("framework_probe"), plugin.law, plugin.case, real_time=False)
    assert judgement.verdict is Verdict.PASS, judgement


class Rotating(STT):
    """Takes another session for each segment, as a provider's protocol may want it."""

    class _Stream(Stream):
        def _final(self, data):
            super()._final(data)
            self._session_options = {**self._session_options, "over": True}

    stream_class = _Stream


@pytest.mark.parametrize(
    "case",
    [
        "none@mid-utterance.2+aclose+second-stream",
        "reset@mid-utterance.2+second-stream",
        "close=1011@after-final+second-stream",
    ],
)
def test_a_plugin_that_changes_its_sessions_by_itself_isolates_its_streams(case: str) -> None:
    target = Target("rotating", "custom_stt", Rotating, updates={})
    run = simulated.play(target, parse_case(case).script()).run
    second = run.history.stream("second")
    assert second is not None
    assert len(second.connections) > 2
    assert judge(run)["ISOLATE-1"].verdict is Verdict.PASS


def test_a_finding_about_a_stream_that_hangs_says_where_it_waits() -> None:
    plugin = BROKEN["LIVE-1"]
    observed = verdict(plugin.target, plugin.law, plugin.case, real_time=False).observed
    assert "Deaf._run" in observed or "broken/live.py" in observed


def test_a_deadlock_is_judged_as_far_as_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*args: object, **options: object) -> None:
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(simulated, "drive", never)
    run = simulated.play(load_target("framework_probe"), parse_case("none@idle").script()).run
    [waiting] = run.history.of("waiting")
    assert "deadlock" in waiting.data["why"]
    assert any("test_laws_on_broken_plugins.py" in task for task in waiting.data["tasks"])
    assert Verdict.FAIL not in {judgement.verdict for judgement in judge(run).values()}
