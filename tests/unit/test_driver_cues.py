from __future__ import annotations

import asyncio
from contextvars import copy_context
from typing import Any

from sttkit import faults, script, speech
from sttkit.driver.actions import ACTION_TABLE
from sttkit.driver.cues import Cues, breaks_connection
from sttkit.faults import Point
from sttkit.scripting.model import ACTIONS, Cue, Step
from sttkit.trace import Record


def cues(done: list[str], *steps: Step, breaks: bool = False) -> Cues:
    loop = asyncio.get_running_loop()
    return Cues(
        steps,
        "main",
        lambda step: done.append(str(step)),
        loop,
        copy_context(),
        breaks=breaks,
    )


def point(name: str, n: int = 1, stream: str | None = "main") -> Record:
    return Record(0.0, "server", "point", 0, stream, {"point": name, "n": n})


def error(recoverable: bool = True) -> Record:
    data: dict[str, Any] = {"recoverable": recoverable, "error": {}}
    return Record(0.0, "client", "error", None, "main", data)


LOST = Record(0.0, "server", "lost", 0, "main", {"by": "server", "how": "reset"})


def test_every_action_of_a_script_has_its_function() -> None:
    assert set(ACTION_TABLE) == set(ACTIONS)


async def test_a_step_without_a_cue_is_done_when_the_stream_is_opened() -> None:
    done: list[str] = []
    watched = cues(done, Step("end-at-once"), Step("flush", Cue(audio_s=1.0)))
    watched.opened()
    assert done == ["end-at-once"]


async def test_an_amount_of_audio_is_a_cue_once() -> None:
    done: list[str] = []
    watched = cues(done, Step("flush", Cue(audio_s=1.0)))
    watched.pushed(0.98)
    assert done == []
    watched.pushed(1.0)
    watched.pushed(1.02)
    assert done == ["flush"]


async def test_a_point_is_a_cue_in_the_next_turn_of_the_loop() -> None:
    done: list[str] = []
    watched = cues(done, Step("aclose", Cue(Point.MID_UTTERANCE, 2)))
    watched.hear(point("mid-utterance", 1))
    watched.hear(point("mid-utterance", 2))
    assert done == []
    await asyncio.sleep(0)
    assert done == ["aclose"]
    watched.hear(point("mid-utterance", 2))
    await asyncio.sleep(0)
    assert done == ["aclose"]


async def test_a_point_of_another_stream_is_no_cue() -> None:
    done: list[str] = []
    watched = cues(done, Step("aclose", Cue(Point.IDLE)))
    watched.hear(point("idle", stream="second"))
    await asyncio.sleep(0)
    assert done == []


async def test_the_wait_before_a_retry_begins_with_its_recoverable_error() -> None:
    done: list[str] = []
    watched = cues(done, Step("aclose", Cue(Point.BACKOFF, 2)))
    watched.hear(error())
    watched.hear(error(recoverable=False))
    await asyncio.sleep(0)
    assert done == []
    watched.hear(error())
    await asyncio.sleep(0)
    assert done == ["aclose"]


async def test_blocking_the_loop_waits_for_the_loss_behind_its_point() -> None:
    done: list[str] = []
    watched = cues(done, Step("block-loop", Cue(Point.MID_UTTERANCE)), breaks=True)
    watched.hear(LOST)
    watched.hear(point("mid-utterance"))
    await asyncio.sleep(0)
    assert done == []
    watched.hear(LOST)
    await asyncio.sleep(0)
    assert done == ["block-loop"]
    watched.stop()


async def test_blocking_the_loop_in_health_happens_at_its_point() -> None:
    done: list[str] = []
    watched = cues(done, Step("block-loop", Cue(Point.IDLE)))
    watched.hear(point("idle"))
    await asyncio.sleep(0)
    assert done == ["block-loop"]


async def test_nothing_happens_after_stop() -> None:
    done: list[str] = []
    watched = cues(done, Step("aclose", Cue(Point.IDLE)))
    watched.stop()
    watched.hear(point("idle"))
    await asyncio.sleep(0)
    assert done == []


def test_a_half_open_line_is_never_lost_by_the_server() -> None:
    said = speech("hello")
    assert breaks_connection(script(said, faults.reset(at="idle")))
    assert not breaks_connection(script(said, faults.half_open(at="idle")))
    assert not breaks_connection(script(said, faults.drop(at="after-final")))
