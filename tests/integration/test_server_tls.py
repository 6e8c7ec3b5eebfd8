"""TLS: with a certificate of the test's own, and clients that trust it or do not."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from sttkit import UsageError
from sttkit.tls import test_certificate as make_certificate
from tests.integration.test_server_faults import heard_to_the_end
from tests.support.caller import SAID
from tests.support.network import descriptors, served, until

pytest.importorskip("trustme")


async def test_a_client_that_trusts_the_ca_has_a_healthy_session() -> None:
    context, ca = make_certificate()
    trusting = ssl.create_default_context(cadata=ca.decode())
    async with served(ssl_context=context) as place:
        assert place.ws.startswith("wss://127.0.0.1:")
        assert place.http.startswith("https://")
        async with connect(place.ws, ssl=trusting) as ws:
            await ws.send(place.tongue.config or "")
            await ws.send(place.pcm)
            await ws.send(place.tongue.end)
            messages = [json.loads(message) async for message in ws]
        assert [m["text"] for m in messages if m["type"] == "final"] == [*SAID]
        async with aiohttp.ClientSession() as session:
            async with session.get(place.http + "/health", ssl=trusting) as answer:
                assert answer.status == 200


async def test_a_client_that_does_not_trust_it_leaves_nothing_behind() -> None:
    context, _ = make_certificate()
    before = descriptors()
    async with served(ssl_context=context) as place:
        with pytest.raises(ssl.SSLCertVerificationError):
            await connect(place.ws, ssl=ssl.create_default_context())
        assert not place.records("attempt")
        assert place.listener.open_connections() == 0
    await until(lambda: descriptors() == before)


@pytest.mark.parametrize("fault", ["reset", "fin", "half-close", "cut"])
async def test_endings_over_tls_are_endings(fault: str) -> None:
    context, ca = make_certificate()
    async with served(
        f"{fault}@mid-utterance" if fault == "cut" else f"{fault}@idle", ssl_context=context
    ) as place:
        async with connect(place.ws, ssl=ssl.create_default_context(cadata=ca.decode())) as ws:
            await ws.send(place.tongue.config or "")
            await ws.send(place.pcm)
            with pytest.raises(ConnectionClosed):
                await heard_to_the_end(ws)
            assert ws.close_code == 1006
        await until(lambda: place.listener.open_connections() == 0)


async def test_a_certificate_is_for_the_names_it_was_asked_for() -> None:
    context, ca = make_certificate("elsewhere.test")
    async with served(ssl_context=context) as place:
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection(
                *place.address, ssl=ssl.create_default_context(cadata=ca.decode())
            )


def test_without_trustme_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trustme", None)
    with pytest.raises(UsageError, match=r"pip install 'sttkit\[tls\]'"):
        make_certificate()
