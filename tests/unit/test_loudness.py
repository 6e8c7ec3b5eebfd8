"""The detector that goes by loudness hears where the speech of a script starts and ends."""

from __future__ import annotations

from itertools import pairwise

from livekit import rtc
from livekit.agents import vad

from sttkit import Speech, speech
from sttkit.audio.synth import render
from sttkit.controls.loudness import END_S, PREFIX_S, START_S, WINDOW_S, LoudnessVAD

RATE = 16000
TALK = speech("hello there friend", "how are you")


async def detected(said: Speech, *, rate: int = RATE, frame_s: float = 0.02) -> list[vad.VADEvent]:
    stream = LoudnessVAD().stream()
    pcm = render(said, rate)
    size = 2 * round(frame_s * rate)
    for at in range(0, len(pcm), size):
        piece = pcm[at : at + size]
        stream.push_frame(rtc.AudioFrame(piece, rate, 1, len(piece) // 2))
    stream.end_input()
    events = [event async for event in stream]
    await stream.aclose()
    return events


def turns(events: list[vad.VADEvent]) -> list[vad.VADEvent]:
    return [event for event in events if event.type is not vad.VADEventType.INFERENCE_DONE]


async def test_each_utterance_has_a_start_and_an_end_soon_after_it() -> None:
    found = turns(await detected(TALK))
    assert [event.type.value for event in found] == ["start_of_speech", "end_of_speech"] * 2
    for utterance, start, end in zip(TALK.utterances, found[::2], found[1::2], strict=True):
        # A word swells, so a window or two of it are not loud yet, or no more.
        assert 0 <= start.timestamp - utterance.start <= START_S + 3 * WINDOW_S
        assert -2 * WINDOW_S <= end.timestamp - utterance.end - END_S <= 2 * WINDOW_S


async def test_a_start_brings_the_audio_before_it() -> None:
    start = turns(await detected(TALK))[2]
    (frame,) = start.frames
    pcm = render(TALK, RATE)
    until = 2 * round(start.timestamp * RATE)
    assert bytes(frame.data.cast("b")) == pcm[until - 2 * frame.samples_per_channel : until]
    assert frame.duration >= PREFIX_S


async def test_time_goes_on_in_silence_and_at_other_rates() -> None:
    events = await detected(speech("hello"), rate=24000, frame_s=0.01)
    windows = [e for e in events if e.type is vad.VADEventType.INFERENCE_DONE]
    gaps = [b.timestamp - a.timestamp for a, b in pairwise(windows)]
    assert all(abs(gap - WINDOW_S) < 1e-6 for gap in gaps)
    assert len(turns(events)) == 2


async def test_a_flush_begins_anew() -> None:
    stream = LoudnessVAD().stream()
    loud = render(TALK, RATE)[2 * RATE // 2 : 2 * RATE]
    stream.push_frame(rtc.AudioFrame(loud, RATE, 1, len(loud) // 2))
    stream.flush()
    stream.push_frame(rtc.AudioFrame(loud, RATE, 1, len(loud) // 2))
    stream.end_input()
    starts = [e async for e in stream if e.type is vad.VADEventType.START_OF_SPEECH]
    await stream.aclose()
    assert [start.timestamp < 0.2 for start in starts] == [True, True]
