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
from sttkit.driver.run import drive, drive_batch, load_framework
from sttkit.driver.tracks import tracks_of
from sttkit.laws.model import ConnOptions, Limits
from sttkit.scripting.model import Script
from sttkit.server.shell import Shell
from sttkit.session.line import Line
from sttkit.simulation.clock import Clock
from sttkit.simulation.line import LineModel
from sttkit.simulation.loop import SimulatedLoop
from sttkit.simulation.network import Answer, Network
from sttkit.targets.model import Place, Target
from sttkit.trace import Trace
from sttkit.worlds.played import Played, is_batch, run_of

CONN_OPTIONS = ConnOptions(max_retry=3, retry_interval=2.0, timeout=10.0)
"""Connection options of this world: LiveKit's defaults."""
LATENCY_S = 0.02
"""One way. Without any, both sides would act in the same instant, which no network lets them."""
_LOCAL_PORT = 8000


class SimulatedListener:
    """The fake server under a host name of a simulated network."""

    def __init__(self, line: Line, network: Network, loop: SimulatedLoop, place: Place) -> None:
        self.line = line
        self.place = place
        self._shells: set[Shell] = set()
        host = network.host(place.host)
        host.resolves = lambda: not self.line.blocked_attempt("unknown-host")
        host.answers = self._answer
        host.up = host.down = LineModel(latency=LATENCY_S)
        network.listen(
            place.host,
            place.port,
            lambda: Shell(self.line, loop, self._begin, self._shells.discard),
        )

    def before_connect(self) -> None:
        """Nothing to prepare: the network itself asks `_answer` at each attempt."""

    def resolve(self, host: str) -> bool:
        """No names but those of the network."""
        return False

    def rearm(self, trace: Trace) -> None:
        """Start the script over: connections from now on are written into ``trace``."""
        old = self.line
        self.line = Line(old.script, old.dialect, old.tracks, trace, Random(old.script.seed))

    def open_connections(self) -> int:
        """Connections that the client still holds, as far as this side would notice their end."""
        return sum(
            shell.connection is not None and shell.connection.sees_end for shell in self._shells
        )

    async def aclose(self) -> None:
        """End all connections."""
        for shell in list(self._shells):
            shell.abort()
        while self._shells:
            await asyncio.sleep(0)

    def _begin(self, shell: Shell) -> bool:
        self._shells.add(shell)
        return True

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
        SimulationError: the run is stuck, or the plugin tried to leave the simulation.
    """
    load_framework()
    began = time.perf_counter()
    dialect = load_dialect(script.dialect or target.dialect)
    chance = Random(script.seed)
    network = Network(Random(chance.getrandbits(64)))
    clock = Clock(phase=chance.random())
    loop = SimulatedLoop(clock, network, Random(chance.getrandbits(64)))
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
        listener = SimulatedListener(line, network, loop, place)
        try:
            go = drive_batch if is_batch(script) else drive
            await go(target, script, options, listener=listener, trace=trace)
        finally:
            await listener.aclose()

    with _collecting_by_hand():
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(main())
        finally:
            asyncio.set_event_loop(None)
            loop.close()
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
