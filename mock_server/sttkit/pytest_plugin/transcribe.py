"""`Transcribe`: drives the plugin under test; what the fixture ``transcribe`` is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sttkit.errors import SttkitError, UsageError
from sttkit.pytest_plugin.listening import in_running_loop, world_of_running_loop
from sttkit.pytest_plugin.server import SttServer
from sttkit.pytest_plugin.transcribed import Transcribed

if TYPE_CHECKING:
    from sttkit.laws.model import ConnOptions, Limits
    from sttkit.targets.model import Target
    from sttkit.worlds.played import Played


World = Literal["simulated", "loopback"]


@dataclass(frozen=True)
class SttOptions:
    """How the plugin under test is driven.

    Attributes:
        conn: LiveKit's connection options; None: those of the world (LiveKit's defaults in the
            simulated one; 3 retries, 0.3 s apart, 2 s time-out over loopback).
        limits: limits of the laws; None: those of the world.
        pace: 1.0 pushes audio as fast as it is spoken, 0 as fast as the plugin takes it.
        world: ``simulated``, in virtual time, or ``loopback``, over real sockets in real time;
            None: simulated, unless the plugin under test says that it cannot be.
    """

    conn: ConnOptions | None = None
    limits: Limits | None = None
    pace: float = 1.0
    world: World | None = None


class Transcribe:
    """Lets the plugin under test meet the script that ``stt_server`` plays.

    ``transcribe()`` in a plain test, ``await transcribe.here()`` in an async one: the first makes
    an event loop of its own, simulated unless `SttOptions.world` says otherwise, the second runs on
    the test's: in real time, unless that is a simulated one.
    """

    def __init__(self, server: SttServer, options: SttOptions) -> None:
        self._server = server
        self._options = options

    def __call__(
        self,
        *,
        conn: ConnOptions | None = None,
        limits: Limits | None = None,
        pace: float | None = None,
        world: World | None = None,
    ) -> Transcribed:
        """Drive the plugin through the script, on an event loop made for it.

        It is streamed to; a script with a fault at ``batch`` is given to ``recognize()``.

        Args:
            conn, limits, pace, world: instead of those of the fixture ``stt_options``.

        Raises:
            UsageError: nothing is played, or an event loop runs already.
            TargetError: the plugin cannot be built.
            SimulationError: the plugin cannot be simulated, or is stuck.
        """
        __tracebackhide__ = True
        if in_running_loop():
            raise UsageError(
                "transcribe() in a test that has an event loop",
                expected="`await transcribe.here()` there",
            )
        from sttkit.conformance.casework import play_in, world_for

        target, options = self._target(), self._arguments(conn, limits, pace)
        world = world_for(target.loopback_only, world or self._options.world)
        own = options != DEFAULTS or world != world_for(target.loopback_only)
        try:
            played = play_in(world)(target, self._server.script, **options, **self._tape())
        except SttkitError as error:  # it says what and where; the kit's own frames add nothing
            raise error.with_traceback(None) from None
        return self._ran(played, own=own)

    async def here(
        self,
        *,
        conn: ConnOptions | None = None,
        limits: Limits | None = None,
        pace: float | None = None,
    ) -> Transcribed:
        """Like calling it, but on the running loop: ``await transcribe.here()``.

        On a simulated loop in virtual time, on any other over real sockets.
        """
        __tracebackhide__ = True
        from importlib import import_module

        world = import_module(f"sttkit.worlds.{world_of_running_loop()}")
        target, options = self._target(), self._arguments(conn, limits, pace)
        played = await world.play_here(target, self._server.script, **options, **self._tape())
        return self._ran(played, own=True)

    def _target(self) -> Target:
        __tracebackhide__ = True
        staged = self._server.staged
        if staged is not None and staged.is_blank:
            raise UsageError(
                "transcribe() while a cassette is recorded",
                where=str(staged.path),
                expected="a cassette to play: what it has is what the application says",
                hint="record inside stt_server.listening(), or by `sttkit record`",
            )
        return self._server.under_test.target(self._server.script.dialect)

    def _arguments(
        self,
        conn: ConnOptions | None,
        limits: Limits | None,
        pace: float | None,
    ) -> dict[str, Any]:
        return {
            "conn": conn if conn is not None else self._options.conn,
            "limits": limits if limits is not None else self._options.limits,
            "pace": pace if pace is not None else self._options.pace,
        }

    def _tape(self) -> dict[str, Any]:
        tape = self._server.tape
        return {} if tape is None else {"tape": tape}

    def _ran(self, played: Played, *, own: bool) -> Transcribed:
        self._server.ran(played.trace, played.playing, own_options=own)
        return Transcribed(played)


DEFAULTS = {"conn": None, "limits": None, "pace": 1.0}
"""What a command line plays with too."""
