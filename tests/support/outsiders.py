"""Plugins that leave the simulation, each in a way of its own; factories for `sttkit check`."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Any

from livekit.agents import stt
from livekit.plugins import custom_stt

from sttkit.targets.model import Context

BLOCK_S = 2.5
"""Long enough to be seen on a busy machine."""


class Descriptor(custom_stt.STT):
    """Watches a pipe of its own."""

    def stream(self, **options: Any) -> custom_stt.SpeechStream:
        reading, writing = os.pipe()
        try:
            asyncio.get_running_loop().add_reader(reading, print)
        finally:
            os.close(reading)
            os.close(writing)
        return super().stream(**options)


class Thread(custom_stt.STT):
    """Has a thread of its own, which calls back."""

    def stream(self, **options: Any) -> custom_stt.SpeechStream:
        loop = asyncio.get_running_loop()

        def report() -> None:
            loop.call_soon_threadsafe(print)

        thread = threading.Thread(target=report, name="recorder")
        thread.start()
        thread.join()
        return super().stream(**options)


class Blocking(custom_stt.STT):
    """Waits, in real time, for something that is not simulated."""

    def stream(self, **options: Any) -> custom_stt.SpeechStream:
        threading.Event().wait(BLOCK_S)
        return super().stream(**options)


def _made(cls: type[custom_stt.STT], context: Context, url: str | None = None) -> custom_stt.STT:
    return cls(
        api_url=url or context.place.http,
        api_key=context.api_key,
        http_session=context.http_session,
    )


def descriptor(context: Context) -> stt.STT[Any]:
    return _made(Descriptor, context)


def thread(context: Context) -> stt.STT[Any]:
    return _made(Thread, context)


def blocking(context: Context) -> stt.STT[Any]:
    return _made(Blocking, context)


def elsewhere(context: Context) -> stt.STT[Any]:
    return _made(custom_stt.STT, context, "https://api.elsewhere.example")


def real_thread(context: Context) -> stt.STT[Any]:
    return _made(Thread, context)


real_thread.loopback_only = "it has a thread of its own"  # type: ignore[attr-defined]
