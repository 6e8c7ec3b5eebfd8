"""Errors: facts as attributes, one sentence, and the exit status the command line gives them."""

from __future__ import annotations

import pytest

from sttkit.errors import ScriptError, SttkitError, TargetError, UsageError, unknown_name


def test_the_sentence_says_where_what_was_expected_and_what_to_do() -> None:
    error = UsageError("a flat tyre", where="left.yaml:3:1", expected="air", hint="pump it up")
    assert str(error) == "left.yaml:3:1: a flat tyre; expected air; pump it up"


def test_a_sentence_needs_no_more_than_the_problem() -> None:
    assert str(SttkitError("it broke")) == "it broke"


@pytest.mark.parametrize(
    ("kind", "status"), [(SttkitError, 2), (UsageError, 2), (ScriptError, 2), (TargetError, 3)]
)
def test_each_kind_has_an_exit_status(kind: type[SttkitError], status: int) -> None:
    assert kind.exit_status == status


def test_an_unknown_name_suggests_the_nearest_and_lists_all() -> None:
    error = unknown_name("fault", "rest", ["reset", "close"], where="here")
    assert str(error) == (
        "here: unknown fault 'rest'; expected one of: reset, close; did you mean 'reset'?"
    )


def test_an_unknown_name_that_resembles_nothing_gets_no_suggestion() -> None:
    assert unknown_name("fault", "zzz", ["reset"]).hint is None


def test_script_errors_are_usage_errors_and_all_are_the_kits() -> None:
    assert issubclass(ScriptError, UsageError)
    assert issubclass(TargetError, SttkitError)
    assert not issubclass(TargetError, UsageError)
