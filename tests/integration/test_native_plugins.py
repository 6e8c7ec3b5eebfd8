"""LiveKit's plugins whose clients bring sockets of their own, over loopback: gRPC, a native SDK."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from sttkit.laws import judge
from sttkit.laws.model import Limits, Verdict
from sttkit.scripting.cases import parse_case
from sttkit.targets import load_target
from sttkit.worlds import loopback
from sttkit.worlds.played import Played

SAID = ["hello there friend", "how are you today"]
LIMITS = Limits(end_of_input=3.0, recovery=4.0)
MODULES = {
    "azure": "livekit.plugins.azure",
    "google": "livekit.plugins.google",
    "google_v2": "livekit.plugins.google",
    "nvidia": "livekit.plugins.nvidia",
}


def play(name: str, case: str) -> Played:
    if find_spec(MODULES[name]) is None:
        pytest.skip(f"{MODULES[name]} is not installed")
    return loopback.play(load_target(name), parse_case(case).script(), limits=LIMITS)


def texts(played: Played, kind: str) -> list[str]:
    return [
        str(record.data.get("text"))
        for record in played.trace
        if record.kind == "event" and record.data["type"] == kind
    ]


def errors(played: Played) -> list[str]:
    return [str(record.data["error"]) for record in played.trace if record.kind == "error"]


@pytest.mark.parametrize("name", MODULES)
def test_a_healthy_session_comes_out_whole_and_breaks_no_law_that_its_plugin_keeps(
    name: str,
) -> None:
    played = play(name, "none@idle")
    assert load_target(name).loopback_only
    assert texts(played, "final_transcript") == SAID
    assert texts(played, "interim_transcript")[:3] == ["hello", "hello there", SAID[0]]
    broken = [law for law, found in judge(played.run).items() if found.verdict is Verdict.FAIL]
    # They tell the start of speech once for a stream, and one of them the end of it each time; that
    # one takes the milliseconds of its words for seconds, too.
    known = {"azure": ["ORDER-1"], "nvidia": ["ORDER-1", "ORDER-2", "TIME-1"]}
    assert broken == known.get(name, [])


@pytest.mark.parametrize("name", ["google", "google_v2"])
def test_usage_is_what_the_server_bills(name: str) -> None:
    played = play(name, "none@idle")
    usage = [r.data.get("usage_s") for r in played.trace if r.kind == "event"]
    assert sum(float(one) for one in usage if one is not None) == 5.0


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("azure", "quota", "Quota exceeded."),
        ("google", "resource-exhausted", "Quota exceeded for quota metric"),
        ("google_v2", "internal", "Internal error encountered."),
    ],
)
def test_an_error_of_the_provider_reaches_the_plugin(name: str, error: str, says: str) -> None:
    # A write that fails because the call is over may come first in grpc.aio, which then makes up
    # an error of its own (`set_internal_error`); on a busy machine it does now and then.
    heard: list[str] = []
    for _ in range(3):
        heard = errors(play(name, f"provider-error={error}@mid-utterance.2"))
        if not any("Internal error from Core" in text for text in heard):
            break
    assert any(says in text for text in heard), heard


def test_a_plugin_that_only_logs_its_errors_is_deaf_afterwards() -> None:
    played = play("nvidia", "close=1011@mid-utterance.2")
    assert errors(played) == []
    assert judge(played.run)["LIVE-1"].verdict is Verdict.FAIL


@pytest.mark.parametrize(("status", "retried"), [(503, True), (401, False)])
def test_a_refusal_is_a_status_that_the_plugin_knows(status: int, retried: bool) -> None:
    played = play("google", f"http={status}@connecting")
    assert f"status_code={status}" in errors(played)[0]
    attempts = [record for record in played.trace if record.kind == "attempt"]
    assert len(attempts) == (2 if retried else 1)


@pytest.mark.parametrize("name", ["google", "google_v2"])
def test_a_whole_recording_is_recognised(name: str) -> None:
    (batch,) = (record for record in play(name, "none@batch").trace if record.kind == "batch")
    assert batch.data["text"] == " ".join(SAID)
