import re

from sttkit.conformance.timeline import Teller, timeline
from sttkit.trace import Record


def server(at, kind, conn=0, stream="main", **data):
    return Record(at, "server", kind, conn, stream, data)


def client(at, kind, stream="main", **data):
    return Record(at, "client", kind, None, stream, data)


def pushed(at, start, end):
    return client(at, "push", track="main", start=start, end=end)


def heard(at, start, end, conn=0, track="main"):
    return server(at, "audio", conn, spans=[[track, start, end, True, False]], bytes=640)


def frames(count, *, start=0.0, at=0.0):
    records = []
    for n in range(count):
        begin = start + 0.02 * n
        records.append(pushed(at + 0.02 * n, begin, begin + 0.02))
        records.append(heard(at + 0.02 * n + 0.001, begin, begin + 0.02))
    return records


def body(records, **options):
    return timeline(records, **options).splitlines()[1:]


def test_audio_is_told_in_one_row_what_was_pushed_beside_what_was_heard():
    (line,) = body(frames(50))
    assert "heard 1.00 s (0.00–1.00)" in line
    assert "pushed 1.00 s (0.00–1.00)" in line


def test_an_event_ends_a_run_of_audio():
    event = client(1.0, "event", type="final_transcript", text="hello")
    first, middle, last = body([*frames(50), event, *frames(50, start=1.0, at=1.01)])
    assert "(0.00–1.00)" in first
    assert '-> final "hello"' in middle
    assert "(1.00–2.00)" in last


def test_a_little_audio_before_an_event_does_not_get_a_row():
    events = [client(0.03, "event", type="interim_transcript", text=word) for word in "ab"]
    lines = body([*frames(2), *events, *frames(50, start=0.04, at=0.04)])
    assert len(lines) == 3
    assert "pushed 1.04 s (0.00–1.04)" in lines[-1]


def test_before_a_fault_all_audio_is_told():
    fault = server(0.03, "fault", fault="reset", id="reset", point="idle", n=1)
    lines = body([*frames(1), fault])
    assert "heard 0.02 s" in lines[0]
    assert lines[1].split() == ["0.030", "#0", "!", "FAULT", "reset", "at", "idle"]


def test_unknown_audio_has_no_position():
    (line,) = body([server(0.5, "audio", stream=None, spans=[[None, 0.0, 0.5, False, False]])])
    assert line.endswith("heard 0.50 s")


def test_time_never_goes_back_within_one_stream():
    records = [*frames(3), client(0.07, "event", type="start_of_speech"), *frames(60, at=0.08)]
    times = [float(line.split()[0]) for line in body(records)]
    assert times == sorted(times)


def test_another_stream_is_named():
    (line,) = body([client(0.0, "stream", stream="second")])
    assert line.endswith("[second] stream()")


def test_no_line_is_wider_than_asked_for():
    words = "a long message " * 20
    records = [
        server(0.1, "config", values={f"key{n}": "value" for n in range(50)}),
        client(0.2, "log", level="ERROR", logger="x", message=words),
        server(0.3, "injected", what="huge", text="x" * 500),
        server(0.4, "fault", fault="rfc=" + "y" * 200, point="idle", n=2),
        *frames(50),
    ]
    for width in (60, 80, 200):
        assert max(map(len, body(records, width=width))) <= width


def test_a_terminal_obeys_nothing_of_what_a_server_said():
    text = timeline([client(0.0, "event", type="final_transcript", text="\x1b[2Jgone\r\n\x07")])
    assert "\x1b" not in text
    assert "\x07" not in text
    assert r"\x1b[2Jgone" in text


def test_colour_is_only_added_when_asked_for():
    records = [server(0.0, "fault", fault="reset", point="idle", n=1), *frames(10)]
    plain, coloured = timeline(records), timeline(records, color=True)
    assert "\x1b" not in plain
    assert "\x1b[1;31m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def test_only_what_a_run_left_behind_is_told_of_a_census():
    before = {"label": "before", "tasks": [], "fds": 8, "threads": ["MainThread"], "sessions": 0}
    clean = client(9.0, "census", **{**before, "label": "after-1"})
    dirty = client(
        9.0, "census", **{**before, "label": "after-1", "tasks": ["STT._poll"], "fds": 10}
    )
    first = client(0.0, "census", **before)
    assert body([first, clean]) == []
    text = " ".join(" ".join(body([first, dirty], width=200)).split())
    assert "left behind, after-1: 1 tasks (STT._poll), 2 descriptors" in text


def test_calls_refused_after_the_end_are_as_they_should_be_and_left_out():
    refused = {"type": "RuntimeError", "message": "input ended"}
    records = [
        client(1.0, "call", name="late:flush", took=0.0, error=refused),
        client(1.0, "call", name="late:push_frame", took=0.0, error=None),
    ]
    (line,) = body(records, width=120)
    assert line.endswith("push_frame() after the end: accepted")


def test_a_kind_of_record_that_is_not_known_is_told_by_its_data():
    (line,) = body([client(1.0, "novelty", colour="red")], width=120)
    assert line.endswith("novelty colour=red")


def test_told_one_by_one_nothing_is_lost():
    records = [*frames(30), client(0.7, "event", type="end_of_speech"), *frames(30, at=0.8)]
    teller = Teller(width=80)
    lines = teller.head()
    for record in records:
        lines += teller.feed(record)
    assert [*lines, *teller.rest()] == timeline(records).splitlines()


def test_a_long_silence_between_events_still_shows_that_audio_flows():
    assert len(body(frames(600))) == 3


def test_a_loop_that_never_rested_is_told_with_how_long_or_with_where_time_stood_still():
    spun = client(1.0, "busy", seconds=0.0, where="main waits at plugin.py:7")
    burned = client(2.0, "busy", seconds=1.5)
    first, second = body([spun, burned], width=200)
    assert first.endswith(
        "event loop never rested while time stood still: main waits at plugin.py:7"
    )
    assert second.endswith("event loop never rested for 1.5 s")
