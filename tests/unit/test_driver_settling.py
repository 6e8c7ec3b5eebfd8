from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sttkit import faults, speech
from sttkit.driver.settling import CLOSING_S, UNFIRED_S, Settling
from sttkit.faults import Placed, Point
from sttkit.laws.model import Limits
from sttkit.trace import Record

SAID = speech("hello there", "how are you")
LIMITS = Limits(recovery=15.0)


def settling(*placed: Placed) -> Settling:
    return Settling(SAID, placed, LIMITS, "main")


def fault(placed: Placed, at: float, stream: str | None = "main") -> Record:
    kind = placed.fault.kind
    data: Mapping[str, Any] = {
        "fault": str(placed.fault),
        "id": placed.fault.id,
        "point": placed.point.value,
        "n": placed.n,
        "breaks": kind.breaks,
        "deaf": kind.deaf,
    }
    return Record(at, "server", "fault", 0, stream, data)


def final(text: str, at: float) -> Record:
    data = {"type": "final_transcript", "text": text}
    return Record(at, "client", "event", None, "main", data)


def end_of_speech(at: float) -> Record:
    data = {"type": "end_of_speech", "text": ""}
    return Record(at, "client", "event", None, "main", data)


RESET = faults.reset(at="mid-utterance")


def test_a_healthy_script_is_settled_at_once() -> None:
    assert settling().settled(4.0)


def test_a_broken_connection_is_not_settled_by_a_final_of_earlier_audio() -> None:
    watched = settling(RESET)
    watched.hear(fault(RESET, 1.0), 1.0)
    watched.hear(final("hello there", 1.5), 1.5)
    assert not watched.settled(1.0 + LIMITS.recovery - 0.1)


def test_a_half_open_line_is_watched_for_as_long_as_it_takes_to_notice_one() -> None:
    half_open = faults.half_open(at="mid-utterance")
    watched = settling(half_open)
    watched.hear(fault(half_open, 1.0), 1.0)
    assert not watched.settled(1.0 + LIMITS.half_open - 0.1)
    assert watched.settled(1.0 + LIMITS.half_open)
    assert watched.out_of_patience


def test_a_final_of_later_audio_settles_it_once_its_utterance_is_closed() -> None:
    watched = settling(RESET)
    watched.hear(fault(RESET, 1.0), 1.0)
    watched.hear(final("How are you?", 3.0), 3.5)
    assert not watched.settled(3.1)
    watched.hear(end_of_speech(3.2), 3.7)
    assert watched.settled(3.2)


def test_a_plugin_that_never_emits_end_is_settled_a_little_later() -> None:
    watched = settling(RESET)
    watched.hear(fault(RESET, 1.0), 1.0)
    watched.hear(final("how are you", 3.0), 3.5)
    assert watched.settled(3.0 + CLOSING_S)


def test_text_of_a_real_recogniser_counts_though_it_cannot_be_placed() -> None:
    watched = settling(RESET)
    watched.hear(fault(RESET, 1.0), 1.0)
    watched.hear(final("something else", 3.0), 3.5)
    assert watched.settled(3.0 + CLOSING_S)


def test_patience_runs_out_after_the_recovery_limit() -> None:
    watched = settling(RESET)
    watched.hear(fault(RESET, 1.0), 1.0)
    assert watched.settled(1.0 + LIMITS.recovery)


def test_a_fault_on_each_connection_does_not_start_the_patience_over() -> None:
    each = faults.reset(at="mid-utterance", connection="each")
    watched = settling(each)
    watched.hear(fault(each, 1.0), 1.0)
    watched.hear(fault(each, 9.0), 9.0)
    assert watched.settled(1.0 + LIMITS.recovery)


def test_a_fault_of_another_stream_is_none_of_ours() -> None:
    watched = settling()
    watched.hear(fault(RESET, 1.0, stream="second"), 1.0)
    assert watched.settled(1.1)


def test_a_fault_that_waits_for_its_point_is_given_more_audio_but_not_for_ever() -> None:
    watched = settling(RESET)
    assert not watched.settled(4.0)
    assert not watched.settled(4.0 + UNFIRED_S - 0.1)
    assert watched.settled(4.0 + UNFIRED_S)


def test_the_second_fault_of_a_pair_is_waited_for_after_the_first_is_settled() -> None:
    second = faults.close(1011, at="mid-utterance")
    watched = settling(RESET, second)
    watched.hear(fault(RESET, 1.0), 1.0)
    watched.hear(final("how are you", 3.0), 3.5)
    assert not watched.settled(3.0 + CLOSING_S)
    watched.hear(fault(second, 4.5), 4.5)
    assert not watched.settled(10.0)


def test_a_fault_behind_the_end_of_input_needs_no_audio() -> None:
    assert settling(faults.reset(at="after-end")).settled(4.0)


def test_it_knows_which_points_are_still_awaited() -> None:
    flush = faults.reset(at="flush")
    watched = settling(flush)
    assert watched.awaits(Point.FLUSH)
    watched.hear(fault(flush, 1.0), 1.0)
    assert not watched.awaits(Point.FLUSH)


def test_a_stream_beside_the_main_one_waits_only_for_what_broke_itself() -> None:
    beside = Settling(SAID, [RESET], LIMITS, "second", waits=False)
    assert beside.settled(4.0)
    beside.hear(fault(RESET, 5.0, stream=None), 5.0)
    assert not beside.settled(5.1)
