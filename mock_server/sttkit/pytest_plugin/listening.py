"""The fake server for clients of one's own, in tests of either kind.

In an async test it runs on the test's own loop (``async with``), and if that is a simulated one,
under the provider's host name in there; in a plain test on a loop in a thread of its own
(``with``), since the test's thread is busy with the client.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from sttkit.errors import UsageError

if TYPE_CHECKING:
    import asyncio

    from sttkit.cassette.playing import Playing
    from sttkit.cassette.tape import Tape
    from sttkit.dialects.model import Dialect
    from sttkit.proxy.taking import Take
    from sttkit.scripting.model import Script
    from sttkit.server.fake import AnyListener, FakeServer
    from sttkit.targets.model import Place
    from sttkit.trace import Trace
    from sttkit.worlds.simulated import SimulatedListener

START_S = 10.0
"""How long a server on a thread may take to listen, or to stop."""


class Listening:
    """A context manager, plain or async, that yields the `Place` where the server listens.

    Args:
        script: is played from the beginning.
        dialect: is spoken.
        opened: is told place, trace and the recording being played when the server listens.
        closed: is called when it does no more.
        tape: a recording that is played, or None.
        take: records what the tape does not have, or None.
    """

    def __init__(
        self,
        script: Script,
        dialect: Dialect,
        opened: Callable[[Place, Trace, Playing | None], None],
        closed: Callable[[], None],
        tape: Tape | None = None,
        take: Take | None = None,
    ) -> None:
        self._script = script
        self._dialect = dialect
        self._opened = opened
        self._closed = closed
        self._tape = tape
        self._take = take
        self._is_open = False
        self._server: FakeServer | SimulatedListener | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    async def __aenter__(self) -> Place:
        return await self._open()

    async def __aexit__(self, *exc_info: object) -> None:
        await self._close(keep=exc_info[0] is None)

    def __enter__(self) -> Place:
        import asyncio

        if in_running_loop():
            raise UsageError(
                "the test has an event loop, on which the server runs",
                expected="async with stt_server.listening()",
            )
        from sttkit.server.precise import precise_loop

        self._loop = asyncio.new_event_loop() if self._tape is None else precise_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="sttkit-server", daemon=True
        )
        self._thread.start()
        try:
            return asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(START_S)
        except BaseException:
            self._stop_thread()
            raise

    def __exit__(self, *exc_info: object) -> None:
        import asyncio

        assert self._loop is not None
        try:
            asyncio.run_coroutine_threadsafe(
                self._close(keep=exc_info[0] is None), self._loop
            ).result(START_S)
        finally:
            self._stop_thread()

    async def _open(self) -> Place:
        import asyncio

        from sttkit.trace import Trace

        if self._is_open:
            raise UsageError("this server listens already", expected="a new listening() each time")
        self._is_open = True
        trace = Trace(asyncio.get_running_loop().time)
        if self._take is not None:
            return await self._open_take(self._take, trace)
        listener: AnyListener | SimulatedListener
        if world_of_running_loop() == "simulated":
            from sttkit.worlds.simulated import listen

            listener = self._server = listen(self._script, self._dialect, trace, self._tape)
        else:
            from sttkit.server.fake import FakeServer

            self._server = server = FakeServer(trace)
            listener = await server.listen(self._script, self._dialect, tape=self._tape)
        self._opened(listener.place, trace, listener.line.playing)
        return listener.place

    async def _open_take(self, take: Take, trace: Trace) -> Place:
        """Record what there is no tape for."""
        from sttkit.server.fake import FakeServer
        from sttkit.server.listening import LineKeeper
        from sttkit.targets.model import Place

        if world_of_running_loop() == "simulated":
            raise UsageError(
                "a recording on a simulated event loop",
                where=str(take.path),
                expected="a real one: nothing outside can be reached from a simulation",
            )
        playing = None
        if self._tape is None:
            host, port = await take.open()
        else:
            self._server = server = FakeServer(trace)
            listener = await server.listen(self._script, self._dialect, tape=self._tape)
            assert isinstance(listener, LineKeeper)
            playing = listener.line.playing
            host, port = await take.open(listener.accept, len(self._tape.parts))
        place = Place(host, port)
        self._opened(place, trace, playing)
        return place

    async def _close(self, *, keep: bool) -> None:
        try:
            if self._take is not None:
                await self._take.close(keep=keep)
        finally:
            if self._server is not None:
                await self._server.aclose()
            self._closed()

    def _stop_thread(self) -> None:
        assert self._loop is not None
        assert self._thread is not None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_S)
        self._loop.close()


def world_of_running_loop() -> Literal["simulated", "loopback"]:
    """The world that the loop of this thread is of."""
    import asyncio

    from sttkit.simulation.loop import SimulatedLoop

    simulated = isinstance(asyncio.get_running_loop(), SimulatedLoop)
    return "simulated" if simulated else "loopback"


def in_running_loop() -> bool:
    """Whether an event loop is running in this thread."""
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
