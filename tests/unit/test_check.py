import json
import os
from pathlib import Path

import jsonschema
import pytest

from sttkit.conformance.check import Progress, check
from sttkit.conformance.options import CheckOptions, jobs_in, needs_real_time
from sttkit.conformance.reproduce import reproducer
from sttkit.conformance.result import as_json
from sttkit.errors import UsageError
from sttkit.laws.model import Verdict
from sttkit.scripting.yaml import parse_script
from tests.unit.check_fakes import LAWS, perform

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "docs" / "check.schema.json").read_text(encoding="utf-8")
)
CASES = ("none@idle", "reset@idle", "close=1011@mid-utterance.2")


def run(*targets, limit_s=30.0, on_progress=lambda progress: None, **options):
    options.setdefault("cases", CASES)
    options.setdefault("jobs", 2)
    return check(
        CheckOptions(targets, **options),
        perform=perform,
        laws=LAWS,
        limit_s=limit_s,
        preload=("tests.unit.check_fakes",),
        on_progress=on_progress,
    )


def verdicts(target, case_id):
    case = next(case for case in target.cases if case.id == case_id)
    return {said.law: said for said in case.verdicts}


def test_a_sound_plugin_holds_the_contract():
    result = run("x:sound")
    assert result.exit_status == 0
    assert result.targets[0].findings == ()
    assert result.targets[0].class_path == "x:sound.STT"


def test_results_are_in_the_order_of_the_plan_whatever_finishes_first():
    assert [case.id for case in run("x:sound", jobs=3).targets[0].cases] == list(CASES)


def test_every_case_lists_every_law():
    for case in run("x:deaf").targets[0].cases:
        assert [said.law for said in case.verdicts] == [law.id for law in LAWS]


def test_a_must_law_that_is_broken_makes_the_exit_status_1():
    result = run("x:deaf")
    assert result.exit_status == 1
    finding = result.targets[0].findings[0]
    assert (finding.law, finding.level, finding.owner) == ("RETRY-1", "must", "plugin")
    assert finding.title == "Statement of RETRY-1"


def test_findings_name_the_smallest_case_first_and_have_its_script():
    finding = run("x:deaf").targets[0].findings[0]
    assert finding.cases == ("reset@idle", "close=1011@mid-utterance.2")
    script = parse_script(finding.script)
    assert [str(placed) for placed in script.faults] == ["reset@idle"]
    assert script.dialect == "custom_stt"


def test_a_broken_should_is_a_warning_and_no_more():
    result = run("x:deaf", laws=("live-6",))
    assert result.exit_status == 0
    assert result.targets[0].counts()[Verdict.WARN] == 2
    assert result.targets[0].findings[0].level == "should"


def test_what_the_probe_breaks_too_is_the_frameworks_doing():
    result = run("x:raw")
    assert result.exit_status == 0
    assert verdicts(result.targets[0], "reset@idle")["RETRY-7"].owner == "framework"
    assert [finding.owner for finding in result.targets[0].findings] == ["framework"]


def test_the_frameworks_doing_excuses_nothing_else():
    result = run("x:both")
    said = verdicts(result.targets[0], "reset@idle")
    assert result.exit_status == 1
    assert (said["RETRY-1"].owner, said["RETRY-7"].owner) == ("plugin", "framework")


def test_the_probe_plays_each_broken_case_once_for_all_targets():
    seen = []
    run("x:deaf", "y:both", on_progress=lambda progress: seen.append(progress))
    probed = [progress.latest for progress in seen if progress.latest.startswith("framework_probe")]
    assert sorted(probed) == [
        "framework_probe close=1011@mid-utterance.2",
        "framework_probe reset@idle",
    ]
    assert seen[-1].done == seen[-1].total


def test_whether_a_healthy_run_has_a_start_is_known_to_the_verdicts_of_all_cases():
    said = verdicts(run("x:silent").targets[0], "reset@idle")
    assert said["ORDER-1"].verdict is Verdict.NOT_APPLICABLE


def test_the_healthy_case_is_played_but_not_reported_if_it_was_not_asked_for():
    target = run("x:silent", cases=("reset@idle",)).targets[0]
    assert [case.id for case in target.cases] == ["reset@idle"]
    assert verdicts(target, "reset@idle")["ORDER-1"].verdict is Verdict.NOT_APPLICABLE


def test_advisory_targets_do_not_count():
    assert run("x:sound", "x:deaf", advisory=frozenset({"x:deaf"})).exit_status == 0
    assert run("x:sound", "x:deaf", advisory=frozenset({"x:sound"})).exit_status == 1


def test_a_target_that_cannot_be_built_is_said_so_and_the_others_are_checked():
    result = run("x:missing", "x:deaf")
    missing, deaf = result.targets
    assert result.exit_status == 3
    assert missing.cases == ()
    assert "not installed" in missing.error
    assert len(deaf.cases) == 3


def test_a_target_that_refuses_every_case_could_not_be_run():
    result = run("x:refusing")
    assert result.exit_status == 3
    assert "no stream" in result.targets[0].error
    assert result.targets[0].cases == ()


def test_a_process_that_dies_breaks_live_5_and_the_other_laws_cannot_tell():
    result = run("x:dying")
    said = verdicts(result.targets[0], "reset@idle")
    assert result.exit_status == 1
    assert said["LIVE-5"].verdict is Verdict.FAIL
    assert "exit status 7" in said["LIVE-5"].judgement.observed
    assert said["RETRY-1"].verdict is Verdict.INCONCLUSIVE


def test_a_process_that_dies_where_live_5_is_not_asked_for_is_no_pass():
    result = run("x:dying", laws=("RETRY-1",))
    case = next(case for case in result.targets[0].cases if case.id == "reset@idle")
    assert result.exit_status == 3
    assert "the process died" in case.error
    assert "exit status 7" in case.error
    jsonschema.validate(as_json(result), SCHEMA)


def test_a_check_that_could_judge_no_case_is_no_pass():
    result = run("x:starved", cases=("reset@idle", "close=1011@mid-utterance.2"))
    assert result.exit_status == 3
    assert result.targets[0].judged_nothing
    assert not run("x:starved").targets[0].judged_nothing


def test_a_process_that_stands_still_is_killed_and_it_is_said_where_it_stood():
    result = run("x:freezing", limit_s=1.0, cases=("none@idle", "reset@idle"))
    said = verdicts(result.targets[0], "reset@idle")["LIVE-5"]
    assert said.verdict is Verdict.FAIL
    assert "was frozen" in said.judgement.observed
    assert "check_fakes.py" in said.judgement.observed


def test_a_target_that_takes_three_processes_with_it_is_given_up():
    cases = tuple(f"reset@mid-utterance.{n}" for n in range(2, 10))
    target = run("x:dying", cases=cases, jobs=1).targets[0]
    assert [case.id for case in target.cases] == list(cases)
    reasons = {said.judgement.reason for case in target.cases[3:] for said in case.verdicts}
    assert reasons == {"not played: 3 cases in a row took their process with them"}
    assert [case.unplayed is None for case in target.cases] == 3 * [True] + 5 * [False]


def test_a_target_that_takes_a_process_with_it_now_and_then_is_not_given_up():
    cases = ("reset@idle", "none@idle+end", "fin@idle", "none@idle+aclose", "half-open@idle")
    target = run("x:dying", cases=cases, jobs=1).targets[0]
    assert all(case.unplayed is None for case in target.cases)


def test_ctrl_c_ends_with_what_is_known():
    def interrupt(progress):
        if progress.done == 2:
            raise KeyboardInterrupt

    result = run("x:deaf", jobs=1, on_progress=interrupt)
    assert result.interrupted
    assert [case.id for case in result.targets[0].cases] == ["none@idle", "reset@idle"]
    assert result.targets[0].findings[0].law == "RETRY-1"


def test_a_fault_of_the_kit_is_loud_and_nobodys_verdict():
    result = run("x:confusing")
    case = result.targets[0].cases[1]
    assert result.exit_status == 3
    assert case.error == "sttkit itself failed: KeyError: 'a fault of the kit'"
    assert {said.verdict for said in case.verdicts} == {Verdict.INCONCLUSIVE}


def test_what_never_happened_is_kept_with_the_case():
    target = run("x:lucky").targets[0]
    assert [case.unfired for case in target.cases] == [
        (),
        ("reset@idle", "aclose"),
        ("reset@idle", "aclose"),
    ]
    assert as_json(run("x:lucky"))["targets"][0]["summary"]["unfired"] == 2


@pytest.mark.parametrize(
    "name",
    ["sound", "deaf", "both", "missing", "dying", "confusing", "lucky", "refusing", "silent"],
)
def test_the_json_is_what_the_schema_says(name):
    written = json.loads(json.dumps(as_json(run(f"x:{name}"))))
    jsonschema.Draft202012Validator(SCHEMA).validate(written)


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_a_reproducer_is_quoted_for_a_shell():
    line = reproducer("my plugins/stt.py:make", "http=503@connecting:each", 7, "deepgram")
    assert line == (
        "sttkit check 'my plugins/stt.py:make' --case http=503@connecting:each --seed 7"
        " --dialect deepgram"
    )


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"laws": ("RETRY-77",)}, "unknown law 'RETRY-77'"),
        ({"cases": ("reset@nowhere",)}, "unknown point 'nowhere'"),
        ({"cases": ("resett@idle",)}, "did you mean 'reset'?"),
        ({"fault": "resett"}, "did you mean 'reset'?"),
        ({"at": "iddle"}, "did you mean 'idle'?"),
        ({"advisory": frozenset({"x:other"})}, "unknown target 'x:other'"),
        ({"dialect": "deepgramm"}, "did you mean 'deepgram'?"),
    ],
)
def test_what_does_not_exist_is_wrong_usage_before_anything_is_played(options, told):
    with pytest.raises(UsageError, match=told.replace("?", r"\?")):
        run("x:sound", **options)


def test_an_unregistered_name_is_no_target():
    with pytest.raises(UsageError, match="did you mean 'deepgram'"):
        run("depgram")


def test_a_plan_without_a_case_is_wrong_usage():
    with pytest.raises(UsageError, match="no case of the smoke tier"):
        run("x:sound", cases=(), tier="smoke", fault="stall", at="before-audio")


def test_a_case_for_which_the_machine_was_too_busy_is_played_again_and_counts_once():
    told: list[Progress] = []
    result = run("x:late", on_progress=told.append)
    assert result.exit_status == 1
    assert verdicts(result.targets[0], "reset@idle")["RETRY-1"].verdict is Verdict.FAIL
    assert (told[-1].done, told[-1].total) == (told[-1].total, told[-1].total)


def test_nothing_is_found_in_a_case_for_which_the_machine_was_always_too_busy():
    result = run("x:starved")
    assert result.exit_status == 0
    target = result.targets[0]
    assert target.findings == ()
    said = verdicts(target, "reset@idle")["RETRY-1"]
    assert said.verdict is Verdict.INCONCLUSIVE
    assert "too busy" in said.judgement.reason
    assert [case.unplayed is None for case in target.cases] == [True, False, False]
    jsonschema.validate(as_json(result), SCHEMA)


def test_simulated_only_refuses_what_cannot_be_simulated_with_the_reason():
    result = run("x:threaded", "x:sound", simulated_only=True)
    assert "cannot be simulated: it has threads of its own" in result.targets[0].error
    assert result.targets[1].error is None
    assert result.exit_status == 3


def test_simulated_only_and_loopback_contradict_each_other():
    with pytest.raises(UsageError, match="--simulated with --loopback"):
        run("x:sound", simulated_only=True, world="loopback")


def test_real_time_is_known_by_name_and_files_are_not_run_to_find_out():
    assert needs_real_time("azure")
    assert not needs_real_time("custom_stt")
    assert not needs_real_time("not/there.py:build")
    assert not needs_real_time("no_such_target")


@pytest.mark.parametrize(
    ("world", "jobs", "simulated", "loopback"),
    [
        ("simulated", None, 2, 8),
        ("simulated", 1, 1, 8),
        ("loopback", None, 2, 8),
        ("loopback", 3, 2, 3),
    ],
)
def test_jobs_are_those_of_the_world_that_was_asked_for(
    monkeypatch, world, jobs, simulated, loopback
):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    options = CheckOptions(("custom_stt",), world=world, jobs=jobs)
    assert jobs_in("simulated", options) == simulated
    assert jobs_in("loopback", options) == loopback
