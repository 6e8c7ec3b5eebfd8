"""LIVE-8 and CLOSE-13: what an hour of routine closes does."""

from typing import Any

import pytest

from sttkit.laws.model import Run
from tests.unit.laws.cases import Cases, judged
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


NO_DATA: dict[str, Any] = {"bytes": 0, "entries": 0, "longer": {}}


def looked_at(
    tale: Story | None = None, *, half_way: dict[str, Any] | None = None, **late: Any
) -> Story:
    """A long call that is looked at after its first reconnect and after the fiftieth.

    ``half_way`` is the data that was held after the 25th.
    """
    tale = tale or story().stream().opened()
    base: dict[str, Any] = {"tasks": ["Stream._run"], "connections": 1, "objects": {}}
    base |= {"data": NO_DATA, "audio_s": 1.0}
    tale.later(60).client("holding", sessions=2, **base)
    if half_way is not None:
        tale.later(900).client("holding", sessions=26, **{**base, "data": half_way})
    return tale.later(900).client("holding", sessions=52, **{**base, **late})


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


def data(entries: int, bytes: int = 0, **longer: int) -> dict[str, Any]:
    return {"bytes": bytes, "entries": entries, "longer": longer}


@cases.fails("CLOSE-13")
def every_message_is_kept() -> Run:
    return looked_at(half_way=data(480, past=96), data=data(1000, past=200)).run()


@cases.fails("CLOSE-13")
def all_audio_ever_sent_is_kept_as_one() -> Run:
    return looked_at(half_way=data(0, 768_000), data=data(0, 1_600_000)).run()


@cases.passes("CLOSE-13")
def the_audio_of_the_last_half_minute_is_kept() -> Run:
    return looked_at(half_way=data(900, 960_000), data=data(1000, 960_000)).run()


@cases.passes("CLOSE-13")
def a_list_was_looked_at_when_it_was_just_full() -> Run:
    return looked_at(half_way=data(0), data=data(60)).run()


@cases.passes("CLOSE-13")
def nobody_looked_half_way_at_what_was_kept() -> Run:
    return looked_at(data=data(1000)).run()


def test_a_hoard_is_named_by_what_went_on_growing():
    tale = looked_at(half_way=data(480, past=96, recent=200), data=data(1000, past=200, recent=210))
    assert judged("CLOSE-13", tale.run()).observed == "1000 more entries of data, such as in past"


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
