from dataclasses import replace

from rich.console import Console

from sttkit.conformance import options
from sttkit.conformance.options import every_plugin
from sttkit.conformance.report import MOST_SIDE_BY_SIDE, print_report
from sttkit.conformance.result import (
    Absent,
    CaseResult,
    CheckResult,
    Finding,
    LawVerdict,
    TargetResult,
    as_json,
)
from sttkit.conformance.scoreboard import as_markdown
from sttkit.laws.model import Judgement, Verdict
from sttkit.targets import load_target

BROKEN = Judgement(Verdict.FAIL, expected="the end", observed="nothing | in <60 s>")
LATE = Judgement(Verdict.WARN, expected="a wait", observed="none")
HELD = Judgement(Verdict.PASS)
UNASKED = Judgement(Verdict.NOT_EXERCISED, reason="no fault")


def case(id: str, **judged: Judgement) -> CaseResult:
    verdicts = tuple(
        LawVerdict(law.replace("_", "-"), "must", judgement) for law, judgement in judged.items()
    )
    return CaseResult(id=id, verdicts=verdicts, reproduce=f"sttkit check loud --case {id}")


LOUD = TargetResult(
    name="loud",
    class_path="loud.STT",
    version="1.2.3",
    world="simulated",
    cases=(
        case("reset@idle", LIVE_1=BROKEN, RETRY_10=LATE, CLOSE_1=HELD),
        case("none@idle", LIVE_1=UNASKED, RETRY_10=UNASKED, CLOSE_1=HELD),
    ),
    findings=(
        Finding(
            law="LIVE-1",
            level="must",
            owner="plugin",
            title="It is *heard* again",
            cases=("reset@idle",),
            script="sttkit: 1\n",
            judgement=BROKEN,
            reproduce="sttkit check loud --case reset@idle",
        ),
    ),
)
QUIET = replace(LOUD, name="quiet", cases=LOUD.cases[1:], findings=())
RESULT = CheckResult(
    sttkit="0.1.0",
    seed=0,
    targets=(LOUD, QUIET, TargetResult(name="lost", error="its constructor raised")),
    absent=(Absent("gone", "livekit-plugins-gone", "pip install 'sttkit[gone]'"),),
)


def page(confirmed: str = "yes") -> str:
    return as_markdown(RESULT, heading="On a day.", confirmed={("loud", "LIVE-1"): confirmed})


def test_a_table_of_laws_has_a_line_per_plugin() -> None:
    assert (
        "| | LIVE-1 | RETRY-10 | CLOSE-1 |\n|---|:-:|:-:|:-:|\n"
        "| [loud](#loud) | **✗** 1/1 | ! | ✓ |\n| [quiet](#quiet) | – | – | ✓ |\n" in page()
    )


def test_no_table_is_wider_than_a_page_and_families_stay_together() -> None:
    laws = [f"{family}-{n}" for family in ("RETRY", "CLOSE", "ORDER") for n in range(1, 9)]
    judged = {law.replace("-", "_"): HELD for law in laws}
    wide = replace(LOUD, cases=(case("none@idle", **judged),))
    text = as_markdown(replace(RESULT, targets=(wide,)), heading="", confirmed={})
    heads = [line for line in text.splitlines() if line.startswith("| | ")]
    assert [head.count("-") for head in heads] == [8, 8, 8]
    assert all(len({law.split("-")[0] for law in head.split(" | ")[1:]}) == 1 for head in heads)


def test_the_overview_tells_how_much_was_seen_over_real_sockets() -> None:
    assert "| [loud](#loud) | 1.2.3 | 2 | 1 | 1 | 0 |" in page("yes")
    assert "| [loud](#loud) | 1.2.3 | 2 | 1 | 0 | 0 |" in page("no, pass")


def test_a_finding_says_whether_real_sockets_show_it_too() -> None:
    assert "observed nothing \\| in \\<60 s\\>. Over real sockets: no, pass." in page("no, pass")


def test_a_finding_has_its_command_and_its_script() -> None:
    assert "  ```sh\n  sttkit check loud --case reset@idle\n  ```" in page()
    assert "  ```yaml\n  sttkit: 1\n  ```" in page()


def test_what_a_plugin_says_stays_text() -> None:
    assert r"**LIVE-1** It is \*heard\* again" in page()
    assert r"nothing \| in \<60 s\>" in page()


def test_who_was_not_judged_is_listed_with_the_reason() -> None:
    assert "* `lost`: could not be run: its constructor raised" in page()
    assert r"* `gone`: not installed; pip install 'sttkit\[gone\]'" in page()


def test_the_json_lists_what_is_not_installed() -> None:
    assert as_json(RESULT)["not_installed"] == [
        {"name": "gone", "package": "livekit-plugins-gone", "hint": "pip install 'sttkit[gone]'"}
    ]


def test_many_plugins_get_a_line_each_in_a_terminal() -> None:
    console = Console(width=80, record=True, color_system=None)
    many = tuple(replace(LOUD, name=f"plugin{n}") for n in range(MOST_SIDE_BY_SIDE + 1))
    print_report(replace(RESULT, targets=many), console)
    text = console.export_text()
    assert "laws broken, of those put to the test" in text
    assert all(len(line) <= 80 for line in text.splitlines() if "again" not in line)
    assert "gone: not installed; pip install 'sttkit[gone]'" in text


def test_every_plugin_has_its_name_in_a_narrow_terminal_however_many_families_there_are() -> None:
    families = [
        "LIVE",
        "RETRY",
        "CLOSE",
        "ISOLATE",
        "ORDER",
        "AUDIO",
        "USAGE",
        "TIME",
        "INPUT",
        "SECRET",
    ]
    cases = (case("none@idle", **{f"{family}_1": HELD for family in families}),)
    names = [f"{n}_target_16_long" for n in range(MOST_SIDE_BY_SIDE + 1)]
    console = Console(width=80, record=True, color_system=None)
    many = tuple(replace(LOUD, name=name, cases=cases, findings=()) for name in names)
    print_report(replace(RESULT, targets=many), console)
    text = console.export_text().partition("laws broken, of those")[2]
    table = [line.split() for line in text.splitlines()]
    assert ["target", *families] in table
    assert all([name, *10 * ["0/1"]] in table for name in names)


def test_every_plugin_is_either_there_or_listed_and_controls_are_neither(monkeypatch) -> None:
    there, absent = every_plugin()
    assert "custom_stt" in there
    assert not {"self_managed", "framework_probe"} & set(there)
    monkeypatch.setattr(options, "is_installed", lambda target: target.name != "deepgram")
    there, absent = every_plugin()
    assert "deepgram" not in there
    assert absent == (
        Absent("deepgram", "livekit-plugins-deepgram", "pip install 'sttkit[deepgram]'"),
    )


def test_simulated_only_leaves_out_what_cannot_be_with_the_reason() -> None:
    there, absent = every_plugin(simulated_only=True)
    left_out = {one.name: one for one in absent if one.why == "not simulated"}
    assert "custom_stt" in there
    assert not set(left_out) & set(there)
    result = replace(RESULT, absent=tuple(left_out.values()))
    told = as_json(result)
    assert told["not_installed"] == []
    assert {one["name"]: one["reason"] for one in told["not_simulated"]} == {
        name: load_target(name).loopback_only for name in left_out
    }
