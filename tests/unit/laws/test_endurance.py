"""LIVE-8 and CLOSE-13: what an hour of routine closes does."""

from typing import Any

import pytest

from sttkit.laws.model import Run
from tests.unit.laws.cases import Cases
from tests.unit.laws.story import Story, healthy, since, story

cases = Cases()


@pytest.mark.parametrize("case", cases, ids=str)
def test_the_law_judges_the_story(case):
    case.check()


# --- LIVE-8 ---------------------------------------------------------------------------------


def closed_routinely(times: int, *, after: float = 180.0) -> Story:
    tale = story().stream()
    for number in range(times):
        tale.opened().later(after).closed(1000 + number % 2).error().later(0.1)
    return tale


@cases.passes("LIVE-8")
def twenty_closes_are_survived() -> Run:
    return closed_routinely(20).opened().talk(until=3.0).call("end_input").ended().run()


@cases.fails("LIVE-8")
def the_fourth_close_ends_the_stream() -> Run:
    return closed_routinely(4).raised().shut().run()


@cases.fails("LIVE-8")
def iteration_just_ends_at_a_close() -> Run:
    return closed_routinely(12).ended().shut().run()


@cases.skips("LIVE-8")
def there_are_not_so_many_closes() -> Run:
    return closed_routinely(3).opened().talk(until=3.0).call("end_input").ended().run()


@cases.skips("LIVE-8")
def sessions_are_closed_as_soon_as_they_begin() -> Run:
    return closed_routinely(4, after=0.5).raised().shut().run()


@cases.skips("LIVE-8")
def something_else_ends_the_stream() -> Run:
    return closed_routinely(4).opened().later(180).fault("reset").raised().shut().run()


@cases.skips("LIVE-8")
def frames_that_are_none_end_the_stream() -> Run:
    tale = closed_routinely(1).opened().talk(until=180).fault("rfc=rsv-bits").error()
    return tale.later(0.1).opened().later(1).fault("rfc=rsv-bits").raised().shut().run()


@cases.exempts("LIVE-8")
def the_plugin_declares_no_retries() -> Run:
    subject = since((1, 8, 9), max_retry=0)
    return closed_routinely(1).raised().shut().run(subject=subject)


@cases.fails("LIVE-8")
def older_frameworks_count_all_closes() -> Run:
    return closed_routinely(4).raised().shut().run(subject=since((1, 8, 2)))


# --- CLOSE-13 -------------------------------------------------------------------------------


def looked_at(tale: Story | None = None, **late: Any) -> Story:
    """A long call that is looked at after its first reconnect and after the fiftieth."""
    tale = tale or story().stream().opened()
    base: dict[str, Any] = {"tasks": ["Stream._run"], "connections": 1, "objects": {}}
    tale.later(60).client("holding", sessions=2, audio_s=1.0, **base)
    return tale.later(1800).client("holding", sessions=52, audio_s=1.0, **{**base, **late})


@cases.passes("CLOSE-13")
def nothing_is_left_of_fifty_reconnects() -> Run:
    return looked_at().run()


@cases.passes("CLOSE-13")
def something_is_just_going_on() -> Run:
    return looked_at(tasks=["Stream._run", "dial", "close"], connections=2).run()


@cases.fails("CLOSE-13")
def a_task_is_left_of_each() -> Run:
    return looked_at(tasks=["Stream._run", *["Stream._keepalive"] * 50]).run()


@cases.fails("CLOSE-13")
def a_connection_is_left_of_each() -> Run:
    return looked_at(connections=51).run()


@cases.fails("CLOSE-13")
def an_object_is_left_of_each() -> Run:
    return looked_at(objects={"aiohttp.client_ws.ClientWebSocketResponse": 50}).run()


def half_open(**late: Any) -> Run:
    tale = story().stream().opened().fault("half-open").later(8).error().later(0.1).opened()
    return looked_at(tale, **late).run()


@cases.passes("CLOSE-13")
def the_servers_own_ends_of_half_open_lines_stay() -> Run:
    return half_open(objects={"uuid.UUID": 50})


@cases.fails("CLOSE-13")
def a_task_is_left_of_each_half_open_line() -> Run:
    return half_open(tasks=["Stream._run", *["Stream._keepalive"] * 50])


@cases.skips("CLOSE-13")
def nobody_looks() -> Run:
    return healthy().run()
