"""What an application can do besides talking: one small function per action of a script.

A function starts its action in the tick in which the cue fires; what takes longer goes on beside
the talking.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from sttkit.driver.application import Application, start_stream
from sttkit.driver.tracks import SECOND
from sttkit.driver.waiting import call_now
from sttkit.scripting.model import ACTION_PARAMETERS, Step

NAP_S = 1.0
BLOCK_S = 0.3
BURST_AFTER_BLOCK_S = 0.8
ODD_S = 0.013
"""With so much more audio, no plugin that sends pieces of whole hundredths has sent it all."""
MUTED_S = 2.0
EVEN_S = 0.6
"""A whole number of pieces of 10, 20, 25, 30, 40, 50, 60, 100, 120 or 200 ms."""


def perform(app: Application, step: Step) -> None:
    """Do a step's action and note that it begins, unless it cannot be exercised."""
    if step.do == "update-options" and not app.bench.target.updates:
        return
    act = ACTION_TABLE[step.do]
    if step.do in ACTION_PARAMETERS:
        app.bench.trace.note("client", "action", None, app.name, action=step.do, value=step.value)
        act(app, step.value)
    else:
        app.bench.trace.note("client", "action", None, app.name, action=step.do)
        act(app)


def flush(app: Application) -> None:
    """Ask for pending finals."""
    if app.input_open:
        app.flush()


def flush_twice(app: Application) -> None:
    """Ask for pending finals, and again when what was pushed since is sent in whole pieces.

    Then the caller is muted for a while: no other audio brings out what the flush should have.
    """
    app.push(ODD_S)
    if app.input_open:
        app.flush()
        app.flush_in(EVEN_S, then_muted=MUTED_S)


def pause(app: Application, seconds: float) -> None:
    """Push nothing at all for a while, as for a caller who is muted."""
    app.hold(seconds)


def end(app: Application) -> None:
    """End the audio."""
    if app.input_open:
        app.end_input()


def aclose(app: Application) -> None:
    """Close the stream."""
    app.closing = True
    app.input_open = False
    app.start(app.aclose())


def aclose_twice(app: Application) -> None:
    """Close the stream from two tasks at once, and once more afterwards."""

    async def close() -> None:
        await asyncio.gather(app.aclose(), app.aclose())
        await app.aclose()

    app.closing = True
    app.input_open = False
    app.start(close())


def aclose_at_once(app: Application) -> None:
    """Close the stream in the tick in which it was opened, and read from it only then."""
    aclose(app)


def cancel_consumer(app: Application) -> None:
    """Cancel the task that waits for events, then close the stream."""

    async def leave() -> None:
        await app.consumer.cancel()
        await app.aclose()

    app.closing = True
    app.input_open = False
    app.start(leave())


def slow_consumer(app: Application) -> None:
    """Read no events for a while, from the next one on."""
    app.consumer.nap = NAP_S


def update_options(app: Application) -> None:
    """Change an option of the STT, or of the stream where only that can be changed."""
    subjects = (app.bench.plugin, app.stream)
    owner: Any = next((thing for thing in subjects if hasattr(thing, "update_options")), None)
    if owner is not None:
        update = partial(owner.update_options, **app.bench.target.updates)
        call_now(app.bench.trace, "update_options", update, stream=app.name)


def second_stream(app: Application) -> None:
    """Open a second stream on the same STT."""
    if SECOND not in app.bench.streams:
        start_stream(app.bench, SECOND)


def new_stream_after(app: Application) -> None:
    """Announce a new stream on the same STT for when this one is over; the run opens it."""
    app.bench.wants_after = True


def block_loop(app: Application) -> None:
    """Keep the loop from turning while the line breaks, then push in the same callback.

    The break is in the kernel's hands by then. What the pushes wake runs before the loop asks for
    I/O again, so a sender meets the broken connection before a receiver can be told of it.
    """
    with app.bench.observation.excused():
        app.bench.options.block(BLOCK_S)
    app.push(BURST_AFTER_BLOCK_S)


def burst(app: Application, seconds: float) -> None:
    """Push much audio in one go."""
    app.push(seconds)


def end_at_once(app: Application) -> None:
    """Push everything and end, in the same tick in which the stream was opened."""
    app.push_all()
    app.end_input()


def drop_stream(app: Application) -> None:
    """Never close the stream, if it comes to its end by itself."""
    app.drops = True


def close_http_session(app: Application) -> None:
    """Close the HTTP session that was lent to the plugin."""
    app.start(app.bench.close_http())


def long_call(app: Application, seconds: float) -> None:
    """Go on until the call has lasted so long; it is muted but for an utterance now and then."""
    app.stretch(seconds)


def foreign_rate(app: Application, rate: float) -> None:
    """Push audio of this sample rate."""
    app.sample_at(round(rate))


def stereo(app: Application) -> None:
    """Push audio of two channels."""
    app.double_channels()


ACTION_TABLE: Mapping[str, Callable[..., None]] = {
    "flush": flush,
    "flush-twice": flush_twice,
    "pause": pause,
    "end": end,
    "aclose": aclose,
    "aclose-twice": aclose_twice,
    "aclose-at-once": aclose_at_once,
    "cancel-consumer": cancel_consumer,
    "slow-consumer": slow_consumer,
    "update-options": update_options,
    "second-stream": second_stream,
    "new-stream-after": new_stream_after,
    "block-loop": block_loop,
    "burst": burst,
    "end-at-once": end_at_once,
    "drop-stream": drop_stream,
    "close-http-session": close_http_session,
    "long-call": long_call,
    "input": foreign_rate,
    "stereo": stereo,
}
