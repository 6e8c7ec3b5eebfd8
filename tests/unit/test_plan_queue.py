"""The queue of faults: order, repetition, which connection, and the wait between attempts."""

from __future__ import annotations

import pytest

from sttkit import faults, script
from sttkit.faults import Point, parse_placed
from sttkit.session.plan import FaultPlan


def plan(*placed: str) -> FaultPlan:
    return FaultPlan(script(None, *map(parse_placed, placed)).placements())


def due(queue: FaultPlan, point: Point, n: int = 1, connection: int = 0) -> list[str]:
    return [str(fault) for fault in queue.due(point, n, connection)]


def test_faults_happen_in_the_order_of_the_script() -> None:
    queue = plan("reset@idle", "close=1001@after-final")
    assert due(queue, Point.AFTER_FINAL) == []
    assert due(queue, Point.IDLE) == ["reset"]
    assert due(queue, Point.AFTER_FINAL) == ["close=1001"]
    assert due(queue, Point.AFTER_FINAL) == []


def test_a_fault_waits_for_its_occurrence() -> None:
    queue = plan("reset@mid-utterance.3")
    assert [due(queue, Point.MID_UTTERANCE, n) for n in (1, 2, 3, 3)] == [[], [], ["reset"], []]


def test_one_occurrence_of_a_point_takes_one_fault_of_the_queue() -> None:
    queue = plan("reset@idle", "fin@idle")
    assert due(queue, Point.IDLE, connection=0) == ["reset"]
    assert due(queue, Point.IDLE, connection=1) == ["fin"]


def test_a_fault_on_each_connection_stays_and_holds_up_nothing() -> None:
    queue = plan("reset@before-audio:each", "fin@idle")
    assert due(queue, Point.BEFORE_AUDIO, connection=0) == ["reset"]
    assert due(queue, Point.IDLE, connection=0) == ["fin"]
    assert due(queue, Point.BEFORE_AUDIO, connection=7) == ["reset"]
    assert queue.unfired == ()


def test_a_fault_on_each_connection_is_armed_in_its_turn() -> None:
    queue = plan("fin@idle", "reset@before-audio:each")
    assert due(queue, Point.BEFORE_AUDIO) == []
    assert due(queue, Point.IDLE) == ["fin"]
    assert due(queue, Point.BEFORE_AUDIO, connection=1) == ["reset"]


def test_standing_faults_come_before_those_of_the_queue() -> None:
    queue = plan("stall@before-audio:each", "reset@before-audio")
    assert due(queue, Point.BEFORE_AUDIO) == ["stall", "reset"]


@pytest.mark.parametrize("wanted", [1, 2, 3])
def test_the_nth_connection_is_counted_from_where_the_fault_was_armed(wanted: int) -> None:
    queue = plan("fin@idle", f"reset@before-audio:{wanted}")
    assert due(queue, Point.IDLE, connection=4) == ["fin"]
    hit = [number for number in range(5, 10) if due(queue, Point.BEFORE_AUDIO, 1, number)]
    assert hit == [4 + wanted]


@pytest.mark.parametrize("point", [Point.CONNECTING, Point.BATCH])
def test_points_with_one_occurrence_per_attempt_are_counted_over_all_attempts(
    point: Point,
) -> None:
    fault = {"connecting": "http=503", "batch": "batch-http=503"}[point.value]
    queue = plan(f"{fault}@{point.value}.3")
    assert [bool(due(queue, point, number + 1, number)) for number in range(4)] == [
        False,
        False,
        True,
        False,
    ]


def test_an_attempt_that_fails_each_time_fails_each_time() -> None:
    queue = plan("http=503@connecting:each")
    assert all(due(queue, Point.CONNECTING, number + 1, number) for number in range(20))


def test_a_fault_of_an_attempt_that_is_armed_late_meets_the_next_attempt() -> None:
    queue = plan("reset@mid-utterance.2", "http=503@connecting")
    assert due(queue, Point.CONNECTING, 1, 0) == []
    assert due(queue, Point.MID_UTTERANCE, 2, 0) == ["reset"]
    assert due(queue, Point.CONNECTING, 2, 1) == ["http=503"]


@pytest.mark.parametrize(("fault", "point"), [("refused", "connecting"), ("fin", "before-audio")])
def test_back_off_is_so_many_broken_attempts_in_a_row(fault: str, point: str) -> None:
    queue = plan(f"{fault}@backoff.3")
    assert [placed.point.value for placed in queue.unfired] == [point] * 3
    at = Point(point)
    n = (lambda number: number + 1) if at is Point.CONNECTING else (lambda number: 1)
    assert [len(due(queue, at, n(number), number)) for number in range(5)] == [1, 1, 1, 0, 0]


def test_none_is_no_fault() -> None:
    assert plan("none@idle", "none@backoff.2").unfired == ()


def test_a_question_about_some_faults_leaves_the_others_armed() -> None:
    queue = plan("http=503@connecting")
    assert queue.due(Point.CONNECTING, 1, 0, only=lambda fault: fault.id == "refused") == []
    assert due(queue, Point.CONNECTING, 1, 0) == ["http=503"]


def test_placements_made_in_python_are_the_same_as_spelled_ones() -> None:
    assert faults.close(1001, at="idle", connection=2) == parse_placed("close=1001@idle:2")
