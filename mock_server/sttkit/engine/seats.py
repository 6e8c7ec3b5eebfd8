"""A few processes that decode, and the connections that sit there.

A connection takes a seat when its session begins and leaves it when it is gone. Where all seats are
taken it waits a little, and is then told that there is no room.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from sttkit.engine import desk
from sttkit.errors import TargetError
from sttkit.session.engine import Answer, Begin, EngineLimits, Failure, Work

PATIENCE_S = 3.0
"""How long a connection waits for a seat: less than a client does."""

_NO_ROOM = Failure("busy", "all recognisers are busy, try again")
_BROKEN = Failure("broken", "the recogniser failed")


class Seats:
    """An engine of ``count`` processes.

    Args:
        load: a function of some module, called in each process to make its model.
        count: sessions at a time.
        language: of the model, as the first part of a language tag.
        limits: see `EngineLimits`.
    """

    def __init__(
        self,
        load: Callable[[], desk.Model],
        count: int,
        *,
        language: str,
        limits: EngineLimits | None = None,
    ) -> None:
        self._load = load
        self._count = count
        self._language = language
        self.limits = limits or EngineLimits()
        self._seats: set[ProcessPoolExecutor] = set()
        self._free: deque[ProcessPoolExecutor] = deque()
        self._freed = asyncio.Condition()
        self._sitting: set[asyncio.Task[None]] = set()

    # --- what a session knows -------------------------------------------------------------

    @property
    def is_loaded(self) -> bool:
        return bool(self._seats)

    def objection(self, options: Mapping[str, object]) -> str | None:
        return objection_to(options, language=self._language, rates=self.limits.rates)

    # --- processes ------------------------------------------------------------------------

    async def open(self) -> None:
        """Start the processes, one after the other; from the first on, sessions are served.

        Raises:
            TargetError: the model cannot be loaded.
        """
        for _ in range(self._count):
            await self._add_seat()

    async def aclose(self) -> None:
        """End the processes, when they have done what they are at."""
        for task in list(self._sitting):
            task.cancel()
        await asyncio.gather(*self._sitting, return_exceptions=True)
        seats, self._seats = self._seats, set()
        self._free.clear()
        loop = asyncio.get_running_loop()
        await asyncio.gather(
            *(loop.run_in_executor(None, _shut_down, seat) for seat in seats),
        )

    async def _add_seat(self) -> None:
        seat = ProcessPoolExecutor(
            1,
            # A fork of a process with threads and an event loop is a gamble.
            mp_context=multiprocessing.get_context("spawn"),
            initializer=desk.set_up,
            initargs=(self._load,),
        )
        try:
            await asyncio.get_running_loop().run_in_executor(seat, desk.ready)
        except BrokenProcessPool:
            raise TargetError(
                "the recogniser's model cannot be loaded",
                hint="what it says stands above",
            ) from None
        except asyncio.CancelledError:
            seat.shutdown(wait=False, cancel_futures=True)
            raise
        self._seats.add(seat)
        await self._give_back(seat)

    # --- who sits there -------------------------------------------------------------------

    def attend(self, on_answer: Callable[[Answer], None]) -> Attendant:
        """Somebody who asks for one connection."""
        attendant = Attendant(self, on_answer)
        self._sitting.add(attendant.task)
        attendant.task.add_done_callback(self._sitting.discard)
        return attendant

    async def take(self) -> ProcessPoolExecutor | None:
        """A seat, or None if none became free in time."""
        async with self._freed:
            try:
                await asyncio.wait_for(self._freed.wait_for(lambda: self._free), PATIENCE_S)
            except asyncio.TimeoutError:
                return None
            return self._free.popleft()

    async def leave(self, seat: ProcessPoolExecutor, *, broken: bool) -> None:
        """Give a seat up; a broken one is replaced."""
        if not broken:
            await self._give_back(seat)
            return
        self._seats.discard(seat)
        seat.shutdown(wait=False)
        await self._add_seat()

    async def _give_back(self, seat: ProcessPoolExecutor) -> None:
        async with self._freed:
            self._free.append(seat)
            self._freed.notify()


class Attendant:
    """Brings the questions of one connection to its seat, in order, and the answers back."""

    def __init__(self, seats: Seats, on_answer: Callable[[Answer], None]) -> None:
        self._seats = seats
        self._on_answer = on_answer
        self._questions: asyncio.Queue[Work] = asyncio.Queue()
        self.task = asyncio.get_running_loop().create_task(self._attend(), name="sttkit.attendant")

    def ask(self, work: Work) -> None:
        """Have a piece of work done."""
        self._questions.put_nowait(work)

    def leave(self) -> None:
        """The connection is gone: what it asked is not needed any more."""
        self.task.cancel()

    async def _attend(self) -> None:
        loop = asyncio.get_running_loop()
        seat: ProcessPoolExecutor | None = None
        broken = False
        try:
            while True:
                piece = await self._questions.get()
                if isinstance(piece, Begin) and seat is None:
                    seat = await self._seats.take()
                if seat is None:
                    self._on_answer(Answer(failure=_NO_ROOM))
                    continue
                if broken:
                    self._on_answer(Answer(failure=_BROKEN))
                    continue
                try:
                    events = await loop.run_in_executor(seat, desk.work, piece)
                except BrokenProcessPool:
                    broken = True
                    self._on_answer(Answer(failure=_BROKEN))
                except Exception as error:  # whatever a model raises ends its session, not others
                    broken = True
                    self._on_answer(Answer(failure=Failure("broken", type(error).__name__)))
                else:
                    self._on_answer(Answer(events))
        finally:
            if seat is not None:
                await self._seats.leave(seat, broken=broken)


def objection_to(
    options: Mapping[str, object], *, language: str, rates: tuple[int, int]
) -> str | None:
    """Why these options (``sample_rate``, ``language``, ``task``) cannot be served, or None."""
    rate, (lowest, highest) = options.get("sample_rate"), rates
    if not isinstance(rate, int) or not lowest <= rate <= highest:
        return f"a sample rate of {rate} Hz is not served, {lowest} to {highest} are"
    wanted = str(options.get("language") or language)
    if wanted.lower().replace("_", "-").partition("-")[0] != language:
        return f"the language {wanted[:40]!r} is not served, {language!r} is"
    task = str(options.get("task") or "transcribe")
    if task != "transcribe":
        return f"the task {task[:40]!r} is not served, 'transcribe' is"
    return None


def _shut_down(seat: ProcessPoolExecutor) -> None:
    seat.shutdown(wait=True, cancel_futures=True)
