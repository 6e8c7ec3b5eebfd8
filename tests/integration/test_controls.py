"""The two controls against a few lines of server: the sound one is sound, the other is not."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest
from livekit import rtc
from livekit.agents import APIConnectionError, APIConnectOptions, APIStatusError
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from sttkit.controls import framework_probe, self_managed
from sttkit.targets import Context, Place

FRAME = rtc.AudioFrame(bytes(640), 16000, 1, 320)
OPTIONS = APIConnectOptions(max_retry=2, retry_interval=0.05, timeout=0.5)


class Server:
    """Answers each flush or end with a final; ``closes`` and the like make it misbehave."""

    def __init__(self):
        self.configs: list[dict[str, object]] = []
        self.audio: list[int] = []
        self.attempts = 0
        self.closes: list[int] = []
        self.statuses: list[int] = []
        self.greets = True
        self.answers_the_end = True

    def admit(self, connection, request):
        self.attempts += 1
        if self.statuses:
            return connection.respond(self.statuses.pop(0), "no\n")
        return None

    async def talk(self, ws):
        with suppress(ConnectionClosed):
            await self._talk(ws)

    async def _talk(self, ws):
        self.configs.append(json.loads(await ws.recv()))
        if not self.greets:
            await ws.wait_closed()
        await ws.send(json.dumps({"type": "ready"}))
        number = len(self.audio)
        self.audio.append(0)
        async for message in ws:
            if isinstance(message, bytes):
                self.audio[number] += len(message)
                if self.closes:
                    await ws.close(self.closes.pop(0))
                    return
                continue
            kind = json.loads(message)["type"]
            if kind == "end_of_stream" and not self.answers_the_end:
                await ws.wait_closed()
            if kind == "flush":
                await self._say(ws, f"session {number}")
            if kind == "end_of_stream":
                await ws.send(json.dumps({"type": "session_ended", "audio_seconds": 0}))
                return

    async def _say(self, ws, text):
        said = {"text": text, "start": 0.0, "end": 0.02, "confidence": 0.9, "language": "en"}
        await ws.send(json.dumps({"type": "speech_started", "start": 0.0}))
        await ws.send(json.dumps({"type": "final", **said}))
        await ws.send(json.dumps({"type": "speech_ended", "end": 0.02}))


@asynccontextmanager
async def plugin(kind, server):
    async with (
        serve(server.talk, "127.0.0.1", 0, process_request=server.admit) as listening,
        aiohttp.ClientSession() as http,
    ):
        port = next(iter(listening.sockets)).getsockname()[1]
        stt = kind(Context(Place("127.0.0.1", port), http, "key-4711"))
        stt.failures = []
        stt.metrics = []
        stt.on("error", stt.failures.append)
        stt.on("metrics_collected", stt.metrics.append)
        yield stt
        await stt.aclose()


async def heard(stream):
    events = [event async for event in stream]
    await stream.aclose()
    return [event.type.value for event in events], [
        event.alternatives[0].text for event in events if event.type == "final_transcript"
    ]


@pytest.fixture
def server():
    return Server()


BOTH = pytest.mark.parametrize("kind", [framework_probe.STT, self_managed.STT])


@BOTH
async def test_on_a_healthy_line_the_transcripts_are_right(kind, server):
    async with plugin(kind, server) as stt:
        stream = stt.stream(conn_options=OPTIONS)
        stream.push_frame(FRAME)
        stream.flush()
        stream.end_input()
        types, finals = await asyncio.wait_for(heard(stream), 5)
    assert finals[0] == "session 0"
    assert types[:3] == ["start_of_speech", "final_transcript", "end_of_speech"]
    assert types[-1] == "recognition_usage"
    assert server.audio == [640]
    assert not stt.failures


async def test_the_probe_connects_again_and_repeats_its_changed_options(server):
    server.closes = [1011]
    async with plugin(framework_probe.STT, server) as stt:
        stream = stt.stream(conn_options=OPTIONS)
        stream.push_frame(FRAME)
        failed = asyncio.Event()
        stt.on("error", lambda _: failed.set())
        stt.update_options(language="fr")
        await asyncio.wait_for(failed.wait(), 5)
        stream.push_frame(FRAME)
        stream.end_input()
        _, finals = await asyncio.wait_for(heard(stream), 5)
    assert finals == ["session 1"]
    assert [failure.recoverable for failure in stt.failures] == [True]
    assert server.configs[-1]["language"] == "fr"
    assert sum(metrics.audio_duration for metrics in stt.metrics) == pytest.approx(0.04)


async def test_the_probe_gives_up_after_the_budget(server):
    server.statuses = [503] * 9
    async with plugin(framework_probe.STT, server) as stt:
        stream = stt.stream(conn_options=OPTIONS)
        with pytest.raises(APIConnectionError):
            await asyncio.wait_for(heard(stream), 5)
        await stream.aclose()
    assert server.attempts == 3
    assert [failure.recoverable for failure in stt.failures] == [True, True, False]


async def test_the_probe_counts_a_server_that_never_gets_ready_against_the_budget(server):
    # At exactly the timeout the base class would take each attempt for one that had connected.
    server.greets = False
    async with plugin(framework_probe.STT, server) as stt:
        stream = stt.stream(conn_options=OPTIONS)
        with pytest.raises(APIConnectionError):
            await asyncio.wait_for(heard(stream), 10)
        await stream.aclose()
    assert server.attempts == 3


async def test_the_probe_says_that_a_wrong_key_stays_wrong_and_does_not_show_it(server):
    server.statuses = [401] * 9
    async with plugin(framework_probe.STT, server) as stt:
        stream = stt.stream(conn_options=OPTIONS)
        with pytest.raises((APIStatusError, APIConnectionError)):
            await asyncio.wait_for(heard(stream), 5)
        await stream.aclose()
    first = stt.failures[0].error
    assert not first.retryable
    assert "key-4711" not in repr(first)
    # aiohttp's own error holds the request's headers.
    assert not isinstance(first.__cause__ or first.__context__, aiohttp.ClientError)


async def test_the_probe_does_not_wait_for_ever_for_the_servers_end(server):
    server.answers_the_end = False
    async with plugin(framework_probe.STT, server) as stt:
        stream = stt.stream(conn_options=APIConnectOptions(max_retry=0, timeout=0.5))
        stream.end_patience = 0.2
        stream.push_frame(FRAME)
        stream.end_input()
        with pytest.raises(APIConnectionError):
            await asyncio.wait_for(heard(stream), 5)
        await stream.aclose()
    assert not stt.failures[-1].recoverable


async def test_the_probe_takes_a_closed_http_session_for_the_end(server):
    async with plugin(framework_probe.STT, server) as stt:
        stream = stt.stream(conn_options=OPTIONS)
        stream.push_frame(FRAME)
        stream.flush()
        first = await asyncio.wait_for(stream.__anext__(), 5)
        await stt.setting.http_session.close()
        await asyncio.wait_for(heard(stream), 5)
    assert first.type == "start_of_speech"
    assert not stt.failures


async def test_the_self_managed_stream_goes_deaf_without_a_word(server):
    server.closes = [1011]
    async with plugin(self_managed.STT, server) as stt:
        stream = stt.stream(conn_options=OPTIONS)
        stream.push_frame(FRAME)
        listening = asyncio.create_task(heard(stream))
        # Forty frames, each long after the last: what a base class stream needs to be back.
        for _ in range(40):
            stream.push_frame(FRAME)
            stream.flush()
            done, _ = await asyncio.wait({listening}, timeout=0.02)
            assert not done
        stream.end_input()
        _, finals = await asyncio.wait_for(listening, 5)
    assert finals == []
    assert server.attempts == 1
    assert not stt.failures
    assert not stt.metrics


async def test_the_self_managed_stream_waits_for_the_servers_end_however_long(server):
    server.answers_the_end = False
    async with plugin(self_managed.STT, server) as stt:
        stream = stt.stream(conn_options=OPTIONS)
        stream.push_frame(FRAME)
        stream.end_input()
        listening = asyncio.create_task(heard(stream))
        done, _ = await asyncio.wait({listening}, timeout=1.0)
        assert not done
        await stream.aclose()
        await asyncio.wait_for(listening, 5)
