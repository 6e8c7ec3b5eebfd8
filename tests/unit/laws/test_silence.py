"""LIVE: lines, servers and callers that fall silent."""

import pytest

from sttkit.audio.speech import speech
from sttkit.laws.model import Limits, Run
from tests.unit.laws.cases import Cases, judged
from tests.unit.laws.story import SAID, Story, healthy, story

cases = Cases()
WATCHED = {"limits": Limits()}
"""A minute's patience, not loopback's."""


@pytest.mark.parametrize("case", cases, ids=str)
def test_the_law_judges_the_story(case):
    case.check()


# --- LIVE-2 ---------------------------------------------------------------------------------


def half_open() -> Story:
    return story().stream().opened().talk(until=0.7).fault("half-open")


@cases.passes("LIVE-2")
def a_heartbeat_notices_the_half_open_line() -> Run:
    return half_open().talk(until=45.0).error().talk(until=50.0).run(**WATCHED)


@cases.passes("LIVE-2")
def the_stream_gives_up_the_half_open_line() -> Run:
    return half_open().talk(until=45.0).raised().shut().run(**WATCHED)


@cases.passes("LIVE-2")
def the_client_hangs_up_on_the_half_open_line() -> Run:
    return half_open().talk(until=45.0).left("abort").talk(until=61.0).run(**WATCHED)


@cases.fails("LIVE-2")
def nothing_notices_the_half_open_line() -> Run:
    return half_open().talk(until=62.0).call("end_input").shut().run(**WATCHED)


@cases.fails("LIVE-2")
def it_is_noticed_too_late() -> Run:
    return half_open().talk(until=65.0).error().talk(until=66.0).run(**WATCHED)


@cases.doubts("LIVE-2")
def the_stream_is_over_because_its_audio_was_ended() -> Run:
    return half_open().talk(until=15.0).call("end_input").later(0.1).ended().shut().run(**WATCHED)


@cases.skips("LIVE-2")
def the_application_leaves_the_half_open_line() -> Run:
    return half_open().talk(until=5.0).action("aclose").call("aclose").ended().run(**WATCHED)


@cases.skips("LIVE-2")
def another_fault_is_none_of_it() -> Run:
    return story().stream().opened().talk(until=0.7).fault("reset").talk(until=62.0).run(**WATCHED)


def test_a_finding_says_where_the_tasks_of_the_plugin_wait():
    tale = half_open().talk(until=62.0)
    waits = ["Stream._run waits at plugin/stt.py:7 _run", "tee_peer waits at aio/tee.py:1 peer"]
    tale.client("waiting", why="nothing came", tasks=waits[::-1])
    told = judged("LIVE-2", tale.call("end_input").shut().run(**WATCHED)).observed
    assert "Stream._run waits at plugin/stt.py:7 _run" in told


@pytest.mark.parametrize(
    ("tasks", "told"),
    [
        (
            [
                "Base._main waits at livekit.agents/stt.py:486 _main > plugin/stt.py:9 _run",
                "Stream.recv waits at plugin/stt.py:7 recv > aiohttp/client_ws.py:427 receive",
                "Stream.send waits at plugin/stt.py:5 send > livekit.agents/channel.py:106 recv",
                "Zeal.poll waits at plugin/stt.py:3 poll (sleep)",
            ],
            "; Stream.recv waits at plugin/stt.py:7 recv > aiohttp/client_ws.py:427 receive; "
            "Zeal.poll waits at plugin/stt.py:3 poll (sleep)",
        ),
        (
            [
                "App.read (sttkit-main-reader) waits at driver/consumer.py:111 read",
                "Base._main waits at livekit.agents/stt.py:486 _main > plugin/stt.py:9 _run",
                "Base.metrics waits at livekit.agents/channel.py:106 recv",
            ],
            "; Base._main waits at livekit.agents/stt.py:486 _main > plugin/stt.py:9 _run; "
            "Base.metrics waits at livekit.agents/channel.py:106 recv",
        ),
        (["Stream.recv waits at " + "x" * 200], "; Stream.recv waits at " + "x" * 138 + "…"),
    ],
    ids=["the plugin's own first", "the base class that calls it next", "a long one is cut"],
)
def test_a_finding_says_of_the_tasks_those_that_tell_most(tasks: list[str], told: str) -> None:
    tale = half_open().talk(until=62.0).client("waiting", why="nothing came", tasks=tasks)
    run = tale.call("end_input").shut().run(**WATCHED)
    assert judged("LIVE-2", run).observed.endswith(told)


# --- LIVE-6 ---------------------------------------------------------------------------------


def stalled() -> Story:
    tale = story().stream().opened().client("log", logger="p", level="WARNING", message="hello")
    tale.talk(until=0.7).fault("stall")
    return tale.later(1.0).withheld("interim", "there").withheld("final", "hello there")


@cases.passes("LIVE-6")
def the_stall_is_logged() -> Run:
    tale = stalled().talk(until=10.0)
    tale.client("log", logger="p", level="WARNING", message="no word for 10 s")
    return tale.talk(until=62.0).call("end_input").run(**WATCHED)


@cases.passes("LIVE-6")
def the_stall_leads_to_another_connection() -> Run:
    return stalled().talk(until=10.0).attempt().talk(until=62.0).call("end_input").run(**WATCHED)


@cases.warns("LIVE-6")
def nothing_is_made_of_the_stall() -> Run:
    return stalled().talk(until=62.0).call("end_input").run(**WATCHED)


@cases.warns("LIVE-6")
def what_was_logged_before_says_nothing_about_the_stall() -> Run:
    tale = stalled().talk(until=10.0)
    tale.client("log", logger="p", level="WARNING", message="hello")
    return tale.talk(until=62.0).call("end_input").run(**WATCHED)


@cases.skips("LIVE-6")
def nobody_speaks_to_the_stalled_server() -> Run:
    tale = story().stream().opened().talk(until=0.7).fault("stall").talk(until=62.0)
    return tale.call("end_input").run(**WATCHED)


# --- LIVE-7 ---------------------------------------------------------------------------------


def muted(seconds: float = 180.0) -> Story:
    return story().first().client("action", action="pause", value=seconds)


@cases.passes("LIVE-7")
def the_muted_caller_is_heard_again() -> Run:
    return muted().later(180.0).second().finished().run(**WATCHED)


@cases.passes("LIVE-7")
def the_idle_close_is_survived() -> Run:
    tale = muted().later(30.0).closed(1001).error().later(0.1).opened().later(149.9)
    return tale.second().finished().run(**WATCHED)


@cases.fails("LIVE-7")
def the_session_after_a_break_is_not_kept_alive() -> Run:
    tale = muted().fault("reset", "between-utterances").error().later(0.1).opened()
    return tale.later(30.0).closed(1001).later(0.1).ended().shut().run(**WATCHED)


@cases.passes("LIVE-7")
def the_session_after_a_break_is_kept_alive() -> Run:
    tale = muted().fault("reset", "between-utterances").error().later(0.1).opened()
    return tale.later(179.9).second().finished().run(**WATCHED)


@cases.fails("LIVE-7")
def the_idle_close_ends_the_stream() -> Run:
    return muted().later(30.0).closed(1001).later(0.1).ended().shut().run(**WATCHED)


@cases.fails("LIVE-7")
def the_idle_close_is_raised() -> Run:
    return muted().later(30.0).closed(1001).later(0.1).raised().shut().run(**WATCHED)


@cases.fails("LIVE-7")
def the_caller_is_not_heard_any_more() -> Run:
    tale = muted().later(180.0).talk(until=65.0).call("end_input").shut()
    return tale.run(speech=speech(*SAID), **WATCHED)


@cases.skips("LIVE-7")
def a_breath_is_no_muting() -> Run:
    return muted(0.6).later(0.6).second().finished().run(**WATCHED)


@cases.skips("LIVE-7")
def the_line_breaks_when_the_caller_is_about_to_speak_again() -> Run:
    tale = muted().later(170.0).fault("reset", "between-utterances").error().later(0.1).opened()
    return tale.later(0.1).ended().shut().run(**WATCHED)


@cases.skips("LIVE-7")
def nobody_is_muted() -> Run:
    return healthy().run(**WATCHED)
