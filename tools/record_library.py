"""Record the library of cassettes: a real recogniser, the reference plugin, and the driver.

Each entry of `SESSIONS` is one recording of `cassettes/speech` and what the application does with
it. PocketSphinx answers (extra ``engine``); audio is pushed at real pace. Printed is what was
meant, what was heard, and what the new cassettes say otherwise than those that were there:

    .venv/bin/python tools/record_library.py [--into FOLDER] [NAME ...]
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from sttkit.cassette.comparing import differences
from sttkit.cassette.redacting import AudioPolicy
from sttkit.deck.files import blob_path, load_cassette
from sttkit.dialects import load_dialect
from sttkit.driver.options import CANARY, RunOptions
from sttkit.driver.run import drive, drive_batch, load_framework
from sttkit.driver.tracks import tracks_of
from sttkit.engine import sphinx
from sttkit.engine.seats import Seats
from sttkit.errors import SttkitError
from sttkit.laws.model import ConnOptions, Limits
from sttkit.recording import Live, recording
from sttkit.scripting.model import Cue, Script, Step
from sttkit.scripting.yaml import load_script
from sttkit.server.fake import FakeServer
from sttkit.targets.custom_stt import TARGET
from sttkit.targets.model import Context, Target
from sttkit.trace import Trace

if TYPE_CHECKING:
    from livekit.agents import stt

SPEECH = Path("cassettes/speech")
CONN = ConnOptions(max_retry=0, retry_interval=2.0, timeout=10.0)
"""A session that fails is not to be recorded twice."""
LIMITS = replace(Limits.loopback(), end_of_input=30.0)
"""A recogniser on a busy machine takes longer for its last words than a fake one."""


@dataclass(frozen=True)
class Session:
    """A session of the library.

    Attributes:
        name: of the cassette.
        speech: the recording that is said.
        flush_in: the word in the middle of which the application flushes.
        sample_rate: that the plugin is set to, Hz.
        batch: the recording is recognised as a whole, by ``recognize()``.
        audio: whether the cassette keeps it: what is nothing special need not be there twice.
    """

    name: str
    speech: str
    flush_in: str | None = None
    sample_rate: int = 16_000
    batch: bool = False
    audio: AudioPolicy = "keep"

    @property
    def script(self) -> Script:
        """What the driver plays."""
        said = load_script(SPEECH / f"{self.speech}.yaml")
        if self.flush_in is None:
            return said
        word = next(word for word in said.speech.words() if word.text == self.flush_in)
        middle = Cue(audio_s=round((word.start + word.end) / 2, 2))
        return replace(said, client=(Step("flush", middle),))


SESSIONS = (
    Session("plain", "plain"),
    Session("another-voice", "another-voice"),
    Session("noise", "noise"),
    Session("silence", "silence", audio="drop"),
    Session("two-utterances", "two-utterances"),
    Session("flush-in-mid-word", "flush", flush_in="city"),
    Session("wideband", "wideband", sample_rate=48_000),
    Session("misheard", "misheard"),
    Session("recognize", "two-utterances", batch=True, audio="drop"),
)

LIBRARY = Path("cassettes")

Recording = Callable[[Session], AbstractAsyncContextManager[object]]
"""Entered before a session's plugin is built, left when it is gone."""


def target_of(session: Session) -> Target:
    """The reference plugin, set to the session's sample rate."""

    def build(context: Context) -> stt.STT[str]:
        from livekit.plugins.custom_stt import STT

        return STT(
            context.place.http,
            sample_rate=session.sample_rate,
            api_key=context.api_key,
            http_session=context.http_session,
        )

    return replace(TARGET, build=build, sample_rate=session.sample_rate)


@asynccontextmanager
async def recogniser() -> AsyncIterator[Seats]:
    """One PocketSphinx, so that sessions come one after the other."""
    seats = Seats(sphinx.Sphinx, 1, language=sphinx.LANGUAGE)
    try:
        await seats.open()
        yield seats
    finally:
        await seats.aclose()


async def play(session: Session, engine: Seats, recording: Recording) -> Trace:
    """Play one session from the building of its plugin to its end; returns what happened."""
    script, target = session.script, target_of(session)
    trace = Trace(asyncio.get_running_loop().time, secrets=(CANARY,))
    server = FakeServer(trace)
    try:
        listener = await server.listen(
            script,
            load_dialect(target.dialect),
            tracks=tracks_of(script, LIMITS),
            engine=engine,
        )
        go = drive_batch if session.batch else drive
        options = RunOptions(conn=CONN, limits=LIMITS)
        async with recording(session):
            await go(target, script, options, listener=listener, trace=trace)
    finally:
        await server.aclose()
    return trace


@asynccontextmanager
async def into(folder: Path, session: Session) -> AsyncIterator[Live]:
    """Record a session, with its truth."""
    with recording(
        folder / f"{session.name}.jsonl",
        dialect=TARGET.dialect,
        audio=session.audio,
        secrets=[CANARY],
        truth=[utterance.text for utterance in session.script.speech.utterances],
        note=f"PocketSphinx {metadata.version('pocketsphinx')} hears {session.speech}.wav",
    ) as live:
        yield live


def changes(session: Session, folder: Path) -> list[str]:
    """What a new cassette says otherwise than the one that is in the library."""
    name = f"{session.name}.jsonl"
    if not (LIBRARY / name).exists():
        return [f"new: {name}"]
    before = load_cassette(LIBRARY / name, name=f"before/{name}")
    return differences(before, load_cassette(folder / name, name=f"now/{name}"))


def keep(session: Session, folder: Path, library: Path) -> None:
    """Put a new cassette in the library, in place of what was there."""
    made = folder / f"{session.name}.jsonl"
    blob_path(library / made.name).unlink(missing_ok=True)
    for path in (made, blob_path(made)):
        if path.exists():
            path.chmod(0o644)
            shutil.move(path, library / path.name)


def report(session: Session, trace: Trace) -> bool:
    """Print what was meant and what was heard; returns whether one session did it, to its end."""
    meant = " / ".join(utterance.text for utterance in session.script.speech.utterances)
    sent = [r for r in trace if r.kind == "sent"]
    heard = " / ".join(str(r.data["text"]) for r in sent if r.data["event"] == "final")
    interims = sum(r.data["event"] == "interim" for r in sent)
    attempts = sum(r.kind == "attempt" for r in trace)
    ends = [r.data for r in trace if r.kind in ("ended", "batch") and r.side == "client"]
    errors = [data["error"] for data in ends if data["error"] is not None]
    print(f"{session.name}\n  meant  {meant}\n  heard  {heard}  ({interims} interims)")
    for error in errors:
        print(f"  error  {error}")
    if attempts != 1:
        print(f"  error  {attempts} attempts to connect, expected one")
    # A census that finds something plays the same again, to tell a leak from a pool.
    censuses = sum(r.kind == "census" for r in trace)
    if censuses != 2:
        print("  error  something was left behind, and the session played again")
    return attempts == 1 and censuses == 2 and len(ends) == 1 and not errors


async def play_all(sessions: list[Session], library: Path) -> bool:
    """Record the sessions; returns whether all went as they should. Only those are kept."""
    load_framework()
    all_well = True
    with tempfile.TemporaryDirectory(prefix="sttkit-") as name:
        folder = Path(name)
        async with recogniser() as engine:
            for session in sessions:
                trace = await play(session, engine, lambda one: into(folder, one))
                is_well = report(session, trace)
                for line in changes(session, folder):
                    print(f"  {line}")
                if is_well:
                    keep(session, folder, library)
                all_well &= is_well
    return all_well


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Record the library of cassettes.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all of them")
    parser.add_argument(
        "--into", type=Path, default=LIBRARY, metavar="FOLDER", help=f"default: {LIBRARY}"
    )
    arguments = parser.parse_args(argv)
    known = {session.name: session for session in SESSIONS}
    if unknown := [name for name in arguments.names if name not in known]:
        parser.error(f"no session {unknown[0]!r}; there are {', '.join(known)}")
    chosen = [known[name] for name in arguments.names] or list(SESSIONS)
    try:
        sphinx.require()
        return 0 if asyncio.run(play_all(chosen, arguments.into)) else 1
    except SttkitError as error:
        print(f"record_library: error: {error}", file=sys.stderr)
        return error.exit_status


if __name__ == "__main__":
    sys.exit(main())
