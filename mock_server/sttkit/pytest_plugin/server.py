"""`SttServer`: what the fixture ``stt_server`` is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sttkit.errors import UsageError
from sttkit.pytest_plugin.listening import Listening
from sttkit.pytest_plugin.staging import Playable, Staged, stage

if TYPE_CHECKING:
    from sttkit.pytest_plugin.under_test import UnderTest
    from sttkit.scripting.model import Script
    from sttkit.targets.model import Place
    from sttkit.trace import Record, Trace


class SttServer:
    """The fake server of one test: it plays what it is given to whoever connects.

    ``play`` says what; ``transcribe()`` then lets the plugin under test meet it, or ``listening()``
    a client of one's own. To play again starts anew.

    Attributes:
        staged: what is played.
        runs: how often it was played to somebody.
        was_foreign: the last time to a client of one's own.
        has_own_options: the last time with other options than a command line's.
        reported: a report of the test shows it already.
    """

    def __init__(self, under_test: UnderTest, folders: Sequence[Path]) -> None:
        self._under_test = under_test
        self._folders = folders
        self._place: Place | None = None
        self._trace: Trace | None = None
        self._happened: list[Record] = []  # faults and actions of runs before the last
        self._settled = False
        self.staged: Staged | None = None
        self.runs = 0
        self.has_own_options = False
        self.was_foreign = False
        self.reported = False

    def play(
        self, script: Playable, *, seed: int | None = None, allow_unfired: bool = False
    ) -> Script:
        """Play ``script`` from now on; returns it.

        Args:
            script: a `Script`, the path of a YAML file (from the folder of the test's file, else
                from pytest's root folder), YAML text, or a case id.
            seed: of a case id; a script has its own.
            allow_unfired: the test may pass though faults of the script never happened.

        Raises:
            UsageError: ``script`` is nothing that can be played.
        """
        __tracebackhide__ = True
        self.staged = stage(script, self._folders, seed=seed, allow_unfired=allow_unfired)
        self.runs = 0
        self.has_own_options = self.was_foreign = False
        self._trace = None
        self._happened = []
        self._settled = False
        return self.staged.script

    def listening(self) -> Listening:
        """The server on a real port, for a client of one's own.

        ``async with stt_server.listening() as place:`` runs it on the test's loop; in a plain
        test ``with`` runs it on a thread. ``place.ws`` and ``place.http`` are its URLs.
        """
        __tracebackhide__ = True
        from sttkit.dialects import load_dialect

        return Listening(self.script, load_dialect(self.dialect), self._opened, self._closed)

    def pcm(self, sample_rate: int = 16000) -> bytes:
        """The speech of the script as s16le mono PCM, for a client to send."""
        from sttkit.audio.synth import render

        return render(self.script.speech, sample_rate)

    @property
    def script(self) -> Script:
        """What is played.

        Raises:
            UsageError: nothing is.
        """
        __tracebackhide__ = True
        if self.staged is None:
            raise UsageError(
                "nothing is played yet",
                expected="stt_server.play(…) or @pytest.mark.stt_script(…) first",
            )
        return self.staged.script

    @property
    def dialect(self) -> str:
        """Name of the dialect: the script's, else that of the plugin under test."""
        named = self.staged.script.dialect if self.staged is not None else None
        return named or self._under_test.target(None).dialect

    @property
    def place(self) -> Place:
        """Where the server listens, inside ``listening()``."""
        __tracebackhide__ = True
        if self._place is None:
            raise UsageError(
                "the server does not listen",
                expected="`async with stt_server.listening():` (or `with`, in a plain test)",
            )
        return self._place

    @property
    def url(self) -> str:
        """``http://…`` of `place`."""
        __tracebackhide__ = True
        return self.place.http

    @property
    def trace(self) -> Trace:
        """What happened since the last ``transcribe()`` or ``listening()`` began."""
        __tracebackhide__ = True
        if self._trace is None:
            raise UsageError("there is no trace yet", expected="transcribe() or listening() first")
        return self._trace

    @property
    def unfired(self) -> tuple[str, ...]:
        """Faults and actions of the script that have not happened in any run so far, by id."""
        from sttkit.conformance.casework import unfired

        if self.staged is None:
            return ()
        script = self.staged.script
        if self.was_foreign:  # a client of its own does what it likes
            script = replace(script, client=())
        return unfired(script, [*self._happened, *self.records])

    # --- what the plugin's other parts call -----------------------------------------------

    @property
    def under_test(self) -> UnderTest:
        """The plugin under test."""
        return self._under_test

    @property
    def is_listening(self) -> bool:
        """Whether a ``listening()`` is open."""
        return self._place is not None

    @property
    def is_settled(self) -> bool:
        """Whether nobody needs to ask any more if all faults happened."""
        return self._settled

    @property
    def records(self) -> Sequence[Record]:
        """The records of the last run; empty if there was none."""
        return self._trace.records if self._trace is not None else ()

    def settle(self) -> None:
        """Ask no more whether all faults happened: it was said, or the test failed anyway."""
        self._settled = True

    def ran(self, trace: Trace, *, own_options: bool) -> None:
        """The plugin under test was driven through the script once."""
        self._begin(trace)
        self.has_own_options = own_options
        self.was_foreign = False

    def _opened(self, place: Place, trace: Trace) -> None:
        self._begin(trace)
        self.was_foreign = True
        self._place = place

    def _closed(self) -> None:
        self._place = None

    def _begin(self, trace: Trace) -> None:
        self.runs += 1
        self._happened += [r for r in self.records if r.kind in ("fault", "action")]
        self._trace = trace
