"""The fault `certificate`: a client that checks it does not get through, where there is TLS."""

from __future__ import annotations

import pytest

from sttkit.errors import UsageError
from sttkit.scripting.cases import parse_case
from sttkit.targets import load_target
from sttkit.worlds import loopback, simulated
from sttkit.worlds.played import Played


def played(case: str, target: str = "deepgram") -> Played:
    return simulated.play(load_target(target), parse_case(case).script())


def attempts(run: Played) -> list[object]:
    return [record.data["outcome"] for record in run.trace if record.kind == "attempt"]


def errors(run: Played) -> list[str]:
    return [str(record.data["error"]["message"]) for record in run.trace if record.kind == "error"]


def test_the_attempt_fails_and_the_next_one_is_trusted() -> None:
    run = played("certificate@connecting")
    assert attempts(run) == ["accepted"] * 2
    assert len(errors(run)) == 1
    assert any(r.kind == "event" and r.data["type"] == "final_transcript" for r in run.trace)


def test_nothing_is_asked_of_a_server_that_is_not_trusted() -> None:
    run = played("certificate@connecting:each")
    assert len(attempts(run)) == 4
    assert not [r for r in run.trace if r.kind == "request"]


def test_without_tls_there_is_none() -> None:
    with pytest.raises(UsageError, match="custom_stt is reached without TLS"):
        played("certificate@connecting", "custom_stt")


def test_over_loopback_there_is_none() -> None:
    script = parse_case("certificate@connecting").script()
    with pytest.raises(UsageError, match="there is none over loopback"):
        loopback.play(load_target("deepgram"), script)
