"""Faults that meet the rest of a session: its end, the client's own close, each other."""

from __future__ import annotations

import pytest

from sttkit import UsageError, faults, speech
from sttkit.events import SessionEnded, SpeechEnded
from sttkit.scripting.model import Network
from tests.support.caller import FOREVER, SAID, Caller, Stage
from tests.unit.session.fault_observers import play
from tests.unit.session.sessions import whole_session


def test_a_close_fault_answers_the_clients_own_close_frame() -> None:
    stage = Stage(faults.close(4000, at="closing"))
    caller = stage.call()
    caller.close(1000)
    assert caller.close_code == 4000


def test_an_unanswered_close_frame_stays_unanswered_beyond_the_idle_limit() -> None:
    stage = Stage(faults.no_close_reply(at="closing"))
    caller = stage.call()
    caller.close(1000)
    stage.wait(FOREVER)
    assert not caller.ended
    assert not stage.records("close-sent")


def test_a_stalled_server_says_nothing_at_the_end_either() -> None:
    stage, caller = whole_session("stall@mid-utterance")
    stage.wait(FOREVER)
    assert not caller.ended
    assert caller.ping()
    assert caller.finals == []


def test_points_are_not_reached_on_a_connection_that_is_over() -> None:
    for ending in ("close=1011", "reset", "fin", "half-open", "half-close"):
        stage = Stage(
            faults.parse_placed(f"{ending}@mid-utterance.2"),
            faults.reset(at="after-final"),
        )
        caller = stage.call()
        caller.speak(until=3.0, frame_s=3.0)
        caller.end()
        stage.wait(10)
        assert [record.data["id"] for record in stage.records("fault")] == [ending.split("=")[0]]
        assert not stage.records("point", point="after-final")


def test_a_session_that_is_closed_at_once_is_never_ready() -> None:
    for ending in ("close=1011", "reset", "fin", "half-open", "half-close"):
        stage = Stage(faults.parse_placed(f"{ending}@upgraded"), dialect="deepgram")
        stage.call()
        assert not stage.records("ready")
        assert not stage.records("point", point="before-audio")


def test_a_late_answer_is_not_given_to_a_client_that_has_gone() -> None:
    for ended_by in (Caller.hang_up, Caller.close):
        stage = Stage(faults.late_final(5.0, at="after-end"))
        caller = stage.call()
        caller.speak(until=1.0)
        caller.end()
        ended_by(caller)
        stage.wait(10)
        assert not stage.records("point", point="after-end-answer")


def test_two_faults_on_one_attempt_do_not_fight() -> None:
    stage = Stage(
        faults.refused(at="connecting", connection="each"), faults.no_answer(at="connecting")
    )
    caller = stage.call()
    assert caller.reset


def test_http_faults_meet_plain_requests_too() -> None:
    stage = Stage(faults.http(429, at="connecting"))
    caller = stage.dial()
    caller.protocol.receive_data = lambda data: None  # type: ignore[method-assign]
    caller.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert caller.raw.startswith(b"HTTP/1.1 429 ")
    assert b"Retry-After: 1" in caller.raw


def test_a_reset_lets_through_what_was_sent_before_it_on_a_slow_line() -> None:
    stage = Stage(faults.reset(at="after-final"), network=Network(latency=0.1))
    caller = stage.call()
    caller.speak(until=2.5)
    assert caller.reset
    assert caller.finals == [SAID[0]]


def test_an_error_that_the_dialect_does_not_have_is_refused_before_anything_is_played() -> None:
    with pytest.raises(UsageError, match=r"unknown error of custom_stt 'overlooked'.*overloaded"):
        Stage(faults.provider_error("overlooked", at="mid-utterance"))


def test_nothing_is_heard_after_the_end() -> None:
    stage = Stage(faults.late_final(2.0, at="after-end"))
    caller = stage.call()
    caller.speak(until=0.9)
    caller.end()
    before = len(stage.records("audio"))
    caller.speak(until=1.2)
    caller.flush()
    caller.end()
    stage.wait(3)
    assert len(stage.records("audio")) == before
    assert caller.finals == ["hello"]
    assert len(stage.records("point", point="after-end")) == 1


def test_a_fault_in_the_back_off_breaks_so_many_attempts() -> None:
    for spelled, broken in (("http=503@backoff.2", 2), ("reset@backoff.3", 3)):
        stage = Stage(faults.parse_placed(spelled))
        callers = [stage.call() for _ in range(broken + 1)]
        for caller in callers:
            caller.speak(until=0.1)
        assert [caller.ended for caller in callers] == [True] * broken + [False]
        assert len(stage.records("fault")) == broken


def test_audio_after_a_fault_is_still_counted_as_arrived_while_the_server_reads() -> None:
    stage, _ = play(faults.stall(at="mid-utterance"), "custom_stt")
    ends = [span[2] for record in stage.records("audio") for span in record.data["spans"]]
    assert ends[-1] == pytest.approx(speech(*SAID).duration, abs=1e-3)


def test_a_half_open_server_notes_no_audio() -> None:
    stage, _ = play(faults.half_open(at="mid-utterance"), "custom_stt")
    assert stage.records("audio")[-1].at <= stage.records("fault")[0].at


def test_speech_ends_after_a_stray_final() -> None:
    _, caller = play(faults.empty_transcript(at="between-utterances"), "custom_stt")
    assert caller.finals == [SAID[0], "", SAID[1]]
    assert [type(event) for event in caller.events][-2:] == [SpeechEnded, SessionEnded]
