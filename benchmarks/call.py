"""A long call through one plugin, played on whatever loop runs it, as fast as that loop can.

Somebody talks without pause for thought, so that five interims a second come back; now and then
the line breaks. The same five minutes of audio are said again and again, each time in a session of
their own.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sttkit.audio.speech import LEAD_IN_S, Speech, Utterance
from sttkit.audio.synth import render
from sttkit.events import Word

if TYPE_CHECKING:
    from livekit import rtc
    from livekit.agents import stt

ROUND_S = 300.0
"""How long the speech is, and how often the line breaks: twelve times an hour."""
BREAK_AT_S = 3.0
"""When in each round but the first: what a session has heard before, it does not hear again."""
SAMPLE_RATE = 16000
_WORDS = 10
_WORD_S = 0.15
_PAUSE_S = 0.5
_PATIENCE_S = 60.0


@dataclass(frozen=True)
class Call:
    """How long it is, and how long its frames are, seconds."""

    seconds: float
    frame_s: float = 0.02


def chatter() -> Speech:
    """Five minutes of utterances of ten short words, five words a second all in all."""
    utterances: list[Utterance] = []
    at = LEAD_IN_S
    while at + _WORDS * _WORD_S + _PAUSE_S < ROUND_S:
        number = len(utterances)
        starts = [round(at + index * _WORD_S, 3) for index in range(_WORDS)]
        utterances.append(
            Utterance(
                tuple(
                    Word(f"w{number}x{index}", start, round(start + _WORD_S, 3))
                    for index, start in enumerate(starts)
                )
            )
        )
        at += _WORDS * _WORD_S + _PAUSE_S
    return Speech(tuple(utterances), ROUND_S, core=len(utterances))


def frames_of(speech: Speech, frame_s: float) -> list[rtc.AudioFrame]:
    """The speech as an application pushes it."""
    from livekit import rtc

    pcm, size = render(speech, SAMPLE_RATE), round(frame_s * SAMPLE_RATE) * 2
    return [
        rtc.AudioFrame(pcm[at : at + size], SAMPLE_RATE, 1, size // 2)
        for at in range(0, len(pcm), size)
    ]


async def talk(
    plugin: stt.STT[Any],
    call: Call,
    frames: list[rtc.AudioFrame],
    break_line: Callable[[], Awaitable[None]],
) -> Counter[str]:
    """Have the call; returns how many events of each type the application got."""
    from livekit.agents import APIConnectOptions

    loop = asyncio.get_running_loop()
    stream = plugin.stream(conn_options=APIConnectOptions())
    events: Counter[str] = Counter()

    async def read() -> None:
        async for event in stream:
            events[event.type.value] += 1

    reader = asyncio.create_task(read())
    breaks_at = round(BREAK_AT_S / call.frame_s)
    due = loop.time()
    for number in range(round(call.seconds / call.frame_s)):
        if reader.done():
            break
        stream.push_frame(frames[number % len(frames)])
        if number > breaks_at and number % len(frames) == breaks_at:
            await break_line()
        due += call.frame_s
        await asyncio.sleep(max(0.0, due - loop.time()))
    stream.end_input()
    await asyncio.wait_for(reader, _PATIENCE_S)
    await stream.aclose()
    return events
