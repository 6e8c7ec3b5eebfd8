from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

pytest.importorskip("livekit.agents")

from sttkit.driver.observe import observing
from sttkit.targets.model import Place
from sttkit.trace import Trace


class Listener:
    """A listening port that notes what it is told."""

    def __init__(self, port: int = 1, known: bool = True) -> None:
        self.place = Place("stt.sttkit.test", port)
        self.attempts = 0
        self.known = known

    async def before_connect(self) -> None:
        self.attempts += 1

    def resolve(self, host: str) -> bool:
        return self.known

    def open_connections(self) -> int:
        return 0

    def rearm(self, trace: Trace) -> None: ...


def new_trace() -> Trace:
    return Trace(asyncio.get_running_loop().time, secrets=("hunter2",))


async def test_the_listener_hears_of_an_attempt_before_it_is_made() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    listener = Listener(server.sockets[0].getsockname()[1])
    with observing(listener, new_trace(), blocked=0.5):
        reader, writer = await asyncio.open_connection("stt.sttkit.test", listener.place.port)
        assert listener.attempts == 1
        await reader.read()
        writer.close()
        await writer.wait_closed()
    server.close()
    await server.wait_closed()


async def test_a_name_that_the_listener_does_not_know_is_not_found() -> None:
    with observing(Listener(known=False), new_trace(), blocked=0.5):
        with pytest.raises(socket.gaierror) as raised:
            await asyncio.get_running_loop().getaddrinfo("stt.sttkit.test", 80)
    assert raised.value.errno == socket.EAI_NONAME


async def test_other_names_are_left_alone() -> None:
    with observing(Listener(known=False), new_trace(), blocked=0.5):
        found = await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 80)
    assert found[0][4][0] == "127.0.0.1"


async def test_what_the_loop_reports_is_written_down_without_secrets() -> None:
    trace = new_trace()
    with observing(Listener(), trace, blocked=0.5):
        context: dict[str, Any] = {"message": "lost", "exception": ValueError("key hunter2")}
        asyncio.get_running_loop().call_exception_handler(context)
    kinds = {record.kind: record.data for record in trace}
    assert kinds["loop-error"]["message"] == "lost"
    assert kinds["loop-error"]["error"]["message"] == "key [redacted]"
    assert "hunter2" not in trace.to_jsonl()
    assert "leak" in kinds


async def test_everything_is_put_back() -> None:
    loop = asyncio.get_running_loop()
    before = (dict(vars(loop)).keys(), loop.get_exception_handler())
    with observing(Listener(), new_trace(), blocked=0.5):
        assert "sock_connect" in vars(loop)
    assert (vars(loop).keys(), loop.get_exception_handler()) == before


async def test_without_real_time_there_is_no_watchdog() -> None:
    import threading

    before = set(threading.enumerate())
    with observing(Listener(), new_trace(), blocked=0.5, real_time=False) as observation:
        assert set(threading.enumerate()) <= before
        with observation.excused():
            pass
