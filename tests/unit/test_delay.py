"""The line between two ends: when each item comes out."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sttkit.session.delay import DelayLine, DelayModel


def line(**model: float) -> DelayLine[str]:
    return DelayLine(DelayModel(**model), Random(0).random)


def test_a_line_without_properties_is_direct() -> None:
    assert line().is_direct
    assert not line(latency=0.1).is_direct


def test_latency_is_added_to_each_item() -> None:
    slow = line(latency=0.1)
    slow.put("a", 1.0)
    slow.put("b", 1.05)
    assert slow.next_due == pytest.approx(1.1)
    assert slow.take(1.09) == []
    assert slow.take(1.1) == ["a"]
    assert slow.take(2.0) == ["b"]
    assert slow.next_due is None


def test_bandwidth_lets_bytes_through_one_after_the_other() -> None:
    narrow = line(bandwidth=1000.0)
    narrow.put("a", 0.0, size=100)
    narrow.put("b", 0.0, size=300)
    assert narrow.take(0.0999) == []
    assert narrow.take(0.1) == ["a"]
    assert narrow.next_due == pytest.approx(0.4)


def test_a_held_line_lets_nothing_out_and_then_all_in_order() -> None:
    held = line()
    held.hold(2.0)
    held.put("a", 1.0)
    held.put("b", 1.5)
    assert held.take(1.99) == []
    assert held.take(2.0) == ["a", "b"]
    held.take(2.0)
    assert held.is_direct


@settings(deadline=None)
@given(
    items=st.lists(st.tuples(st.floats(0, 5), st.integers(0, 5000)), max_size=30),
    latency=st.sampled_from([0.0, 0.05]),
    jitter=st.sampled_from([0.0, 0.3]),
    bandwidth=st.sampled_from([None, 8000.0]),
)
def test_order_is_kept_and_nothing_comes_early_or_gets_lost(
    items: list[tuple[float, int]], latency: float, jitter: float, bandwidth: float | None
) -> None:
    delayed: DelayLine[int] = DelayLine(DelayModel(latency, jitter, bandwidth), Random(1).random)
    sent: list[float] = []
    arrived: list[int] = []
    for number, (at, size) in enumerate(sorted(items)):
        sent.append(at)
        delayed.put(number, at, size=size)
    while (due := delayed.next_due) is not None:
        for number in delayed.take(due):
            arrived.append(number)
            assert due >= sent[number] + latency
    assert arrived == list(range(len(items)))


def test_a_line_that_is_given_another_model_delays_what_follows() -> None:
    slowed = line()
    slowed.model = DelayModel(latency=0.5)
    assert not slowed.is_direct
    slowed.put("a", 1.0)
    slowed.model = DelayModel()
    assert not slowed.is_direct  # what is on its way must not be overtaken
    assert slowed.take(1.5) == ["a"]
    assert slowed.is_direct
