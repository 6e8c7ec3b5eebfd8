"""The loopback world: real sockets on 127.0.0.1, real time, one event loop for both sides.

Nothing is replaced under the plugin: it connects, resolves, waits and fails as in production, with
shorter connection options than LiveKit's defaults, since its time is ours.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from sttkit.cassette.tape import Tape
from sttkit.dialects import load_dialect
from sttkit.driver.options import CANARY, RunOptions
from sttkit.driver.run import drive, drive_batch, load_framework
from sttkit.driver.tracks import tracks_of
from sttkit.laws.model import ConnOptions, Limits
from sttkit.scripting.model import Script
from sttkit.server.fake import TEST_HOST, FakeServer
from sttkit.targets.model import Target
from sttkit.trace import Trace
from sttkit.worlds.played import Played, is_batch, run_of

CONN_OPTIONS = ConnOptions(max_retry=3, retry_interval=0.3, timeout=2.0)
"""Connection options of this world."""


def play(
    target: Target,
    script: Script,
    *,
    conn: ConnOptions | None = None,
    limits: Limits | None = None,
    pace: float = 1.0,
    tape: Tape | None = None,
) -> Played:
    """Play ``script`` to ``target`` on an event loop of its own.

    ``pace`` is seconds of audio pushed per second, 0 for as fast as the loop turns. A script with a
    fault at ``batch`` is played to ``recognize()``, any other to ``stream()``. With a ``tape`` the
    server plays that recording instead of a healthy recogniser.

    Raises:
        TargetError: the plugin could not be built, or opens no stream.
        RuntimeError: an event loop is running in this thread already; await `play_here` instead.
    """
    return asyncio.run(play_here(target, script, conn=conn, limits=limits, pace=pace, tape=tape))


async def play_here(
    target: Target,
    script: Script,
    *,
    conn: ConnOptions | None = None,
    limits: Limits | None = None,
    pace: float = 1.0,
    tape: Tape | None = None,
) -> Played:
    """Like `play`, on the running event loop."""
    load_framework()
    loop = asyncio.get_running_loop()
    options = RunOptions(
        conn=conn or CONN_OPTIONS, limits=limits or Limits.loopback(), pace=pace, api_key=CANARY
    )
    dialect = tape.dialect if tape else load_dialect(script.dialect or target.dialect)
    trace = Trace(loop.time, secrets=(options.api_key,))
    began = loop.time()
    server = FakeServer(trace)
    try:
        tracks = tracks_of(script, options.limits)
        listener = await server.listen(script, dialect, tracks=tracks, tape=tape)
        playing = listener.line.playing
        if any(placed.fault.id == "unknown-host" for placed in script.faults):
            # An address has no name to resolve.
            listener.place = replace(listener.place, host=TEST_HOST)
        go = drive_batch if is_batch(script, tape) else drive
        await go(target, script, options, listener=listener, trace=trace)
    finally:
        await server.aclose()
    run = run_of(target, script, dialect, options, trace)
    return Played(run, trace, loop.time() - began, playing)
