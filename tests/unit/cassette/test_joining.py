"""What one cassette appended to another becomes."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from sttkit.cassette.format import dump, parse
from sttkit.cassette.joining import joined
from sttkit.cassette.model import Audio, Cassette
from sttkit.errors import UsageError
from tests.support.taping import TapedStage


def a_session(**options: str) -> Cassette:
    stage = TapedStage(**options)
    caller = stage.call()
    caller.speak(until=2.0)
    caller.end()
    return stage.cassette()


def test_what_is_appended_comes_later_and_keeps_its_audio() -> None:
    one, other = a_session(), a_session()
    made = joined(one, other)
    assert made.entries[: len(one.entries)] == one.entries
    again = parse(dump(made), blob=made.blob)
    first, second = again.interactions()
    assert len(second.entries) == len(first.entries)
    runs = [entry for entry in second.entries if isinstance(entry, Audio)]
    heard = [other.audio_of(run) for run in other.entries if isinstance(run, Audio)]
    assert [again.audio_of(run) for run in runs] == heard
    assert second.entries[0].at_us >= first.entries[-1].at_us


@pytest.mark.parametrize(
    ("first", "second", "problem"),
    [
        (replace(a_session(), cut="line 9 is not whole"), a_session(), "line 9 is not whole"),
        (a_session(), replace(a_session(), blob=None), "the audio beside it is missing"),
        (a_session(), a_session(audio="dropped"), "audio is 'kept' here, and 'dropped' in what"),
        (
            replace(a_session(), header=msgspec.structs.replace(a_session().header, dialect=None)),
            a_session(),
            "dialect is None here, and 'custom_stt' in what",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(
    first: Cassette, second: Cassette, problem: str
) -> None:
    with pytest.raises(UsageError, match=problem):
        joined(first, second)
