"""The reference plugin under scripts that nobody thought of: no law of level must is broken.

A usual run has the same examples each time. More, and new ones:

    STTKIT_EXAMPLES=2000 pytest tests/property/test_reference_plugin.py
    make soak

A failure prints the shrunk script as YAML, as Python and as a line for a shell.
"""

from __future__ import annotations

import os
import textwrap
from dataclasses import replace

import pytest
from hypothesis import example, given, settings

from sttkit import faults, script, speech
from sttkit.conformance.check import check
from sttkit.conformance.options import CheckOptions
from sttkit.faults import Family
from sttkit.laws import ALL_LAWS, Verdict, judge
from sttkit.scripting.yaml import parse_script
from sttkit.strategies import IN_A_CALL, SEARCHING, assert_holds, scripts, speeches
from sttkit.targets import load_target
from sttkit.worlds.simulated import play

EXAMPLES = int(os.environ.get("STTKIT_EXAMPLES", "0"))
SOAKED = 300
"""Searched scripts of the small soak that runs with the tests."""

MUST = [law for law in ALL_LAWS if law.level == "must"]

few = settings(
    SEARCHING,
    max_examples=EXAMPLES or 60,
    derandomize=not EXAMPLES,
    database=None,
    print_blob=True,
)


def assert_no_must_is_broken(said):
    assert_holds("custom_stt", said)
    # The reference plugin and the framework's probe are both sound: nothing is excused by either.
    for name in ("custom_stt", "framework_probe"):
        run = play(load_target(name), said).run
        run = replace(run, subject=replace(run.subject, start_in_health=True))
        broken = {
            law_id: judgement
            for law_id, judgement in judge(run, MUST).items()
            if judgement.verdict is Verdict.FAIL
        }
        assert not broken, name


@few
@given(
    scripts(
        max_faults=2,
        max_steps=1,
        said=speeches(max_utterances=2, max_words=2),
    ).filter(lambda said: bool(said.faults))
)
@example(script(speech("hello there"), faults.reset(at="mid-utterance")))
def test_no_fault_makes_the_reference_plugin_break_a_must(said):
    assert_holds("custom_stt", said)


@few
@given(scripts(max_faults=4, max_steps=3, actions=IN_A_CALL))
def test_nothing_that_an_application_does_meanwhile_does_either(said):
    assert_holds("custom_stt", said)


@settings(few, max_examples=EXAMPLES or 20)
@given(
    scripts(
        max_faults=2,
        max_steps=0,
        said=speeches(max_utterances=1),
        families=(Family.BATCH,),
    ).filter(lambda said: bool(said.faults))
)
def test_no_fault_of_a_batch_request_does_either(said):
    assert_holds("custom_stt", said)


def test_a_small_soak_raises_no_false_alarm():
    options = CheckOptions(("custom_stt",), cases=("none@idle",), examples=SOAKED, seed=1)
    (target,) = check(options).targets
    assert target.examples == SOAKED
    assert target.findings == ()


def test_a_plugin_that_never_reconnects_does_not_get_through():
    target = load_target("self_managed")
    said = script(speech("hello there"), faults.reset(at="mid-utterance"))
    verdicts = judge(play(target, said).run, MUST)
    assert Verdict.FAIL in [verdicts[law].verdict for law in ("LIVE-1", "RETRY-1")]


# --- found by searches: false alarms once, and two bugs of the reference plugin -------------------

FOUND = {
    # The plugin opened another session for new options when there was no audio left for it.
    "no session for nothing": """
        {sttkit: 1, speech: [{say: hello}], client: [
         {at: {point: mid-utterance}, do: update-options},
         {at: {point: mid-utterance}, do: end}]}""",
    # Each session outlived the timeout before it was given up, and started the budget over.
    "a server that is there and listens to nobody, each time": """
        {sttkit: 1, speech: [{say: hello}], faults: [
         {fault: unasked-end, at: mid-utterance},
         {fault: stop-reading, at: before-audio, connection: each}]}""",
    "an attempt under way when the HTTP session is closed": """
        {sttkit: 1, speech: [{say: friend}], client: [{do: close-http-session}]}""",
    "a violation after the end of input": """
        {sttkit: 1, speech: [{say: friend}], client: [{do: end-at-once}],
         faults: [{fault: rfc, violation: rsv-bits, at: mid-utterance}]}""",
    "a sibling whose own server is mute": """
        {sttkit: 1, speech: [{say: are}], client: [{do: second-stream}],
         faults: [{fault: mute-after-end, at: after-end}]}""",
    "siblings whose servers both break the protocol": """
        {sttkit: 1, speech: [{say: there}], client: [{do: second-stream}], faults: [
         {fault: rfc, violation: rsv-bits, at: mid-utterance},
         {fault: rfc, violation: rsv-bits, at: mid-utterance}]}""",
    "a narrow line with a backlog": """
        {sttkit: 1, speech: [{say: hello}], faults: [
         {fault: bandwidth, rate: 4, at: upgraded}, {fault: nested, at: greeting}]}""",
    "a megabyte byte by byte": """
        {sttkit: 1, speech: [{say: hello}], faults: [
         {fault: fragment, bytes: 1, at: upgraded}, {fault: huge, at: mid-utterance}]}""",
    "a stream that is closed in the instant of a failure": """
        {sttkit: 1, speech: [{say: hello}], client: [{at: {audio_s: 0.1}, do: aclose}],
         faults: [{fault: close, code: 1011, at: upgraded}]}""",
    "a stream that is closed twice in the instant of a failure": """
        {sttkit: 1, speech: [{say: friend}], client: [{at: {audio_s: 0.1}, do: aclose-twice}],
         faults: [{fault: http, status: 503, at: backoff}]}""",
    "a stream that is closed before its session is up": """
        {sttkit: 1, speech: [{say: hello}], client: [{do: burst}, {do: aclose}]}""",
    "a burst right before the stream is closed": """
        {sttkit: 1, speech: [{say: you}], client: [
         {at: {audio_s: 0.2}, do: block-loop}, {at: {audio_s: 0.2}, do: cancel-consumer}],
         faults: [{fault: jitter, seconds: 0.1, at: upgraded}]}""",
    "a burst right before the line breaks": """
        {sttkit: 1, speech: [{pause: 0.8}], client: [{at: {audio_s: 1.1}, do: block-loop}],
         faults: [{fault: cut, at: mid-utterance, connection: each}],
         network: {latency: 0.03, jitter: 0.01}}""",
    "a refused attempt of one of two streams": """
        {sttkit: 1, speech: [{say: good}], client: [{do: second-stream}, {do: end-at-once}],
         faults: [{fault: http, status: 400, at: connecting}]}""",
    "a reconnect of one of two streams that carries no audio": """
        {sttkit: 1, speech: [{say: there}], client: [{do: second-stream}], faults: [
         {fault: half-close, at: mid-utterance},
         {fault: provider-error, error: bad_request, at: before-audio}]}""",
    "a retry of one of two streams after attempts that could be either's": """
        {sttkit: 1, speech: [{say: friend}], client: [
         {do: second-stream}, {at: {audio_s: 0.1}, do: aclose}],
         faults: [{fault: fin, at: greeting, connection: each}]}""",
    "an error message behind a violation": """
        {sttkit: 1, speech: [{say: hello}], faults: [
         {fault: rfc, violation: rsv-bits, at: mid-utterance},
         {fault: provider-error, error: overloaded, at: mid-utterance}]}""",
    "an error message after the end of input": """
        {sttkit: 1, speech: [{say: hello}], client: [{do: end}],
         faults: [{fault: provider-error, error: overloaded, at: before-audio}]}""",
    "a stream that is closed in the instant in which an attempt fails": """
        {sttkit: 1, speech: [{say: hello}], client: [{at: {audio_s: 0.1}, do: cancel-consumer}],
         faults: [{fault: unknown-host, at: connecting}], seed: 2}""",
    "two error messages of which the first is the end": """
        {sttkit: 1, speech: [{say: hello}], faults: [
         {fault: provider-error, error: overloaded, at: after-final},
         {fault: provider-error, error: bad_audio, at: between-utterances}]}""",
    "a server that stalls in the session after a break": """
        {sttkit: 1, speech: [{say: hello}], faults: [
         {fault: fin, at: upgraded}, {fault: stall, at: before-audio}]}""",
    "a final that a napping application reads in the session after the break": """
        {sttkit: 1, speech: [{say: hello}, {pause: 0.5}, {say: there friend}], seed: 51,
         client: [{at: {point: idle}, do: slow-consumer}], network: {latency: 0.03, jitter: 0.01},
         faults: [{fault: close, code: 1000, at: between-utterances},
                  {fault: cut, at: mid-utterance, n: 2}]}""",
    "an end on a narrow line with a backlog": """
        {sttkit: 1, speech: [{say: hello}], client: [{do: end-at-once}], faults: [
         {fault: bandwidth, rate: 4, at: upgraded}, {fault: nested, at: mid-utterance}]}""",
    "a session limit that comes before the answer to the end": """
        {sttkit: 1, speech: [{say: hello}], client: [{do: end-at-once}], faults: [
         {fault: session-limit, seconds: 1, at: upgraded},
         {fault: late-final, seconds: 1.5, at: after-end}]}""",
    "a row of attempts of one of two streams that begins with one that could be either's": """
        {sttkit: 1, speech: [{say: hello}], client: [{do: second-stream}], faults: [
         {fault: no-greeting, at: greeting}, {fault: cut, at: mid-utterance, connection: each}]}""",
    "a final while the application blocks the loop": """
        {sttkit: 1, speech: [{say: friend}], client: [
         {at: {point: after-final}, do: block-loop}, {at: {point: after-final}, do: aclose-twice}],
         network: {latency: 0.03, jitter: 0.01}}""",
}


@pytest.mark.parametrize("found", FOUND)
def test_what_a_search_once_raised_a_false_alarm_about(found):
    assert_no_must_is_broken(parse_script(textwrap.dedent(FOUND[found]).strip()))
