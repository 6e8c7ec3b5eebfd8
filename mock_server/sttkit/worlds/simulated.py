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

from sttkit.dialects import load_dialect
from sttkit.driver.options import CANARY, RunOptions
from sttkit.driver.run import drive, drive_batch, kept_in_sets, load_framework
from sttkit.driver.tracks import MAIN, tracks_of
from sttkit.errors import SimulationError
from sttkit.laws.model import ConnOptions, Limits
from sttkit.scripting.model import Script
from sttkit.server.listening import LineKeeper
from sttkit.session.line import Line
from sttkit.simulation.clock import Clock
from sttkit.simulation.line import LineModel
from sttkit.simulation.loop import SimulatedLoop
from sttkit.simulation.network import Answer, Network, UnknownHost
from sttkit.simulation.waiting import Deadlock, Livelock, LoopBlocked
from sttkit.targets.model import Place, Target
from sttkit.trace import Trace
from sttkit.worlds.played import Played, is_batch, run_of

CONN_OPTIONS = ConnOptions(max_retry=3, retry_interval=2.0, timeout=10.0)
"""Connection options of this world: LiveKit's defaults."""
LATENCY_S = 0.02
"""One way. Without any, both sides would act in the same instant, which no network lets them."""
_LOCAL_PORT = 8000
_INSTEAD = "--loopback does; `loopback_only` on the target makes that its default"


class SimulatedListener(LineKeeper):
    """The fake server under a host name of a simulated network."""

    def __init__(self, line: Line, network: Network, place: Place) -> None:
        super().__init__(line)
        self.place = place
        host = network.host(place.host)
        host.up = host.down = LineModel(latency=LATENCY_S)
        host.resolves = lambda: not self.line.blocked_attempt("unknown-host")
        host.answers = self._answer
        network.listen(place.host, place.port, self.accept)

    def before_connect(self) -> None:
        """Nothing to prepare: the network itself asks `_answer` at each attempt."""

    def resolve(self, host: str) -> bool:
        """No names but those of the network."""
        return False

    def _answer(self) -> Answer:
        return Answer.REFUSE if self.line.blocked_attempt("refused") else Answer.ACCEPT


def play(
    target: Target,
    script: Script,
    *,
    conn: ConnOptions | None = None,
    limits: Limits | None = None,
    pace: float = 1.0,
) -> Played:
    """Play ``script`` to ``target`` in virtual time; see `sttkit.worlds.loopback.play`.

    Raises:
        TargetError: the plugin could not be built, or opens no stream.
        SimulationError: the run is stuck, or the plugin tried to leave the simulation or went
            to another host.
    """
    load_framework()
    began = time.perf_counter()
    dialect = load_dialect(script.dialect or target.dialect)
    chance = Random(script.seed)
    network = Network(Random(chance.getrandbits(64)))
    clock = Clock(phase=chance.random())
    loop = SimulatedLoop(clock, network, Random(chance.getrandbits(64)))
    loop.numbered += kept_in_sets()
    options = RunOptions(
        conn=conn or CONN_OPTIONS,
        limits=limits or Limits(),
        pace=pace,
        api_key=CANARY,
        real_time=False,
        block=clock.sleep,
    )
    trace = Trace(loop.time, secrets=(options.api_key,))
    place = _place_of(dialect.host)
    if place.tls:
        network.add_host(place.host)

    async def main() -> None:
        line = Line(script, dialect, tracks_of(script, options.limits), trace, Random(script.seed))
        listener = SimulatedListener(line, network, place)
        try:
            go = drive_batch if is_batch(script) else drive
            await go(target, script, options, listener=listener, trace=trace)
        finally:
            await listener.end_all()

    def note_blocked(seconds: float, where: str, **more: float) -> None:
        trace.note("client", "blocked", None, MAIN, seconds=round(seconds, 3), where=where, **more)

    def blocked(seconds: float, where: str) -> None:
        # Virtual time stood still meanwhile, so it began just now.
        note_blocked(seconds, where, began=round(trace.now(), 6))

    def slept(seconds: float, where: str) -> None:
        if seconds > options.limits.blocked:
            note_blocked(seconds, f"time.sleep() at {where}")

    def elsewhere(host: UnknownHost) -> None:
        trace.note("client", "elsewhere", None, MAIN, host=host.name, where=host.place)

    loop.on_blocked = blocked
    clock.on_sleep = slept
    network.on_unknown = elsewhere
    with _collecting_by_hand():
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(main())
        except Livelock as stuck:
            # The plugin's doing, and so a finding; the run is judged as far as it came.
            trace.note("client", "busy", None, MAIN, seconds=0.0, where="; ".join(stuck.waiting))
        except Deadlock as stuck:
            why = "deadlock: nothing can ever happen again"
            trace.note("client", "waiting", None, MAIN, why=why, tasks=list(stuck.waiting))
        except LoopBlocked as stuck:
            blocked(0.0, str(stuck))
        except SimulationError as error:
            if type(error) is SimulationError:  # it left the simulation, it is not stuck in it
                error.hint = f"{error.hint} ({_INSTEAD})"
            raise
        finally:
            asyncio.set_event_loop(None)
            loop.close()
    if network.unknown and not any(record.kind == "attempt" for record in trace.records):
        unknown = network.unknown[0]
        raise SimulationError(
            f"{unknown.name!r} is no host of this simulation, and nothing else was connected to "
            f"(asked for at {unknown.place})",
            hint=f"the fake server is {place.http}: build the plugin for `context.place`",
        )
    run = run_of(target, script, dialect, options, trace)
    return Played(run, trace, time.perf_counter() - began)


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
