"""A session with an engine behind it: no process, no model; the test gives the answers."""

import json

import pytest

from sttkit import faults
from sttkit.engine.seats import objection_to
from sttkit.events import Final, Interim, SpeechEnded, SpeechStarted
from sttkit.session.engine import Answer, Begin, End, EngineLimits, Failure, Finalize, Hear
from tests.support.caller import Stage
from tests.support.network import wav_of

BUSY = Failure("busy", "all recognisers are busy")
BROKEN = Failure("broken", "the recogniser failed")


class Thinker:
    """An engine as the session knows it."""

    def __init__(self, *, is_loaded=True, **limits):
        self.is_loaded = is_loaded
        self.limits = EngineLimits(**limits)

    def objection(self, options):
        return objection_to(options, language="en", rates=self.limits.rates)


def staged(*placed, **engine):
    return Stage(*placed, engine=Thinker(**engine))


def ready(stage):
    caller = stage.call()
    caller.answer()
    return caller


def kinds(caller):
    return [json.loads(message)["type"] for message in caller.messages]


def last(caller):
    return json.loads(caller.messages[-1])


def configured(stage, **values):
    caller = stage.dial()
    caller.shake_hands()
    caller.send(json.dumps({"type": "config", "sample_rate": 16000, **values}))
    return caller


# --- streaming ----------------------------------------------------------------------------------


def test_ready_is_said_when_the_engine_is():
    stage = staged()
    caller = stage.call()
    assert caller.questions == [Begin(16000)]
    assert kinds(caller) == []
    caller.answer()
    assert kinds(caller) == ["ready"]


def test_audio_is_asked_about_and_answers_are_passed_on_when_they_come():
    caller = ready(staged())
    caller.send(b"\1\0" * 800)
    assert caller.questions == [Hear(b"\1\0" * 800)]
    caller.answer(SpeechStarted(0.0), Interim("hel"))
    assert kinds(caller) == ["ready", "speech_started", "interim"]


def test_a_session_goes_on_while_the_engine_thinks():
    caller = ready(staged())
    caller.send(b"\1\0" * 800)
    assert caller.ping()
    caller.keepalive()
    caller.flush()
    assert caller.questions == [Hear(b"\1\0" * 800), Finalize()]


def test_a_long_message_is_asked_about_a_second_at_a_time():
    caller = ready(staged())
    caller.send(b"\1\0" * 40_000)
    assert [len(piece.pcm) for piece in caller.questions] == [32_000, 32_000, 16_000]


def test_what_is_still_to_be_said_comes_between_the_end_and_the_goodbye():
    caller = ready(staged())
    caller.send(b"\1\0" * 8000)
    caller.end()
    caller.answer(Interim("hel"))
    assert caller.questions == [End()]
    assert not caller.ended
    caller.answer(Final("hello", endpoint=True), SpeechEnded(0.4))
    assert kinds(caller)[-3:] == ["final", "speech_ended", "session_ended"]
    assert last(caller)["audio_seconds"] == 0.5
    assert caller.close_code == 1000


def test_audio_behind_the_end_is_not_recognised():
    caller = ready(staged())
    caller.end()
    caller.send(b"\1\0" * 800)
    assert caller.questions == [End()]


def test_interims_that_were_not_asked_for_are_not_sent():
    stage = staged()
    caller = configured(stage, interim_results=False)
    caller.answer()
    caller.send(b"\1\0" * 800)
    caller.answer(SpeechStarted(0.0), Interim("hel"), Final("hello"))
    assert kinds(caller) == ["ready", "speech_started", "final"]


def test_a_muted_client_is_closed_when_it_is_idle_and_a_keepalive_puts_that_off():
    stage = staged()
    caller = ready(stage)
    stage.wait(25)
    caller.keepalive()
    stage.wait(25)
    assert not caller.ended
    stage.wait(6)
    assert caller.close_code == 1001


def test_an_answer_for_a_client_that_has_gone_is_dropped():
    caller = ready(staged())
    caller.send(b"\1\0" * 800)
    caller.hang_up()
    caller.connection.lost(1001.0, "fin")
    caller.answer(Final("hello"))
    assert kinds(caller) == ["ready"]


def test_faults_are_played_on_what_the_engine_says():
    caller = ready(staged(faults.close(1011, at="mid-utterance", n=2)))
    caller.send(b"\1\0" * 800)
    caller.answer(SpeechStarted(0.0), Interim("a"), Interim("a b"), Interim("a b c"))
    assert kinds(caller).count("interim") == 2
    assert caller.close_code == 1011


# --- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"channels": 2}, "only mono pcm_s16le is served"),
        ({"encoding": "opus"}, "only mono pcm_s16le is served"),
        ({"sample_rate": 4000}, "a sample rate of 4000 Hz is not served, 8000 to 48000 are"),
        ({"sample_rate": "soon"}, "a sample rate that is not served"),
        ({"language": "de"}, "the language 'de' is not served, 'en' is"),
        ({"task": "translate"}, "the task 'translate' is not served, 'transcribe' is"),
    ],
)
def test_a_configuration_that_cannot_be_served_is_refused_with_the_reason(config, reason):
    caller = configured(staged(), **config)
    said = {"type": "error", "message": reason, "code": "bad_request", "retryable": False}
    assert last(caller) == said
    assert caller.close_code == 1008
    assert caller.questions == []


@pytest.mark.parametrize("language", ["en", "EN", "en-US", "en_GB", None, ""])
def test_english_by_any_tag_is_served(language):
    assert configured(staged(), language=language).questions == [Begin(16000)]


def test_the_sample_rate_cannot_change_in_mid_session():
    caller = ready(staged())
    caller.send(json.dumps({"type": "config", "sample_rate": 8000}))
    assert last(caller)["message"] == "the sample rate cannot change within a session"


@pytest.mark.parametrize(
    "message",
    [b"\1\0", "no json", "[]", '{"type": "flush"}'],
    ids=["audio", "text", "list", "flush"],
)
def test_whatever_comes_before_the_configuration_is_refused(message):
    caller = staged().dial()
    caller.shake_hands()
    caller.send(message)
    assert last(caller)["code"] == "bad_request"
    assert caller.close_code == 1008


def test_half_a_sample_is_refused():
    caller = ready(staged())
    caller.send(b"\1\0\1")
    assert last(caller)["message"] == "an odd number of bytes of 16-bit audio"


def test_where_there_is_no_room_the_client_is_told_to_try_again():
    caller = staged().call()
    caller.answer(failure=BUSY)
    assert (last(caller)["code"], last(caller)["retryable"]) == ("overloaded", True)
    assert caller.close_code == 1013


def test_a_recogniser_that_fails_ends_its_session():
    stage = staged()
    caller = ready(stage)
    caller.send(b"\1\0" * 800)
    caller.answer(failure=BROKEN)
    assert caller.close_code == 1011
    before = stage.records("engine-failed")
    caller.send(b"\1\0" * 800)
    assert len(before) == len(stage.records("engine-failed")) == 1


def test_a_failure_after_the_session_is_not_told():
    stage = staged()
    caller = ready(stage)
    caller.send(b"\1\0" * 800)
    caller.connection.close(1000)  # and the client has not answered yet
    caller.connection.receive_answer(Answer(failure=BROKEN), stage.now)
    assert not stage.records("engine-failed")


def test_the_longest_session_is_finished_properly_and_closed():
    caller = ready(staged(session_s=1.0))
    caller.send(b"\1\0" * 12_000)
    caller.send(b"\1\0" * 12_000)
    assert caller.questions[-1] == End()
    for _ in caller.questions[:-1]:
        caller.answer()
    caller.answer(Final("hello"))
    assert last(caller)["text"] == "hello"
    assert caller.close_code == 4000


def test_a_client_that_says_nothing_but_that_it_is_there_does_not_keep_its_seat_for_ever():
    stage = staged(session_s=60.0)
    caller = ready(stage)
    for _ in range(6):
        caller.keepalive()
        stage.wait(10)
    assert caller.questions == [End()]
    caller.answer()
    assert caller.close_code == 4000


def test_a_session_that_is_ended_twice_is_ended_once():
    stage = staged(session_s=1.0)
    caller = ready(stage)
    caller.end()
    stage.wait(2)
    assert caller.questions == [End()]
    caller.answer()
    assert caller.close_code == 1000

    caller = ready(stage)
    stage.wait(2)
    caller.end()
    assert caller.questions == [End()]
    caller.answer()
    assert caller.close_code == 4000


def test_a_client_that_is_too_far_ahead_is_not_read_until_the_engine_has_caught_up():
    caller = ready(staged(behind_bytes=64_000))
    caller.send(b"\1\0" * 48_000)
    assert caller.paused
    caller.answer()
    assert caller.paused
    caller.answer()
    assert not caller.paused


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"GET /ws/transcribe HT",
        b"POST /transcribe HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
    ],
)
def test_a_client_that_does_not_bring_its_request_is_dropped(head):
    stage = staged(request_s=30.0)
    caller = stage.dial()
    caller.write(head)
    stage.wait(29)
    assert not caller.ended
    stage.wait(2)
    assert caller.ended


def test_a_session_that_is_open_is_not_dropped_for_taking_its_time():
    stage = staged(request_s=5.0)
    caller = ready(stage)
    stage.wait(10)
    assert not caller.ended


# --- recordings ---------------------------------------------------------------------------------


def post(stage, wav, target="/transcribe", fields=None):
    parts = [f'Content-Disposition: form-data; name="{k}"\r\n\r\n{v}'.encode()
             for k, v in (fields or {}).items()]  # fmt: skip
    parts.append(b'Content-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n' + wav)
    body = b"".join(b"--x\r\n" + part + b"\r\n" for part in parts) + b"--x--\r\n"
    caller = stage.dial()
    caller.write(
        f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n".encode()
        + body
    )
    return caller


def answered(caller):
    head, _, body = caller.raw.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


WAV = wav_of(b"\1\0" * 24_000)


def recognised(stage, **how):
    caller = post(stage, WAV, **how)
    assert caller.questions == [Begin(16000), Hear(b"\1\0" * 16_000), Hear(b"\1\0" * 8000), End()]
    caller.answer()
    caller.answer(Interim("one"), Final("one two", 0.1, 0.6, confidence=0.5))
    caller.answer()
    assert caller.raw == b""
    caller.answer(Final("three", 1.0, 1.4, confidence=0.9))
    return answered(caller)


def test_a_recording_is_answered_when_all_of_it_is_recognised():
    status, said = recognised(staged())
    assert status == 200
    assert (said["text"], said["duration"]) == ("one two three", 1.5)
    assert said["segments"] == [
        {"start": 0.1, "end": 0.6, "text": "one two", "confidence": 0.5},
        {"start": 1.0, "end": 1.4, "text": "three", "confidence": 0.9},
    ]


def test_the_openai_alias_answers_as_it_is_asked_to():
    alias = "/v1/audio/transcriptions"
    assert set(recognised(staged(), target=alias)[1]) == {"text", "language", "duration"}
    _, said = recognised(staged(), target=alias, fields={"response_format": "verbose_json"})
    assert said["task"] == "transcribe"
    assert [(s["id"], s["text"]) for s in said["segments"]] == [(0, "one two"), (1, "three")]


def test_while_the_model_is_loaded_a_recording_is_put_off_and_health_says_so():
    stage = staged(is_loaded=False)
    caller = post(stage, WAV)
    assert answered(caller)[0] == 503
    assert b"Retry-After: 1" in caller.raw
    caller = stage.dial()
    caller.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answered(caller) == (200, {"status": "ok", "model_loaded": False})


@pytest.mark.parametrize(("failure", "status"), [(BUSY, 503), (BROKEN, 500)])
def test_a_recording_that_could_not_be_recognised_is_an_error(failure, status):
    caller = post(staged(), WAV)
    for _ in caller.questions:  # of the rest it is said as well, before the client has seen it
        caller.connection.receive_answer(Answer(failure=failure), 1000.0)
    caller.carry_out()
    assert answered(caller) == (status, {"error": {"message": failure.text, "code": status}})


@pytest.mark.parametrize(
    ("wav", "target", "status"),
    [
        (b"no wav", "/transcribe", 400),
        (WAV, "/transcribe?language=de", 400),
        (wav_of(b"\1\0" * 100, rate=6000), "/transcribe", 400),
        (wav_of(b"\1\0" * 100, rate=2000), "/transcribe", 415),
        (wav_of(b"\1\0" * 16_000 * 3), "/transcribe", 413),
        (wav_of(bytes(100_000)), "/transcribe", 413),
    ],
    ids=["no wav", "language", "rate", "odd rate", "too long", "too large"],
)
def test_a_recording_that_cannot_be_served_is_refused(wav, target, status):
    caller = post(staged(recording_s=2.0, body_bytes=98_000), wav, target)
    found, said = answered(caller)
    assert found == status
    assert said["error"]["code"] == status
    assert said["error"]["message"]
    assert caller.questions == []


def test_where_nothing_was_heard_nothing_is_asked():
    stage = Stage(dialect="deepgram", engine=Thinker())
    caller = stage.call()
    caller.flush()
    caller.end()
    assert caller.questions == []
    assert caller.close_code == 1000


def test_a_dialect_without_a_greeting_begins_with_its_first_audio():
    stage = Stage(dialect="deepgram", engine=Thinker())
    caller = stage.call()
    caller.send(b"\1\0" * 800)
    assert caller.questions == [Begin(16000), Hear(b"\1\0" * 800)]
