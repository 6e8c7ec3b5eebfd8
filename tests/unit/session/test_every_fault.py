"""Every fault of the catalogue, at every point it allows: the client observes what it says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sttkit import faults
from sttkit.dialects import load_dialect
from sttkit.faults import CATALOGUE, Fault, FaultKind, Placed, Point, placing
from sttkit.faults.catalogue import Family
from sttkit.session.messages import malformed
from sttkit.session.state import State
from tests.support.tongues import TONGUES
from tests.unit.session.fault_observers import OBSERVERS, VIEW, play

ELSEWHERE = {
    "none": "test_healthy",
    "certificate": "test_certificate",
    "rfc": "test_violations: one test per violation",
    "batch-http": "test_server_http",
    "batch-slow": "test_server_http",
    "batch-cut": "test_server_http",
    "batch-empty": "test_server_http",
    "batch-not-json": "test_server_http",
}


def placements(dialect: str) -> Iterator[Placed]:
    facts = load_dialect(dialect).facts
    for kind in CATALOGUE:
        if kind.id in ELSEWHERE:
            continue
        parameters = kind.parameter.choices if kind.parameter else (None,)
        for point in kind.points:
            if point is Point.BACKOFF:
                continue
            if point is Point.GREETING and facts.greeting == "never":
                continue
            if kind.id == "null-error" and not malformed(kind.id, load_dialect(dialect), VIEW):
                continue  # its errors have no code
            for parameter in parameters or ("",):
                yield placing.place(Fault(kind.id, parameter), point)


@pytest.mark.parametrize(
    ("dialect", "placed"),
    [
        pytest.param(dialect, placed, id=f"{dialect}-{placed}")
        for dialect in TONGUES
        for placed in placements(dialect)
    ],
)
def test_the_client_observes_what_the_catalogue_says(dialect: str, placed: Placed) -> None:
    stage, caller = play(placed, dialect)
    (record,) = stage.records("fault")
    assert (record.data["point"], record.data["n"]) == (placed.point.value, placed.n)
    assert record.data["breaks"] == placed.fault.kind.breaks
    OBSERVERS[placed.fault.id](stage, caller)


def test_every_fault_has_an_observer() -> None:
    assert {kind.id for kind in CATALOGUE} == {*OBSERVERS, *ELSEWHERE}


@pytest.mark.parametrize(
    "kind",
    [k for k in CATALOGUE if k.breaks and k.family in (Family.ENDING, Family.BYTES)],
    ids=lambda kind: kind.id,
)
def test_a_fault_that_breaks_a_live_connection_leaves_it_unusable(kind: FaultKind) -> None:
    point = Point.MID_UTTERANCE if Point.MID_UTTERANCE in kind.points else kind.points[0]
    _, caller = play(placing.place(Fault(kind.id, None), point), "custom_stt")
    assert caller.connection.state in (State.DARK, State.SHUT, State.GONE)
    assert caller.finals == []


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("fault", ["close=1011", "reset", "fin", "half-open", "cut", "half-close"])
def test_the_message_that_marks_the_point_is_the_last_that_arrives(fault: str, n: int) -> None:
    placed = faults.parse_placed(f"{fault}@mid-utterance.{n}")
    _, caller = play(placed, "custom_stt")
    assert len(caller.interims) == n


def test_an_error_is_said_for_every_name_the_dialect_documents() -> None:
    for dialect in TONGUES:
        for name, failure in load_dialect(dialect).errors.items():
            stage, caller = play(faults.provider_error(name, at="mid-utterance"), dialect)
            assert failure.message in caller.messages
            assert stage.records("sent", event="provider_error", name=name, text=failure.text)
            assert caller.close_code == (failure.close[0] if failure.close else 1000)
