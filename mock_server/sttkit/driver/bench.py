"""The bench: the STT under test, what it is lent, and what its streams share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sttkit.audio.speech import Speech
from sttkit.driver.collect import STREAM, Collector
from sttkit.driver.listening import Listener
from sttkit.driver.observe import Observation
from sttkit.driver.options import RunOptions
from sttkit.driver.tracks import tracks_of
from sttkit.driver.waiting import call
from sttkit.driver.watchdog import LoopBroken
from sttkit.errors import TargetError
from sttkit.scripting.model import Script
from sttkit.targets.building import build
from sttkit.targets.model import Context, Target
from sttkit.trace import Trace

if TYPE_CHECKING:
    import aiohttp
    from livekit.agents import stt


_POLL_S = 0.02


@dataclass
class Bench:
    """What the streams of one run share.

    Attributes:
        plugin: the STT under test.
        tracks: what each stream says.
        close_http: closes the HTTP sessions that the application lent to the plugin.
        streams: the tasks of the streams opened so far.
        wants_after: whether a new stream is to follow when the main one is over.
    """

    target: Target
    script: Script
    options: RunOptions
    trace: Trace
    observation: Observation
    plugin: stt.STT[Any]
    tracks: dict[str, Speech]
    close_http: Callable[[], Coroutine[Any, Any, None]]
    streams: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    wants_after: bool = False


@asynccontextmanager
async def set_up(
    target: Target,
    script: Script,
    options: RunOptions,
    listener: Listener,
    trace: Trace,
    observation: Observation,
) -> AsyncIterator[Bench]:
    """The STT under test and the HTTP sessions it is lent; all of it is closed in the end.

    Raises:
        TargetError: the plugin could not be built.
    """
    async with AsyncExitStack() as stack:
        with observation.excused():  # the first HTTP session of a process reads all certificates
            lent = await stack.enter_async_context(_lending())

        async def close_http() -> None:
            for session in lent:
                await session.close()

        plugin = _build(target, Context(listener.place, lent[0], options.api_key))
        detach = Collector(trace).attach(plugin)
        try:
            yield Bench(
                target=target,
                script=script,
                options=options,
                trace=trace,
                observation=observation,
                plugin=plugin,
                tracks=tracks_of(script, options.limits),
                close_http=close_http,
            )
        finally:
            bound = 2 * options.limits.aclose
            await call(trace, "stt_aclose", plugin.aclose(), bound=bound, stream=STREAM.get())
            await _released(listener, trace, options.limits.grace)
            detach()


async def _released(listener: Listener, trace: Trace, bound: float) -> None:
    """Give the plugin a moment to let go of its connections, before those that it was lent close.

    Afterwards it could not be told any more who closed them.
    """
    for _ in range(round(bound / _POLL_S)):
        if not listener.open_connections():
            break
        await asyncio.sleep(_POLL_S)
    trace.note("client", "released", None, STREAM.get())


def _build(target: Target, context: Context) -> stt.STT[Any]:
    try:
        return build(target, context)
    except LoopBroken:
        raise TargetError("its constructor stood still", where=f"target {target.name!r}") from None


@asynccontextmanager
async def _lending() -> AsyncIterator[list[aiohttp.ClientSession]]:
    """The HTTP session to hand in, and the one that plugins find by themselves."""
    import aiohttp
    from livekit.agents.utils import http_context

    # Names are asked for anew each time, through the loop, where `observe` can answer.
    connector = aiohttp.TCPConnector(resolver=aiohttp.ThreadedResolver(), use_dns_cache=False)
    async with AsyncExitStack() as stack:
        lent = [await stack.enter_async_context(aiohttp.ClientSession(connector=connector))]
        if hasattr(http_context, "open"):  # not there in older releases
            lent.append(await stack.enter_async_context(http_context.open()))
        yield lent
