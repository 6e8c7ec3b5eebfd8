"""The application's consumer: it reads the events of one stream, and notes how the iteration ends.

That is noted once, as ``ended``; of an iteration that had to be given up, nothing is noted but that
the call for its next event did not return.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from sttkit.driver.collect import Collector, did_not_return
from sttkit.driver.stuck import READER, note_waiting
from sttkit.driver.waiting import abandon
from sttkit.trace import Trace

if TYPE_CHECKING:
    from livekit.agents import stt

CANCELLED_S = 2.0
"""Time for a cancelled consumer to end, before the application goes on without it."""


class Consumer:
    """Reads from the moment it is made, in a task of its own.

    It does not keep the stream: an application may let go of one that is over.

    Args:
        stream: LiveKit's.
        trace: where the events go.
        name: of the stream, in the trace.
        late: whether to read only when ``over`` is set.
        ended: called at the end of the iteration, before that is noted.

    Attributes:
        nap: seconds to sleep after the next event.
        over: set at the end of the iteration, and by whoever has closed the stream.
    """

    def __init__(
        self,
        stream: stt.RecognizeStream,
        trace: Trace,
        name: str,
        *,
        late: bool,
        ended: Callable[[], None],
    ) -> None:
        self.nap = 0.0
        self.over = asyncio.Event()
        self._trace = trace
        self._name = name
        self._late = late
        self._ended = ended
        self._collector = Collector(trace)
        self._stopped: Literal["cancelled", "given up"] | None = None
        self._task = asyncio.create_task(self._read(stream), name=f"sttkit-{name}{READER}")

    @property
    def is_done(self) -> bool:
        """Whether it reads no more."""
        return self._task.done()

    async def wait_over(self, bound: float) -> None:
        """Wait until it is ``over``, but not longer than ``bound`` seconds."""
        waiting = asyncio.ensure_future(self.over.wait())
        try:
            await asyncio.wait({waiting}, timeout=bound)
        finally:
            waiting.cancel()

    async def cancel(self) -> None:
        """Cancel the task that waits for events; it never iterates again."""
        self._stopped = "cancelled"
        self._task.cancel()
        await asyncio.wait({self._task}, timeout=CANCELLED_S)

    async def finish(self, bound: float) -> None:
        """Wait for the end of the iteration; give it up if it has not come after ``bound``."""
        if not self._task.done():
            await asyncio.wait({self._task}, timeout=bound)
        if not self._task.done():
            self._stopped = "given up"
            note_waiting(self._trace, self._name, "the consumer does not wake")
            self._trace.note(
                "client",
                "call",
                None,
                self._name,
                name="__anext__",
                took=bound,
                error=did_not_return(),
            )
            await abandon([self._task])

    def leave(self) -> asyncio.Task[None]:
        """Take no interest any more in how the iteration ends: its task is to be abandoned."""
        if self._stopped is None:
            self._stopped = "given up"
        return self._task

    async def _read(self, stream: stt.RecognizeStream) -> None:
        how, error = "stop", None
        try:
            if self._late:
                await self.over.wait()
            iterator = stream.__aiter__()
            while True:
                event = await iterator.__anext__()
                self._collector.event(event, self._name)
                if self.nap:
                    nap, self.nap = self.nap, 0.0
                    await asyncio.sleep(nap)
        except StopAsyncIteration:
            pass
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as raised:
            # A CancelledError that nobody here asked for leaked out of the plugin.
            ours = isinstance(raised, asyncio.CancelledError) and self._stopped is not None
            how, error = "cancelled" if ours else "raised", raised
        finally:
            self._ended()
            self.over.set()
        if self._stopped == "given up":
            return
        facts = self._collector.failure(error, "iteration", self._name) if error else None
        self._trace.note("client", "ended", None, self._name, how=how, error=facts)
