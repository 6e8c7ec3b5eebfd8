"""The driver against a tiny server and a tiny plugin: what is done, and what is written down."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

pytest.importorskip("livekit.agents")

from sttkit import faults, script, speech
from sttkit.driver import watchdog
from sttkit.driver.microphone import frame_s_of
from sttkit.driver.run import CANARY, RunOptions, drive, drive_batch, tracks_of
from sttkit.errors import TargetError, UsageError
from sttkit.faults import Placed, Point
from sttkit.laws.model import Limits
from sttkit.scripting.model import Cue, Script, Step
from sttkit.trace import Record, Trace
from tests.integration.driver_fakes import TinyServer, tiny

SAID = speech("hello there", "how are you")
RESET = faults.reset(at="mid-utterance")
MID = Cue(Point.MID_UTTERANCE)
LIMITS = Limits(recovery=10.0, end_of_input=1.0, end_after_server=0.2, aclose=0.2)


async def played(
    *steps: Step,
    fault: Placed | None = None,
    resets: dict[int, float] | None = None,
    vice: str = "",
    pace: float = 0.0,
    batch: bool = False,
    server: dict[str, Any] | None = None,
    **target: Any,
) -> tuple[Trace, TinyServer]:
    """The trace of one run at free pace, without the audio."""
    what = script(SAID, *([fault] if fault else []), client=steps)
    trace = Trace(asyncio.get_running_loop().time, secrets=(CANARY,))
    tracks = tracks_of(what, LIMITS)
    async with TinyServer(trace, tracks, resets or {}, **(server or {})) as tiny_server:
        play = drive_batch if batch else drive
        options = RunOptions(limits=LIMITS, pace=pace)
        await play(tiny(vice, **target), what, options, listener=tiny_server, trace=trace)
    assert CANARY not in trace.to_jsonl()
    return trace, tiny_server


def of(trace: Trace, kind: str, stream: str | None = "main") -> list[Record]:
    return [record for record in trace if record.kind == kind and record.stream == stream]


def calls(trace: Trace, stream: str = "main") -> list[str]:
    return [record.data["name"] for record in of(trace, "call", stream)]


def finals(trace: Trace, stream: str = "main") -> list[str]:
    events = of(trace, "event", stream)
    return [e.data["text"] for e in events if e.data["type"] == "final_transcript"]


def labels(trace: Trace) -> list[str]:
    return [record.data["label"] for record in of(trace, "census")]


def index(trace: Trace, kind: str, **data: Any) -> int:
    return next(
        number
        for number, record in enumerate(trace)
        if record.kind == kind and data.items() <= record.data.items()
    )


def pushed(trace: Trace, stream: str = "main") -> float:
    return float(of(trace, "push", stream)[-1].data["end"])


@pytest.mark.parametrize(
    ("seed", "frame_s"), [(0, 0.02), (1, 0.05), (2, 0.1), (3, 0.05), (4, 0.02)]
)
def test_the_seed_decides_the_length_of_frames(seed, frame_s):
    assert frame_s_of(seed) == frame_s


async def test_a_healthy_run_is_written_down_from_census_to_census() -> None:
    trace, server = await played(vice="usage")
    assert finals(trace) == ["hello there", "how are you"]
    assert calls(trace) == [
        "end_input",
        "aclose",
        "late:push_frame",
        "late:flush",
        "late:end_input",
        "stt_aclose",
    ]
    assert [e.data["how"] for e in of(trace, "ended")] == ["stop"]
    assert labels(trace) == ["before", "after-1"]
    assert pushed(trace) == pytest.approx(SAID.core_end)
    assert [m.data["audio_duration"] for m in of(trace, "metrics")] == [1.5, 1.5]
    assert server.told == 1
    kinds = {record.kind for record in trace if record.side == "client"}
    assert kinds - {"starved"} == {  # which only a busy machine has
        "census",
        "stream",
        "push",
        "event",
        "metrics",
        "calling",
        "call",
        "ended",
        "released",
    }


async def test_calls_after_the_end_are_tried_and_their_refusal_noted() -> None:
    trace, _ = await played()
    late = [r.data for r in of(trace, "call") if r.data["name"].startswith("late:")]
    assert [call["error"]["type"] for call in late] == ["RuntimeError"] * 3


async def test_frames_come_at_the_pace_of_speech() -> None:
    trace, _ = await played(pace=2.0)
    frames = of(trace, "push")
    assert frames[-1].at - frames[0].at == pytest.approx(SAID.core_end / 2, abs=0.4)
    assert max(frame.data["end"] - frame.data["start"] for frame in frames) < 0.021


async def test_talking_goes_on_after_a_fault_until_later_speech_was_transcribed() -> None:
    trace, server = await played(fault=RESET, resets={0: 0.6})
    assert server.connections == 2
    assert [e.data["recoverable"] for e in of(trace, "error")] == [True]
    fault_at = trace.records[index(trace, "fault")].at
    later = [e for e in of(trace, "event") if e.at > fault_at]
    assert later
    assert pushed(trace) > SAID.core_end
    assert calls(trace)[0] == "end_input"


async def test_a_blocked_loop_makes_the_sender_see_the_break_first() -> None:
    trace, _ = await played(Step("block-loop", MID), fault=RESET, resets={0: 0.6}, pace=1.0)
    [error] = of(trace, "error")
    assert "the sender saw it" in error.data["error"]["message"]
    assert "ClientConnectionResetError" in error.data["error"]["causes"]
    assert index(trace, "lost") < index(trace, "action") < index(trace, "error")
    assert not of(trace, "blocked")


async def test_without_a_blocked_loop_the_receiver_sees_it() -> None:
    trace, _ = await played(fault=RESET, resets={0: 0.6}, pace=1.0)
    assert "the receiver saw it" in of(trace, "error")[0].data["error"]["message"]


async def test_a_stream_closed_in_the_middle_is_not_ended_or_closed_again() -> None:
    trace, _ = await played(Step("aclose", Cue(audio_s=1.0)))
    assert calls(trace)[:2] == ["aclose", "late:push_frame"]
    assert "end_input" not in calls(trace)
    assert pushed(trace) == pytest.approx(1.0)


async def test_a_stream_closed_twice_is_closed_three_times() -> None:
    trace, _ = await played(Step("aclose-twice", Cue(audio_s=1.0)))
    assert calls(trace).count("aclose") == 3
    assert all(r.data["error"] is None for r in of(trace, "call") if r.data["name"] == "aclose")


async def test_a_stream_closed_in_its_own_tick_has_not_begun_and_is_read_afterwards() -> None:
    trace, server = await played(Step("aclose-at-once"))
    assert calls(trace)[:2] == ["aclose", "late:push_frame"]
    assert (server.connections, of(trace, "error"), of(trace, "push")) == (0, [], [])
    assert index(trace, "call", name="aclose") < index(trace, "ended", how="stop")


async def test_a_stream_closed_at_once_by_an_aclose_that_never_returns_is_given_up() -> None:
    trace, _ = await played(Step("aclose-at-once"), vice="cling")
    [close] = [r.data for r in of(trace, "call") if r.data["name"] == "aclose"]
    assert close["error"]["message"] == "did not return"


async def test_a_cancelled_reader_never_reads_again() -> None:
    trace, _ = await played(Step("cancel-consumer", Cue(audio_s=1.0)))
    [ended] = of(trace, "ended")
    assert (ended.data["how"], ended.data["error"]["cancelled"]) == ("cancelled", True)
    assert index(trace, "ended") < index(trace, "call", name="aclose")


async def test_audio_ended_in_the_tick_of_its_stream_still_arrives() -> None:
    trace, _ = await played(Step("end-at-once"))
    assert finals(trace) == ["hello there", "how are you"]
    assert len(of(trace, "push")) == 1
    assert calls(trace).count("end_input") == 1


async def test_ending_early_ends_the_talking() -> None:
    trace, _ = await played(Step("end", Cue(audio_s=1.0)))
    assert pushed(trace) == pytest.approx(1.0)
    assert calls(trace).count("end_input") == 1


async def test_a_stream_that_refuses_audio_gets_no_more_and_its_input_is_ended() -> None:
    trace, _ = await played(vice="refuse")
    assert calls(trace)[:3] == ["push_frame", "end_input", "aclose"]
    assert calls(trace).count("push_frame") == 1
    assert pushed(trace) == pytest.approx(1.05, abs=0.1)
    assert [r.data["how"] for r in of(trace, "ended")] == ["stop"]


async def test_of_a_burst_counts_what_was_pushed_before_the_stream_refused_it() -> None:
    trace, _ = await played(Step("burst", Cue(audio_s=0.5), 1.0), vice="refuse")
    assert pushed(trace) == pytest.approx(1.04)
    assert [r.data["name"] for r in of(trace, "call") if r.data["error"]][:1] == ["push_frame"]


async def test_input_whose_audio_is_refused_in_the_tick_of_its_stream_is_ended_there() -> None:
    trace, _ = await played(Step("end-at-once"), vice="refuse")
    assert calls(trace)[:2] == ["push_frame", "end_input"]


async def test_a_burst_is_pushed_in_one_go_and_a_flush_is_heard() -> None:
    steps = (Step("burst", Cue(audio_s=0.5)), Step("flush", Cue(audio_s=2.0)))
    trace, _ = await played(*steps)
    lengths = [push.data["end"] - push.data["start"] for push in of(trace, "push")]
    assert max(lengths) == pytest.approx(1.0)
    assert calls(trace).count("flush") == 1
    assert finals(trace) == ["hello there", "how are you"]


async def test_a_fault_at_flush_makes_the_application_flush_by_itself() -> None:
    trace, _ = await played(fault=faults.parse_placed("none@flush"))
    assert calls(trace).count("flush") == 2
    assert finals(trace) == ["hello there", "how are you"]


async def test_other_streams_of_the_stt_are_told_apart() -> None:
    trace, _ = await played(Step("second-stream"), Step("new-stream-after"), vice="usage")
    for stream, count in (("main", 2), ("second", 3), ("after", 2)):
        assert len(finals(trace, stream)) == count
        assert len(of(trace, "metrics", stream)) == count
        assert calls(trace, stream)[:2] == ["end_input", "aclose"]
    over = max(n for n, r in enumerate(trace) if r.kind == "call" and r.stream == "main"
               and r.data["name"].startswith("late"))  # fmt: skip
    assert over < next(n for n, r in enumerate(trace) if r[2:5] == ("stream", None, "after"))
    assert labels(trace) == ["before", "after-1"]


async def test_options_are_changed_where_the_target_has_any() -> None:
    trace, _ = await played(Step("update-options", Cue(audio_s=1.0)), updates={"language": "de"})
    assert "update_options" in calls(trace)
    trace, _ = await played(Step("update-options", Cue(audio_s=1.0)))
    assert not of(trace, "action")


async def test_a_leak_shows_in_the_census_of_the_third_run() -> None:
    trace, server = await played(vice="leak")
    before, first, third = (record.data["tasks"] for record in of(trace, "census"))
    assert [len(third) - len(before), len(first) - len(before)] == [3, 1]
    assert labels(trace) == ["before", "after-1", "after-3"]
    assert server.rearmed == 2
    assert len(of(trace, "stream")) == 1
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()


async def test_an_aclose_that_never_returns_is_given_up() -> None:
    trace, _ = await played(Step("aclose", Cue(audio_s=1.0)), vice="hang", pace=4.0)
    [close] = [r.data for r in of(trace, "call") if r.data["name"] == "aclose"]
    assert close["error"]["message"] == "did not return"
    assert close["took"] == pytest.approx(2 * LIMITS.aclose, abs=0.3)


async def test_a_key_in_a_debug_record_is_a_leak() -> None:
    logging.getLogger("livekit.plugins.tiny").setLevel(logging.WARNING)
    trace, _ = await played(vice="tell")
    assert [leak.data["place"] for leak in of(trace, "leak")] == ["log livekit.plugins.tiny DEBUG"]
    assert logging.getLogger("livekit.plugins.tiny").level == logging.WARNING


async def test_a_plugin_that_blocks_the_loop_is_caught_in_the_act() -> None:
    trace, _ = await played(vice="block")
    [blocked] = of(trace, "blocked")
    assert blocked.data["seconds"] > 0.5
    assert "driver_fakes.py" in blocked.data["where"]


async def test_a_name_that_cannot_be_resolved_is_retried_and_found() -> None:
    trace, server = await played(server={"host": "stt.sttkit.test", "unknown": 1})
    assert of(trace, "error")[0].data["error"]["causes"][0] == "ClientConnectorDNSError"
    assert server.connections == 1


async def test_a_plugin_finds_a_session_of_the_applications_by_itself() -> None:
    from livekit.agents.utils import http_context

    if not hasattr(http_context, "open"):
        pytest.skip("this livekit-agents has no http_context.open()")
    trace, _ = await played(vice="own session")
    assert finals(trace) == ["hello there", "how are you"]


async def test_closing_the_lent_session_ends_in_an_orderly_way() -> None:
    trace, _ = await played(Step("close-http-session", Cue(audio_s=1.0)), pace=4.0)
    assert "aclose" in calls(trace)
    assert labels(trace)[-1] != "before"


async def test_a_plugin_without_a_stream_cannot_be_run() -> None:
    with pytest.raises(TargetError, match=r"stream\(\) raised TypeError.*\[redacted\]"):
        await played(vice="no stream")


async def test_a_plugin_that_cannot_be_built_cannot_be_run() -> None:
    trace = Trace(asyncio.get_running_loop().time, secrets=(CANARY,))
    target = tiny(max_retry=1)
    broken = type(target)("tiny", "custom_stt", lambda _: 1 / 0)  # type: ignore[arg-type,return-value]
    async with TinyServer(trace, tracks_of(Script(SAID), LIMITS)) as server:
        with pytest.raises(TargetError, match="building the plugin failed with ZeroDivisionError"):
            await drive(broken, Script(SAID), RunOptions(), listener=server, trace=trace)


async def test_a_recording_is_recognised_as_a_whole() -> None:
    trace, _ = await played(batch=True)
    [batch] = of(trace, "batch")
    assert batch.data["text"] == f"{round(SAID.core_end * 16000)} samples"
    assert batch.data["error"] is None
    assert labels(trace) == ["before", "after-1"]


async def test_a_failed_recognition_is_written_down_without_the_key() -> None:
    trace, _ = await played(batch=True, vice="status")
    [batch] = of(trace, "batch")
    assert (batch.data["text"], batch.data["error"]["api"]) == (None, True)
    errors = of(trace, "error")
    assert (errors[0].data["error"]["status"], errors[-1].data["recoverable"]) == (401, False)
    assert of(trace, "leak")


async def test_a_trace_that_would_keep_the_key_is_refused() -> None:
    trace = Trace(asyncio.get_running_loop().time)
    async with TinyServer(trace, {}) as server:
        with pytest.raises(UsageError, match="API key"):
            await drive(tiny(), Script(SAID), RunOptions(), listener=server, trace=trace)


async def test_a_push_that_never_returns_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "BREAK_AFTER_S", 2.0)
    trace, _ = await played(vice="spin")
    # Long enough to be noted on a busy machine too, where waiting for a core does not count.
    assert of(trace, "blocked")
    assert [r.data["error"]["type"] for r in of(trace, "call") if r.data["name"] == "run"] == [
        "LoopBroken"
    ]
    assert calls(trace)[-2:] == ["aclose", "stt_aclose"]
