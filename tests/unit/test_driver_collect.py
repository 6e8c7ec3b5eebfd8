from __future__ import annotations

import asyncio
import logging
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("livekit.agents")

from livekit.agents import APIConnectionError, APIStatusError, stt

from sttkit.driver.collect import STREAM, Collector, did_not_return
from sttkit.driver.logs import captured
from sttkit.driver.microphone import FRAME_S, Microphone
from sttkit.simulation import SimulatedLoop, simulated_loop
from sttkit.trace import Trace

KEY = "hunter2"


@pytest.fixture
def trace() -> Trace:
    return Trace(lambda: 0.0, secrets=(KEY,))


def kinds(trace: Trace) -> list[str]:
    return [record.kind for record in trace]


def test_an_api_error_is_told_apart_with_its_status_and_causes(trace: Trace) -> None:
    error = APIStatusError("no", status_code=401)
    error.__cause__ = ValueError("why")
    error.__cause__.__context__ = KeyError("first")
    facts = Collector(trace).failure(error, "iteration", "main")
    assert (facts["type"], facts["api"], facts["status"]) == ("APIStatusError", True, 401)
    assert facts["retryable"] in (True, False)
    assert facts["causes"] == ["ValueError", "KeyError"]
    assert kinds(trace) == []


def test_a_raw_error_is_not_an_api_error(trace: Trace) -> None:
    facts = Collector(trace).failure(KeyError("metadata"), "iteration", "main")
    assert (facts["type"], facts["api"], facts["retryable"]) == ("KeyError", False, None)
    cancelled = Collector(trace).failure(asyncio.CancelledError(), "iteration", "main")
    assert cancelled["cancelled"]


def test_facts_of_a_hung_call_have_the_same_keys(trace: Trace) -> None:
    facts = Collector(trace).failure(ValueError(), "x", "main")
    assert set(did_not_return()) == set(facts)


def test_a_secret_in_a_cause_is_a_leak_and_not_stored(trace: Trace) -> None:
    error = APIConnectionError("connection failed")
    error.__cause__ = ValueError(f"Authorization: {KEY}")
    Collector(trace).failure(error, "iteration", "main")
    assert "leak" in kinds(trace)
    assert KEY not in trace.to_jsonl()


def test_a_context_that_from_none_hides_is_no_leak(trace: Trace) -> None:
    try:
        try:
            raise ValueError(f"Authorization: {KEY}")
        except ValueError:
            raise APIConnectionError("connection failed") from None
    except APIConnectionError as error:
        facts = Collector(trace).failure(error, "iteration", "main")
    assert kinds(trace) == []
    assert facts["causes"] == []


def test_an_event_is_written_down_with_its_first_alternative(trace: Trace) -> None:
    said: Any = stt.SpeechData(language="en", text="hello", end_time=1.5)  # type: ignore[arg-type]
    event = stt.SpeechEvent(stt.SpeechEventType.INTERIM_TRANSCRIPT, "r1", [said])
    Collector(trace).event(event, "second")
    [record] = trace
    assert (record.kind, record.stream) == ("event", "second")
    assert record.data["type"] == "interim_transcript"
    assert (record.data["text"], record.data["end"], record.data["language"]) == (
        "hello",
        1.5,
        "en",
    )
    assert (record.data["alternatives"], record.data["usage_s"]) == (1, None)


def test_an_event_of_any_shape_can_be_written_down(trace: Trace) -> None:
    Collector(trace).event("not an event", "main")  # type: ignore[arg-type]
    Collector(trace).event(stt.SpeechEvent(stt.SpeechEventType.FINAL_TRANSCRIPT), "main")
    assert [record.data["alternatives"] for record in trace] == [0, 0]


def test_words_that_are_no_list_are_no_error_of_the_collector(trace: Trace) -> None:
    words: Any = {"hello": 0.1, "there": 0.4}
    data: Any = SimpleNamespace(text="hello there", words=words)
    event = stt.SpeechEvent(type=stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[data])
    Collector(trace).event(event, "main")
    (record,) = trace
    assert (record.data["words"], record.data["words_span"]) == (2, None)


def test_log_records_of_every_level_are_searched_but_only_warnings_are_kept(trace: Trace) -> None:
    logger = logging.getLogger("livekit.plugins.some")
    level = logging.getLogger().level
    with captured(trace):
        logger.debug("connecting with %s", KEY)
        logger.info("fine")
        logger.warning("careful", extra={"headers": {"Authorization": KEY}})
    logger.debug("unseen %s", KEY)
    assert kinds(trace) == ["leak", "log", "leak"]
    assert trace.records[1].data["level"] == "WARNING"
    assert KEY not in trace.to_jsonl()
    assert logging.getLogger().level == level


def test_loggers_that_do_not_propagate_are_heard_and_left_as_they_were(trace: Trace) -> None:
    logger = logging.getLogger("sttkit_test_private")
    logger.propagate = False
    logger.setLevel(logging.ERROR)
    with captured(trace):
        logger.debug("%s", KEY)
    assert kinds(trace) == ["leak"]
    assert (logger.level, logger.handlers) == (logging.ERROR, [])


def test_the_fake_servers_own_loggers_are_not_the_plugins(trace: Trace) -> None:
    with captured(trace):
        logging.getLogger("websockets.server").warning("%s", KEY)
        logging.getLogger("sttkit.server").warning("%s", KEY)
    assert kinds(trace) == []


def test_handlers_that_were_there_see_no_more_than_before(trace: Trace) -> None:
    seen: list[str] = []

    class Seeing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record.getMessage())

    handler = Seeing()
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        with captured(trace):
            logging.getLogger("anything").debug("detail")
            logging.getLogger("anything").error("trouble")
    finally:
        root.removeHandler(handler)
    assert seen == ["trouble"]


async def test_records_belong_to_the_stream_in_whose_context_they_arise(trace: Trace) -> None:
    async def work() -> None:
        STREAM.set("second")
        logging.getLogger("livekit.plugins.some").warning("mine")

    with captured(trace):
        await asyncio.create_task(work())
        logging.getLogger("livekit.plugins.some").warning("nobody's")
    assert [record.stream for record in trace] == ["second", "main"]


async def test_a_microphone_hands_out_all_audio_in_frames() -> None:
    pcm = bytes(range(256)) * 10  # 1280 samples
    microphone = Microphone(pcm, 16000, 0.0)
    frames = microphone.take(FRAME_S) + microphone.take(1.0)
    assert [frame.samples_per_channel for frame in frames] == [320, 320, 320, 320]
    assert b"".join(bytes(frame.data) for frame in frames) == pcm
    assert microphone.exhausted
    assert microphone.position == pytest.approx(0.08)


async def test_a_microphone_stops_at_a_given_position() -> None:
    microphone = Microphone(bytes(64000), 16000, 0.0)
    microphone.take(1.0, until=0.05)
    assert microphone.position == pytest.approx(0.05)


def test_a_microphone_without_pace_takes_one_turn_of_the_loop_for_a_frame() -> None:
    async def talk(frames: int) -> int:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulatedLoop)
        microphone = Microphone(bytes(64000), 16000, 0.0)
        began = loop.turns
        for _ in range(frames):
            await microphone.until_due()
            microphone.take(FRAME_S)
        return loop.turns - began

    loop = simulated_loop()
    with closing(loop):
        assert loop.run_until_complete(talk(10)) == 10


async def test_a_burst_is_followed_by_a_gap_and_a_hold_by_silence() -> None:
    loop = asyncio.get_running_loop()
    microphone = Microphone(bytes(64000), 16000, 1.0)
    microphone.take(0.1)
    microphone.hold(0.1)
    began = loop.time()
    await microphone.until_due()
    assert loop.time() - began >= 0.18
