"""`SttServer`: what the fixture ``stt_server`` is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from sttkit.errors import UsageError
from sttkit.pytest_plugin.listening import Listening
from sttkit.pytest_plugin.staging import Playable, Staged, stage, stage_cassette

if TYPE_CHECKING:
    from sttkit.cassette.matching import Mismatch
    from sttkit.cassette.playing import Playing
    from sttkit.cassette.tape import Attempts, Tape
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
        refused: what tried to reach the network while that is blocked.
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
        self._playing: Playing | None = None
        self._happened: list[Record] = []  # faults and actions of runs before the last
        self._settled = False
        self.refused: Sequence[UsageError] = ()
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
        return self._play(stage(script, self._folders, seed=seed, allow_unfired=allow_unfired))

    def play_cassette(
        self,
        path: str | PathLike[str],
        *,
        fault: str | None = None,
        timing: str = "asap",
        attempts: Attempts | None = None,
        volatile: Iterable[str] = (),
        seed: int = 0,
        allow_unfired: bool = False,
        allow_unplayed: bool | None = None,
        record_mode: str = "none",
        upstream: str | None = None,
    ) -> Script:
        """Play the recording in a cassette from now on; returns the script of the application.

        What the client says is compared with what was recorded, and the test fails if it differs.

        Args:
            path: of the cassette, looked for like that of a script.
            fault: a case id of what goes wrong on top, such as ``reset@mid-utterance.2``.
            timing: ``asap``, ``exact``, or ``scaled:X``.
            attempts: what a further attempt gets: ``recorded``, the next recorded session, or
                ``continue``, the rest of the one that was broken off (the default with a fault).
            volatile: names of JSON fields and query keys that are not compared.
            seed: decides every choice of the kit.
            allow_unfired: the test may pass though faults never happened.
            allow_unplayed: the test may pass though entries were never played (the default with a
                fault).
            record_mode: ``none`` plays only; ``once`` records if there is no cassette;
                ``new_episodes`` plays the sessions that are there and records further ones;
                ``all`` records everything anew.
            upstream: URL of the service to record from.

        Raises:
            UsageError: there is nothing that can be played.
        """
        __tracebackhide__ = True
        return self._play(
            stage_cassette(
                path,
                self._folders,
                fault=fault,
                timing=timing,
                attempts=attempts,
                volatile=volatile,
                seed=seed,
                allow_unfired=allow_unfired,
                allow_unplayed=allow_unplayed,
                record_mode=record_mode,
                upstream=upstream,
                dialect=self._under_test.target(None).dialect if record_mode != "none" else None,
            )
        )

    def _play(self, staged: Staged) -> Script:
        self.staged = staged
        self._playing = None
        self.runs = 0
        self.has_own_options = self.was_foreign = False
        self._trace = None
        self._happened = []
        self._settled = False
        return staged.script

    def listening(self) -> Listening:
        """The server on a real port, for a client of one's own.

        ``async with stt_server.listening() as place:`` runs it on the test's loop; in a plain
        test ``with`` runs it on a thread. ``place.ws`` and ``place.http`` are its URLs.

        Raises:
            UsageError: there is no such dialect, or the script cannot be played over loopback.
        """
        __tracebackhide__ = True
        from sttkit.dialects import load_dialect

        tape = self.tape
        dialect = tape.dialect if tape is not None else load_dialect(self.dialect)
        take = self.staged.take if self.staged is not None else None
        return Listening(self.script, dialect, self._opened, self._closed, tape, take)

    def pcm(self, sample_rate: int = 16000) -> bytes:
        """The speech of the script as s16le mono PCM of ``sample_rate`` Hz, for a client to send.

        Raises:
            UsageError: it is a cassette that is being recorded, which has no audio yet.
        """
        from sttkit.audio.synth import render

        if self.staged is not None and self.staged.is_blank:
            raise UsageError(
                "the audio of a cassette that is being recorded",
                expected="audio of the test's own: stt_server.pcm() is what a cassette has",
            )
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

    @property
    def tape(self) -> Tape | None:
        """The recording that is played, if one is."""
        return self.staged.tape if self.staged is not None else None

    @property
    def mismatches(self) -> tuple[Mismatch, ...]:
        """What the client of the last run said otherwise than the recording."""
        return tuple(self._playing.mismatches) if self._playing is not None else ()

    @property
    def unplayed(self) -> tuple[int, ...]:
        """Entries of the recording that the last run did not play, from 1."""
        return tuple(self._playing.unplayed()) if self._playing is not None else ()

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

    def ran(self, trace: Trace, playing: Playing | None, *, own_options: bool) -> None:
        """The plugin under test was driven through the script once."""
        self._begin(trace, playing)
        self.has_own_options = own_options
        self.was_foreign = False

    def _opened(self, place: Place, trace: Trace, playing: Playing | None) -> None:
        self._begin(trace, playing)
        self.was_foreign = True
        self._place = place

    def _closed(self) -> None:
        self._place = None

    def _begin(self, trace: Trace, playing: Playing | None) -> None:
        self._playing = playing
        self.runs += 1
        self._happened += [r for r in self.records if r.kind in ("fault", "action")]
        self._trace = trace
