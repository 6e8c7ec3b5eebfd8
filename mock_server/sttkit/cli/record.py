"""``sttkit record``: a recording reverse proxy in front of a real server."""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sttkit.cli.console import Commands, add_several
from sttkit.cli.stopping import stopped_by_signals

if TYPE_CHECKING:
    from sttkit.deck.recorder import Recorder, Terms
    from sttkit.proxy.serving import Proxy

LISTEN = "127.0.0.1:8765"


def add_to(commands: Commands) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "record",
        help="record what clients and a real server say, as a proxy between them",
        description="Record what clients and a real server say, WebSocket and HTTP, as a proxy "
        "between them: point the plugin's URL at it. Bytes pass unchanged, and so does every way a "
        "connection can fail; only offers of compression are withdrawn. Secrets are removed before "
        "anything is written. Ctrl-C ends it.",
        allow_abbrev=False,
    )
    parser.add_argument("url", metavar="URL", help="of the server: ws, wss, http or https")
    parser.add_argument("cassette", metavar="CASSETTE", help="a file NAME.jsonl")
    parser.add_argument(
        "--listen", default=LISTEN, metavar="HOST:PORT", help=f"port 0: any (default: {LISTEN})"
    )
    parser.add_argument(
        "--dialect", metavar="D", help="the wire protocol, so that audio and words are understood"
    )
    add_keeping(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace an existing cassette")
    parser.set_defaults(run=run)


def add_keeping(parser: argparse._ActionsContainer) -> None:
    """The options that say what is kept."""
    parser.add_argument(
        "--audio",
        choices=("keep", "drop", "replace"),
        default="keep",
        help="drop: lengths and positions stay; replace: by noise as loud (default: keep)",
    )
    parser.add_argument(
        "--personal", action="store_true", help="also remove e-mail addresses and phone numbers"
    )
    add_several(
        parser, "--redact", "NAME", "headers, query keys and JSON fields whose values are removed"
    )
    parser.add_argument(
        "--truth", action="append", default=[], metavar="TEXT", help="what is said, per utterance"
    )
    parser.add_argument("--note", default="", metavar="TEXT", help="a remark for people")


def run(arguments: argparse.Namespace) -> int:
    """Record until Ctrl-C."""
    from sttkit.deck.recorder import Terms
    from sttkit.errors import UsageError
    from sttkit.proxy.heads import Upstream
    from sttkit.proxy.serving import address_of

    upstream = Upstream.parse(arguments.url)
    host, port = address_of(arguments.listen)
    path = Path(arguments.cassette)
    if path.suffix != ".jsonl":
        raise UsageError("the name of the cassette", where=str(path), expected="NAME.jsonl")
    if path.exists() and not arguments.overwrite:
        raise UsageError("is there already", where=str(path), hint="--overwrite replaces it")
    terms = Terms(
        arguments.dialect,
        arguments.audio,
        tuple(arguments.redact),
        personal=arguments.personal,
        truth=tuple(arguments.truth),
        note=arguments.note,
    )
    # Ctrl-C before the loop takes the signal over is a way to end, too.
    with suppress(KeyboardInterrupt):
        asyncio.run(_record(upstream, path, terms, host, port))
    return 0


async def _record(upstream: object, path: Path, terms: Terms, host: str, port: int) -> None:
    from sttkit.deck.recorder import Recorder
    from sttkit.proxy.heads import Upstream
    from sttkit.proxy.serving import Proxy, is_this_machine

    assert isinstance(upstream, Upstream)
    loop = asyncio.get_running_loop()
    stopped = stopped_by_signals()
    recorder = Recorder.begin(path, terms, loop.time)
    progress = _Progress(recorder)
    proxy = Proxy(upstream, recorder, on_trouble=progress.say)
    progress.proxy = proxy
    try:
        address, number = await proxy.start(host, port)
        shown = f"[{address}]" if ":" in address else address
        if not is_this_machine(host):
            progress.say(f"warning: {host} can be reached from other machines")
        progress.say(
            f"Recording {upstream.origin}{upstream.prefix} into {path}; Ctrl-C ends it.\n"
            f"  WebSocket   ws://{shown}:{number}\n"
            f"  HTTP        http://{shown}:{number}"
        )
        await proxy.serve(stopped, progress.show)
    finally:
        await proxy.aclose()
        progress.clear()
        recorder.close()
    progress.say(f"{path}: {progress.told()}")


class _Progress:
    """What is told to people while it records: on a terminal a line that changes, else nothing."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._is_shown = False
        self._is_terminal = sys.stderr.isatty()
        self.proxy: Proxy | None = None

    def told(self) -> str:
        """How much was recorded."""
        count = self._recorder.connections
        size = self._recorder.size / 1000
        return f"{count} connection{'' if count == 1 else 's'}, {size:,.0f} kB"

    def show(self) -> None:
        """Bring the line up to date."""
        if self._is_terminal and self.proxy is not None:
            open_now = self.proxy.open_connections
            print(f"\r\x1b[K{self.told()}, {open_now} open", end="", file=sys.stderr, flush=True)
            self._is_shown = True

    def clear(self) -> None:
        """Take the line away."""
        if self._is_shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._is_shown = False

    def say(self, text: str) -> None:
        """Tell something once."""
        from sttkit.cli.cassettes import shown

        self.clear()
        print(shown(text), file=sys.stderr, flush=True)
