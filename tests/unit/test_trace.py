"""The trace: order, time, secrets, listeners, and its form as JSON lines."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from sttkit.trace import REDACTED, Trace


class Clock:
    now = 50.0

    def __call__(self) -> float:
        return self.now


def test_records_are_kept_in_order_with_the_time_since_the_beginning() -> None:
    clock = Clock()
    trace = Trace(clock)
    trace.note("server", "attempt", 0, outcome="accepted")
    clock.now = 51.5
    trace.note("client", "push", None, "main", start=0.0)
    assert [(r.at, r.side, r.kind, r.conn, r.stream) for r in trace] == [
        (0.0, "server", "attempt", 0, None),
        (1.5, "client", "push", None, "main"),
    ]
    assert (len(trace), trace.now()) == (2, 1.5)


def test_a_bounded_trace_keeps_the_latest_records_and_tells_listeners_of_all() -> None:
    trace = Trace(Clock(), limit=3)
    heard: list[str] = []
    trace.listen(lambda record: heard.append(record.kind))
    for kind in "abcde":
        trace.note("server", kind)
    assert [record.kind for record in trace] == ["c", "d", "e"]
    assert heard == list("abcde")


def test_listeners_hear_what_comes_after_until_they_are_stopped() -> None:
    trace = Trace(Clock())
    trace.note("server", "before")
    heard: list[str] = []
    stop = trace.listen(lambda record: heard.append(record.kind))
    trace.note("server", "during")
    stop()
    stop()
    trace.note("server", "after")
    assert heard == ["during"]


def test_a_listener_may_stop_itself_while_it_is_called() -> None:
    trace = Trace(Clock())
    heard: list[str] = []

    def once(record: object) -> None:
        heard.append("once")
        stop()

    stop = trace.listen(once)
    trace.listen(lambda record: heard.append("always"))
    trace.note("server", "a")
    trace.note("server", "b")
    assert heard == ["once", "always", "always"]


def test_a_listener_that_comes_while_another_thread_writes_is_told_of_what_follows() -> None:
    trace = Trace(Clock())
    heard: list[str] = []

    class Kinds(list[str]):
        """Asked by whoever writes, and just then somebody else begins to listen."""

        def __contains__(self, kind: object) -> bool:
            if not heard:
                heard.append("listens")
                trace.listen(lambda record: heard.append(record.kind))
            return False

    trace.listen(lambda record: None, Kinds())
    trace.note("server", "a")
    trace.note("server", "a")
    assert heard == ["listens", "a"]


def test_secrets_are_removed_and_found() -> None:
    trace = Trace(Clock(), secrets=("sk-1", ""))
    assert trace.redact("key sk-1, again sk-1") == "key [redacted], again [redacted]"
    assert trace.holds_secret("xsk-1x")
    assert not trace.holds_secret("nothing")


@pytest.mark.parametrize("before", ["", "k", "ke", "key:"])
def test_an_encoded_secret_is_a_secret(before: str) -> None:
    secret = "canary/+key-1"
    trace = Trace(Clock(), secrets=(secret,))
    plain = (before + secret + ":x").encode()
    for encoded in (
        base64.b64encode(plain).decode(),
        base64.urlsafe_b64encode(plain).decode(),
        quote(before + secret, safe=""),
    ):
        assert trace.holds_secret(f"Basic {encoded}")
        assert REDACTED in trace.redact(f"Basic {encoded}")
        assert not trace.holds_secret(trace.redact(f"Basic {encoded}"))
    assert not trace.holds_secret(base64.b64encode(b"canary").decode())


def test_a_short_secret_is_looked_for_as_it_is_only() -> None:
    trace = Trace(Clock(), secrets=("sk-1",))
    assert not trace.holds_secret(base64.b64encode(b"sk-1").decode())


def test_a_line_keeps_the_records_own_facts_apart_from_the_events() -> None:
    clock = Clock()
    trace = Trace(clock)
    clock.now = 52.0
    trace.note("server", "sent", 0, "main", event="speech_started", at=0.4)
    (line,) = trace.to_jsonl().splitlines()
    assert json.loads(line) == {
        "at": 2.0,
        "side": "server",
        "kind": "sent",
        "conn": 0,
        "stream": "main",
        "data": {"event": "speech_started", "at": 0.4},
    }


def test_equal_traces_have_equal_hashes() -> None:
    def made(text: str) -> str:
        trace = Trace(Clock())
        trace.note("client", "event", None, "main", text=text, odd={1})
        return trace.sha256()

    assert made("a") == made("a")
    assert made("a") != made("b")
