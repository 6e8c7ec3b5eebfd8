from __future__ import annotations

from sttkit.driver.looks import MANY_SESSIONS, SOME_SESSIONS, UNREAD_S, Looks
from sttkit.simulation.loop import simulated_loop
from sttkit.trace import Record

READY = Record(0.0, "server", "ready", 0, "main", {})


def fault(name: str) -> Record:
    return Record(0.0, "server", "fault", 0, "main", {"id": name})


def test_a_long_call_is_looked_at_twice_early_and_in_each_gap_after_many_sessions() -> None:
    seen: list[int] = []
    looks = Looks(seen.append)
    for _ in range(MANY_SESSIONS + 3):
        looks.hear(READY)
        looks.in_a_gap()
    after = range(MANY_SESSIONS + 1, MANY_SESSIONS + 4)
    assert seen == [2, SOME_SESSIONS + 1, *after]


def test_a_call_of_one_session_is_never_looked_at() -> None:
    seen: list[int] = []
    looks = Looks(seen.append)
    looks.hear(READY)
    for _ in range(100):
        looks.in_a_gap()
    assert not seen


def looked_at_after(record: Record) -> list[float]:
    """When a stream is looked at, seconds after this record."""
    loop = simulated_loop()
    seen: list[float] = []
    looks = Looks(lambda _: seen.append(round(loop.time() - began, 6)))
    began = loop.time()
    loop.call_soon(looks.hear, record)
    loop.call_later(2 * UNREAD_S[-1], loop.stop)
    loop.run_forever()
    loop.close()
    return seen


def test_a_server_that_does_not_read_any_more_is_a_reason_to_look_later() -> None:
    assert looked_at_after(fault("stop-reading")) == list(UNREAD_S)


def test_no_other_fault_is_a_reason_to_look() -> None:
    assert looked_at_after(fault("reset")) == []
