"""PocketSphinx itself, with the speech library; skipped where it is not installed."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from pathlib import Path

import aiohttp
import numpy as np
import pytest
from livekit import rtc
from livekit.agents import APIConnectOptions, stt
from livekit.plugins import custom_stt

from sttkit import script
from sttkit.audio.speech import read_wav
from sttkit.dialects import load_dialect
from sttkit.engine import sphinx
from sttkit.engine.seats import Seats
from sttkit.events import Final, Interim, ServerEvent
from sttkit.scripting.yaml import load_script
from sttkit.server.fake import AnyListener, FakeServer
from sttkit.trace import Trace
from tests.support.audio import chunks
from tests.support.network import until

missing = [name for name in ("pocketsphinx", "soxr") if find_spec(name) is None]
pytestmark = pytest.mark.skipif(
    bool(missing), reason=f"{missing} not installed: pip install 'sttkit[engine]'"
)

LIBRARY = Path(__file__).parents[2] / "cassettes" / "speech"
FRAME_S = 0.02
RATE = 16_000

UNDERSTOOD = {
    "plain": 0.0,
    "another-voice": 0.2,
    "two-utterances": 0.1,
    "noise": 0.2,
    "flush": 0.0,
    "wideband": 0.1,
}
"""The share of words that may be wrong, by recording: what was measured, and one word more."""


def truth(name: str) -> list[str]:
    return [word.text for word in load_script(LIBRARY / f"{name}.yaml").speech.words()]


def wrong_words(expected: list[str], heard: list[str]) -> int:
    """Words to insert, delete or exchange (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(expected, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1]


def finals(events: list[ServerEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, Final)]


@pytest.fixture(scope="module")
def model() -> sphinx.Sphinx:
    return sphinx.Sphinx()


def heard(model: sphinx.Sphinx, pcm: bytes, rate: int, sizes: tuple[int, ...] = ()):
    hearing = model.open(rate)
    events = [event for piece in chunks(pcm, sizes) for event in hearing.hear(piece)]
    return events + hearing.end()


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_the_library_is_understood(model: sphinx.Sphinx, name: str) -> None:
    words = " ".join(finals(heard(model, *read_wav(LIBRARY / f"{name}.wav")))).split()
    assert wrong_words(truth(name), words) <= UNDERSTOOD[name] * len(truth(name))


def test_what_was_heard_before_changes_nothing(model: sphinx.Sphinx) -> None:
    recording = read_wav(LIBRARY / "plain.wav")
    first = heard(model, *recording)
    model.open(16000).hear(read_wav(LIBRARY / "noise.wav")[0][:64_000])  # left in mid-utterance
    assert heard(model, *recording) == first
    assert heard(sphinx.Sphinx(), *recording) == first


@pytest.mark.parametrize("name", ["plain", "wideband"])
def test_what_is_heard_does_not_depend_on_the_messages(model: sphinx.Sphinx, name: str) -> None:
    pcm, rate = read_wav(LIBRARY / f"{name}.wav")
    assert heard(model, pcm, rate, (2, 4444) * 40) == heard(model, pcm, rate)


def test_words_stand_about_where_they_were_said(model: sphinx.Sphinx) -> None:
    spoken = list(load_script(LIBRARY / "plain.yaml").speech.words())
    (final,) = [e for e in heard(model, *read_wav(LIBRARY / "plain.wav")) if isinstance(e, Final)]
    assert [w.text for w in final.words] == [w.text for w in spoken]
    for ours, theirs in zip(spoken, final.words, strict=True):
        assert theirs.start == pytest.approx(ours.start, abs=0.15)


def test_nobody_speaking_is_nothing_said(model: sphinx.Sphinx) -> None:
    events = heard(model, *read_wav(LIBRARY / "silence.wav"))
    assert {type(event).__name__ for event in events} == {"Usage"}


@pytest.mark.parametrize("rate", [8000, 22050, 44100])
def test_other_sample_rates_are_converted(model: sphinx.Sphinx, rate: int) -> None:
    import soxr

    pcm, recorded = read_wav(LIBRARY / "plain.wav")
    samples = np.frombuffer(pcm, dtype="<i2")
    other = soxr.resample(samples, recorded, rate).astype("<i2").tobytes()
    events = heard(model, other, rate, (rate // 50 * 2,) * 100)
    (utterance,) = load_script(LIBRARY / "plain.yaml").speech.utterances
    (final,) = [event for event in events if isinstance(event, Final)]
    assert final.start == pytest.approx(utterance.start, abs=0.2)
    assert final.end == pytest.approx(utterance.end, abs=0.2)
    if rate > 8000:  # a telephone's band lacks what the model tells words apart by
        assert wrong_words(truth("plain"), final.text.split()) <= 1


def test_a_flush_in_the_middle_of_a_word_gives_what_there_is(model: sphinx.Sphinx) -> None:
    pcm, rate = read_wav(LIBRARY / "flush.wav")
    city = next(w for w in load_script(LIBRARY / "flush.yaml").speech.words() if w.text == "city")
    cut = round((city.start + city.end) / 2 * rate) * 2
    hearing = model.open(rate)
    before = hearing.hear(pcm[:cut])
    flushed = hearing.finalize()
    after = hearing.hear(pcm[cut:]) + hearing.end()
    assert any(isinstance(event, Interim) for event in before)
    assert len(finals(flushed)) == len(finals(after)) == 1
    assert finals(flushed)[0].startswith("she has lived")
    assert finals(after)[0].endswith("ten years")


# --- through the reference plugin ----------------------------------------------------------------


@contextlib.asynccontextmanager
async def plugged(sample_rate: int = RATE) -> AsyncIterator[tuple[custom_stt.STT, AnyListener]]:
    seats = Seats(sphinx.Sphinx, 1, language=sphinx.LANGUAGE)
    server = FakeServer(Trace(asyncio.get_running_loop().time))
    try:
        listener = await server.listen(script(), load_dialect("custom_stt"), engine=seats)
        await seats.open()
        async with aiohttp.ClientSession() as session:
            plugin = custom_stt.STT(
                listener.place.http, http_session=session, sample_rate=sample_rate
            )
            yield plugin, listener
            await plugin.aclose()
    finally:
        await server.aclose()
        await seats.aclose()


def frames(name: str) -> list[rtc.AudioFrame]:
    pcm, rate = read_wav(LIBRARY / f"{name}.wav")
    size = round(rate * FRAME_S)
    return [
        rtc.AudioFrame(piece, rate, 1, len(piece) // 2)
        for piece in chunks(pcm, [2 * size] * (len(pcm) // 2 // size))
    ]


async def streamed(plugin: custom_stt.STT, name: str) -> list[stt.SpeechEvent]:
    async with plugin.stream(conn_options=APIConnectOptions(max_retry=0, timeout=30.0)) as stream:
        for frame in frames(name):
            stream.push_frame(frame)
        stream.end_input()
        return [event async for event in stream]


async def test_the_reference_plugin_hears_two_utterances() -> None:
    async with plugged() as (plugin, listener):
        events = await streamed(plugin, "two-utterances")
        assert listener.line.attempts == 1
    texts = [e.alternatives[0].text for e in events if e.type.name == "FINAL_TRANSCRIPT"]
    assert len(texts) == 2
    assert wrong_words(truth("two-utterances"), " ".join(texts).split()) <= 2
    told = [event.type.name for event in events]
    assert told.count("START_OF_SPEECH") == told.count("END_OF_SPEECH") == 2
    assert "INTERIM_TRANSCRIPT" in told


async def test_the_reference_plugin_sends_48_khz_as_it_is() -> None:
    async with plugged(sample_rate=48000) as (plugin, _):
        events = await streamed(plugin, "wideband")
    texts = [e.alternatives[0].text for e in events if e.type.name == "FINAL_TRANSCRIPT"]
    assert wrong_words(truth("wideband"), " ".join(texts).split()) <= 1


async def test_the_reference_plugin_has_a_recording_recognised() -> None:
    async with plugged() as (plugin, _):
        event = await plugin.recognize(frames("two-utterances"))
    said = event.alternatives[0]
    assert wrong_words(truth("two-utterances"), said.text.split()) <= 2
    assert 0.0 < said.confidence <= 1.0


# --- the command ---------------------------------------------------------------------------------


@contextlib.contextmanager
def commanded() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`sttkit serve --engine pocketsphinx` in a process, loaded, and where it is."""
    command = [sys.executable, "-m", "sttkit", "serve", "--engine", "pocketsphinx"]
    with subprocess.Popen(
        [*command, "--sessions", "1", "--port", "0"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stderr is not None
        try:
            said = ""
            while "the model is loaded" not in said:
                line = server.stderr.readline()
                assert line, said
                said += line
            (place,) = re.findall(r"batch +(http://127\.0\.0\.1:\d+)", said)
            yield server, place
        finally:
            server.kill()


def descendants(pid: int) -> set[int]:
    found: set[int] = set()
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found |= {child} | descendants(child)
    return found


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="processes are counted in /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_the_command_serves_and_leaves_no_process_behind(how: signal.Signals) -> None:
    with commanded() as (server, place):
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{place}/health") as answer:
                assert (await answer.json())["model_loaded"]
        processes = descendants(server.pid)
        assert processes
        server.send_signal(how)
        assert server.wait(timeout=30) == (-9 if how is signal.SIGKILL else 0)
        await until(lambda: not any(is_alive(pid) for pid in processes))
