"""One stream under test, from ``stream()`` to the calls after its end.

The application pushes audio, reads events, does what the script tells it to, ends its audio,
closes the stream, and then tries what must be refused. Everything it sees goes into the trace.
"""

from __future__ import annotations

import asyncio
import gc
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from sttkit.audio.speech import Speech
from sttkit.audio.synth import render
from sttkit.driver import cues, looks, settling
from sttkit.driver.bench import Bench
from sttkit.driver.collect import STREAM, Collector
from sttkit.driver.consumer import Consumer
from sttkit.driver.cues import Cues, breaks_connection
from sttkit.driver.holding import Holding
from sttkit.driver.looks import Looks
from sttkit.driver.microphone import COARSE_FRAME_S, Microphone, frame_s_of
from sttkit.driver.settling import Settling
from sttkit.driver.stuck import note_waiting
from sttkit.driver.tracks import CALL_RHYTHM_S, MAIN
from sttkit.driver.waiting import abandon, call, call_now
from sttkit.driver.watchdog import LoopBroken
from sttkit.errors import TargetError
from sttkit.faults import Point
from sttkit.scripting.model import Script, Step
from sttkit.trace import Record

if TYPE_CHECKING:
    from livekit.agents import stt

BEYOND_S = 2.0
"""Waited beyond a limit, so that it shows whether the limit was only just missed."""

BREATH_S = 0.55
"""Of a long call: from the end of an utterance to the muting; enough to hear that it is over."""

HEARD = cues.HEARD | settling.HEARD | looks.HEARD
"""Kinds of records that the application needs to know of."""

_TINY_S = 1e-6
"""Less than a sample, more than the error of sums of seconds."""
UNHURRIED_S = 0.1
"""From the end of a stream to its closing, by an application in no hurry."""


def start_stream(bench: Bench, name: str) -> asyncio.Task[None]:
    """Another stream on the bench's STT, running until it is over."""
    task = asyncio.create_task(Application(bench, name).run(), name=f"sttkit-{name}")
    bench.streams[name] = task
    return task


class Application:
    """Plays the application to one stream.

    The actions of `sttkit.driver.actions` call its methods.

    Attributes:
        bench: what it shares with the other streams of the run.
        name: of the stream, in the trace.
        stream: LiveKit's stream, once open.
        consumer: what reads the events, once open.
        drops: whether it lets go of the stream without closing it, once that is over.
    """

    def __init__(self, bench: Bench, name: str) -> None:
        self.bench = bench
        self.name = name
        self.speech = bench.tracks[name]
        self.stream: stt.RecognizeStream
        self.consumer: Consumer
        self.drops = False
        self.input_open = False
        self.closing = False
        self._refused = False  # a push raised: there is no sense in another one
        self._closes_at_once = name == MAIN and Step("aclose-at-once") in bench.script.client
        self._closer: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._collector = Collector(bench.trace)
        self._microphone: Microphone
        self._holding = Holding(bench.observation.open_connections)
        self._looks = Looks(self._note_holding)
        self._call_ends = 0.0
        self._muted_after_flush = 0.0
        self._mutes: deque[float] = deque()
        self._cues: Cues
        self._settling = Settling(
            self.speech,
            bench.script.placements(),
            bench.options.limits,
            self.name,
            waits=name == MAIN,
        )
        self._flush_marks = deque(_flush_marks(bench.script, self.speech, name))

    # --- a stream's life ------------------------------------------------------------------------

    async def run(self) -> None:
        """Open, talk, end, close, and try what must be refused.

        Raises:
            TargetError: the STT could not open its main stream.
        """
        from sttkit.driver.actions import perform

        STREAM.set(self.name)
        script = self.bench.script
        self._cues = Cues(
            script.client if self.name == MAIN else (),
            self.name,
            lambda step: perform(self, step),
            asyncio.get_running_loop(),
            copy_context(),
            breaks=breaks_connection(script),
        )
        pcm = render(self.speech, self.bench.target.sample_rate)
        stop_listening = self.bench.trace.listen(self._hear, HEARD)
        try:
            if self._open(pcm):
                await self._live()
        finally:
            stop_listening()
            self._cues.stop()
            await self._stop_tasks()

    def _open(self, pcm: bytes) -> bool:
        from livekit.agents import APIConnectOptions

        bench, conn = self.bench, self.bench.options.conn
        options = APIConnectOptions(
            max_retry=conn.max_retry, retry_interval=conn.retry_interval, timeout=conn.timeout
        )
        if self._closes_at_once:
            # Tasks take their turns in order: this one, there before the stream's own, comes first.
            self._closer = asyncio.create_task(self._close(), name=f"sttkit-{self.name}-aclose")
        try:
            self.stream = bench.plugin.stream(conn_options=options)
        except Exception as error:
            facts = self._collector.failure(error, "stream", self.name)
            if self.name == MAIN:
                raise TargetError(
                    f"stream() raised {facts['type']}: {facts['message']}",
                    where=bench.target.name,
                    expected="a stream",
                    hint=f"to see where: sttkit run none@idle {bench.target.name}",
                ) from None
            bench.trace.note(
                "client", "call", None, self.name, name="stream", took=0.0, error=facts
            )
            return False
        # Not there in older releases.
        flushes = getattr(bench.plugin.capabilities, "manual_flush", False)
        bench.trace.note("client", "stream", None, self.name, manual_flush=bool(flushes))
        self._microphone = Microphone(pcm, bench.target.sample_rate, bench.options.pace)
        self._microphone.frame_s = frame_s_of(bench.script.seed)
        self.input_open = True
        self.consumer = Consumer(
            self.stream,
            bench.trace,
            self.name,
            late=self._closes_at_once,
            ended=self._iteration_ended,
        )
        self._cues.opened()
        return True

    async def _live(self) -> None:
        try:
            await self._talk()
            await self._finish()
        except LoopBroken as broken:  # a call into the plugin never came back by itself
            facts = self._collector.failure(broken, "run", self.name)
            self.bench.trace.note(
                "client", "call", None, self.name, name="run", took=0.0, error=facts
            )
            if not self.closing:
                await self.aclose()

    async def _talk(self) -> None:
        """Push the scripted speech, and go on as long as something is to be learned."""
        microphone = self._microphone
        core_end = self.speech.core_end
        nearly = core_end - 1e-4  # positions are whole samples, ends of speech are not
        while self.input_open and not self._refused:
            said = microphone.position >= nearly
            if microphone.exhausted or (said and self._nothing_to_learn()):
                return
            if said:
                microphone.slow_down()
            if self._mutes and microphone.position >= self._mutes[0]:
                self._mutes.popleft()
                self._mute()
            await microphone.until_due()
            self.push(microphone.frame_s, until=None if said else core_end)

    def _nothing_to_learn(self) -> bool:
        now = self.bench.trace.now()
        return now >= self._call_ends and self._settling.settled(now)

    def _mute(self) -> None:
        """Say nothing until the next utterance of a long call is due."""
        gap = CALL_RHYTHM_S - BREATH_S
        self.hold(gap)
        asyncio.get_running_loop().call_later(gap / 2, self._looks.in_a_gap)

    async def _finish(self) -> None:
        limits = self.bench.options.limits
        if self._settling.out_of_patience:
            self._note_waiting("nothing came of the audio after the fault")
        if self._refused:
            # It may be over, and its consumer not know it yet.
            await self.consumer.wait_over(limits.grace)
        if self.input_open and not self.closing:
            self.end_input()
        await self.consumer.wait_over(limits.end_of_input + BEYOND_S)
        if not self.consumer.over.is_set():
            self._note_waiting("the stream does not end")
        await self._let_actions_finish()
        if self.drops and self.consumer.is_done and not self.closing:
            await asyncio.sleep(UNHURRIED_S)
            del self.stream
            with self.bench.observation.excused():
                gc.collect()
            return
        if not self.closing:
            # The last report of usage is measured by a task of its own, which closing would cancel.
            await asyncio.sleep(UNHURRIED_S)
            await self.aclose()
        await self.consumer.finish(limits.end_after_server)
        self._call_late()

    def _call_late(self) -> None:
        """What an application may still do by mistake after the end, and must hear of."""
        frame = self._microphone.spare()
        self._call_now("late:push_frame", lambda: self.stream.push_frame(frame))
        self._call_now("late:flush", self.stream.flush)
        self._call_now("late:end_input", self.stream.end_input)

    # --- what actions are made of ---------------------------------------------------------------

    def push(self, seconds: float, *, until: float | None = None) -> None:
        """Push so many seconds of audio in one go, or as much as the stream takes."""
        if not self.input_open or self._refused:
            return
        begin = self._microphone.position
        frames = self._microphone.take(seconds, until=until)
        end, taken = self._microphone.position, 0
        push_frame = self.stream.push_frame
        try:
            for frame in frames:
                push_frame(frame)
                taken += 1
        except Exception as error:
            facts = self._collector.failure(error, "push_frame", self.name)
            self.bench.trace.note(
                "client", "call", None, self.name, name="push_frame", took=0.0, error=facts
            )
            self._refused = True
            if not taken:
                return
            end = begin + sum(frame.duration for frame in frames[:taken])
        facts = {"track": self.name, "start": begin, "end": end}
        self.bench.trace.add("client", "push", None, self.name, facts)
        self._cues.pushed(end)
        if self._flush_marks:
            self._flush_at_marks(end)

    def push_all(self) -> None:
        """Push the whole scripted speech in one go."""
        self.push(self.speech.core_end)

    def hold(self, seconds: float) -> None:
        """Push nothing for so long."""
        self._microphone.hold(seconds)

    def stretch(self, seconds: float) -> None:
        """Go on talking until the stream is so old, and be muted after each utterance."""
        self._call_ends = self.bench.trace.now() + seconds
        self._microphone.frame_s = COARSE_FRAME_S
        self._mutes.extend(utterance.end + BREATH_S for utterance in self.speech.utterances)

    def sample_at(self, rate: int) -> None:
        """Push audio of this sample rate from the beginning."""
        self._microphone.change_rate(render(self.speech, rate), rate)

    def double_channels(self) -> None:
        """Push audio of two channels."""
        self._microphone.channels = 2

    def flush(self) -> None:
        """Ask for pending finals."""
        self._call_now("flush", self.stream.flush)

    def flush_in(self, seconds: float, *, then_muted: float) -> None:
        """Ask for pending finals when so much more audio was pushed; then be silent."""
        self._flush_marks.append(self._microphone.position + seconds - _TINY_S)
        self._muted_after_flush = then_muted

    def end_input(self) -> None:
        """End the audio."""
        self.input_open = False
        self._call_now("end_input", self.stream.end_input)

    async def aclose(self) -> None:
        """Close the stream."""
        self.closing = True
        self.input_open = False
        closing, self._closer = self._closer or self.stream.aclose(), None
        await call(
            self.bench.trace,
            "aclose",
            closing,
            bound=2 * self.bench.options.limits.aclose,
            stream=self.name,
        )
        self.consumer.over.set()

    async def _close(self) -> None:
        await self.stream.aclose()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside the talking; it is finished before the stream's end is judged."""
        task = asyncio.create_task(work, name=f"sttkit-{self.name}-action")
        self._tasks.add(task)

    # --- the rest -------------------------------------------------------------------------------

    def _hear(self, record: Record) -> None:
        self._cues.hear(record)
        if not self.input_open:
            return
        self._settling.hear(record, self._microphone.position)
        if record.kind in looks.HEARD:
            self._looks.hear(record)

    def _iteration_ended(self) -> None:
        self.input_open = False

    def _note_holding(self, sessions: int) -> None:
        if self.input_open:
            facts = self._holding.facts(sessions, self.stream, self.bench.plugin)
            self.bench.trace.note("client", "holding", None, self.name, **facts)

    def _note_waiting(self, why: str) -> None:
        note_waiting(self.bench.trace, self.name, why)

    def _flush_at_marks(self, position: float) -> None:
        while self._flush_marks and self._flush_marks[0] <= position:
            self._flush_marks.popleft()
            wanted = position <= self.speech.core_end or self._settling.awaits(Point.FLUSH)
            if wanted and self.input_open:
                self.flush()
                self.hold(self._muted_after_flush)

    def _call_now(self, name: str, function: Callable[[], object]) -> None:
        call_now(self.bench.trace, name, function, stream=self.name)

    async def _let_actions_finish(self) -> None:
        if self._tasks:
            bound = 4 * self.bench.options.limits.aclose
            done, _ = await asyncio.wait(self._tasks, timeout=bound)
            for task in done:
                task.result()

    async def _stop_tasks(self) -> None:
        tasks = set(self._tasks)
        if self._closer is not None:
            tasks.add(self._closer)
        if hasattr(self, "consumer"):
            tasks.add(self.consumer.leave())
        await abandon(tasks)


def _flush_marks(script: Script, speech: Speech, name: str) -> list[float]:
    """Where to flush so that faults at ``flush`` can happen: in the middle of each last word."""
    at_flush = any(placed.point is Point.FLUSH for placed in script.faults)
    flushes = any(step.do == "flush" and step.at.point is not Point.FLUSH for step in script.client)
    if name != MAIN or not at_flush or flushes:
        return []
    return [
        (utterance.words[-1].start + utterance.words[-1].end) / 2 for utterance in speech.utterances
    ]
