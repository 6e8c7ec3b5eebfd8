"""A take: sessions recorded through the proxy, that become a cassette or go behind one.

    take = Take(path, Upstream.parse("wss://stt.example"), Terms("custom_stt"))
    host, port = await take.open()           # clients connect here
    await take.close(keep=True)              # the cassette is there, whole

What is recorded is a draft until the take is closed, so that one that fails leaves the cassette as
it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from sttkit.cassette.joining import joined
from sttkit.cassette.model import Cassette
from sttkit.deck.files import load_cassette, save_cassette
from sttkit.deck.recorder import Recorder, Terms
from sttkit.errors import UsageError
from sttkit.proxy.heads import Upstream
from sttkit.proxy.serving import Proxy

LEAVE_S = 2.0
"""How long clients may take to be gone when the take is closed, seconds."""


class Take:
    """Records what clients say to a service, on one port.

    Args:
        path: of the cassette.
        upstream: the service.
        terms: what is kept.
        before: the cassette behind which it goes; None: in place of what is there.
    """

    def __init__(
        self, path: Path, upstream: Upstream, terms: Terms, before: Cassette | None = None
    ) -> None:
        self.path = path
        self._upstream = upstream
        self._terms = terms
        self._before = before
        self._draft: TemporaryDirectory[str] | None = None
        self._recorder: Recorder | None = None
        self._proxy: Proxy | None = None
        self._flushing: asyncio.Task[None] | None = None

    async def open(
        self, known: Callable[[], asyncio.BaseProtocol] | None = None, count: int = 0
    ) -> tuple[str, int]:
        """Listen; returns the address. The first ``count`` connections are answered by ``known``.

        Raises:
            UsageError: there was a take before, or there is nowhere to listen or to write.
        """
        if self._draft is not None:
            raise UsageError(
                "a second recording in one test",
                where=str(self.path),
                expected="one listening() while a cassette is recorded",
                hint="give each a cassette of its own",
            )
        left = [known] * count if known is not None else []
        self._draft = TemporaryDirectory(prefix="sttkit-")
        draft = Path(self._draft.name, "take.jsonl")
        self._recorder = Recorder.begin(draft, self._terms, asyncio.get_running_loop().time)
        self._proxy = Proxy(
            self._upstream, self._recorder, instead=lambda: left.pop()() if left else None
        )
        address = await self._proxy.start()
        self._flushing = asyncio.ensure_future(self._proxy.serve(asyncio.Event(), lambda: None))
        return address

    async def close(self, *, keep: bool) -> None:
        """Stop listening; write the cassette if it is to be kept.

        Raises:
            SttkitError: nothing was recorded, it is not whole, or it cannot be written.
        """
        if self._draft is None or self._proxy is None or self._recorder is None:
            return
        assert self._flushing is not None
        with self._draft as folder:
            await self._proxy.aclose(patience=LEAVE_S if keep else 0.0)
            self._flushing.cancel()
            await asyncio.wait([self._flushing])
            self._recorder.close(quietly=not keep)
            if keep:
                self._keep(load_cassette(Path(folder, "take.jsonl"), name=str(self.path)))

    def _keep(self, taken: Cassette) -> None:
        if self._before is not None:
            if taken.entries:
                save_cassette(joined(self._before, taken), self.path)
            return
        if not taken.entries:
            raise UsageError(
                "nothing was recorded",
                where=str(self.path),
                expected="a client that connects to the place of `stt_server.listening()`",
            )
        self.path.parent.mkdir(parents=True, exist_ok=True)
        save_cassette(taken, self.path)
