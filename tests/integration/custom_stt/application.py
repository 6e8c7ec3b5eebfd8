"""What an application does with the plugin, and what it hears of it."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from livekit import rtc
from livekit.agents import APIConnectOptions, APIError, stt
from livekit.agents.stt import SpeechEventType as Kind
from livekit.plugins import custom_stt

KEY = "sk-very-secret"
CONN = APIConnectOptions(max_retry=3, retry_interval=0.05, timeout=1.0)
ONCE = APIConnectOptions(max_retry=0, retry_interval=0.05, timeout=1.0)
PATIENCE = 10.0
"""Seconds after which a test that waits is failed; no test comes near it."""


@dataclass
class App:
    stt: custom_stt.STT
    http: aiohttp.ClientSession
    errors: list[Any] = field(default_factory=list)
    metrics: list[float] = field(default_factory=list)


Launch = Callable[..., App]


def audio(seconds: float, *, rate: int = 16000, channels: int = 1) -> rtc.AudioFrame:
    """A ramp, so that no two samples within two seconds are the same."""
    samples = round(seconds * rate)
    ramp = [n % 32000 for n in range(samples) for _ in range(channels)]
    return rtc.AudioFrame(struct.pack(f"<{len(ramp)}h", *ramp), rate, channels, samples)


async def events_of(stream: stt.RecognizeStream) -> list[stt.SpeechEvent]:
    async def collect() -> list[stt.SpeechEvent]:
        return [event async for event in stream]

    return await asyncio.wait_for(collect(), PATIENCE)


async def next_of(stream: stt.RecognizeStream, kind: Kind) -> stt.SpeechEvent:
    async def search() -> stt.SpeechEvent:
        async for event in stream:
            if event.type is kind:
                return event
        raise AssertionError(f"the stream ended without {kind}")

    return await asyncio.wait_for(search(), PATIENCE)


async def error_of(stream: stt.RecognizeStream) -> APIError:
    with pytest.raises(APIError) as caught:
        await events_of(stream)
    return caught.value


def texts(events: list[stt.SpeechEvent]) -> list[str]:
    return [e.alternatives[0].text for e in events if e.type is Kind.FINAL_TRANSCRIPT]


def speech(events: list[stt.SpeechEvent]) -> list[Kind]:
    return [e.type for e in events if e.type is not Kind.RECOGNITION_USAGE]


def secrets_in(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None:
        if KEY in str(error) or KEY in repr(error) or KEY in repr(vars(error)):
            found.append(error)
        error = error.__cause__ or error.__context__
    return found
