"""`Transcribed` on traces made by hand."""

from __future__ import annotations

import pytest

from sttkit import UsageError, faults, script, speech
from sttkit.dialects import load_dialect
from sttkit.driver.tracks import tracks_of
from sttkit.laws.model import Judgement, Limits, Run, Verdict
from sttkit.pytest_plugin import Transcribed
from sttkit.trace import Trace
from sttkit.worlds.played import Played

SCRIPT = script(speech("hello there"), faults.reset(at="mid-utterance"))
ENCORE = [said.text for said in tracks_of(SCRIPT, Limits())["main"].utterances[1:]]
REFUSED = {"type": "APIStatusError", "message": "no", "retryable": False, "status": 401}


def transcribed(*notes, **verdicts):
    trace = Trace(lambda: 0.0)
    for kind, stream, data in notes:
        trace.note("client", kind, None, stream, **data)
    run = Run(SCRIPT, tuple(trace.records), load_dialect("custom_stt").facts, limits=Limits())
    made = Transcribed(Played(run, trace, 0.0))
    if verdicts:
        judged = {law.replace("_", "-"): verdict for law, verdict in verdicts.items()}
        made.__dict__["verdicts"] = judged
    return made


def final(text, stream="main"):
    return ("event", stream, {"type": "final_transcript", "text": text})


def test_finals_are_those_of_the_stream_under_test_without_its_encore():
    heard = transcribed(
        final("Hello there."),
        final(""),
        final(ENCORE[0]),
        final(ENCORE[1].capitalize() + "."),
        final(f"there {ENCORE[0]}"),
        final("afterthought"),
        final("another", stream="second"),
    )
    assert heard.finals == ["Hello there.", "", f"there {ENCORE[0]}", "afterthought"]
    assert len(heard.events) == 6


def test_the_text_of_a_recording_is_its_only_final():
    assert transcribed(("batch", "main", {"text": "hello", "error": None})).finals == ["hello"]
    failed = transcribed(("batch", "main", {"text": None, "error": REFUSED}))
    assert failed.finals == []
    assert failed.exception is not None
    assert failed.exception.status == 401


def test_an_exception_is_what_iteration_raised():
    raised = transcribed(("ended", "main", {"how": "raised", "error": REFUSED}))
    assert raised.exception is not None
    assert (raised.exception.type, raised.exception.recoverable) == ("APIStatusError", None)
    assert repr(raised) == "<Transcribed: 0 finals, 0 errors, 0 attempts, raised APIStatusError>"
    assert transcribed(("ended", "main", {"how": "stop", "error": None})).exception is None
    assert transcribed(("ended", "second", {"how": "raised", "error": REFUSED})).exception is None


def test_errors_are_the_error_events():
    heard = transcribed(("error", "main", {"recoverable": True, "error": REFUSED}))
    assert [(error.message, error.recoverable, error.retryable) for error in heard.errors] == [
        ("no", True, False)
    ]


BROKEN = Judgement(Verdict.FAIL, expected="a retry", observed="none", at=1.25)
WARNED = Judgement(Verdict.WARN, expected="a log line", observed="silence")
UNASKED = Judgement(Verdict.NOT_EXERCISED, reason="nothing failed")


def test_a_broken_law_is_told_with_its_evidence():
    heard = transcribed(RETRY_1=BROKEN, ORDER_6=WARNED)
    with pytest.raises(AssertionError) as raised:
        heard.check("RETRY-1", "ORDER-6")
    lines = str(raised.value).splitlines()
    assert lines[0].startswith("RETRY-1 (must): fail at 1.250 s: ")
    assert lines[1:3] == ["    expected  a retry", "    observed  none"]
    assert lines[3].startswith("ORDER-6 (should): warn: ")


def test_check_asks_for_more_than_that_a_law_was_not_broken():
    heard = transcribed(RETRY_1=UNASKED)
    heard.assert_laws("RETRY-1")
    with pytest.raises(AssertionError, match=r"RETRY-1 \(must\): not exercised"):
        heard.check("RETRY-1")


def test_a_warning_is_only_asked_for_by_name_or_level():
    from sttkit.laws import ALL_LAWS

    verdicts = {law.id.replace("-", "_"): Judgement(Verdict.PASS) for law in ALL_LAWS}
    heard = transcribed(**{**verdicts, "ORDER_6": WARNED})
    heard.assert_laws()
    with pytest.raises(AssertionError, match="ORDER-6"):
        heard.assert_laws(level="should")
    with pytest.raises(AssertionError, match="ORDER-6"):
        heard.assert_laws("ORDER-6")


def test_a_law_or_level_that_does_not_exist_is_wrong_usage():
    with pytest.raises(UsageError, match="did you mean 'RETRY-1'"):
        transcribed().check("RETRY1")
    with pytest.raises(UsageError, match="unknown level 'shall'"):
        transcribed().assert_laws(level="shall")
