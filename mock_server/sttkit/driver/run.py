"""One case, played from the first census to the last."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from importlib import import_module

from sttkit.audio.synth import render
from sttkit.driver import census
from sttkit.driver.application import start_stream
from sttkit.driver.bench import Bench, set_up
from sttkit.driver.collect import Collector, did_not_return, error_facts
from sttkit.driver.listening import Listener
from sttkit.driver.logs import captured
from sttkit.driver.observe import Observation, observing
from sttkit.driver.options import CANARY, RunOptions
from sttkit.driver.tracks import AFTER, MAIN, SECOND, tracks_of
from sttkit.driver.waiting import abandon, error_of
from sttkit.errors import TargetError, UsageError
from sttkit.scripting.model import Script
from sttkit.targets.model import Target
from sttkit.trace import Trace

__all__ = ["CANARY", "RunOptions", "drive", "drive_batch", "tracks_of"]

RERUNS = 2
"""Runs after a census that found something: a pool does not grow with them, a leak does."""
_MARGIN_S = 30.0


def load_framework() -> None:
    """Import livekit-agents, which takes seconds, before anything is timed.

    Raises:
        TargetError: it is not installed.
    """
    try:
        import_module("livekit.agents")
    except ModuleNotFoundError as error:
        raise TargetError(
            f"the module {error.name!r} is not installed", hint="pip install 'sttkit[livekit]'"
        ) from None


def kept_in_sets() -> list[type]:
    """Classes of which plugins and LiveKit keep the instances in sets, to go through them later."""
    import aiohttp
    from livekit.agents import stt

    return [stt.RecognizeStream, aiohttp.ClientWebSocketResponse]


async def drive(
    target: Target, script: Script, options: RunOptions, *, listener: Listener, trace: Trace
) -> None:
    """Play the application of ``script`` to one STT and write down what comes out.

    The server must say what `sttkit.driver.tracks.tracks_of` gives for the same script and limits.
    If the census at the end finds more than before, the same is played twice more, unrecorded, to
    tell a leak from a pool.

    Raises:
        TargetError: the plugin could not be built, or opens no stream.
        UsageError: ``trace`` does not have ``options.api_key`` among its secrets.
    """
    await _drive(_play, target, script, options, listener, trace)


async def drive_batch(
    target: Target, script: Script, options: RunOptions, *, listener: Listener, trace: Trace
) -> None:
    """Have one STT recognise the script's speech as a whole, by ``recognize()``; see `drive`."""
    await _drive(_play_batch, target, script, options, listener, trace)


_Play = Callable[[Bench], Awaitable[None]]


async def _drive(
    play: _Play,
    target: Target,
    script: Script,
    options: RunOptions,
    listener: Listener,
    trace: Trace,
) -> None:
    if not trace.holds_secret(options.api_key):
        raise UsageError("the trace would keep the API key", expected="the key among its secrets")
    # Both take seconds, which must not look like a loop that a plugin blocks.
    load_framework()
    rates = {target.sample_rate, *(round(s.value) for s in script.client if s.do == "input")}
    for speech in tracks_of(script, options.limits).values():
        for rate in rates:
            render(speech, rate)
    if len(rates) > 1:
        _start_resampling(*sorted(rates)[:2])

    async def use(into: Trace, observation: Observation) -> None:
        # Nothing of it may outlive this call: what finished tasks raised, and nobody asked for, is
        # told when they are finalised, which a reference to the STT that holds them would put off.
        async with set_up(target, script, options, listener, into, observation) as bench:
            await play(bench)

    async def once(
        into: Trace, before: census.Census | None
    ) -> tuple[census.Census, census.Census]:
        async def count(label: str) -> census.Census:
            with observation.excused():
                counted = await census.take(
                    listener.open_connections, listener.place.port, before=before
                )
            facts = counted.facts(before or counted)
            into.note("client", "census", None, MAIN, label=label, **facts)
            return counted

        with (
            captured(into),
            observing(
                listener,
                into,
                blocked=options.limits.blocked,
                real_time=options.real_time,
                busy=options.pace > 0,
            ) as observation,
        ):
            if before is None:
                before = await count("before")
            await use(into, observation)
            return before, await count("after-1")

    # What is there already cannot be left behind; set aside, it makes no census wait for it.
    gc.freeze()
    try:
        before, after = await once(trace, None)
        if not after.exceeds(before):
            return
        for _ in range(RERUNS):
            scratch = Trace(asyncio.get_running_loop().time, secrets=(options.api_key,))
            listener.rearm(scratch)
            _, after = await once(scratch, before)
        trace.note(
            "client", "census", None, MAIN, label=f"after-{RERUNS + 1}", **after.facts(before)
        )
    finally:
        gc.unfreeze()


def _start_resampling(rate: int, other: int) -> None:
    """Have livekit's resampler set up what it keeps for the life of the process: no plugin's leak.

    It keeps threads and descriptors of its own.
    """
    from livekit import rtc

    rtc.AudioResampler(rate, other)


async def _play(bench: Bench) -> None:
    try:
        await _join(bench, start_stream(bench, MAIN), MAIN)
        if SECOND in bench.streams:
            await _join(bench, bench.streams[SECOND], SECOND)
        if bench.wants_after:
            await _join(bench, start_stream(bench, AFTER), AFTER)
    finally:
        await abandon(bench.streams.values())


async def _join(bench: Bench, task: asyncio.Task[None], name: str) -> None:
    """Wait for a stream to be over; the bounds of its parts make this bound a last resort."""
    limits = bench.options.limits
    talking = bench.tracks[name].duration / (min(bench.options.pace, 1.0) or 1.0)
    talking += bench.script.lasting("pause") + bench.script.lasting("long-call")
    bound = talking + limits.end_of_input + 10 * limits.aclose + _MARGIN_S
    await asyncio.wait({task}, timeout=bound)
    error = error_of(task) if task.done() else None
    if isinstance(error, Exception):
        raise error
    if task.done() and error is None:
        return
    # Never returned, or was what the watchdog broke.
    facts = error_facts(error, bench.trace) if error is not None else did_not_return()
    bench.trace.note("client", "call", None, name, name="run", took=round(bound, 3), error=facts)


async def _play_batch(bench: Bench) -> None:
    from livekit import rtc
    from livekit.agents import APIConnectOptions

    rate, speech, conn = bench.target.sample_rate, bench.tracks[MAIN], bench.options.conn
    count = round(speech.core_end * rate)
    frame = rtc.AudioFrame(
        data=render(speech, rate)[: 2 * count],
        sample_rate=rate,
        num_channels=1,
        samples_per_channel=count,
    )
    options = APIConnectOptions(
        max_retry=conn.max_retry, retry_interval=conn.retry_interval, timeout=conn.timeout
    )
    loop = asyncio.get_running_loop()
    began = loop.time()
    task = asyncio.ensure_future(bench.plugin.recognize(frame, conn_options=options))
    try:
        await asyncio.wait({task}, timeout=conn.budget + bench.options.limits.end_of_input)
        text, facts = None, did_not_return()
        if task.done():
            collector = Collector(bench.trace)
            error = error_of(task)
            if error is not None:
                facts = collector.failure(error, "recognize", MAIN)
            else:
                event = task.result()
                collector.check("event", repr(event), MAIN)
                text = bench.trace.redact(" ".join(said.text for said in event.alternatives[:1]))
        bench.trace.note(
            "client",
            "batch",
            None,
            MAIN,
            text=text,
            error=facts if text is None else None,
            took=round(loop.time() - began, 6),
        )
    finally:
        await abandon([task])
