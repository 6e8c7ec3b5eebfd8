"""The parts of asyncio's loop that need a real descriptor, process or thread."""

from __future__ import annotations

import asyncio
from typing import Any, NoReturn

from sttkit.errors import SimulationError
from sttkit.simulation.waiting import place_here


class Refusals(asyncio.BaseEventLoop):
    """Refuses them, saying where they were asked for.

    Attributes:
        failure: why the run cannot go on; the loop raises it at the end of its turn, in case the
            program swallows the error that it got itself.
    """

    failure: SimulationError | None = None

    def refuse(self, what: str) -> NoReturn:
        """Raise the error for something that cannot be simulated.

        Raises:
            SimulationError: always.
        """
        error = SimulationError(
            f"{what} cannot be simulated (asked for at {place_here()})",
            hint="it needs a real descriptor: only a run over real sockets has one",
        )
        if self.is_running():
            self.failure = error
        raise error

    def add_reader(  # type: ignore[override]
        self, fd: Any, callback: Any, *args: Any
    ) -> NoReturn:
        self.refuse(f"add_reader({fd!r})")

    def add_writer(  # type: ignore[override]
        self, fd: Any, callback: Any, *args: Any
    ) -> NoReturn:
        self.refuse(f"add_writer({fd!r})")

    def remove_reader(self, fd: Any) -> bool:
        return False

    def remove_writer(self, fd: Any) -> bool:
        return False

    def add_signal_handler(  # type: ignore[override]
        self, sig: int, callback: Any, *args: Any
    ) -> None:
        """Signals belong to real time; they keep the handlers they have."""

    def remove_signal_handler(self, sig: int) -> bool:
        return False

    async def sock_recv(self, sock: Any, nbytes: int) -> NoReturn:
        self.refuse("sock_recv()")

    async def sock_recv_into(self, sock: Any, buf: Any) -> NoReturn:
        self.refuse("sock_recv_into()")

    async def sock_recvfrom(self, sock: Any, bufsize: int) -> NoReturn:
        self.refuse("sock_recvfrom()")

    async def sock_recvfrom_into(self, sock: Any, buf: Any, nbytes: int = 0) -> NoReturn:
        self.refuse("sock_recvfrom_into()")

    async def sock_sendall(self, sock: Any, data: Any) -> NoReturn:
        self.refuse("sock_sendall()")

    async def sock_sendto(self, sock: Any, data: Any, address: Any) -> NoReturn:
        self.refuse("sock_sendto()")

    async def sock_accept(self, sock: Any) -> NoReturn:
        self.refuse("sock_accept()")

    async def sock_sendfile(self, *args: Any, **options: Any) -> NoReturn:
        self.refuse("sock_sendfile()")

    async def subprocess_exec(self, *args: Any, **options: Any) -> NoReturn:
        self.refuse("a subprocess")

    async def subprocess_shell(self, *args: Any, **options: Any) -> NoReturn:
        self.refuse("a subprocess")

    async def create_datagram_endpoint(self, *args: Any, **options: Any) -> NoReturn:
        self.refuse("create_datagram_endpoint()")

    async def create_unix_connection(self, *args: Any, **options: Any) -> NoReturn:
        self.refuse("create_unix_connection()")

    async def create_unix_server(self, *args: Any, **options: Any) -> NoReturn:
        self.refuse("create_unix_server()")

    async def connect_accepted_socket(self, *args: Any, **options: Any) -> NoReturn:
        self.refuse("connect_accepted_socket()")

    async def connect_read_pipe(self, *args: Any, **options: Any) -> NoReturn:
        self.refuse("connect_read_pipe()")

    async def connect_write_pipe(self, *args: Any, **options: Any) -> NoReturn:
        self.refuse("connect_write_pipe()")
