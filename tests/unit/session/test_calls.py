"""A gRPC call as a connection: what the client sees, and what is noted."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sttkit import Placed, UsageError, faults, speech
from sttkit.conformance.plan import plan
from sttkit.dialects import load_dialect
from sttkit.dialects.protobuf import decode, encode
from sttkit.faults import CATALOGUE, Fault
from sttkit.faults.carriers import missing_on
from sttkit.session.envelope import (
    Frames,
    Status,
    answer_head,
    message_frame,
    status_in,
    status_of_close,
    trailers_frame,
)
from tests.property.test_dialect_sessions import utterances
from tests.support.caller import SAID
from tests.support.calls import OVER_GRPC, Call

every_dialect = pytest.mark.parametrize("dialect", OVER_GRPC)


@every_dialect
@settings(max_examples=15, deadline=None)
@given(texts=utterances(), sizes=st.lists(st.floats(0.001, 2), min_size=1, max_size=20))
def test_any_speech_in_any_chunking_comes_out_as_the_same_finals(
    dialect: str, texts: list[str], sizes: list[float]
) -> None:
    call = Call(dialect, said=speech(*texts))
    call.speak(sizes)
    call.half_close()
    assert [text.strip() for text in call.finals] == texts
    assert call.status == (Status.OK, "")


@every_dialect
@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (faults.close(1011, at="after-final"), (Status.INTERNAL, "internal error")),
        (faults.close(1000, at="after-final"), (Status.OK, "")),
        (faults.close(1001, at="after-final"), (Status.UNAVAILABLE, "going away")),
        (faults.close(4008, at="after-final"), (Status.RESOURCE_EXHAUSTED, "closed by the server")),
        (faults.http(401, at="connecting"), (Status.UNAUTHENTICATED, "Unauthorized")),
        (faults.http(503, at="connecting"), (Status.UNAVAILABLE, "Service Unavailable")),
        (faults.reset(at="mid-utterance"), "reset"),
        (faults.fin(at="mid-utterance"), "dropped"),
        (faults.refused(at="connecting"), "reset"),
        (faults.no_answer(at="connecting"), None),
        (faults.half_open(at="mid-utterance"), None),
        (faults.mute_after_end(at="after-end"), None),
    ],
)
def test_a_fault_ends_a_call_with_the_status_that_says_the_same(
    dialect: str, fault: Placed, status: object
) -> None:
    call = Call(dialect, fault)
    call.speak([0.02])
    call.half_close()
    assert call.status == status
    assert [record.data["fault"] for record in call.records("fault")] == [str(fault.fault)]


@every_dialect
def test_an_error_of_the_provider_is_a_status_with_its_text(dialect: str) -> None:
    for name, failure in load_dialect(dialect).errors.items():
        call = Call(dialect, faults.provider_error(name, at="mid-utterance", n=2))
        call.speak([0.02])
        assert failure.close is not None
        assert call.status == (Status(failure.close[0] - 4000), failure.text)


def test_a_cancelled_call_is_a_client_that_says_that_it_leaves() -> None:
    call = Call("nvidia")
    call.configure()
    call.cancel()
    assert [(r.data["code"], r.data["reason"]) for r in call.records("close-received")] == [
        (1000, "cancelled")
    ]
    assert [r.data["by"] for r in call.records("lost")] == ["client"]


def test_a_method_that_nobody_serves_is_unimplemented() -> None:
    call = Call("nvidia", method="/nvidia.riva.asr.RivaSpeechRecognition/Sing")
    assert isinstance(call.status, tuple)
    assert call.status[0] is Status.UNIMPLEMENTED


@every_dialect
@pytest.mark.parametrize("message", [b"", b"\xff\xff", b"\x00"])
def test_what_is_no_request_is_an_invalid_argument(dialect: str, message: bytes) -> None:
    call = Call(dialect)
    call.send(message)
    assert isinstance(call.status, tuple)
    assert call.status[0] is Status.INVALID_ARGUMENT


@pytest.mark.parametrize("dialect", ["google", "google_v2"])
def test_a_whole_recording_is_recognised_by_one_question(dialect: str) -> None:
    module = __import__(f"sttkit.dialects.{dialect}", fromlist=["RECOGNIZE"])
    batch = load_dialect(dialect).batch
    assert batch is not None
    call = Call(dialect, method=batch.paths[0])
    pcm = call.line.pcm(16000)["main"]
    asked = (
        {"config": {"sample_rate_hertz": 16000}, "audio": {"content": pcm}}
        if dialect == "google"
        else {"config": {"explicit_decoding_config": {"sample_rate_hertz": 16000}}, "content": pcm}
    )
    call.send(encode(module.RECOGNIZE, asked))
    (answer,) = call.messages
    told = decode(module.RECOGNIZED, answer)
    assert told is not None
    results = told["results"]
    assert isinstance(results, list)
    assert "".join(r["alternatives"][0]["transcript"] for r in results) == " ".join(SAID)
    assert call.status == (Status.OK, "")


def test_a_fault_that_gRPC_does_not_have_is_refused_with_the_reason() -> None:
    with pytest.raises(UsageError, match="no rfc in the dialect nvidia: gRPC has no WebSocket"):
        Call("nvidia", faults.rfc("masked", at="mid-utterance"))


@every_dialect
def test_the_plan_leaves_out_what_gRPC_does_not_have(dialect: str) -> None:
    planned = plan(load_dialect(dialect))
    assert len(planned) > 100
    for case in planned:
        for placed in case.faults:
            assert missing_on("grpc", placed.fault) is None


def test_every_fault_has_its_place_on_a_websocket() -> None:
    for kind in CATALOGUE:
        parameter = kind.parameter.default if kind.parameter else None
        assert missing_on("websocket", Fault(kind.id, parameter)) is None


# --- the envelope -------------------------------------------------------------------------------


@given(
    st.lists(st.binary(max_size=40), max_size=5),
    st.sampled_from(Status),
    st.text(max_size=20),
    st.lists(st.integers(1, 20), min_size=1, max_size=5),
)
def test_frames_come_out_as_they_went_in_whatever_the_pieces(
    messages: list[bytes], status: Status, text: str, sizes: list[int]
) -> None:
    data = b"".join(map(message_frame, messages)) + trailers_frame(status, text)
    frames, whole, at, turn = Frames(), [], 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        whole += frames.receive(data[at : at + size])
        at, turn = at + size, turn + 1
    assert whole[:-1] == [(False, message) for message in messages]
    is_end, trailers = whole[-1]
    assert is_end
    assert status_in(trailers) == (status, text)


def test_a_head_has_a_status_only_if_it_is_all_there_is() -> None:
    assert status_in(answer_head()) is None
    assert status_in(answer_head(Status.ABORTED, "a\r\nb: c")) == (Status.ABORTED, "a\r\nb: c")


@pytest.mark.parametrize(
    ("code", "status"),
    [(None, Status.OK), (1000, Status.OK), (4014, Status.UNAVAILABLE), (4999, Status.UNKNOWN)],
)
def test_a_close_code_names_a_status(code: int | None, status: Status) -> None:
    assert status_of_close(code) is status
