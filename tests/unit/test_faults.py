"""The catalogue of faults, and faults placed at points."""

from __future__ import annotations

import pytest

from sttkit import UsageError, faults
from sttkit.faults import (
    CATALOGUE,
    POINTS,
    Fault,
    FaultKind,
    Placed,
    Point,
    kind_of,
    parse_fault,
    parse_placed,
)
from sttkit.faults.catalogue import RFC_VIOLATIONS, Family
from sttkit.scripting.model import RETRY_TARGET
from sttkit.session.effects import _EFFECTS
from sttkit.session.violations import VIOLATIONS

IDS = [
    "none",
    "refused",
    "no-answer",
    "unknown-host",
    "http",
    "redirect",
    "bad-accept",
    "slow-handshake",
    "certificate",
    "no-greeting",
    "close",
    "reset",
    "fin",
    "half-open",
    "half-close",
    "unasked-end",
    "no-close-reply",
    "latency",
    "jitter",
    "bandwidth",
    "stall",
    "stop-reading",
    "session-limit",
    "late-final",
    "late-close",
    "mute-after-end",
    "fragment",
    "cut",
    "rfc",
    "drop",
    "duplicate",
    "reorder",
    "delay",
    "not-json",
    "json-array",
    "json-null",
    "wrong-types",
    "unknown-type",
    "empty",
    "binary-for-text",
    "text-for-binary",
    "huge",
    "nested",
    "provider-error",
    "null-error",
    "empty-transcript",
    "retract",
    "early-message",
    "final-after-end",
    "bad-times",
    "batch-http",
    "batch-slow",
    "batch-cut",
    "batch-empty",
    "batch-not-json",
]


def test_the_ids_are_public_and_only_grow() -> None:
    assert [kind.id for kind in CATALOGUE] == IDS


@pytest.mark.parametrize("kind", CATALOGUE, ids=lambda kind: kind.id)
def test_an_entry_of_the_catalogue_is_complete(kind: FaultKind) -> None:
    assert kind.observes
    assert kind.in_the_wild
    assert kind.points
    assert len(set(kind.points)) == len(kind.points)
    assert kind_of(kind.id) is kind
    parameter = kind.parameter
    if parameter is not None:
        assert parameter.default == "" or parameter.default in parameter.choices
        for choice in parameter.choices:
            assert parse_fault(f"{kind.id}={choice}") == Fault(kind.id, choice)


def test_every_effect_and_every_violation_is_in_the_catalogue() -> None:
    assert set(_EFFECTS) <= set(IDS)
    assert tuple(VIOLATIONS) == RFC_VIOLATIONS


def test_every_point_is_explained() -> None:
    assert set(POINTS) == set(Point)


def test_a_fault_in_the_back_off_is_of_a_family_that_breaks_attempts() -> None:
    for kind in CATALOGUE:
        if Point.BACKOFF in kind.points and kind.id != "none":
            assert kind.family in RETRY_TARGET
            assert RETRY_TARGET[kind.family] in kind.points


def test_a_batch_fault_sits_at_batch_and_nothing_else_does() -> None:
    for kind in CATALOGUE:
        if kind.id != "none":
            assert (Point.BATCH in kind.points) == (kind.family is Family.BATCH)


@pytest.mark.parametrize(
    ("made", "spelled"),
    [
        (faults.close(1011, at="mid-utterance", n=2), "close=1011@mid-utterance.2"),
        (faults.close(at="idle"), "close=1011@idle"),
        (faults.reset(at=Point.IDLE, connection=3), "reset@idle:3"),
        (faults.fin(at="idle", connection="each"), "fin@idle:each"),
        (faults.late_final(1.5, at="after-end"), "late-final=1.5@after-end"),
        (faults.rfc("masked", at="mid-utterance"), "rfc=masked@mid-utterance"),
        (faults.provider_error(at="mid-utterance"), "provider-error@mid-utterance"),
        (faults.provider_error("a.b-c", at="mid-utterance"), "provider-error=a.b-c@mid-utterance"),
    ],
)
def test_a_placed_fault_is_spelled_and_read_back(made: Placed, spelled: str) -> None:
    assert str(made) == spelled
    assert parse_placed(spelled) == made


@pytest.mark.parametrize(
    ("spelled", "problem"),
    [
        ("explode@idle", "unknown fault 'explode'"),
        ("rest@idle", "did you mean 'reset'?"),
        ("reset", "has no point"),
        ("reset@", "unknown point ''"),
        ("reset@nowhere", "unknown point 'nowhere'"),
        ("reset@connecting", "reset makes no sense at connecting; expected one of: upgraded"),
        ("reset=1@idle", "reset takes no parameter"),
        ("reset=@idle", "reset takes no parameter"),
        ("close=x@idle", "close with code 'x'; expected a whole number from 0 to 65535"),
        ("close=1.5@idle", "close with code '1.5'"),
        ("close=65536@idle", "close with code '65536'"),
        ("close=-1@idle", "close with code '-1'"),
        ("http=42@connecting", "http with status '42'; expected a whole number from 300 to 599"),
        ("http=200@connecting", "http with status '200'"),
        ("http=99999@connecting", "http with status '99999'"),
        ("batch-http=1@batch", "batch-http with status '1'"),
        ("bandwidth=0@upgraded", "bandwidth with rate '0'"),
        ("fragment=0@upgraded", "fragment with bytes '0'"),
        ("latency=nan@upgraded", "latency with seconds 'nan'"),
        ("latency=inf@upgraded", "latency with seconds 'inf'"),
        ("latency=-1@upgraded", "latency with seconds '-1'"),
        ("latency=1e9@upgraded", "latency with seconds '1e9'"),
        ("rfc=bad@mid-utterance", "unknown rfc violation 'bad'"),
        ("provider-error=a b@mid-utterance", "provider-error with error 'a b'"),
        ("provider-error=ä@mid-utterance", "provider-error with error 'ä'"),
        ("reset@idle.0", "occurrence 0"),
        ("reset@idle.x", "occurrence 'x'"),
        ("reset@idle.1001", "occurrence 1001"),
        ("reset@idle.²", "occurrence '²'"),
        ("reset@idle:0", "connection 0"),
        ("reset@idle:all", "connection 'all'"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(spelled: str, problem: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_placed(spelled)
    assert problem in str(refused.value)


@pytest.mark.parametrize("param", [[1], {"a": 1}, True, None.__class__, b"x"])
def test_a_parameter_of_another_type_is_refused(param: object) -> None:
    with pytest.raises(UsageError, match="close with code"):
        faults.close(param, at="idle")  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [0, -1, True, 1.5, "2"])
def test_an_occurrence_is_a_whole_number(n: object) -> None:
    with pytest.raises(UsageError, match="occurrence"):
        faults.reset(at="idle", n=n)  # type: ignore[arg-type]


@pytest.mark.parametrize("connection", [0, True, "all", 1.5, [1], None])
def test_a_connection_is_next_each_or_a_number(connection: object) -> None:
    with pytest.raises(UsageError, match="connection"):
        faults.reset(at="idle", connection=connection)  # type: ignore[arg-type]


def test_seconds_are_seconds() -> None:
    assert parse_fault("late-final=2").seconds == 2.0
