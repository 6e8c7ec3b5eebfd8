"""A cassette played by the session core: like the original for whoever talks to it."""

from __future__ import annotations

import json

import pytest

from sttkit import faults, silence
from sttkit.cassette.format import parse
from sttkit.cassette.model import Cassette, Message
from sttkit.cassette.playing import Playing
from sttkit.cassette.tape import ASAP, EXACT, Attempts, Tape, Timing, compiled
from sttkit.errors import UsageError
from sttkit.events import Config, Final, Flush
from tests.support.caller import SAID, Caller
from tests.support.taping import TapedCaller, TapedStage
from tests.support.tongues import TONGUES

DIALECTS = tuple(TONGUES)

ENDINGS = {
    "healthy": (),
    "close": ("close=1011@mid-utterance.2",),
    "reset": ("reset@after-final",),
    "fin": ("fin@mid-utterance.2",),
    "silence": ("half-open@mid-utterance.2",),
    "half-close": ("half-close@mid-utterance.2",),
    "status": ("http=503@connecting",),
    "retry-after": ("http=429@connecting",),
    "never answered": ("no-answer@connecting",),
    "close never answered": ("no-close-reply@closing",),
    "no answer to the end": ("mute-after-end@after-end",),
    "late": ("late-final@after-end",),
    "not JSON": ("not-json@mid-utterance.2",),
    "no WebSocket any more": ("rfc=masked@mid-utterance.2",),
    "cut in a frame": ("cut@mid-utterance.2",),
}


def play(
    *placed: str,
    dialect: str = "custom_stt",
    tape: Tape | None = None,
    frame_s: float = 0.02,
    closes: bool = False,
) -> tuple[TapedStage, Caller]:
    stage = TapedStage(*map(faults.parse_placed, placed), dialect=dialect, tape=tape)
    caller = stage.call()
    assert isinstance(caller, TapedCaller)
    caller.speak(until=stage.script.speech.duration, frame_s=frame_s)
    if closes:
        caller.close(1000, "enough")
    caller.end()
    stage.wait(20)
    caller.give_up()
    return stage, caller


def lines_of(stage: TapedStage) -> list[str]:
    """What was recorded, without the nonce of the handshake."""
    lines = []
    for line in stage.data.decode().splitlines():
        entry = json.loads(line)
        if "headers" in entry:
            entry["headers"] = [
                pair for pair in entry["headers"] if not pair[0].startswith("Sec-WebSocket")
            ]
        lines.append(json.dumps(entry))
    return lines


def playing_of(stage: TapedStage) -> tuple[list[str], list[int]]:
    assert stage.line.playing is not None
    return [str(one) for one in stage.line.playing.mismatches], stage.line.playing.unplayed()


# --- a fixed point ------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("ending", ENDINGS)
def test_recording_a_replay_gives_the_recording(ending: str, dialect: str) -> None:
    original, heard = play(*ENDINGS[ending], dialect=dialect)
    replay, heard_again = play(dialect=dialect, tape=compiled(original.cassette(), timing=EXACT))
    assert lines_of(replay) == lines_of(original)
    assert playing_of(replay) == ([], [])
    assert heard_again.close_code == heard.close_code
    assert (heard_again.eof, heard_again.reset) == (heard.eof, heard.reset)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_client_that_closes_first_is_answered_as_it_was(dialect: str) -> None:
    original, _ = play(dialect=dialect, closes=True)
    replay, _ = play(dialect=dialect, closes=True, tape=compiled(original.cassette(), timing=EXACT))
    assert lines_of(replay) == lines_of(original)
    assert original.cassette().interactions()[0].end.by == "client"  # type: ignore[union-attr]


def test_fragments_pings_and_pongs_come_back_as_they_were() -> None:
    stage = TapedStage()
    one = stage.writer.open(0)
    one.request(0, "GET", "/ws/transcribe", [], (("Upgrade", "websocket"),))
    one.response(0, 101)
    one.message(0, "client", '{"type": "config"}')
    one.ping(0, "server", b"are you there")
    one.message(10, "server", '{"type":"ready"}', frames=[4, 0, 12])
    one.stray(20, "server", b"\xff\xff")
    replay = TapedStage(tape=compiled(stage.cassette(), timing=EXACT))
    caller = replay.call()
    replay.wait(1)
    kinds = [(frame.opcode.name, bytes(frame.data), frame.fin) for _, frame in caller.frames]
    assert kinds == [
        ("PING", b"are you there", True),
        ("TEXT", b'{"ty', False),
        ("CONT", b"", False),
        ("CONT", b'pe":"ready"}', True),
    ]
    assert b"}\xff\xff" in caller.raw


# --- time and cause -----------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("timing", ["asap", "exact", "scaled:3"])
@pytest.mark.parametrize("frame_s", [0.01, 0.02, 0.1])
def test_50_ms_chunks_replay_for_clients_with_other_chunks(
    dialect: str, frame_s: float, timing: str
) -> None:
    original, heard = play(dialect=dialect, frame_s=0.05)
    replay, heard_again = play(
        dialect=dialect,
        frame_s=frame_s,
        tape=compiled(original.cassette(), timing=Timing.parse(timing)),
    )
    assert heard_again.finals == heard.finals == [*SAID]
    assert heard_again.close_code == 1000
    assert playing_of(replay) == ([], [])


def test_a_message_is_released_by_the_audio_that_led_to_it() -> None:
    original, _ = play()
    replay = TapedStage(tape=compiled(original.cassette()))
    caller = replay.call()
    final_us = next(
        entry.audio_us
        for entry in original.cassette().entries
        if isinstance(entry, Message) and b'"final"' in (original.cassette().data_of(entry) or b"")
    )
    caller.speak(until=final_us * 1e-6 - 0.02)
    replay.wait(3600)
    assert not caller.finals
    caller.speak(until=final_us * 1e-6)
    assert caller.finals == [SAID[0]]


def test_nothing_comes_before_the_client_message_that_led_to_it() -> None:
    original, _ = play()
    replay = TapedStage(tape=compiled(original.cassette()))
    caller = replay.dial()
    caller.shake_hands()
    replay.wait(60)
    assert not caller.messages  # the greeting answers the configuration
    caller.send(TONGUES["custom_stt"].config or "")
    assert len(caller.messages) == 1
    caller.speak(until=replay.script.speech.duration)
    replay.wait(60)
    assert not caller.ended  # the end answers the end
    caller.end()
    assert caller.ended


def test_exact_timing_keeps_the_remaining_delay_and_asap_does_not() -> None:
    original, _ = play("late-final@after-end")
    for timing, took in ((ASAP, 0.0), (EXACT, 1.5), (Timing(0.5), 0.75), (Timing(2.0), 3.0)):
        replay = TapedStage(tape=compiled(original.cassette(), timing=timing))
        caller = replay.call()
        caller.speak(until=replay.script.speech.duration)
        asked = replay.now
        caller.end()
        replay.wait(20)
        assert caller.timed_messages[-1][0] - asked == pytest.approx(took, abs=1e-5)


@pytest.mark.parametrize(("until", "heard"), [(3.6, [*SAID]), (1.0, []), (2.0, [SAID[0]])])
def test_what_answers_audio_that_never_came_is_not_played(until: float, heard: list[str]) -> None:
    original, _ = play()
    replay = TapedStage(tape=compiled(original.cassette()))
    caller = replay.call()
    caller.speak(until=until)
    caller.end()
    assert caller.finals == heard
    assert caller.close_code == 1000
    mismatches, unplayed = playing_of(replay)
    assert not mismatches
    assert bool(unplayed) == (heard != [*SAID])


@pytest.mark.parametrize("text", ["fast", "scaled", "scaled:", "scaled:x", "scaled:-1", "exact:2"])
def test_a_timing_that_there_is_not_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="asap, exact, or scaled:X"):
        Timing.parse(text)


def test_until_an_entry_the_server_plays_and_then_it_is_silent() -> None:
    original, _ = play()
    entries = original.cassette().entries
    first_final = next(
        place
        for place, entry in enumerate(entries, start=1)
        if isinstance(entry, Message) and b'"final"' in (original.cassette().data_of(entry) or b"")
    )
    _, caller = play(tape=compiled(original.cassette(), until=first_final))
    assert caller.finals == [SAID[0]]
    assert not caller.ended


# --- retries ------------------------------------------------------------------------------------


def two_sessions() -> Cassette:
    stage = TapedStage(faults.reset(at="between-utterances"))
    first = stage.call()
    first.speak(until=2.0)
    second = stage.call()
    second.skip(to=2.0)
    second.speak(until=stage.script.speech.duration)
    second.end()
    return stage.cassette()


def retried(tape: Tape, *placed: str) -> tuple[TapedStage, Caller, Caller]:
    stage = TapedStage(*map(faults.parse_placed, placed), tape=tape)
    first = stage.call()
    first.speak(until=2.0)
    second = stage.call()
    second.skip(to=2.0)
    second.speak(until=stage.script.speech.duration)
    second.end()
    return stage, first, second


def test_a_second_attempt_gets_the_second_recorded_session() -> None:
    stage, first, second = retried(compiled(two_sessions()))
    assert first.reset
    assert (first.finals, second.finals) == ([SAID[0]], [SAID[1]])
    assert playing_of(stage) == ([], [])


def test_a_second_attempt_gets_the_rest_of_the_first_by_audio_position() -> None:
    original, _ = play()
    tape = compiled(original.cassette(), attempts="continue")
    stage, first, second = retried(tape, "reset@between-utterances")
    assert first.reset
    assert (first.finals, second.finals) == ([SAID[0]], [SAID[1]])
    assert second.close_code == 1000
    assert playing_of(stage) == ([], [])
    # Times are those of the audio that this session heard.
    final = next(event for event in second.events if isinstance(event, Final))
    assert 0.3 < final.start < 0.4


@pytest.mark.parametrize("attempts", ["recorded", "continue"])
def test_an_attempt_too_many_is_a_mismatch_only_where_recordings_are_counted(
    attempts: Attempts,
) -> None:
    original, _ = play()
    stage = TapedStage(tape=compiled(original.cassette(), attempts=attempts))
    for _ in range(2):
        caller = stage.call()
        caller.speak(until=stage.script.speech.duration)
        caller.end()
    mismatches, _ = playing_of(stage)
    if attempts == "recorded":
        assert caller.response is not None
        assert caller.response.status_code == 404
        assert "no further request: 1 interactions are recorded" in mismatches[0]
    else:  # the healthy recogniser serves it
        assert not mismatches
        assert caller.finals == [*SAID]


def test_a_refused_attempt_is_refused_before_it_connects() -> None:
    stage = TapedStage()
    stage.writer.open(0).end(5, "refused", "server")
    stage.writer.open(9).end(20, "unknown-host", "server")
    line = TapedStage(tape=compiled(stage.cassette())).line
    assert not line.blocked_attempt("unknown-host")
    assert line.blocked_attempt("refused")
    assert not line.blocked_attempt("refused")
    assert line.blocked_attempt("unknown-host")
    assert line.attempts == 2


def test_where_refusing_is_impossible_a_refused_attempt_is_reset() -> None:
    stage = TapedStage()
    stage.writer.open(0).end(5, "refused", "server")
    caller = TapedStage(tape=compiled(stage.cassette())).dial()
    assert caller.reset


# --- faults on a recording ----------------------------------------------------------------------


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "placed",
    [
        "close=1011@greeting",
        "reset@upgraded",
        "reset@before-audio",
        "reset@idle",
        "fin@mid-utterance",
        "close=4000@mid-utterance.3",
        "reset@after-final.2",
        "reset@between-utterances",
        "reset@after-end",
        "reset@after-end-answer",
        "close=1013@closing",
        "http=503@connecting",
        "half-open@mid-utterance.2",
        "drop@after-final",
        "duplicate@after-final",
        "reorder@mid-utterance.2",
        "not-json@mid-utterance.2",
        "stall@mid-utterance.2",
        "mute-after-end@after-end",
        "late-close@after-end-answer",
        "bad-times@mid-utterance",
        "fragment=1@upgraded",
        "no-close-reply@closing",
    ],
)
def test_a_fault_on_a_recording_does_what_it_does_to_a_live_session(
    placed: str, dialect: str
) -> None:
    if "greeting" in placed and dialect == "deepgram":
        return
    original, _ = play(dialect=dialect)
    live, heard_live = play(placed, dialect=dialect)
    tape = compiled(original.cassette())
    stage = TapedStage(faults.parse_placed(placed), dialect=dialect, tape=tape)
    caller = stage.call()
    caller.speak(until=stage.script.speech.duration)
    caller.end()
    stage.wait(20)
    assert [r.data["id"] for r in stage.records("fault")] == [
        r.data["id"] for r in live.records("fault")
    ]
    assert caller.finals == heard_live.finals
    assert caller.close_code == heard_live.close_code
    assert (caller.eof, caller.reset) == (heard_live.eof, heard_live.reset)
    sent = [(r.data["event"], r.data.get("text")) for r in stage.records("sent")]
    assert sent == [(r.data["event"], r.data.get("text")) for r in live.records("sent")]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_points_of_a_recording_are_those_of_the_live_session(dialect: str) -> None:
    live, _ = play(dialect=dialect)
    replay, _ = play(dialect=dialect, tape=compiled(live.cassette()))

    def points(stage: TapedStage) -> list[tuple[str, int]]:
        return [(r.data["point"], r.data["n"]) for r in stage.records("point")]

    assert points(replay) == points(live)


# --- strictness ---------------------------------------------------------------------------------


def test_what_the_client_says_otherwise_is_told_with_the_nearest_entry_and_the_difference() -> None:
    original, _ = play()
    stage = TapedStage(tape=compiled(original.cassette()))
    caller = stage.dial(target="/ws/transcribe?language=de")
    caller.shake_hands()
    caller.send('{"type": "config", "sample_rate": 16000, "language": "de", "session_id": "x"}')
    caller.flush()
    mismatches, _ = playing_of(stage)
    assert mismatches == [
        "taped.jsonl, interaction 1, entry 2 (upstream, +0.000 s)\n"
        "  expected  GET /ws/transcribe\n"
        "  got       GET /ws/transcribe?language=de\n"
        '  differs   language is new: "de"\n'
        "  rerun     sttkit replay taped.jsonl --until 2",
        "taped.jsonl, interaction 1, entry 4 (upstream, +0.000 s)\n"
        '  expected  config {"type": "config", "sample_rate": 16000, "language": "en"}\n'
        '  got       config {"type": "config", "sample_rate": 16000, "language": "de", '
        '"session_id": "x"}\n'
        '  differs   language was "en", and is "de"\n'
        "  rerun     sttkit replay taped.jsonl --until 4",
        f"taped.jsonl, interaction 1, entry {len(original.cassette().entries) - 4} "
        "(upstream, +4.180 s)\n"
        '  expected  end {"type":"end_of_stream"}\n'
        '  got       flush {"type":"flush"}\n'
        f"  rerun     sttkit replay taped.jsonl --until {len(original.cassette().entries) - 4}",
    ]


def test_entries_that_were_never_played_are_told() -> None:
    original, _ = play()
    stage = TapedStage(tape=compiled(original.cassette()))
    stage.call().speak(until=1.9)
    _, unplayed = playing_of(stage)
    cassette = original.cassette()
    kinds = {type(cassette.entries[place - 1]).__name__ for place in unplayed}
    assert kinds == {"Message", "Close"}
    assert len(unplayed) == 11


def test_keepalives_and_chunks_are_not_compared() -> None:
    original, _ = play()
    stage = TapedStage(tape=compiled(original.cassette()))
    caller = stage.call()
    caller.keepalive()
    caller.speak(until=stage.script.speech.duration, frame_s=0.07)
    caller.keepalive()
    caller.end()
    assert playing_of(stage) == ([], [])


def test_a_protocol_that_nobody_knows_plays_by_audio_and_texts() -> None:
    stage = TapedStage()
    lines = bytearray(b'{"sttkit-cassette":1,"sample_rate":8000}\n')
    for line in [
        '{"kind":"open","i":0,"at_us":0}',
        '{"kind":"request","i":0,"at_us":0,"method":"GET","path":"/x",'
        '"headers":[["Upgrade","websocket"]]}',
        '{"kind":"response","i":0,"at_us":0,"status":101}',
        '{"kind":"message","i":0,"at_us":0,"side":"client","text":"hello"}',
        '{"kind":"message","i":0,"at_us":0,"side":"server","text":"welcome"}',
        '{"kind":"audio","i":0,"at_us":0,"audio_us":500000,"sizes":[8000]}',
        '{"kind":"message","i":0,"at_us":0,"audio_us":500000,"side":"server","text":"heard"}',
    ]:
        lines += line.encode() + b"\n"
    tape = compiled(parse(bytes(lines)))
    stage = TapedStage(tape=tape, said=silence(1))
    stage.line.dialect = tape.dialect
    caller = stage.dial(target="/x")
    caller.shake_hands()
    caller.send("hello")
    assert caller.messages == ["welcome"]
    caller.send(bytes(7999))
    assert caller.messages == ["welcome"]
    caller.send(bytes(1))
    assert caller.messages == ["welcome", "heard"]


def test_a_cassette_without_what_the_server_sent_cannot_be_played() -> None:
    lines = (
        b'{"sttkit-cassette":1}\n{"kind":"open","i":0,"at_us":0}\n'
        b'{"kind":"response","i":0,"at_us":0,"status":101}\n'
        b'{"kind":"message","i":0,"at_us":0,"side":"server","size":9}\n'
    )
    with pytest.raises(UsageError, match=r"x:4: what the server sent was left out"):
        compiled(parse(lines, name="x"))


def test_a_cassette_without_interactions_cannot_be_played() -> None:
    with pytest.raises(UsageError, match="nothing is recorded"):
        compiled(parse(b'{"sttkit-cassette":1}\n'))


@pytest.mark.parametrize(("late_s", "answered_late_s"), [(0.0, 0.0), (0.003, 0.0), (0.2, 0.2)])
def test_an_answer_is_as_late_as_a_slow_client_but_not_as_a_jittering_line(
    late_s: float, answered_late_s: float
) -> None:
    stage = TapedStage()
    one = stage.writer.open(0)
    one.request(0, "GET", "/ws/transcribe", [], (("Upgrade", "websocket"),))
    one.response(0, 101)
    one.message(0, "client", '{"type": "config"}')
    one.message(0, "server", '{"type":"ready"}')
    one.message(100_000, "client", '{"type":"flush"}')
    one.message(130_000, "server", '{"type":"interim","text":"so"}')
    tape = compiled(stage.cassette(), timing=EXACT)
    reel = Playing(tape).reel(tape.parts[0])
    reel.begin(5.0)
    reel.hear(Config({"type": "config"}), '{"type": "config"}', 5.0)
    while reel.due(5.0):
        reel.played()
    reel.hear(Flush(), '{"type":"flush"}', 5.1 + late_s)
    assert reel.next_due == pytest.approx(5.13 + answered_late_s)
