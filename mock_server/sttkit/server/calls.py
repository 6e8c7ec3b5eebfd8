"""gRPC in front of a line: each call is a connection of it, as each socket is elsewhere.

grpcio, which comes with the plugins that need it, does HTTP/2; what it hands over goes through the
same `Shell` as the bytes of a socket, in the spelling of `sttkit.session.envelope`.
"""

from __future__ import annotations

import asyncio
import contextlib
from importlib import import_module
from typing import Any

from sttkit.errors import UsageError
from sttkit.server.listening import LineKeeper
from sttkit.server.shell import Attend, Shell
from sttkit.session.envelope import (
    Frames,
    Status,
    message_frame,
    request_head,
    status_in,
)
from sttkit.session.line import Line
from sttkit.targets.model import Place

_BROKEN = (Status.UNAVAILABLE, "Socket closed")
"""What a client's library says of a connection that ended in the middle of a call."""

_FIRST_MESSAGE_S = 0.5
_WAY_BACK_S = 0.2


class CallListener(LineKeeper):
    """A port of the fake server that takes gRPC calls.

    Attributes:
        line: what is played, and how far it got.
        place: where clients connect.

    Raises:
        UsageError: grpcio is not installed.
    """

    def __init__(self, line: Line, attend: Attend | None = None) -> None:
        super().__init__(line, attend)
        self.place = Place("127.0.0.1", 0)
        try:
            self._grpc: Any = import_module("grpc")
        except ModuleNotFoundError:
            raise UsageError(
                f"the dialect {line.dialect.name} is spoken over gRPC, and grpcio is not installed",
                hint="pip install grpcio, or the extra of a plugin that needs it",
            ) from None
        self._server: Any = None

    async def start(self, host: str, port: int) -> None:
        """Listen on ``host:port`` (0: any free port).

        Raises:
            UsageError: the address cannot be listened on.
        """
        aio = self._grpc.aio
        self._server = aio.server(options=[("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers((self._handler(),))
        try:
            bound = self._server.add_insecure_port(f"{host}:{port}")
        except RuntimeError as error:
            raise UsageError(
                f"cannot listen on {host}:{port} ({error})",
                hint="choose another port, or 0 for any free one",
            ) from None
        await self._server.start()
        self.place = Place(host, bound)

    def before_connect(self) -> None:
        """gRPC connects by itself, unseen: a refusal is told to the call (see `sttkit.faults`)."""

    def resolve(self, host: str) -> bool:
        """No name leads here."""
        return False

    async def aclose(self) -> None:
        """Stop listening and end all calls."""
        await self.end_all()
        if self._server is not None:
            await self._server.stop(grace=None)
            self._server = None

    def _handler(self) -> Any:
        serve, stream = self._serve, self._grpc.stream_stream_rpc_method_handler

        class Handler(self._grpc.GenericRpcHandler):  # type: ignore[misc, name-defined]
            """Takes calls of any method; the dialect's door knows which there are."""

            def service(self, details: Any) -> Any:
                metadata = [(name, value) for name, value in details.invocation_metadata]

                async def answer(_: Any, context: Any) -> None:
                    await serve(details.method, metadata, context)

                return stream(answer)

        return Handler()

    async def _serve(self, method: str, metadata: list[tuple[str, Any]], context: Any) -> None:
        shell = self.accept()
        transport = _CallTransport()
        texts = [(k, v if isinstance(v, str) else v.hex()) for k, v in metadata]
        reader: asyncio.Task[None] | None = None
        try:
            shell.connection_made(transport)
            shell.data_received(request_head(method, texts))
            reader = asyncio.get_running_loop().create_task(
                _read(context, shell, transport, self._grpc.aio.EOF)
            )
            status, message = await transport.carry_out(context)
            await transport.wait_until_heard()
        finally:
            if reader is not None:
                reader.cancel()
            shell.connection_lost(None)
        if status:
            code = next(c for c in self._grpc.StatusCode if c.value[0] == status)
            await context.abort(code, message)


async def _read(context: Any, shell: Shell, transport: _CallTransport, eof: object) -> None:
    """Hand the client's messages over, as long as somebody wants them."""
    while True:
        await transport.readable.wait()
        message = await context.read()
        transport.heard.set()
        if transport.is_closing():
            return
        if message is eof:
            # A client that leaves half-closes and cancels in one breath; over a network the server
            # meets both together, and does not answer the first.
            await asyncio.sleep(_WAY_BACK_S)
            shell.eof_received()
            return
        shell.data_received(message_frame(message))


class _CallTransport(asyncio.Transport):
    """What a `Shell` writes to, and a call carries out."""

    def __init__(self) -> None:
        super().__init__()
        self.readable = asyncio.Event()
        self.readable.set()
        self.heard = asyncio.Event()
        self._frames = Frames()
        self._to_do: asyncio.Queue[bytes | tuple[Status, str] | None] = asyncio.Queue()
        self._headed = False
        self._end: tuple[Status, str] | None = None

    # --- what the shell calls -------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        data = bytes(data)
        if not self._headed:
            end = data.index(b"\r\n\r\n") + 4
            head, data = data[:end], data[end:]
            self._headed = True
            told = status_in(head)
            if told is not None:
                self._finish(told)
                return
            self._to_do.put_nowait(None)
        for is_end, inside in self._frames.receive(data):
            told = status_in(inside) if is_end else None
            if told is not None:
                self._finish(told)
            else:
                self._to_do.put_nowait(inside)

    def close(self) -> None:
        self._finish(_BROKEN)

    def abort(self) -> None:
        self._finish((Status.UNAVAILABLE, "recvmsg:Connection reset by peer"))

    def can_write_eof(self) -> bool:
        return False

    def is_closing(self) -> bool:
        return self._end is not None

    def pause_reading(self) -> None:
        self.readable.clear()

    def resume_reading(self) -> None:
        self.readable.set()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    # --- what the call does ---------------------------------------------------------------

    async def carry_out(self, context: Any) -> tuple[Status, str]:
        """Send what the shell writes, until it ends; returns how."""
        while True:
            what = await self._to_do.get()
            if isinstance(what, tuple):
                return what
            if what is None:
                await context.send_initial_metadata(())
            else:
                await context.write(what)

    async def wait_until_heard(self) -> None:
        """Wait for the client's first message, and then as long as an answer travels.

        A status that meets the writes with which a call begins, as no distant server's does, comes
        out of grpc.aio's client as an "Internal error from Core" instead.
        """
        if not self.heard.is_set():
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.heard.wait(), _FIRST_MESSAGE_S)
            await asyncio.sleep(_WAY_BACK_S)

    def _finish(self, end: tuple[Status, str]) -> None:
        if self._end is None:
            self._end = end
            self._to_do.put_nowait(end)
