"""Whole sessions, and the dialects that tests of all of them speak."""

from __future__ import annotations

import pytest

from sttkit import faults
from tests.support.caller import Caller, Stage
from tests.support.tongues import TONGUES

every_dialect = pytest.mark.parametrize("dialect", TONGUES)


def whole_session(*placed: str, dialect: str = "custom_stt") -> tuple[Stage, Caller]:
    stage = Stage(*map(faults.parse_placed, placed), dialect=dialect)
    caller = stage.call()
    caller.speak(until=stage.script.speech.duration)
    caller.end()
    return stage, caller
