"""The simulated world: virtual time, an in-memory network, the plugin's production host name.

The plugin runs unmodified on a `SimulatedLoop`; the fake server is what the provider's name leads
to in there. Connection options are LiveKit's defaults: waiting costs nothing. The script's seed
decides all there is to decide, so equal scripts give equal traces.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

from sttkit.audio.synth import render
from sttkit.cassette.playing import Playing
from sttkit.cassette.tape import Tape
from sttkit.dialects import load_dialect
from sttkit.dialects.model import Dialect
from sttkit.driver.options import CANARY, RunOptions
from sttkit.driver.run import drive, drive_batch, kept_in_sets, load_framework
from sttkit.driver.tracks import MAIN, tracks_of
from sttkit.errors import SimulationError, UsageError
from sttkit.laws.model import ConnOptions, Limits
from sttkit.scripting.model import Script
from sttkit.server.listening import LineKeeper, need_no_certificate
from sttkit.session.line import Line
from sttkit.simulation.line import LineModel
from sttkit.simulation.loop import SimulatedLoop, simulated_loop
from sttkit.simulation.network import Answer, Network, UnknownHost
from sttkit.simulation.sockets import Address
from sttkit.simulation.waiting import Deadlock, Livelock, LoopBlocked
from sttkit.targets.model import Place, Target
from sttkit.trace import Trace
from sttkit.worlds.played import Played, is_batch, run_of

CONN_OPTIONS = ConnOptions(max_retry=3, retry_interval=2.0, timeout=10.0)
"""Connection options of this world: LiveKit's defaults."""
LATENCY_S = 0.0213
"""One way. Without any, both sides would act in the same instant, which no network lets them. As it
is no multiple of a frame's length, what arrives does not meet what is pushed in one either."""
_LOCAL_PORT = 8000
_INSTEAD = "--loopback does; `loopback_only` on the target makes that its default"


class SimulatedListener(LineKeeper):
    """The fake server under a host name of a simulated network."""

    def __init__(self, line: Line, network: Network, place: Place) -> None:
        super().__init__(line)
        self.place = place
        self._network = network
        if not place.tls:
            need_no_certificate(line.script, f"{line.dialect.name} is reached without TLS")
        host = network.find(place.host) or network.add_host(place.host)
        try:
            network.listen(place.host, place.port, self.accept)
        except OSError:
            raise UsageError(
                f"a fake server listens at {place.http} already",
                expected="one at a time on one simulated loop",
            ) from None
        host.up = host.down = LineModel(latency=LATENCY_S)
        host.resolves = lambda: not self.line.blocked_attempt("unknown-host")
        host.answers = self._answer
        host.trusted = self._trusts
        self._host = host

    async def aclose(self) -> None:
        """Stop listening and end all connections; the host is there still, and refuses."""
        self._network.unlisten(self.place.host, self.place.port)
        self._host.resolves, self._host.answers = lambda: True, lambda: Answer.ACCEPT
        self._host.trusted = lambda client: True
        await self.see_off()
        await self.end_all()

    def open_connections(self) -> int:
        """Connections that the client still holds, also where the server could not see their end.

        What a client has let go counts until the server knows, so that goodbyes arrive in a run.
        """
        held = self._network.held(self.place.host, self.place.port)
        return max(held, super().open_connections())

    def before_connect(self) -> None:
        """Nothing to prepare: the network itself asks `_answer` at each attempt."""

    def resolve(self, host: str) -> bool:
        """No names but those of the network."""
        return False

    def _trusts(self, client: Address) -> bool:
        return not any(
            shell.connection is not None and shell.connection.is_distrusted
            for shell in self._shells
            if shell.client == client
        )

    def _answer(self) -> Answer:
        return Answer.REFUSE if self.line.blocked_attempt("refused") else Answer.ACCEPT


def play(
    target: Target,
    script: Script,
    *,
    conn: ConnOptions | None = None,
    limits: Limits | None = None,
    pace: float = 1.0,
    tape: Tape | None = None,
) -> Played:
    """Play ``script`` to ``target`` in virtual time; see `sttkit.worlds.loopback.play`.

    Raises:
        TargetError: the plugin could not be built, or opens no stream.
        SimulationError: the plugin tried to leave the simulation or went to another host.
    """
    load_framework()
    # On a busy machine this takes longer than a plugin may block the loop.
    for speech in tracks_of(script, limits or Limits()).values():
        render(speech, target.sample_rate)
    loop = simulated_loop(script.seed)
    loop.numbered += kept_in_sets()
    staging = _Staging(loop, target, script, conn, limits, pace, tape)
    with _collecting_by_hand():
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(staging.play())
        except (Livelock, Deadlock, LoopBlocked) as stuck:
            # The plugin's doing, and so a finding; the run is judged as far as it came.
            staging.note_stuck(stuck)
        except SimulationError as error:  # it left the simulation, it is not stuck in it
            error.hint = f"{error.hint} ({_INSTEAD})"
            raise
        finally:
            asyncio.set_event_loop(None)
            # The census has told what was left behind. It is destroyed with the loop, or when it
            # is collected; reported by then it would be a traceback in the middle of anything, and
            # CPython 3.11 cannot parse (an import, say) while such a traceback is printed.
            loop.set_exception_handler(lambda *_: None)
            loop.close()
    return staging.played()


async def play_here(
    target: Target,
    script: Script,
    *,
    conn: ConnOptions | None = None,
    limits: Limits | None = None,
    pace: float = 1.0,
    tape: Tape | None = None,
) -> Played:
    """Like `play`, on the running event loop, which is a simulated one.

    Chance on the lines is that of the loop's seed. If the plugin gets stuck, so does the loop.
    """
    load_framework()
    staging = _Staging(running_loop(), target, script, conn, limits, pace, tape)
    await staging.play()
    return staging.played()


def listen(
    script: Script, dialect: Dialect, trace: Trace, tape: Tape | None = None
) -> SimulatedListener:
    """The fake server on the running simulated loop, at the provider's production host.

    Raises:
        UsageError: it listens there already.
    """
    line = Line(script, dialect, {MAIN: script.speech}, trace, Random(script.seed), tape=tape)
    return SimulatedListener(line, running_loop().network, _place_of(dialect.host))


def running_loop() -> SimulatedLoop:
    """The event loop that runs in this thread.

    Raises:
        UsageError: it is another than a simulated one.
    """
    loop = asyncio.get_running_loop()
    if not isinstance(loop, SimulatedLoop):
        raise UsageError(
            f"the running event loop is a {type(loop).__name__}", expected="a SimulatedLoop"
        )
    return loop


class _Staging:
    """One script, played to one target on one loop."""

    def __init__(
        self,
        loop: SimulatedLoop,
        target: Target,
        script: Script,
        conn: ConnOptions | None,
        limits: Limits | None,
        pace: float,
        tape: Tape | None,
    ) -> None:
        self._began = time.perf_counter()
        self._loop = loop
        self._target = target
        self._script = script
        self._tape = tape
        self._playing: Playing | None = None
        self._dialect = tape.dialect if tape else load_dialect(script.dialect or target.dialect)
        self._options = RunOptions(
            conn=conn or CONN_OPTIONS,
            limits=limits or Limits(),
            pace=pace,
            api_key=CANARY,
            real_time=False,
            block=loop.clock.sleep,
        )
        self._trace = Trace(loop.time, secrets=(self._options.api_key,))
        self._place = _place_of(self._dialect.host)

    async def play(self) -> None:
        """Drive the plugin from the first census to the last."""
        script, options, trace = self._script, self._options, self._trace
        tracks = tracks_of(script, options.limits)
        rng = Random(script.seed)
        line = Line(script, self._dialect, tracks, trace, rng, tape=self._tape)
        self._playing = line.playing
        with self._observed():
            listener = SimulatedListener(line, self._loop.network, self._place)
            try:
                go = drive_batch if is_batch(script, self._tape) else drive
                await go(self._target, script, options, listener=listener, trace=trace)
            finally:
                await listener.aclose()

    def played(self) -> Played:
        """What came of it.

        Raises:
            SimulationError: the plugin went to another host, and to no other.
        """
        records, unknown = self._trace.records, self._loop.network.unknown
        if unknown and not any(record.kind == "attempt" for record in records):
            raise SimulationError(
                f"{unknown[0].name!r} is no host of this simulation, and nothing else was "
                f"connected to (asked for at {unknown[0].place})",
                hint=f"the fake server is {self._place.http}: build the plugin for `context.place`",
            )
        run = run_of(self._target, self._script, self._dialect, self._options, self._trace)
        return Played(run, self._trace, time.perf_counter() - self._began, self._playing)

    def note_stuck(self, stuck: Livelock | Deadlock | LoopBlocked) -> None:
        """Note that the run came no further."""
        if isinstance(stuck, Livelock):
            self._note("busy", seconds=0.0, where="; ".join(stuck.waiting))
        elif isinstance(stuck, Deadlock):
            why = "deadlock: nothing can ever happen again"
            self._note("waiting", why=why, tasks=list(stuck.waiting))
        else:
            self._stood(0.0, str(stuck))

    @contextmanager
    def _observed(self) -> Iterator[None]:
        loop, clock, network = self._loop, self._loop.clock, self._loop.network
        before = loop.on_blocked, clock.on_sleep, network.on_unknown
        loop.on_blocked, clock.on_sleep, network.on_unknown = (
            self._stood,
            self._slept,
            self._went_elsewhere,
        )
        try:
            yield
        finally:
            loop.on_blocked, clock.on_sleep, network.on_unknown = before

    def _note(self, kind: str, **data: Any) -> None:
        self._trace.note("client", kind, None, MAIN, **data)

    def _stood(self, seconds: float, where: str) -> None:
        # Virtual time stood still meanwhile, so it began just now.
        began = round(self._trace.now(), 6)
        self._note("blocked", seconds=round(seconds, 3), where=where, began=began)

    def _slept(self, seconds: float, where: str) -> None:
        if seconds > self._options.limits.blocked:
            self._note("blocked", seconds=round(seconds, 3), where=f"time.sleep() at {where}")

    def _went_elsewhere(self, host: UnknownHost) -> None:
        self._note("elsewhere", host=host.name, where=host.place)


def _place_of(host: str) -> Place:
    """Where the provider is in production; a server of one's own is on this machine."""
    if host == "localhost":
        return Place(host, _LOCAL_PORT)
    return Place(host, 443, tls=True)


@contextmanager
def _collecting_by_hand() -> Iterator[None]:
    """Finalizers run when the driver takes its census, not whenever memory happens to fill up."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
