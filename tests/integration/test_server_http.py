"""Batch recognition and health over HTTP, on the same port as the WebSocket."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import aiohttp
import numpy as np
import pytest

from sttkit import script, speech
from sttkit.dialects import load_dialect
from sttkit.dialects.model import Refusal, Request
from sttkit.dialects.wire import socket_url
from sttkit.server.fake import FakeServer
from sttkit.session import batch
from sttkit.trace import Trace
from tests.support.caller import SAID
from tests.support.network import Place, served, until, wav_of
from tests.support.tongues import TONGUES

TEXT = " ".join(SAID)


async def transcribe(place: Place, body: bytes, path: str = "/transcribe") -> tuple[int, Any]:
    form = aiohttp.FormData()
    form.add_field("file", body, filename="a.wav", content_type="audio/wav")
    async with aiohttp.ClientSession() as session:
        async with session.post(place.http + path, data=form) as answer:
            return answer.status, json.loads(await answer.read())


async def test_a_recording_in_a_form_is_transcribed() -> None:
    async with served() as place:
        status, said = await transcribe(place, wav_of(place.pcm), "/transcribe?language=de")
        assert status == 200
        assert isinstance(said, dict)
        assert said["text"] == TEXT
        assert said["language"] == "de"
        assert said["duration"] == pytest.approx(len(place.pcm) / 32000, abs=1e-3)
        assert place.records("sent", event="final", text=TEXT)
        assert place.records("response", status=200, batch=True)


async def test_the_openai_shaped_alias_answers_in_its_shape() -> None:
    async with served() as place:
        _, said = await transcribe(place, wav_of(place.pcm), "/v1/audio/transcriptions")
        assert isinstance(said, dict)
        assert set(said) == {"text", "language", "duration"}


async def test_a_recording_as_a_raw_body_is_transcribed() -> None:
    async with served(dialect="deepgram") as place:
        async with aiohttp.ClientSession(headers={"Authorization": "Token secret"}) as session:
            async with session.post(place.http + "/v1/listen", data=wav_of(place.pcm)) as answer:
                said = await answer.json()
        alternative = said["results"]["channels"][0]["alternatives"][0]
        assert alternative["transcript"] == TEXT
        assert len(alternative["words"]) == len(TEXT.split())
        assert "secret" not in place.trace.to_jsonl()


async def test_half_a_recording_gives_half_the_words() -> None:
    async with served() as place:
        _, said = await transcribe(place, wav_of(place.pcm[: 2 * 16000 * 2]))
        assert isinstance(said, dict)
        assert said["text"] == SAID[0]


async def test_other_peoples_audio_is_counted() -> None:
    noise = np.random.default_rng(1).integers(-2000, 2000, 16000 * 4).astype("<i2").tobytes()
    async with served() as place:
        status, said = await transcribe(place, wav_of(noise))
        assert status == 200
        assert isinstance(said, dict)
        assert said["text"].startswith(SAID[0])


async def test_health_is_answered() -> None:
    async with served() as place, aiohttp.ClientSession() as session:
        async with session.get(place.http + "/health") as answer:
            assert await answer.json() == {"status": "ok", "model_loaded": True}


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/", 404), ("GET", "/transcribe", 405)]
)
async def test_other_requests_are_errors_in_json(method: str, path: str, status: int) -> None:
    async with served() as place, aiohttp.ClientSession() as session:
        async with session.request(method, place.http + path) as answer:
            assert answer.status == status
            assert (await answer.json())["error"]["message"]


@pytest.mark.parametrize(
    ("body", "status"), [(b"no wav", 400), (wav_of(b"\1\0", rate=1), 415), (wav_of(b""), 200)]
)
async def test_a_recording_that_is_none_is_refused(body: bytes, status: int) -> None:
    async with served() as place:
        assert (await transcribe(place, body))[0] == status


async def test_a_form_is_expected() -> None:
    async with served() as place, aiohttp.ClientSession() as session:
        async with session.post(place.http + "/transcribe", data=b"x") as answer:
            assert answer.status == 415


async def test_a_client_that_asks_first_is_told_to_go_on() -> None:
    async with served() as place, aiohttp.ClientSession() as session:
        form = aiohttp.FormData()
        form.add_field("file", wav_of(place.pcm), filename="a.wav")
        url = place.http + "/transcribe"
        async with session.post(url, data=form, expect100=True) as answer:
            assert (await answer.json())["text"] == TEXT


async def test_a_body_in_chunks_is_put_together() -> None:
    async def pieces():
        body = wav_of(place.pcm)
        for at in range(0, len(body), 10_000):
            yield body[at : at + 10_000]

    async with served(dialect="deepgram") as place:
        async with aiohttp.ClientSession(headers={"Authorization": "Token x"}) as session:
            async with session.post(place.http + "/v1/listen", data=pieces()) as answer:
                assert answer.status == 200


async def test_a_body_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "MAX_BODY_BYTES", 1000)
    async with served() as place:
        reader, writer = await asyncio.open_connection(*place.address)
        writer.write(b"POST /transcribe HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n")
        writer.write(bytes(1001))
        assert (await reader.readline()).startswith(b"HTTP/1.1 413")
        writer.close()


# --- faults -------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 413, 429, 503])
async def test_a_status_is_answered_once_and_then_all_is_well(status: int) -> None:
    async with served(f"batch-http={status}@batch") as place:
        failed, error = await transcribe(place, wav_of(place.pcm))
        assert failed == status
        assert isinstance(error, dict)
        assert error["error"]["code"] == status
        (response,) = place.records("response")
        assert (response.data["retry_after"] is not None) == (status == 429)
        assert (await transcribe(place, wav_of(place.pcm)))[0] == 200
        assert len(place.records("fault")) == 1


async def test_a_fault_on_the_second_request_leaves_the_first_alone() -> None:
    async with served("batch-http=503@batch.2") as place:
        statuses = [(await transcribe(place, wav_of(place.pcm)))[0] for _ in range(3)]
        assert statuses == [200, 503, 200]


async def test_a_fault_on_each_request_meets_each() -> None:
    async with served("batch-http=503@batch:each") as place:
        statuses = [(await transcribe(place, wav_of(place.pcm)))[0] for _ in range(3)]
        assert statuses == [503, 503, 503]


async def test_a_body_that_is_cut_breaks_off_and_is_not_noted_as_sent() -> None:
    async with served("batch-cut@batch") as place:
        with pytest.raises(aiohttp.ClientPayloadError):
            await transcribe(place, wav_of(place.pcm))
        assert not place.records("sent")
        assert place.records("withheld", text=TEXT)


async def test_a_page_instead_of_json_is_a_200() -> None:
    async with served("batch-not-json@batch") as place:
        with pytest.raises(json.JSONDecodeError):
            await transcribe(place, wav_of(place.pcm))
        assert place.records("response", status=200)


async def test_an_answer_that_nothing_was_said_is_whole() -> None:
    async with served("batch-empty@batch") as place:
        status, answer = await transcribe(place, wav_of(place.pcm))
        assert isinstance(answer, dict)
        assert (status, answer["text"], answer["segments"]) == (200, "", [])


async def test_a_slow_answer_comes_late() -> None:
    async with served("batch-slow=0.05@batch") as place:
        assert (await transcribe(place, wav_of(place.pcm)))[0] == 200
        (fault,), (response,) = place.records("fault"), place.records("response")
        assert response.at - fault.at >= 0.05


async def test_a_slow_answer_is_not_given_to_a_client_that_has_gone() -> None:
    async with served("batch-slow=0.8@batch", dialect="deepgram") as place:
        _, writer = await asyncio.open_connection(*place.address)
        body = wav_of(place.pcm)
        head = f"POST /v1/listen HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        writer.write(head.encode() + b"Authorization: x\r\n\r\n" + body)
        await place.noted("fault")
        writer.close()
        await place.noted("lost")
        await until(lambda: place.trace.now() > place.records("fault")[0].at + 0.9)
        assert not place.records("response")


def test_both_dialects_speak_http() -> None:
    assert set(TONGUES) >= {"custom_stt", "deepgram"}


async def test_a_step_before_the_session_is_answered_with_the_servers_own_address() -> None:
    def session(request: Request) -> object | Refusal:
        if request.method != "POST":
            return Refusal(405, "POST a configuration")
        return {"id": "s", "url": socket_url(request, "/v1/listen?token=t")}

    dialect = replace(load_dialect("deepgram"), steps={"/v2/live": session})
    server = FakeServer(Trace(asyncio.get_running_loop().time))
    try:
        listener = await server.listen(script(speech("hello")), dialect)
        url = f"{listener.place.http}/v2/live"
        async with aiohttp.ClientSession() as http:
            async with http.post(url) as answer:
                told = await answer.json()
            async with http.get(url) as answer:
                assert answer.status == 405
    finally:
        await server.aclose()
    assert told == {"id": "s", "url": f"{listener.place.ws}/v1/listen?token=t"}


def test_behind_the_providers_own_name_the_address_is_encrypted() -> None:
    asked = Request("POST", "/v2/live", headers={"host": "api.acme.example"})
    assert socket_url(asked, "/x") == "wss://api.acme.example/x"
