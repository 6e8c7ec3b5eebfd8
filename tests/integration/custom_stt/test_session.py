"""A session: what is sent, what comes out of it, and new options under way."""

from __future__ import annotations

import asyncio
import json

import pytest
from livekit.agents.stt import SpeechEventType as Kind

from tests.integration.custom_stt.application import (
    CONN,
    KEY,
    PATIENCE,
    Launch,
    audio,
    events_of,
    next_of,
    speech,
    texts,
)
from tests.integration.custom_stt.server import Peer, Server, serve_one

pytestmark = pytest.mark.asyncio


async def test_no_audio_is_sent_before_the_server_is_ready(server: Server, launch: Launch) -> None:
    seen: list[object] = []

    async def script(peer: Peer) -> None:
        seen.append(json.loads(await peer.ws.receive_str()))
        with pytest.raises(asyncio.TimeoutError):
            await peer.ws.receive(timeout=0.05)
        # receive() above closed nothing: the gate opens, and all of the audio comes.
        await peer.say("ready")
        await peer.finish()

    server.scripts = [script]
    stream = launch(language="de", task="translate", model="small").stt.stream(conn_options=CONN)
    pushed = audio(0.33)
    stream.push_frame(pushed)
    stream.end_input()
    await events_of(stream)

    assert isinstance(seen[0], dict)
    assert {key: seen[0][key] for key in ("type", "language", "task", "model", "encoding")} == {
        "type": "config",
        "language": "de",
        "task": "translate",
        "model": "small",
        "encoding": "pcm_s16le",
    }
    assert bytes(server.peers[0].pcm) == pushed.data.tobytes()
    assert server.requests[0].headers["Authorization"] == f"Bearer {KEY}"


async def test_a_healthy_session_comes_out_in_order(server: Server, launch: Launch) -> None:
    async def script(peer: Peer) -> None:
        await peer.ready()
        await peer.until_text("flush")
        await peer.say("speech_started", start=0.1)
        await peer.say("interim", text="hel", start=0.1, end=0.3, confidence=-0.5, seq=1)
        await peer.say(
            "final", text="hello", start=0.1, end=0.4, confidence=2, language="de", seq=3
        )
        await peer.say("interim", text="hel", seq=2)
        await peer.say("final", text="  ", seq=4)
        await peer.say("speech_ended", end=0.5)
        await peer.finish()

    server.scripts = [script]
    app = launch()
    stream = app.stt.stream(conn_options=CONN)
    stream.push_frame(audio(0.5))
    stream.flush()
    stream.end_input()
    events = await events_of(stream)

    assert speech(events) == [
        Kind.START_OF_SPEECH,
        Kind.INTERIM_TRANSCRIPT,
        Kind.FINAL_TRANSCRIPT,
        Kind.END_OF_SPEECH,
    ]
    final = events[-2] if events[-1].type is Kind.END_OF_SPEECH else events[-3]
    transcripts = [e.alternatives[0] for e in events if e.alternatives]
    assert [t.text for t in transcripts] == ["hel", "hello"]
    assert [t.language for t in transcripts] == ["en", "de"]
    assert transcripts[0].confidence == pytest.approx(0.6065, abs=1e-3)
    assert transcripts[1].confidence == 1.0
    assert transcripts[1].end_time - transcripts[1].start_time == pytest.approx(0.3)
    assert final.request_id == "s"
    assert sum(app.metrics) == pytest.approx(0.5)
    assert app.errors == []


async def test_a_server_without_speech_events_gets_them_made(
    server: Server, launch: Launch
) -> None:
    async def script(peer: Peer) -> None:
        await peer.ready()
        await peer.say("partial", text="on")
        await peer.say("final", text="one")
        await peer.say("interim", text="retracted")
        await peer.say("final", text="")
        await peer.finish()

    server.scripts = [script]
    stream = launch().stt.stream(conn_options=CONN)
    stream.end_input()
    assert speech(await events_of(stream)) == [
        Kind.START_OF_SPEECH,
        Kind.INTERIM_TRANSCRIPT,
        Kind.FINAL_TRANSCRIPT,
        Kind.END_OF_SPEECH,
        Kind.START_OF_SPEECH,
        Kind.INTERIM_TRANSCRIPT,
        Kind.END_OF_SPEECH,
    ]


async def test_a_flush_is_sent_even_if_no_audio_is_left(server: Server, launch: Launch) -> None:
    async def script(peer: Peer) -> None:
        await peer.ready()
        await peer.until_audio(3200)
        await peer.until_text("flush")
        await peer.say("final", text="done")
        await peer.finish()

    server.scripts = [script]
    stream = launch().stt.stream(conn_options=CONN)
    stream.push_frame(audio(0.1))
    stream.flush()
    assert (await next_of(stream, Kind.FINAL_TRANSCRIPT)).alternatives[0].text == "done"
    stream.end_input()
    await events_of(stream)


async def test_a_muted_session_is_kept_alive(server: Server, launch: Launch) -> None:
    async def script(peer: Peer) -> None:
        await peer.ready()
        await peer.until(lambda p: p.texts.count("keepalive") == 3)
        await peer.say("final", text="still here")
        await peer.finish()

    server.scripts = [script]
    stream = launch(keepalive_interval=0.01).stt.stream(conn_options=CONN)
    await next_of(stream, Kind.FINAL_TRANSCRIPT)
    stream.end_input()
    await events_of(stream)
    assert server.peers[0].texts[-1] == "end_of_stream"


async def test_malformed_messages_are_skipped(
    server: Server, launch: Launch, caplog: pytest.LogCaptureFixture
) -> None:
    async def script(peer: Peer) -> None:
        await peer.ready()
        for text in ("", "{", "null", "[]", '{"type":7}', '{"type":"x"}', '{"type":"final"}'):
            await peer.ws.send_str(text)
        await peer.ws.send_str(json.dumps({"type": "final", "text": 1, "note": KEY}))
        await peer.ws.send_bytes(b"\x00\xff")
        await peer.ws.send_str("[" * 2**20)
        await peer.say("final", text="after all that")
        await peer.finish()

    server.scripts = [script]
    app = launch()
    stream = app.stt.stream(conn_options=CONN)
    stream.end_input()
    assert texts(await events_of(stream)) == ["after all that"]
    assert app.errors == []
    assert KEY not in caplog.text


@pytest.mark.parametrize(("rate", "channels"), [(48000, 1), (16000, 2), (48000, 2)])
async def test_foreign_audio_is_converted(
    server: Server, launch: Launch, rate: int, channels: int
) -> None:
    async def script(peer: Peer) -> None:
        await peer.ready()
        await peer.finish()

    server.scripts = [script]
    stream = launch().stt.stream(conn_options=CONN)
    stream.push_frame(audio(1.0, rate=rate, channels=channels))
    stream.end_input()
    await events_of(stream)
    pcm = bytes(server.peers[0].pcm)
    assert len(pcm) == pytest.approx(32000, abs=1600)
    if rate == 16000:
        assert pcm == audio(1.0).data.tobytes()


async def test_new_options_are_applied_to_open_streams_and_repeated_on_reconnect(
    server: Server, launch: Launch
) -> None:
    hearing = asyncio.Event()

    async def first(peer: Peer) -> None:
        await peer.ready()
        await peer.until_audio(16000)
        hearing.set()
        await peer.until_text("end_of_stream")
        await peer.say("final", text="in English", start=0.0, end=0.5)
        await peer.say("session_ended")

    async def second(peer: Peer) -> None:
        await peer.ready()
        peer.reset()

    server.scripts = [first, second, serve_one]
    app = launch()
    app.stt.on("error", lambda _: stream.push_frame(audio(0.05)))
    stream = app.stt.stream(conn_options=CONN)
    stream.push_frame(audio(0.51))
    await asyncio.wait_for(hearing.wait(), PATIENCE)
    app.stt.update_options(language="de", model="large")
    app.stt.update_options(interim_results=False)
    stream.push_frame(audio(0.05))  # with this, and not before, the first session is ended
    events = [await next_of(stream, Kind.FINAL_TRANSCRIPT)]
    events.append(await next_of(stream, Kind.FINAL_TRANSCRIPT))
    stream.end_input()
    await events_of(stream)

    assert texts(events) == ["in English", "heard"]
    assert [(p.config["language"], p.config["interim_results"]) for p in server.peers] == [
        ("en", True),
        ("de", False),
        ("de", False),
    ]
    assert server.peers[2].config["model"] == app.stt.model == "large"
    heard = [e.alternatives[0] for e in events if e.alternatives]
    assert heard[1].start_time >= heard[0].end_time
    assert len(server.peers[0].pcm) == len(audio(0.51).data.tobytes())
