"""`recognize()` recorded and replayed by VCR.py, and what nearly goes wrong there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sttkit import script, speech
from sttkit.audio.synth import render
from sttkit.cassette.model import Body
from sttkit.deck.files import load_cassette
from sttkit.dialects import load_dialect
from sttkit.errors import UsageError
from sttkit.recording import http_cassette, recording
from sttkit.recording.http import http_path
from sttkit.server.fake import FakeServer
from sttkit.trace import Trace

vcr = pytest.importorskip("vcr")

KEY = "planted-key-0123456789"
SAID = script(speech("hello there friend"))
PCM = render(SAID.speech, 16000)


async def recognize(base: str) -> str:
    """As an application asks the reference plugin."""
    from livekit import rtc
    from livekit.agents import APIConnectOptions
    from livekit.plugins import custom_stt

    frame = rtc.AudioFrame(PCM, 16000, 1, len(PCM) // 2)
    async with aiohttp.ClientSession() as session:
        plugin = custom_stt.STT(api_url=base, api_key=KEY, http_session=session)
        event = await plugin.recognize(frame, conn_options=APIConnectOptions(max_retry=0))
        await plugin.aclose()
    return event.alternatives[0].text


def against_a_server(
    talk: Callable[[str], Awaitable[Any]], *, port: int = 0, served: list[int] | None = None
) -> Any:
    async def main() -> Any:
        server = FakeServer(Trace(asyncio.get_running_loop().time))
        listener = await server.listen(SAID, load_dialect("custom_stt"), port=port)
        if served is not None:
            served.append(listener.place.port)
        try:
            return await talk(listener.place.http)
        finally:
            await server.aclose()

    return asyncio.run(main())


@pytest.fixture
def recorded(tmp_path: Path) -> tuple[Path, str]:
    """A cassette with one recognition, and the URL it was recorded from."""
    path = tmp_path / "batch.jsonl"
    bases: list[str] = []

    async def talk(base: str) -> str:
        bases.append(base)
        with http_cassette(path, mode="once", secrets=[KEY]):
            return await recognize(base)

    assert against_a_server(talk) == "hello there friend"
    return path, bases[0]


def test_a_recognition_is_replayed_without_a_server_and_again_and_again(
    recorded: tuple[Path, str],
) -> None:
    path, base = recorded

    async def talk() -> str:
        with http_cassette(path) as cassette:
            text = await recognize(base)
            assert cassette.all_played
        return text

    assert [asyncio.run(talk()) for _ in range(2)] == ["hello there friend"] * 2


def test_plain_vcrpy_reads_the_file_and_the_kit_imports_it(recorded: tuple[Path, str]) -> None:
    path, _ = recorded
    with vcr.use_cassette(str(http_path(path)), record_mode="none") as cassette:
        (request,) = cassette.requests
        (response,) = cassette.responses
    assert request.method == "POST"
    assert b"RIFF" in request.body
    assert b"hello there friend" in response["body"]["string"]
    (one,) = load_cassette(http_path(path)).interactions()
    assert one.response is not None
    assert one.response.status == 200


def test_other_audio_is_another_request_and_the_error_says_what_differs(
    recorded: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, base = recorded
    monkeypatch.setattr(f"{__name__}.PCM", PCM[:16000])

    async def talk() -> str:
        with http_cassette(path):
            return await recognize(f"{base}")

    with pytest.raises(UsageError, match="differs in body") as told:
        asyncio.run(talk())
    assert "record it: mode='new_episodes'" in str(told.value)


@pytest.mark.parametrize(("mode", "requests"), [("once", None), ("new_episodes", 2), ("all", 2)])
def test_modes_are_those_of_vcrpy(tmp_path: Path, mode: str, requests: int | None) -> None:
    path = tmp_path / "batch.jsonl"

    async def ask(base: str, query: str) -> int:
        async with aiohttp.ClientSession() as session, session.get(f"{base}/{query}") as answer:
            return answer.status

    async def talk(base: str) -> None:
        with http_cassette(path, mode=mode):
            await ask(base, "health?first")
        with http_cassette(path, mode=mode):
            await ask(base, "health?first")
            await ask(base, "health?second")

    if requests is None:
        with pytest.raises(UsageError, match="second= is not recorded"):
            against_a_server(talk)
    else:
        against_a_server(talk)
        assert len(load_cassette(http_path(path)).interactions()) == requests


def test_a_misspelt_mode_lists_the_modes(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="none, once, new_episodes, all; did you mean 'once'"):
        with http_cassette(tmp_path / "a.jsonl", mode="onse"):
            pass


def test_without_a_file_nothing_is_played(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a\.http\.yaml: no such cassette"):
        with http_cassette(tmp_path / "a.jsonl"):
            pass


def test_a_file_that_would_build_objects_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.http.yaml"
    path.write_text("version: 1\ninteractions:\n- !!python/object/apply:os.system [ls]\n")
    with pytest.raises(UsageError, match=r"a\.http\.yaml:3: not plain YAML"):
        with http_cassette(path):
            pass


def test_in_mode_none_a_websocket_reaches_nothing_and_the_error_says_who_tried(
    recorded: tuple[Path, str],
) -> None:
    path, base = recorded

    async def talk() -> None:
        async with aiohttp.ClientSession() as session:
            with http_cassette(path):
                await session.ws_connect(base + "/ws/transcribe")

    with pytest.raises(UsageError, match=r"test_http_cassettes.*: a connection to 127\.0\.0\.1"):
        asyncio.run(talk())


def test_a_websocket_passes_vcrpy_by_and_is_recorded_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "both.jsonl"

    async def talk(base: str) -> str:
        async with aiohttp.ClientSession() as session:
            with recording(path, dialect="custom_stt"), http_cassette(path, mode="once"):
                async with session.ws_connect(base + "/ws/transcribe") as ws:
                    await ws.send_json({"type": "config", "sample_rate": 16000})
                    ready = await ws.receive_json()
                async with session.get(base + "/health") as answer:
                    assert answer.status == 200
        return str(ready["type"])

    assert against_a_server(talk) == "ready"
    assert [one.is_websocket for one in load_cassette(path).interactions()] == [True, False]
    assert len(load_cassette(http_path(path)).interactions()) == 1


def test_a_key_reaches_no_file_no_log_and_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "batch.jsonl"
    caplog.set_level(logging.DEBUG)

    async def ask(base: str, more: str = "") -> None:
        form = aiohttp.FormData()
        form.add_field("file", b"RIFF\xff\xfe" + KEY.encode() + b"\x00", filename="a.wav")
        async with aiohttp.ClientSession(headers={"X-Api-Key": KEY}) as session:
            url = f"{base}/transcribe?api_key={KEY}{more}"
            async with session.post(url, data=form) as answer:
                await answer.read()

    async def talk(base: str) -> str:
        with http_cassette(path, mode="once"):
            await ask(base)
        with pytest.raises(UsageError) as told, http_cassette(path):
            await ask(base, "&more=1")
        return str(told.value)

    message = against_a_server(talk)
    assert "[redacted]" in message
    written = http_path(path).read_bytes()
    assert b"RIFF" not in written  # base64, and in there no key either
    (one,) = load_cassette(http_path(path)).interactions()
    cassette = load_cassette(http_path(path))
    bodies = [cassette.data_of(entry) for entry in one.entries if isinstance(entry, Body)]
    for text in (message, caplog.text, str(bodies)):
        assert KEY not in text
    assert KEY.encode() not in written
