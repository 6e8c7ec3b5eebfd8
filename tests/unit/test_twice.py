"""`sttkit check --twice`: each case is played a second time, and the traces are compared."""

import io
import json

import jsonschema
import pytest
from rich.console import Console

from sttkit.conformance.junit import as_junit
from sttkit.conformance.report import print_report
from sttkit.conformance.result import as_json
from sttkit.conformance.twice import NOTHING, Difference, difference, pack
from sttkit.errors import UsageError
from sttkit.laws.model import Verdict
from tests.unit.test_check import CASES, SCHEMA, run


def differences(result):
    return {case.id: case.difference for case in result.targets[0].cases}


def told(result):
    written = io.StringIO()
    print_report(result, Console(width=100, file=written))
    return " ".join(written.getvalue().split())


def test_equal_traces_have_no_difference():
    assert difference(pack("one\ntwo\n"), pack("one\ntwo\n")) is None


def test_the_first_record_that_differs_is_named():
    assert difference(pack("a\nb\nc\n"), pack("a\nB\nC\n")) == Difference(2, "b", "B")


def test_a_trace_that_goes_on_differs_after_the_end_of_the_other():
    assert difference(pack("a\n"), pack("a\nb\n")) == Difference(2, NOTHING, "b")


def test_cases_that_are_the_same_twice_are_counted_and_nothing_else_changes():
    result = run("x:deaf", twice=True)
    assert set(differences(result).values()) == {None}
    assert result.exit_status == 1
    assert result.targets[0].compared == len(CASES)
    assert "3 cases the same twice" in told(result)
    assert as_json(result)["targets"][0]["summary"]["compared"] == 3


def test_without_twice_nothing_is_compared():
    result = run("x:moody")
    assert (result.exit_status, result.targets[0].compared) == (0, 0)


def test_a_case_that_is_not_the_same_is_an_error_of_the_kit_with_both_records():
    result = run("x:moody", twice=True)
    found = Difference(2, "two in turn 1", "two in turn 2")
    assert differences(result) == {CASES[0]: None, CASES[1]: found, CASES[2]: found}
    assert result.exit_status == 3
    assert result.targets[0].counts()[Verdict.FAIL] == 0
    text = told(result)
    assert "reset@idle: not the same twice, which is sttkit's own error" in text
    assert "record 2" in text
    assert "two in turn 1" in text
    assert "--case reset@idle --seed 0 --twice" in text
    assert "2 cases not the same twice" in text
    assert as_junit(result).count("<error") == 2


def test_an_advisory_target_that_differs_is_an_error_all_the_same():
    assert run("x:moody", twice=True, advisory=frozenset({"x:moody"})).exit_status == 3


def test_a_trace_that_ends_early_is_a_difference():
    found = differences(run("x:short-winded", twice=True))
    assert found["reset@idle"] == Difference(3, "three", NOTHING)


@pytest.mark.parametrize(
    ("name", "end"), [("refusing-later", "no stream"), ("dying-later", "exit status 7")]
)
def test_a_second_run_that_has_no_end_is_a_difference(name, end):
    result = run(f"x:{name}", twice=True)
    found = differences(result)["reset@idle"]
    assert found.record == 0
    assert end in found.second
    assert result.exit_status == 3


def test_the_two_runs_of_a_case_may_be_in_different_processes():
    assert None not in differences(run("x:elsewhere", twice=True)).values()


def test_the_json_has_the_difference():
    written = json.loads(json.dumps(as_json(run("x:moody", twice=True))))
    jsonschema.Draft202012Validator(SCHEMA).validate(written)
    assert written["targets"][0]["cases"][1]["difference"]["record"] == 2


def test_twice_over_loopback_is_wrong_usage():
    with pytest.raises(UsageError, match="in real time no two runs are equal"):
        run("x:sound", twice=True, world="loopback")


def test_a_target_that_cannot_be_simulated_is_played_over_loopback_and_once():
    result = run("x:threaded", twice=True)
    target = result.targets[0]
    assert result.exit_status == 0
    assert target.world == "loopback"
    assert target.compared == 0
    assert {case.world for case in target.cases} == {"loopback"}
    assert "not simulated: it has threads of its own" in told(result)
    written = json.loads(json.dumps(as_json(result)))
    jsonschema.Draft202012Validator(SCHEMA).validate(written)
    assert written["targets"][0]["loopback_only"] == "it has threads of its own"
