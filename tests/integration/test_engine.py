"""The engine's processes behind real sockets, with a made-up model: nothing to be installed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest
from livekit import rtc
from livekit.agents import APIConnectOptions, stt
from livekit.plugins import custom_stt

from sttkit import script
from sttkit.dialects import load_dialect
from sttkit.engine import seats as seats_module
from sttkit.engine.seats import Seats
from sttkit.errors import TargetError
from sttkit.server.fake import AnyListener, FakeServer
from sttkit.session.engine import Answer, Begin, End, EngineLimits, Hear
from sttkit.trace import Trace
from tests.support.made_up import RATE, Model, broken_model, said, silence
from tests.support.network import PATIENCE_S, wav_of

CONFIG = json.dumps({"type": "config", "sample_rate": RATE, "language": "en"})


@contextlib.asynccontextmanager
async def seated(count: int = 1, *, limits: EngineLimits | None = None) -> AsyncIterator[Seats]:
    seats = Seats(Model, count, language="en", limits=limits)
    try:
        await seats.open()
        yield seats
    finally:
        await seats.aclose()


@contextlib.asynccontextmanager
async def serving(seats: Seats) -> AsyncIterator[AnyListener]:
    server = FakeServer(Trace(asyncio.get_running_loop().time))
    try:
        yield await server.listen(script(), load_dialect("custom_stt"), engine=seats)
    finally:
        await server.aclose()


class Client:
    """A client of protocol 1, as plain as can be."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws
        self.said: list[dict[str, object]] = []

    async def read_until(self, kind: str) -> dict[str, object]:
        while True:
            text = await self.ws.receive_str(timeout=PATIENCE_S)
            message: dict[str, object] = json.loads(text)
            self.said.append(message)
            if message["type"] == kind:
                return message

    def texts(self, kind: str) -> list[object]:
        return [message["text"] for message in self.said if message["type"] == kind]


@contextlib.asynccontextmanager
async def client(listener: AnyListener, config: str = CONFIG) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(listener.place.ws + "/ws/transcribe") as ws:
            await ws.send_str(config)
            yield Client(ws)


async def recognize(listener: AnyListener, pcm: bytes) -> tuple[int, dict[str, object]]:
    form = aiohttp.FormData()
    form.add_field("file", wav_of(pcm), filename="a.wav")
    async with aiohttp.ClientSession() as session:
        async with session.post(listener.place.http + "/transcribe", data=form) as answer:
            return answer.status, await answer.json()


async def test_a_session_is_recognised_to_its_end() -> None:
    async with seated() as seats, serving(seats) as listener, client(listener) as caller:
        await caller.read_until("ready")
        await caller.ws.send_bytes(silence(0.3) + said("one two") + said("three"))
        await caller.ws.send_str('{"type":"end_of_stream"}')
        ended = await caller.read_until("session_ended")
        assert caller.texts("final") == ["one two", "three"]
        assert caller.texts("interim")
        assert ended["audio_seconds"] == 3.18
        assert (await caller.ws.receive()).type is aiohttp.WSMsgType.CLOSE
        assert caller.ws.close_code == 1000


async def test_the_loop_turns_while_a_recording_is_recognised() -> None:
    async with seated() as seats, serving(seats) as listener:
        turns = 0
        asking = asyncio.ensure_future(recognize(listener, said("one two three") * 5))
        while not asking.done():
            turns += 1
            await asyncio.sleep(0)
        assert asking.result()[1]["text"] == " ".join(["one two three"] * 5)
        assert turns > 10


async def test_sessions_at_the_same_time_do_not_hear_each_other() -> None:
    async with seated(2) as seats, serving(seats) as listener:
        async with client(listener) as first, client(listener) as second:
            for caller in (first, second):
                await caller.read_until("ready")
            for piece in range(0, 60_000, 3200):
                await first.ws.send_bytes(said("one two")[piece : piece + 3200])
                await second.ws.send_bytes(said("three four")[piece : piece + 3200])
            assert (await first.read_until("final"))["text"] == "one two"
            assert (await second.read_until("final"))["text"] == "three four"


async def test_where_all_seats_are_taken_a_client_waits_a_little_and_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(seats_module, "PATIENCE_S", 0.2)
    async with seated() as seats, serving(seats) as listener:
        async with client(listener) as first:
            await first.read_until("ready")
            async with client(listener) as second:
                assert (await second.read_until("error"))["code"] == "overloaded"
                await second.ws.receive()
                assert second.ws.close_code == 1013
            assert (await recognize(listener, said("one")))[0] == 503
        assert (await recognize(listener, said("one two")))[1]["text"] == "one two"


async def test_a_seat_that_is_left_is_taken_by_who_waits_for_it() -> None:
    async with seated() as seats, serving(seats) as listener:
        async with client(listener) as second:
            async with client(listener) as first:
                ready = {asyncio.ensure_future(c.read_until("ready")) for c in (first, second)}
                done, waiting = await asyncio.wait(ready, return_when=asyncio.FIRST_COMPLETED)
                assert len(done) == 1
                (seated_one,) = [caller for caller in (first, second) if caller.said]
                await seated_one.ws.close()
                (waits,) = waiting
                assert (await waits)["type"] == "ready"


@pytest.mark.parametrize("word", ["crash", "raise"])
async def test_a_recogniser_that_fails_ends_one_session_and_is_replaced(word: str) -> None:
    async with seated() as seats, serving(seats) as listener:
        async with client(listener) as caller:
            await caller.read_until("ready")
            await caller.ws.send_bytes(said(f"one two {word}"))
            while (message := await caller.ws.receive()).type is aiohttp.WSMsgType.TEXT:
                pass
            assert message.type is aiohttp.WSMsgType.CLOSE
            assert caller.ws.close_code == 1011
        status = 503
        while status == 503:  # another process is being started
            status, answer = await recognize(listener, said("one two"))
        assert answer["text"] == "one two"


async def test_what_a_client_left_behind_is_not_heard_by_the_next() -> None:
    async with seated() as seats, serving(seats) as listener:
        async with client(listener) as caller:
            await caller.read_until("ready")
            await caller.ws.send_bytes(said("one two", pause=0.0))
        assert (await recognize(listener, said("three")))[1]["text"] == "three"


async def test_a_model_that_cannot_be_loaded_is_an_error() -> None:
    seats = Seats(broken_model, 1, language="en")
    try:
        with pytest.raises(TargetError, match="model cannot be loaded"):
            await seats.open()
        assert not seats.is_loaded
    finally:
        await seats.aclose()


async def test_before_the_model_is_loaded_a_stream_waits_and_a_recording_is_put_off() -> None:
    seats = Seats(Model, 1, language="en")
    try:
        async with serving(seats) as listener, client(listener) as caller:
            assert (await recognize(listener, said("one")))[0] == 503
            assert not caller.said
            await seats.open()
            await caller.read_until("ready")
    finally:
        await seats.aclose()


async def test_nothing_is_left_of_the_processes() -> None:
    async with seated(2) as seats:
        found: asyncio.Queue[Answer] = asyncio.Queue()
        attendant = seats.attend(found.put_nowait)
        for work in (Begin(RATE), Hear(said("one")), End()):
            attendant.ask(work)
            await found.get()
        pids = [pid for seat in seats._seats for pid in seat._processes]
        assert len(pids) == 2
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


# --- the reference plugin ------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def plugged(listener: AnyListener, sample_rate: int = RATE) -> AsyncIterator[custom_stt.STT]:
    async with aiohttp.ClientSession() as session:
        plugin = custom_stt.STT(listener.place.http, http_session=session, sample_rate=sample_rate)
        try:
            yield plugin
        finally:
            await plugin.aclose()


def frame_of(pcm: bytes, rate: int = RATE) -> rtc.AudioFrame:
    return rtc.AudioFrame(pcm, rate, 1, len(pcm) // 2)


async def streamed(
    plugin: custom_stt.STT, push: Callable[[stt.RecognizeStream], None]
) -> list[stt.SpeechEvent]:
    stream = plugin.stream(conn_options=APIConnectOptions(max_retry=0, timeout=PATIENCE_S))
    push(stream)
    stream.end_input()
    async with stream:
        return [event async for event in stream]


def kinds(events: list[stt.SpeechEvent]) -> list[str]:
    return [event.type.name for event in events if event.type.name != "RECOGNITION_USAGE"]


async def test_the_reference_plugin_is_answered() -> None:
    def push(stream: stt.RecognizeStream) -> None:
        stream.push_frame(frame_of(silence(0.3) + said("one two") + said("three")))

    async with seated() as seats, serving(seats) as listener, plugged(listener) as plugin:
        events = await streamed(plugin, push)
    finals = [e.alternatives[0] for e in events if e.type.name == "FINAL_TRANSCRIPT"]
    assert [final.text for final in finals] == ["one two", "three"]
    assert all(0 <= final.confidence <= 1 for final in finals)
    told = kinds(events)
    assert told[0] == "START_OF_SPEECH"
    assert told[-2:] == ["FINAL_TRANSCRIPT", "END_OF_SPEECH"]
    assert told.count("START_OF_SPEECH") == told.count("END_OF_SPEECH") == 2


async def test_the_reference_plugin_can_flush_in_mid_utterance() -> None:
    def push(stream: stt.RecognizeStream) -> None:
        stream.push_frame(frame_of(said("one two", pause=0.0)))
        stream.flush()
        stream.push_frame(frame_of(said("three four")))

    async with seated() as seats, serving(seats) as listener, plugged(listener) as plugin:
        events = await streamed(plugin, push)
    finals = [e.alternatives[0].text for e in events if e.type.name == "FINAL_TRANSCRIPT"]
    assert finals == ["one two", "three four"]
    assert kinds(events).count("START_OF_SPEECH") == 1


async def test_the_reference_plugin_recognises_a_recording() -> None:
    async with seated() as seats, serving(seats) as listener, plugged(listener) as plugin:
        event = await plugin.recognize(frame_of(said("one two") + said("three")))
    assert event.alternatives[0].text == "one two three"
