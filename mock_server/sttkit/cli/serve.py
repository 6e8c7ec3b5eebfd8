"""``sttkit serve``: the fake server on a real port, for any client in any language."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import ssl
import sys
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sttkit.cli.console import Commands, bounded, has_color, width_of
from sttkit.cli.stopping import stopped_by_signals

if TYPE_CHECKING:
    from sttkit.cassette.tape import Tape
    from sttkit.cli.hearing import AudioHints
    from sttkit.conformance.timeline import Teller
    from sttkit.dialects.model import Dialect
    from sttkit.engine.seats import Seats
    from sttkit.scripting.model import Script
    from sttkit.server.fake import AnyListener
    from sttkit.targets.model import Place
    from sttkit.trace import Record, Trace

PORT = 8765
SESSIONS = 4
ENGINE_DIALECT = "custom_stt"
"""What an engine speaks: the protocol of self-hosted servers."""
START_OVER_S = 3.0
"""When nobody was connected for so long, the next client is a new one, not a reconnect."""
_POLL_S = 0.25


def add_to(commands: Commands) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "serve",
        help="run the fake server on a port, for any client",
        description="Run the fake server on a port, for any client in any language: it answers as "
        "if the client's audio said the words of the script. When nobody has been connected for "
        f"{START_OVER_S:g} s, the script starts over. Ctrl-C ends it.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "script", nargs="?", metavar="SCRIPT", help="a YAML file or a case id (default: no faults)"
    )
    parser.add_argument(
        "--dialect", metavar="D", help="the wire protocol (default: the script's, or custom_stt)"
    )
    parser.add_argument(
        "--engine",
        choices=("pocketsphinx",),
        help="recognise what the client really says, in US English, instead of playing that it "
        "said the words of the script; its faults are played all the same",
    )
    parser.add_argument(
        "--sessions",
        type=bounded(1, 64),
        default=SESSIONS,
        help="recognisers of the engine, and so sessions at a time; each is a process of some "
        f"150 MB (default: {SESSIONS})",
    )
    add_listening(parser)
    parser.set_defaults(run=run)


def add_listening(parser: argparse.ArgumentParser) -> None:
    """The options of every command that listens on a port."""
    parser.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1")
    parser.add_argument(
        "--port",
        type=bounded(0, 65535),
        default=PORT,
        help=f"0 for any free one (default: {PORT})",
    )
    parser.add_argument(
        "--tls",
        action="store_true",
        help="serve wss and https, with a certificate made on the spot",
    )
    parser.add_argument(
        "--json", action="store_true", help="print what happens as JSON lines, not as a timeline"
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    from sttkit.cli.run import script_of_argument
    from sttkit.dialects import load_dialect
    from sttkit.scripting.cases import parse_case

    given = arguments.script
    script = script_of_argument(given, None) if given else parse_case("none@idle").script()
    dialect = load_dialect(arguments.dialect or script.dialect or "custom_stt")
    engine = _engine(arguments, dialect) if arguments.engine else None
    serve_until_stopped(arguments, Served(script, dialect, engine))
    return 0


@dataclass(frozen=True)
class Served:
    """What a command serves.

    Attributes:
        engine, tape: what hears or speaks instead of the healthy recogniser.
        on_round: told of the listener when a client has left for good; false ends the command.
    """

    script: Script
    dialect: Dialect
    engine: Seats | None = None
    tape: Tape | None = None
    on_round: Callable[[AnyListener], bool] = lambda listener: True


def serve_until_stopped(arguments: argparse.Namespace, served: Served) -> None:
    """Listen as the arguments say, until Ctrl-C."""
    from sttkit.server.precise import run_precisely

    run = asyncio.run if served.tape is None else run_precisely
    with tempfile.TemporaryDirectory(prefix="sttkit-") as folder:
        context = _tls(arguments.host, Path(folder)) if arguments.tls else None
        if not _is_loopback(arguments.host):
            _say(
                f"warning: {arguments.host} can be reached from other machines, and the server "
                "takes any key"
            )
        # Ctrl-C before the loop takes the signal over is a way to end, too.
        with suppress(KeyboardInterrupt):
            run(_serve(arguments, served, context, Path(folder)))


def _engine(arguments: argparse.Namespace, dialect: Dialect) -> Seats:
    """The recogniser that was asked for, not yet loaded.

    Raises:
        UsageError: it is not installed, or does not speak the dialect.
    """
    from sttkit.engine import sphinx
    from sttkit.engine.seats import Seats
    from sttkit.errors import UsageError

    if dialect.name != ENGINE_DIALECT:
        raise UsageError(
            f"the engine {arguments.engine} does not speak {dialect.name}",
            where="--engine",
            expected=f"the dialect {ENGINE_DIALECT}",
        )
    sphinx.require()
    return Seats(sphinx.Sphinx, arguments.sessions, language=sphinx.LANGUAGE)


async def _serve(
    arguments: argparse.Namespace,
    served: Served,
    context: ssl.SSLContext | None,
    folder: Path,
) -> None:
    from sttkit.cli.hearing import AudioHints
    from sttkit.server.fake import FakeServer
    from sttkit.trace import Trace

    loop = asyncio.get_running_loop()
    trace = Trace(loop.time)
    server = FakeServer(trace, ssl_context=context)
    dialect, engine = served.dialect, served.engine
    listener = await server.listen(
        served.script,
        dialect,
        engine=engine,
        tape=served.tape,
        host=arguments.host,
        port=arguments.port,
    )
    stopped = stopped_by_signals()
    try:
        _say(_hints(dialect, listener.place, folder if context else None))
        # What an engine or a recording says has other reasons.
        is_script = engine is None and served.tape is None
        hints = AudioHints(served.script.speech) if is_script else None
        journal = Journal(as_json=arguments.json, on_broken_pipe=stopped.set, hints=hints)
        journal.follow(trace)
        serving = _start_over_when_idle(listener, journal, stopped, served.on_round)
        await (serving if engine is None else _with_engine(engine, serving))
    finally:
        await server.aclose()
    journal.close()
    if not journal.is_blank and stopped.is_set():
        served.on_round(listener)
    if journal.pipe_is_broken:
        raise BrokenPipeError


async def _with_engine(engine: Seats, serving: Coroutine[None, None, None]) -> None:
    """Load the engine while clients are told that it is being loaded, and serve.

    Raises:
        TargetError: the model cannot be loaded.
    """
    loading = asyncio.ensure_future(engine.open())
    served = asyncio.ensure_future(serving)
    try:
        await asyncio.wait({loading, served}, return_when=asyncio.FIRST_COMPLETED)
        if loading.done():
            loading.result()
            _say("-- the model is loaded")
        await served
    finally:
        for task in (loading, served):
            task.cancel()
        await asyncio.gather(loading, served, return_exceptions=True)
        await engine.aclose()


class Journal:
    """Prints what happens, as it happens, and keeps nothing of it.

    Args:
        as_json: JSON lines instead of a timeline.
        on_broken_pipe: called when nobody reads standard output any more.
        hints: to people on what is heard.
    """

    def __init__(
        self,
        *,
        as_json: bool,
        on_broken_pipe: Callable[[], None],
        hints: AudioHints | None = None,
    ) -> None:
        self._as_json = as_json
        self._hints = hints
        self._on_broken_pipe = on_broken_pipe
        self._teller: Teller | None = None
        self.pipe_is_broken = False
        self.is_blank = True

    def follow(self, trace: Trace) -> None:
        """Print what is written into ``trace`` from now on."""
        from sttkit.conformance.timeline import Teller
        from sttkit.trace import line_of

        teller = Teller(width=width_of(sys.stdout), color=has_color(sys.stdout), server_only=True)
        self._teller = teller
        self.is_blank = True

        def show(record: Record) -> None:
            if self.is_blank and not self._as_json:
                self._print(teller.head())
            self.is_blank = False
            self._print([line_of(record)] if self._as_json else teller.feed(record))
            for hint in self._hints.feed(record) if self._hints is not None else ():
                _say(f"-- {hint}")
            trace.records.clear()  # a server may run for weeks

        trace.listen(show)

    def close(self) -> None:
        """Print what was held back."""
        if self._teller is not None and not self._as_json:
            self._print(self._teller.rest())

    def _print(self, lines: list[str]) -> None:
        if not lines or self.pipe_is_broken:
            return
        try:
            print(*(line.rstrip("\n") for line in lines), sep="\n", flush=True)
        except BrokenPipeError:
            self.pipe_is_broken = True
            self._on_broken_pipe()


async def _start_over_when_idle(
    listener: AnyListener,
    journal: Journal,
    stopped: asyncio.Event,
    on_round: Callable[[AnyListener], bool],
) -> None:
    from sttkit.trace import Trace

    loop = asyncio.get_running_loop()
    idle_since = loop.time()
    while not stopped.is_set():
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stopped.wait(), _POLL_S)
        now = loop.time()
        if listener.open_connections() or journal.is_blank:
            idle_since = now
        elif now - idle_since >= START_OVER_S:
            journal.close()
            if not on_round(listener):
                return
            trace = Trace(loop.time)
            listener.rearm(trace)
            journal.follow(trace)
            _say("-- nobody is connected: the script starts over")


def _hints(dialect: Dialect, place: Place, folder: Path | None) -> str:
    shown = replace(place, host=_reachable(place.host))
    key = f"-H '{dialect.key}: Token any-key' " if dialect.key is not None else ""
    lines = [f"Serving {dialect.name} ({dialect.host or 'no public host'}); Ctrl-C ends it."]
    if dialect.carrier == "grpc":
        return "\n".join(
            [*lines, f"  gRPC        {shown.http.partition('//')[2]}{dialect.example}"]
        )
    lines += [
        f"  WebSocket   {shown.ws}{dialect.example}",
        f"  try         websocat {key}'{shown.ws}{dialect.example}'",
    ]
    trust = f" --cacert {folder / 'ca.pem'}" if folder else ""
    if dialect.batch is not None:
        url = f"{shown.http}{dialect.batch.paths[0]}"
        lines.append(f"  batch       {url}")
        sent = "-H 'Content-Type: audio/wav' --data-binary @speech.wav"
        if dialect.batch.form:
            sent = f"-F {dialect.batch.form}=@speech.wav"
        if dialect.batch.form != "":
            lines.append(f"  try         curl{trust} {key}{sent} '{url}'")
    if dialect.health is not None:
        lines.append(f"  health      curl{trust} '{shown.http}{dialect.health[0]}'")
    if folder is not None:
        lines.append(f"  trust       SSL_CERT_FILE={folder / 'ca.pem'}")
    return "\n".join(lines)


def _reachable(host: str) -> str:
    """``host`` as it can be reached: the addresses that mean all of them are none themselves."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _tls(host: str, folder: Path) -> ssl.SSLContext:
    """A server's context; the authority to trust is written to ``ca.pem`` in ``folder``."""
    from sttkit.tls import NAMES, test_certificate

    context, authority = test_certificate(*NAMES, host)
    (folder / "ca.pem").write_bytes(authority)
    return context


def _say(text: str) -> None:
    """To people, not to what reads the journal."""
    print(text, file=sys.stderr, flush=True)
