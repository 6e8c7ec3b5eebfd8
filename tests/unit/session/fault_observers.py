"""What each fault of the catalogue looks like to the client."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus

import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import State as ProtocolState

from sttkit import faults
from sttkit.dialects.model import View
from sttkit.events import Final, Interim, Ready, SessionEnded, SpeechStarted, Transcript
from sttkit.faults import Placed, Point
from sttkit.session.effects import LINGER_S
from sttkit.session.messages import malformed
from tests.support.caller import FOREVER, SAID, Caller, Stage

FLUSHED_AT = 0.9  # in the second word
HEALTHY = [*SAID]
VIEW = View("session-0", {"language": "en"}, 0)


def play(placed: Placed, dialect: str, *, more: float = 60.0) -> tuple[Stage, Caller]:
    """A whole session with a fault in it, every point of which is reached if it lives so long."""
    stage = Stage(placed, dialect=dialect)
    caller = stage.call()
    if placed.point is Point.FLUSH:
        caller.speak(until=FLUSHED_AT)
        caller.flush()
    caller.speak(until=stage.script.speech.duration)
    caller.end()
    stage.wait(more)
    return stage, caller


def struck_at(stage: Stage) -> float:
    """The time of the fault on the stage's clock."""
    (record,) = stage.records("fault")
    return record.at + 1000.0


def after(stage: Stage, caller: Caller) -> list[Frame]:
    """The frames that came later than the fault, and not in the same instant."""
    at = struck_at(stage)
    return [frame for time, frame in caller.frames if time > at + 1e-9]


def is_dead(stage: Stage, caller: Caller) -> bool:
    """Whether nothing can be heard of the server any more, pings included."""
    return not after(stage, caller) and not caller.ping() and not caller.ended


# --- what each fault looks like -----------------------------------------------------------------


def refused(stage: Stage, caller: Caller) -> None:
    # Seen by the shell before TCP is; a session that was accepted all the same is reset.
    assert caller.reset
    assert not caller.raw


def no_answer(stage: Stage, caller: Caller) -> None:
    assert not caller.raw
    assert not caller.ended


def http(stage: Stage, caller: Caller) -> None:
    (fault,) = stage.records("fault")
    status = int(fault.data["fault"].partition("=")[2])
    assert caller.response is None or caller.response.status_code == status
    head, _, body = caller.raw.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert json.loads(body) == stage.dialect.http_error(status, HTTPStatus(status).phrase)
    assert (b"Retry-After: 1" in head) == (status == 429)
    assert caller.eof
    assert not caller.frames


def redirect(stage: Stage, caller: Caller) -> None:
    assert caller.raw.startswith(b"HTTP/1.1 302 ")
    assert b"Location: http://127.0.0.1:9/" in caller.raw
    assert caller.eof


def bad_accept(stage: Stage, caller: Caller) -> None:
    assert caller.raw.startswith(b"HTTP/1.1 101 ")
    assert "Sec-WebSocket-Accept" in str(caller.protocol.handshake_exc)
    assert not stage.records("ready")


def slow_handshake(stage: Stage, caller: Caller) -> None:
    assert caller.chunks[0][0] == pytest.approx(1000.8)
    assert caller.finals == HEALTHY
    assert caller.close_code == 1000


def no_greeting(stage: Stage, caller: Caller) -> None:
    assert not caller.frames
    assert not caller.ended
    assert not stage.records("ready")
    assert caller.ping()


def close(stage: Stage, caller: Caller) -> None:
    (fault,) = stage.records("fault")
    code = int(fault.data["fault"].partition("=")[2])
    (sent,) = stage.records("close-sent")
    assert (caller.close_code, caller.close_reason) == (code, sent.data["reason"])
    assert caller.eof
    assert after(stage, caller) == []


def reset(stage: Stage, caller: Caller) -> None:
    assert caller.reset
    assert caller.close_code == 1006
    assert after(stage, caller) == []
    (lost,) = stage.records("lost")
    assert lost.data == {"by": "server", "how": "reset"}


def fin(stage: Stage, caller: Caller) -> None:
    assert caller.eof
    assert caller.close_code == 1006
    (lost,) = stage.records("lost")
    assert lost.data == {"by": "server", "how": "fin"}
    assert lost.at + 1000 == pytest.approx(struck_at(stage) + LINGER_S)


def half_open(stage: Stage, caller: Caller) -> None:
    assert is_dead(stage, caller)
    caller.hang_up()
    stage.wait(FOREVER)
    assert is_dead(stage, caller)
    assert not stage.records("lost")


def half_close(stage: Stage, caller: Caller) -> None:
    assert caller.eof
    assert caller.close_code == 1006
    assert not stage.records("lost")
    caller.hang_up()
    (lost,) = stage.records("lost")
    assert lost.data == {"by": "server", "how": "fin"}


def no_close_reply(stage: Stage, caller: Caller) -> None:
    caller.close(1000, "bye")
    stage.wait(FOREVER)
    assert stage.records("close-received", code=1000)
    assert not caller.ended
    assert caller.protocol.close_rcvd is None
    caller.hang_up()
    assert stage.records("lost", by="client", how="fin")


def latency(stage: Stage, caller: Caller) -> None:
    assert caller.finals == HEALTHY
    # The client's audio is late, and the server's answer to it again.
    (final, *_), (usual, *_) = times_of(Final, caller), times_of(Final, healthy(stage))
    assert final - usual == pytest.approx(0.3, abs=1e-6)


def jitter(stage: Stage, caller: Caller) -> None:
    assert caller.finals == HEALTHY
    late = [
        here - there
        for here, there in zip(
            times_of(Interim, caller), times_of(Interim, healthy(stage)), strict=True
        )
    ]
    assert all(0 <= seconds <= 0.2 for seconds in late)
    assert len({round(seconds, 6) for seconds in late}) > 1


def bandwidth(stage: Stage, caller: Caller) -> None:
    assert caller.finals == HEALTHY
    times = [at for at, _ in caller.chunks]
    assert times == sorted(times)
    # After the handshake, no message comes sooner than its bytes take at 4 kB/s.
    for (at, _), (then, data) in zip(caller.chunks[1:], caller.chunks[2:], strict=False):
        assert then - at >= len(data) / 4000 - 1e-9


def stall(stage: Stage, caller: Caller) -> None:
    assert all(frame.opcode is Opcode.CLOSE for frame in after(stage, caller))
    assert stage.records("withheld")
    if caller.protocol.state is ProtocolState.OPEN:
        assert caller.ping()


def stop_reading(stage: Stage, caller: Caller) -> None:
    assert not caller.reading
    assert not caller.ping()
    assert not caller.connection.sees_end


def late_final(stage: Stage, caller: Caller) -> None:
    # Nothing was pending after the pause, so it shows in the session's own end.
    assert end_of(caller) - struck_at(stage) == pytest.approx(1.5)
    assert caller.finals == HEALTHY


def session_limit(stage: Stage, caller: Caller) -> None:
    (fault,) = stage.records("fault")
    (closed,) = stage.records("close-sent")
    assert closed.at - fault.at == pytest.approx(1.0)
    assert caller.close_code == 1001


def late_close(stage: Stage, caller: Caller) -> None:
    assert end_of(caller) - struck_at(stage) == pytest.approx(1.0)
    assert caller.close_code == 1000


def mute_after_end(stage: Stage, caller: Caller) -> None:
    assert after(stage, caller) == []
    assert caller.ping()
    assert not caller.ended


def fragment(stage: Stage, caller: Caller) -> None:
    (fault,) = stage.records("fault")
    size = int(fault.data["fault"].partition("=")[2])
    _handshake, *pieces = caller.chunks
    assert max(len(data) for _, data in pieces) == size
    assert caller.finals == HEALTHY


def cut(stage: Stage, caller: Caller) -> None:
    assert caller.eof
    assert isinstance(caller.protocol.parser_exc, EOFError)
    assert caller.close_code == 1006


def drop(stage: Stage, caller: Caller) -> None:
    (withheld,) = stage.records("withheld")
    usual = healthy(stage).events
    missing = [event for event in usual if event not in caller.events]
    assert len(usual) - len(caller.events) == 1
    assert [type(event) for event in missing] == [marked_type(stage)]
    assert withheld.data["event"] in ("interim", "final", "speech_started")


def duplicate(stage: Stage, caller: Caller) -> None:
    twice = [a for a, b in zip(caller.events, caller.events[1:], strict=False) if a == b]
    assert [type(event) for event in twice] == [marked_type(stage)]
    assert len(stage.records("sent", duplicate=True)) == 1


def reorder(stage: Stage, caller: Caller) -> None:
    usual, now = healthy(stage).events, caller.events
    (at,) = [i for i, (a, b) in enumerate(zip(usual, now, strict=True)) if a != b][:1]
    assert type(usual[at]) is marked_type(stage)
    assert now[at : at + 2] == usual[at : at + 2][::-1]
    assert now[at + 2 :] == usual[at + 2 :]


def delay(stage: Stage, caller: Caller) -> None:
    usual, now = healthy(stage).timed_events, caller.timed_events
    late = [round(b - a, 3) for (a, _), (b, _) in zip(usual, now, strict=True)]
    first = next(i for i, seconds in enumerate(late) if seconds)
    assert type(now[first][1]) is marked_type(stage)
    assert late[first] == pytest.approx(0.5, abs=0.021)
    assert [event for _, event in now] == [event for _, event in usual]


def verbatim(stage: Stage, caller: Caller) -> None:
    (fault,) = stage.records("fault")
    wanted = malformed(fault.data["id"], stage.dialect, VIEW)
    assert wanted
    for message in wanted:
        assert any(plain(message) == plain(heard) for heard in caller.messages)
    assert len(stage.records("injected", what=fault.data["id"])) == len(wanted)
    assert [text for text in caller.finals if text in SAID] == HEALTHY


def retract(stage: Stage, caller: Caller) -> None:
    (withheld,) = stage.records("withheld")
    taken_back = str(withheld.data["text"])
    assert taken_back == HEALTHY[0].split()[0]
    # What is said from then on is an utterance of its own.
    kept = HEALTHY[0].removeprefix(taken_back).strip()
    assert [text for text in caller.finals if text] == [kept, *HEALTHY[1:]]
    starts = [event for event in caller.events if isinstance(event, SpeechStarted)]
    assert len(starts) == len(HEALTHY) + 1


def provider_error(stage: Stage, caller: Caller) -> None:
    failure = next(iter(stage.dialect.errors.values()))
    assert failure.message in caller.messages
    if failure.close is not None:
        assert (caller.close_code, caller.close_reason) == failure.close
    else:
        assert caller.finals == HEALTHY


def final_after_end(stage: Stage, caller: Caller) -> None:
    *_, end, final = caller.events
    assert isinstance(end, SessionEnded)
    assert isinstance(final, Final)
    assert final.text
    assert caller.close_code == 1000


def unasked_end(stage: Stage, caller: Caller) -> None:
    assert isinstance(caller.events[-1], SessionEnded)
    assert caller.close_code == 1000
    assert caller.eof
    assert not any(record.data["what"] == "end" for record in stage.records("control"))


def early_message(stage: Stage, caller: Caller) -> None:
    early, greeting = caller.events[:2]
    assert isinstance(early, Final)
    assert not early.text
    assert isinstance(greeting, Ready)
    assert [final for final in caller.finals if final] == HEALTHY


def bad_times(stage: Stage, caller: Caller) -> None:
    assert caller.finals == HEALTHY
    (first, _), *rest = [
        (event.start, event.end) for event in caller.events if isinstance(event, Transcript)
    ]
    assert first == pytest.approx(0.4)
    assert {start for start, _ in rest} <= {0.0, 2.0, 7000.0}


# --- helpers of these ---------------------------------------------------------------------------


def plain(message: str | bytes) -> str | bytes:
    """A message without its sequence number."""
    if isinstance(message, str):
        try:
            value = json.loads(message)
        except (ValueError, RecursionError):
            return message
        if isinstance(value, dict):
            value.pop("seq", None)
            return json.dumps(value)
        return message
    return plain(message.decode()).encode() if message[:1] == b"{" else message  # type: ignore[union-attr]


def healthy(stage: Stage) -> Caller:
    return healthy_in(stage.dialect.name)


@lru_cache
def healthy_in(dialect: str) -> Caller:
    return play(faults.parse_placed("none@idle"), dialect)[1]


def times_of(kind: type, caller: Caller) -> list[float]:
    return [at for at, event in caller.timed_events if isinstance(event, kind)]


def end_of(caller: Caller) -> float:
    return times_of(SessionEnded, caller)[0]


def marked_type(stage: Stage) -> type:
    """What kind of message the point of the stage's fault marks."""
    (fault,) = stage.records("fault")
    point = Point(fault.data["point"])
    # Between utterances, an edit waits for the next message: the beginning of the next one.
    return {Point.MID_UTTERANCE: Interim, Point.AFTER_FINAL: Final}.get(point, SpeechStarted)


OBSERVERS: dict[str, Callable[[Stage, Caller], None]] = {
    "refused": refused,
    "no-answer": no_answer,
    "unknown-host": refused,
    "http": http,
    "redirect": redirect,
    "bad-accept": bad_accept,
    "slow-handshake": slow_handshake,
    "no-greeting": no_greeting,
    "close": close,
    "reset": reset,
    "fin": fin,
    "half-open": half_open,
    "half-close": half_close,
    "no-close-reply": no_close_reply,
    "latency": latency,
    "jitter": jitter,
    "bandwidth": bandwidth,
    "stall": stall,
    "stop-reading": stop_reading,
    "session-limit": session_limit,
    "late-final": late_final,
    "late-close": late_close,
    "mute-after-end": mute_after_end,
    "fragment": fragment,
    "cut": cut,
    "drop": drop,
    "duplicate": duplicate,
    "reorder": reorder,
    "delay": delay,
    **dict.fromkeys(
        (
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
            "null-error",
            "empty-transcript",
        ),
        verbatim,
    ),
    "retract": retract,
    "provider-error": provider_error,
    "final-after-end": final_after_end,
    "unasked-end": unasked_end,
    "early-message": early_message,
    "bad-times": bad_times,
}
