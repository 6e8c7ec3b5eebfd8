"""LiveKit's released plugins against the dialects of their providers, in both worlds."""

from __future__ import annotations

import asyncio
import gc
import inspect
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest

from sttkit.laws import judge
from sttkit.laws.model import Limits, Verdict
from sttkit.scripting.cases import parse_case
from sttkit.scripting.model import Script
from sttkit.targets import load_target
from sttkit.worlds import loopback, simulated
from sttkit.worlds.played import Played

SAID = ["hello there friend", "how are you today"]
PATIENCE = Limits(end_of_input=2.0)
"""Some plugins are not told of the end, and do not come to one: see CLOSE-8."""


@dataclass(frozen=True)
class Expected:
    """What a plugin makes of a healthy session.

    Attributes:
        interims: those of the first utterance.
        late: whether its final comes after the END of its utterance.
        usage: seconds it counts, or None.
        error, says: one of the errors of its provider, and what the plugin says of it, if anything.
        dropped: how it ends when the line drops between utterances, if it does not go on.
        marks: whether it says the start and the end of an utterance.
        ends: whether it says the end of each, not only of the last one.
    """

    interims: list[str]
    late: bool
    usage: float | None
    error: str
    says: str | None
    dropped: str = "goes on"
    marks: bool = True
    ends: bool = True


GROWING = ["hello", "hello there", "hello there friend"]

PLUGINS = {
    # It takes whatever ends the connection for the end.
    "inworld": Expected(
        interims=GROWING, late=False, usage=4.2, error="internal", says=None, dropped="stop"
    ),
    "smallestai": Expected(
        interims=GROWING,
        late=False,
        usage=4.2,
        error="unavailable",
        says="The transcription service is unavailable",
    ),
    "baseten": Expected(
        interims=GROWING,
        late=False,
        usage=None,
        error="internal",
        says="Baseten connection closed unexpectedly",  # it reads no errors
        marks=False,
    ),
    "baseten_qwen3": Expected(
        interims=GROWING,
        late=False,
        usage=None,
        error="internal",
        says="The model failed to process the audio",
    ),
    # These three keep back what the provider says, and do not go on after audio was sent.
    "meta": Expected(
        interims=GROWING,
        late=False,
        usage=4.2,
        error="internal",
        says="Meta Muse realtime ASR stream error",
        dropped="raised",
    ),
    "nabrah": Expected(
        interims=[*GROWING, GROWING[-1]],
        late=False,
        usage=3.9,  # what the server had heard when it last spoke
        error="internal",
        says="nabrah STT reported an error",
        dropped="raised",
    ),
    "microsoft_ai": Expected(
        interims=GROWING,
        late=False,
        usage=3.8,  # what it sent; the rest is idle
        error="server_error",
        says="Microsoft AI STT request failed",
        dropped="raised",
    ),
    "palabra": Expected(
        interims=GROWING,
        late=False,
        usage=None,
        error="SERVICE_UNAVAILABLE",
        says="SERVICE_UNAVAILABLE",
    ),
    "mistralai": Expected(
        interims=GROWING,
        late=True,  # the detector says the end, and only then asks for the final
        usage=4.0,
        error="3804",
        says="Timeout waiting for response from streaming transcription.",
    ),
    "assemblyai": Expected(
        interims=["hello", "hello there", "hello there friend", "hello there friend"],
        late=False,
        usage=4.0,
        error="session-cancelled",
        says="Session Cancelled: An error occurred",
    ),
    "openai": Expected(
        interims=["hello"],
        late=True,
        usage=2.4,
        error="server_error",
        says="The server had an error while processing your request. Sorry about that!",
    ),
    "gnani": Expected(
        interims=[],
        late=True,
        usage=None,
        error="unavailable",
        says="The transcription service is unavailable",
        dropped="raised",
    ),
    "deepgram_flux": Expected(
        interims=GROWING,
        late=False,
        usage=4.2,
        error="internal",
        says="deepgram connection closed unexpectedly",  # what it says is only logged
    ),
    "soniox": Expected(
        interims=GROWING,
        late=False,
        usage=3.9,  # what the server had heard when it last spoke
        error="terminated",
        says="Cannot continue request (code 1). Please restart the request.",
    ),
    "cartesia": Expected(
        interims=GROWING,
        late=False,
        usage=4.2,
        error="internal",
        says="The transcription failed, please try again.",
    ),
    "cartesia_whisper": Expected(
        interims=GROWING,
        late=False,
        usage=4.0,
        error="internal",
        says="The transcription failed.",
    ),
    "elevenlabs": Expected(
        interims=GROWING,
        late=False,
        usage=4.2,
        error="transcriber_error",
        says="transcriber_error",  # the plugin tells the kind of error, not the provider's text
    ),
    # It reads no errors, and takes whatever ends the connection for the end.
    "gladia": Expected(
        interims=GROWING, late=False, usage=4.2, error="internal", says=None, dropped="stop"
    ),
    "speechmatics": Expected(
        interims=GROWING,
        late=False,
        usage=3.9,
        error="job_error",
        says="The recognition failed.",
    ),
    "inference": Expected(
        interims=GROWING,
        late=False,
        usage=3.9,
        error="provider",
        says="LiveKit Inference STT returned an error",  # the plugin keeps the text to itself
    ),
    "telnyx": Expected(
        interims=[],
        late=False,
        usage=None,
        error="unsupported-format",
        says="Telnyx STT WebSocket closed unexpectedly",  # it reads no errors
    ),
    "xai": Expected(
        interims=GROWING,
        late=False,
        usage=4.2,
        error="internal",
        says=None,  # it is only logged
    ),
    "gradium": Expected(
        interims=["hello", "there", "friend"],
        late=False,
        usage=None,
        error="internal",
        says="Internal Server Error",  # in the close frame
    ),
    "slng": Expected(
        interims=GROWING,
        late=False,
        usage=3.9,  # up to the last final
        error="provider_error",
        says=None,  # it tries again and does not tell
    ),
    "rtzr": Expected(
        interims=GROWING,
        late=False,
        usage=None,
        error="internal",
        says="internal server error",
        dropped="raised",
    ),
    "sarvam": Expected(
        interims=[],
        late=False,
        usage=2.4,
        error="internal_server_error",
        says="Something went wrong on our side",
        dropped="raised",
    ),
    "sarvam_realtime": Expected(
        interims=GROWING,
        late=True,
        usage=4.2,
        error="model_unavailable",
        says="The model is unavailable",
        dropped="raised",
    ),
    "simplismart": Expected(
        interims=[],
        late=False,
        usage=None,
        error="unavailable",
        says=None,  # it connects anew and does not tell
        marks=False,
    ),
    "fireworksai": Expected(
        interims=GROWING,
        late=False,
        usage=4.2,
        error="internal",
        says="Internal error",  # in the close frame
        ends=False,
    ),
}
every_plugin = pytest.mark.parametrize("name", PLUGINS)


@pytest.fixture(autouse=True)
def what_a_plugin_leaves_behind_ends_with_its_test() -> Iterator[None]:
    """Tasks that outlive their loop complain when they are collected, at any time after."""
    yield
    left = [thing for thing in gc.get_objects() if isinstance(thing, asyncio.Task)]
    for task in left:
        coroutine = task.get_coro()
        if not task.done() and task.get_loop().is_closed() and inspect.iscoroutine(coroutine):
            with suppress(RuntimeError):  # it may want to call its loop
                coroutine.close()


def script_of(case: str) -> Script:
    return parse_case(case).script()


def simulate(name: str, case: str) -> Played:
    return simulated.play(load_target(name), script_of(case), limits=PATIENCE)


def events(played: Played) -> list[tuple[str, str]]:
    return [
        (str(record.data["type"]), str(record.data.get("text") or ""))
        for record in played.trace
        if record.kind == "event"
    ]


def texts(played: Played, kind: str) -> list[str]:
    return [text for made, text in events(played) if made == kind]


@every_plugin
def test_a_healthy_session_comes_out_whole(name: str) -> None:
    played, expected = simulate(name, "none@idle"), PLUGINS[name]
    told = [event for event in events(played) if event[0] != "recognition_usage"]
    assert (told[0][0] == "start_of_speech") is expected.marks
    final = told.index(("final_transcript", SAID[0]))
    interims = [text for kind, text in told[:final] if kind == "interim_transcript"]
    assert interims == expected.interims
    end = ("end_of_speech", "")
    assert (end in told[:final]) is expected.late
    assert (told[final + 1] == end) is (expected.marks and expected.ends and not expected.late)
    assert texts(played, "final_transcript") == SAID
    usage = sum(
        float(r.data["usage_s"])
        for r in played.trace
        if r.kind == "event" and r.data.get("usage_s") is not None
    )
    assert usage == pytest.approx(expected.usage or 0.0, abs=0.2)


@every_plugin
def test_an_error_of_the_provider_reaches_the_plugin(name: str) -> None:
    expected = PLUGINS[name]
    played = simulate(name, f"provider-error={expected.error}@mid-utterance.2")
    told = [str(r.data["error"]) for r in played.trace if r.kind == "error"]
    assert (told == []) if expected.says is None else any(expected.says in text for text in told)


@every_plugin
def test_a_reconnect_goes_on_with_the_audio_that_follows(name: str) -> None:
    played = simulate(name, "close=1011@between-utterances")
    finals = texts(played, "final_transcript")
    assert finals[0] == SAID[0]
    if PLUGINS[name].dropped != "goes on":
        (ended,) = (r.data["how"] for r in played.trace if r.kind == "ended")
        assert ended == PLUGINS[name].dropped
    else:
        assert len([r for r in played.trace if r.kind == "ready"]) == 2
        assert len(finals) > 1


@pytest.mark.parametrize("name", ["gnani", "openai", "smallestai", "sarvam", "xai"])
def test_a_whole_recording_is_recognised(name: str) -> None:
    played = simulate(name, "none@batch")
    (batch,) = (r for r in played.trace if r.kind == "batch")
    assert batch.data["text"] == " ".join(SAID)


@pytest.mark.parametrize("case", ["http=503@connecting", "redirect@connecting"])
def test_a_token_that_is_not_given_is_an_attempt_that_failed(case: str) -> None:
    verdicts = judge(simulate("rtzr", case).run)
    assert verdicts["RETRY-6"].verdict is Verdict.PASS
    assert verdicts["AUDIO-1"].verdict is not Verdict.FAIL


def test_streams_of_one_stt_share_a_pooled_connection_and_it_is_closed_with_the_stt() -> None:
    played = simulated.play(load_target("openai"), script_of("none@idle+new-stream-after"))
    assert [r.data["what"] for r in played.trace if r.kind == "control"].count("config") >= 2
    closes = [r for r in played.trace if r.kind == "close-received"]
    streams = [r for r in played.trace if r.kind == "stream"]
    assert len(streams) == 2
    assert closes
    assert all(r.data["code"] == 1000 for r in closes)
    assert not [r for r in played.trace if r.kind == "census" and r.data["open_connections"]]


def test_a_short_rest_in_mid_stream_is_refused_as_the_provider_refuses_it() -> None:
    played = simulate("assemblyai", "none@mid-utterance.2+flush")
    assert next(r.data["code"] for r in played.trace if r.kind == "close-sent") == 3007


@every_plugin
def test_over_loopback_it_says_the_same(name: str) -> None:
    limits = Limits(end_of_input=2.0, recovery=5.0)
    played = loopback.play(load_target(name), script_of("none@idle"), limits=limits)
    assert texts(played, "final_transcript") == SAID
    assert [text for text in texts(played, "interim_transcript") if text][:1] == (
        PLUGINS[name].interims[:1]
    )
