"""The table of broken plugins itself: cases that can be played, and laws that exist."""

from __future__ import annotations

import re

import pytest
from livekit.agents import stt

from sttkit.scripting.cases import parse_case
from sttkit.targets import Context, Place, build
from tests.broken import BROKEN

LAW = re.compile(r"(LIVE|RETRY|CLOSE|ISOLATE|ORDER|AUDIO|USAGE|TIME|INPUT|SECRET)-\d+")


@pytest.mark.parametrize("key", BROKEN)
def test_every_broken_plugin_is_an_stt_with_a_playable_case(key):
    broken = BROKEN[key]
    assert LAW.fullmatch(broken.law)
    assert key.partition(":")[0] == broken.law
    assert parse_case(broken.case).id == broken.case
    context = Context(Place("127.0.0.1", 9), http_session=None, api_key="k")  # type: ignore[arg-type]
    assert isinstance(build(broken.target, context), stt.STT)
