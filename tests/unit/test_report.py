import io
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest
from rich.console import Console

from sttkit.conformance.junit import as_junit
from sttkit.conformance.report import print_report
from sttkit.conformance.result import (
    CaseResult,
    CheckResult,
    LawVerdict,
    TargetResult,
    findings_of,
    size_of,
)
from sttkit.laws.model import (
    Judgement,
    Level,
    Verdict,
    broken,
    inapplicable,
    passed,
    unclear,
    unexercised,
)

TITLES = {
    "LIVE-1": "Later audio is transcribed, or the stream raises, or there is an error event",
    "RETRY-7": "What reaches the application is an APIError",
    "RETRY-14": "A missing final is said so",
    "CLOSE-8": "The stream ends",
}


def frameworks(judgement):
    """What the framework broke, not the plugin."""
    return judgement, "framework"


def case(case_id, *, unfired=(), error=None, **verdicts):
    said = []
    for law in TITLES:
        level: Level = "should" if law == "RETRY-14" else "must"
        given = verdicts.get(law.replace("-", "_"), passed())
        judgement, owner = given if isinstance(given, tuple) else (given, "plugin")
        said.append(LawVerdict(law, level, judgement, owner))
    again = f"sttkit check x --case {case_id} --seed 0"
    return CaseResult(case_id, tuple(said), again, 1.5, unfired, error=error)


def target(name, *cases, **more):
    return TargetResult(
        name,
        class_path="plugin.STT",
        version="1.0",
        livekit_agents="1.8.9",
        python="3.11.7",
        dialect="custom_stt",
        cases=cases,
        findings=findings_of(cases, TITLES, {case.id: "sttkit: 1\n" for case in cases}),
        wall_s=12.3,
        **more,
    )


DEAF = broken("a transcript of later audio", "silence, and no error, for 15 s", 3.25)
RAW = broken("an APIError", "KeyError")
UNTOLD = Judgement(Verdict.WARN, expected="an error event", observed="none")
BROKEN = target(
    "deepgram",
    case("none@idle", CLOSE_8=unexercised("it ended by itself")),
    case("reset@idle", LIVE_1=DEAF, RETRY_14=UNTOLD),
    case("reset@idle+aclose", LIVE_1=DEAF, RETRY_7=frameworks(RAW)),
    case("half-open@idle", unfired=("half-open@idle",), LIVE_1=unclear("nothing happened")),
)  # fmt: skip
SOUND = target(
    "custom_stt",
    *(replace(case(c.id), verdicts=case(c.id, CLOSE_8=inapplicable("no marker")).verdicts)
      for c in BROKEN.cases),
)  # fmt: skip


def report(*targets, width=100, interrupted=False, terminal=False):
    out = io.StringIO()
    console = Console(
        file=out,
        width=width,
        highlight=False,
        force_terminal=terminal,
        _environ={"TERM": "xterm-256color"},
    )
    print_report(CheckResult("0.1.0", 0, targets, interrupted), console)
    return out.getvalue()


def words(text):
    return " ".join(text.split())


def test_a_finding_has_its_evidence_and_a_line_to_play_it_again():
    text = words(report(BROKEN))
    assert "LIVE-1 FAIL Later audio is transcribed" in text
    assert "case reset@idle, reset@idle+aclose" in text
    assert "expected a transcript of later audio" in text
    assert "observed silence, and no error, for 15 s (at 3.250 s)" in text
    assert "again sttkit check x --case reset@idle --seed 0" in text


def test_the_line_to_play_it_again_is_one_line_at_any_width():
    long = target(
        "x" * 60, case("reset@mid-utterance.2/http=503@connecting.2+second-stream", LIVE_1=DEAF)
    )
    lines = report(long, width=60).splitlines()
    assert any(line.strip() == f"again     {long.cases[0].reproduce}" for line in lines)


def test_a_warning_and_the_frameworks_doing_are_not_called_failures():
    text = words(report(BROKEN))
    assert "RETRY-14 warning" in text
    assert "RETRY-7 broken by livekit-agents itself" in text


def test_a_must_law_may_warn_as_well_and_is_then_found_twice():
    warned = Judgement(Verdict.WARN, expected="an error event", observed="none")
    mixed = target("x", case("reset@idle", LIVE_1=DEAF), case("fin@idle", LIVE_1=warned))
    assert [(f.judgement.verdict.value, f.cases) for f in mixed.findings] == [
        ("fail", ("reset@idle",)),
        ("warn", ("fin@idle",)),
    ]
    assert words(report(mixed, width=200)).endswith("x: 1 law broken; 1 warning, 2 cases in 12 s")


def test_laws_are_counted_by_verdict():
    assert "LIVE-1 must 1 2 · 1 · ·" in words(report(BROKEN))


def test_laws_that_no_case_put_to_the_test_are_named():
    silent = target("x", case("none@idle", CLOSE_8=unexercised("no end")))
    assert "No case put these to the test: CLOSE-8" in words(report(silent))


def test_cases_in_which_nothing_happened_are_shown_as_such():
    text = words(report(BROKEN))
    assert "In 1 case something never happened" in text
    assert "half-open@idle: no half-open@idle" in text
    assert "1 case in which something never happened" in text


def test_several_targets_stand_side_by_side():
    text = words(report(BROKEN, SOUND).split("side by side")[1])
    assert "law level deepgram custom_stt" in text
    assert "LIVE-1 must fail 2/3 pass 4" in text
    assert "RETRY-7 must livekit 1/4 pass 4" in text
    assert "RETRY-14 should warn 1/4 pass 4" in text


def test_the_last_lines_sum_up():
    lines = report(BROKEN, replace(SOUND, advisory=True), width=200).strip().splitlines()
    assert words(lines[-2]).startswith("deepgram: 1 law broken; 1 warning, 1 law broken by livekit")
    assert words(lines[-1]) == "custom_stt: no law broken; 4 cases in 12 s (advisory)"


def test_a_target_that_could_not_be_run_is_said_so():
    text = words(report(TargetResult("x", error="the module 'y' is not installed"), SOUND))
    assert "could not be run: the module 'y' is not installed" in text
    assert "x: could not be run" in text


def test_an_interrupted_check_says_so():
    assert "Stopped before the end" in report(SOUND, interrupted=True)


@pytest.mark.parametrize("width", [80, 200])
@pytest.mark.parametrize("targets", [(BROKEN,), (BROKEN, SOUND)])
def test_nothing_but_the_line_to_copy_is_wider_than_the_terminal(targets, width):
    lines = report(*targets, width=width).splitlines()
    assert all(len(line) <= width for line in lines if not line.startswith("  again"))


def test_a_pipe_gets_no_colour_and_a_terminal_does():
    assert "\x1b" not in report(BROKEN, SOUND)
    assert "\x1b[" in report(BROKEN, SOUND, terminal=True)


def test_what_a_plugin_says_does_not_reach_the_terminal_as_commands():
    evil = broken("x", "\x1b]0;gone\x07 [bold]not markup[/bold]")
    text = report(target("\x1b[2Jx", case("reset@idle", LIVE_1=evil)))
    assert "\x1b" not in text
    assert "[bold]not markup[/bold]" in text


def test_small_cases_sort_before_large_ones():
    ids = ["reset@idle/fin@idle", "close=1011@mid-utterance.2", "reset@idle+end", "fin@idle"]
    assert sorted(ids, key=size_of) == [ids[3], ids[1], ids[2], ids[0]]


def test_junit_fails_only_what_makes_the_exit_status_1():
    suites = ElementTree.fromstring(
        as_junit(CheckResult("0.1.0", 0, (BROKEN, replace(BROKEN, name="y", advisory=True))))
    )
    assert suites.attrib | {} == {
        "name": "sttkit", "tests": "8", "failures": "2", "errors": "0", "skipped": "2",
    }  # fmt: skip
    first = suites[0]
    assert [len(list(case.iter("failure"))) for case in first] == [0, 1, 1, 0]
    (failure,) = first.findall("testcase[@name='reset@idle']/failure")
    assert failure.get("message") == "LIVE-1 broken"
    assert "again: sttkit check" in str(failure.text)
    (out,) = first.findall("testcase[@name='reset@idle+aclose']/system-out")
    assert str(out.text).startswith("RETRY-7 fail (livekit-agents)")


def test_junit_skips_a_case_in_which_nothing_happened_and_reports_errors():
    failed = case("none@idle", error="sttkit itself failed: KeyError")
    suites = ElementTree.fromstring(
        as_junit(
            CheckResult(
                "0.1.0", 0, (BROKEN, target("x", failed), TargetResult("z", error="not there"))
            )
        )
    )
    (skipped,) = suites.findall("testsuite/testcase[@name='half-open@idle']/skipped")
    assert skipped.get("message") == "never happened: half-open@idle"
    assert [error.get("message") for error in suites.iter("error")] == [
        "sttkit itself failed: KeyError",
        "not there",
    ]


def unjudged(case_id):
    return replace(case(case_id), unplayed="not judged: too busy")


def test_a_target_of_which_nothing_was_judged_has_not_passed():
    nothing = target("x", unjudged("reset@idle"), unjudged("fin@idle"))
    text = words(report(nothing))
    assert "x: no case was judged" in text
    assert "no law broken" not in text
    xml = ElementTree.fromstring(as_junit(CheckResult("0.1.0", 0, (nothing,))))
    assert [error.get("message") for error in xml.iter("error")] == 2 * ["not judged: too busy"]


def test_junit_skips_a_case_that_was_not_judged():
    suites = as_junit(CheckResult("0.1.0", 0, (target("x", case("idle"), unjudged("fin@idle")),)))
    (skipped,) = ElementTree.fromstring(suites).iter("skipped")
    assert skipped.get("message") == "not judged: too busy"


def test_junit_is_xml_whatever_a_plugin_says():
    evil = broken("x", "\x00\x1b<&\ud800\uffff")
    text = as_junit(CheckResult("0.1.0", 0, (target("x\x00", case("reset@idle", LIVE_1=evil)),)))
    assert "observed ??&lt;&amp;??" in text
    ElementTree.fromstring(text.encode())


def test_where_not_even_the_healthy_case_comes_through_the_dialect_is_asked_about():
    nothing = broken("exactly the audio pushed", "none of 4.18 s")
    said = (LawVerdict("AUDIO-1", "must", nothing, "plugin"),)

    def told(case_id):
        cases = (CaseResult(case_id, said, "sttkit check x", 1.5),)
        made = replace(
            SOUND, cases=cases, findings=findings_of(cases, {"AUDIO-1": "All of it"}, {})
        )
        return words(report(made))

    doubt = "is it custom_stt that the plugin speaks"
    assert doubt in told("none@idle")
    assert doubt not in told("reset@idle")
