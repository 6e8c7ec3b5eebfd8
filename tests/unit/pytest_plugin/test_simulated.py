"""Simulated async tests, seen from a project that uses the pytest plugin: pytest run in pytest."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

CONFTEST = """
import asyncio
from sttkit.pytest_plugin import simulated_loop

def pytest_asyncio_loop_factories(config, item):
    return {"simulated": simulated_loop, "real": asyncio.new_event_loop}
"""
TESTS = """
import asyncio, time
import aiohttp
import pytest
import pytest_asyncio
from hypothesis import given, settings, strategies as st
from livekit.agents import stt
from sttkit.simulation import SimulatedLoop, simulated_loop

simulated = pytest.mark.asyncio(loop_factories=["simulated"])
real = pytest.mark.asyncio(loop_factories=["real"])
HOUR = 3600

@pytest_asyncio.fixture
async def loop_of_a_fixture():
    await asyncio.sleep(HOUR)
    yield asyncio.get_running_loop()
    await asyncio.sleep(HOUR)

@simulated
async def test_an_hour_in_an_async_test(loop_of_a_fixture):
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimulatedLoop) and loop is loop_of_a_fixture
    before = time.monotonic()
    await asyncio.sleep(HOUR)
    assert time.monotonic() - before == HOUR

@simulated
async def test_streams_are_hashed_by_number(loop_of_a_fixture):
    assert {stt.RecognizeStream, aiohttp.ClientWebSocketResponse} <= set(loop_of_a_fixture.numbered)

@real
async def test_another_test_keeps_its_real_loop():
    assert not isinstance(asyncio.get_running_loop(), SimulatedLoop)

def test_an_hour_in_a_plain_test():
    loop = simulated_loop()
    loop.run_until_complete(asyncio.sleep(HOUR))
    loop.close()

@settings(max_examples=20, deadline=2000)
@given(st.integers(1, HOUR))
def test_hours_in_hypothesis_examples(seconds):
    loop = simulated_loop()
    loop.run_until_complete(asyncio.sleep(seconds))
    assert loop.time() >= seconds
    loop.close()

@simulated
@pytest.mark.stt_plugin("deepgram")
@pytest.mark.stt_script("half-open@between-utterances")
async def test_the_plugin_is_driven_on_the_simulated_loop(transcribe):
    began = asyncio.get_running_loop().time()
    heard = await transcribe.here()
    assert heard.run.world == "simulated"
    assert asyncio.get_running_loop().time() - began > 10
    assert heard.trace.records[-1].kind == "census"

@simulated
@pytest.mark.stt_script("reset@mid-utterance.2")
async def test_it_is_driven_twice_on_one_loop(transcribe, stt_server):
    first = await transcribe.here()
    stt_server.play("none@idle")
    second = await transcribe.here()
    assert first.attempts == 2 and second.attempts == 1

@simulated
@pytest.mark.stt_plugin("deepgram")
@pytest.mark.stt_script("close=1012@after-final")
async def test_a_client_of_ones_own_finds_the_server_at_the_production_host(stt_server):
    import aiohttp
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError, match="Connect call failed"):
            await session.ws_connect("wss://api.deepgram.com/v1/listen")
        async with stt_server.listening() as place:
            assert place.ws == "wss://api.deepgram.com"
            headers = {"Authorization": "Token key"}
            url = place.ws + "/v1/listen?encoding=linear16&sample_rate=16000&model=nova-3"
            async with session.ws_connect(url, headers=headers) as ws:
                await ws.send_bytes(stt_server.pcm())
                async for _ in ws:
                    pass
                assert ws.close_code == 1012

@simulated
async def test_another_host_does_not_exist():
    with pytest.raises(OSError, match="Name or service not known"):
        await asyncio.open_connection("example.com", 443)

@simulated
@pytest.mark.stt_script("none@idle")
async def test_a_second_server_at_one_host_is_refused(stt_server):
    from sttkit.errors import UsageError
    async with stt_server.listening():
        with pytest.raises(UsageError, match="listens at http://localhost:8000 already"):
            async with stt_server.listening():
                pass

@pytest.mark.stt_script("none@idle")
def test_a_world_for_one_call(transcribe):
    assert transcribe().run.world == "simulated"
    assert transcribe(world="loopback", pace=0).run.world == "loopback"
"""
INI = "[pytest]\nasyncio_mode = strict\nasyncio_default_fixture_loop_scope = function\n"
PASSED = TESTS.count("def test_")


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(test_it=TESTS)
    pytester.makeini(INI)
    return pytester


def run(project: pytest.Pytester, *arguments: str) -> str:
    """In a process of its own, since this one's clocks are somebody else's as well."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-W", "error", *arguments],
        cwd=project.path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"{PASSED} passed" in done.stdout, done.stdout + done.stderr
    return done.stdout


def test_all_kinds_of_simulated_tests_pass_and_pytest_keeps_real_time(project):
    out = run(project, "--durations=0", "--durations-min=0", "-o", "faulthandler_timeout=120")
    seconds = [float(found) for found in re.findall(r"^([\d.]+)s (?:call|setup|tear)", out, re.M)]
    assert len(seconds) >= PASSED
    assert sum(seconds) < 600  # of hours
    assert min(seconds) >= 0
    assert "Timeout" not in out


def test_they_pass_in_the_processes_of_xdist(project):
    run(project, "-n", "2")
