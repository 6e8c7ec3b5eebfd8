"""The kit judged, in small: `make mutants` plays the whole default plan to all mutants."""

from __future__ import annotations

import ast

import pytest

from sttkit.laws import ALL_LAWS
from tests.mutants import judging, plugin
from tests.mutants.by_hand import BY_HAND
from tests.mutants.operators import OPERATORS, Sight, mutants_of, watched
from tests.mutants.plugin import SPOILT, generated, original, sources_of
from tests.mutants.running import HANGS, Result, concerned, look, run, workers
from tests.mutants.survivors import survivors

HANGING = "LIVE-5:hangs"
"""Costs a time-out."""

SAMPLE = {
    "_connection:_refusal:if-always.1": "http=401@connecting",
    "_connection:Connection.receive:if-never.6": "provider-error=overloaded@mid-utterance.2",
    "_connection:status_error:operand.2": "http=503@connecting",
    "_connection:Connection.open:except-pass.5": "refused@connecting",
    "_connection:Connection.open:except-raise.4": "http=503@connecting",
    "_connection:Connection.open:except-narrow.5": "refused@connecting",
    "_connection:Connection.send_end:await-skip.1": "none@idle",
    "_connection:Connection.open:await-later.1": "none@idle",
    "_connection:Connection.receive:await-bare.1": "none@idle",
    "_connection:Connection.open:timeout-drop.1": "no-answer@connecting",
    "_connection:Connection.open:raise-return.2": "refused@connecting",
    "_connection:Connection._closed:retryable.1": "close=1011@mid-utterance.2",
    "_stream:SpeechStream._run_session:finally-drop.1": "none@mid-utterance.2+aclose",
    "_batch:recognize:call-skip.1": "batch-cut@batch",
    "_stream:SESSION_END_TIMEOUT:longer.1": "mute-after-end@after-end",
    "_stream:ATTEMPT_SHARE:shorter.1": "none@idle",
}
"""One mutant for each operator, and a case of the default plan that catches it."""

JOBS = 2


def played(cases: dict[str, str]) -> dict[str, Result]:
    """How mutants fare, each in its one case."""
    with workers(JOBS) as pool:
        baselines = look(pool, dict.fromkeys(cases.values()))
        courses = {mutant: (case,) for mutant, case in cases.items()}
        return {result.mutant: result for result in run(pool, courses, baselines)}


def test_each_law_catches_the_mistake_it_was_written_against() -> None:
    mistakes = {key: mistake for key, mistake in BY_HAND.items() if key != HANGING}
    results = played({key: mistake.case for key, mistake in mistakes.items()})
    assert {key: results[key].law for key in mistakes} == {
        key: mistake.law for key, mistake in mistakes.items()
    }


def test_a_mutant_of_each_operator_is_caught() -> None:
    assert {generated()[mutant].operator for mutant in SAMPLE} == set(OPERATORS)
    results = played(SAMPLE)
    assert [mutant for mutant, result in results.items() if not result.caught] == []


def test_each_must_law_has_a_mutant_by_hand() -> None:
    asked = {law.id for law in ALL_LAWS if law.level == "must"}
    assert asked - {mistake.law for mistake in BY_HAND.values()} == set()


def test_every_mutant_is_python_and_differs_from_the_original() -> None:
    for mutant in (*BY_HAND, *generated()):
        changed = set(sources_of(mutant).items()) - set(original().items())
        assert changed, mutant
        for _, source in changed:
            ast.parse(source)


def test_survivors_are_mutants_that_there_are() -> None:
    assert set(survivors()) - set(generated()) == set()


def test_what_is_watched_does_what_it_did_before() -> None:
    case = "reset@mid-utterance.2"
    seen: set[str] = set()

    def see(key: str, value: object = None) -> object:
        seen.add(key)
        return value

    with_eyes = judging._play(plugin.watched_target(see), case)
    without = judging._play(plugin.target_of(None), case)
    assert judging._digest(with_eyes) == judging._digest(without)
    assert {key.partition(":")[0] for key in seen} == set(SPOILT) - {"_batch"}


# --- the operators, on a small module -------------------------------------------------------------

SMALL = '''\
END_TIMEOUT = 2.0

class Line:
    async def read(self):
        """Read on."""
        try:
            if self.closed and not self.rest:
                raise EOFError("über")
            return await self.next()
        except (OSError, ValueError) as error:
            self.note(error)
            raise
        finally:
            await self.leave()
'''


def changes() -> dict[str, str]:
    return {mutant.id: mutant.after for mutant in mutants_of("line", SMALL)}


def test_each_place_is_spoilt_in_each_way() -> None:
    assert changes() == {
        "line:END_TIMEOUT:longer.1": "2.0 * 100",
        "line:END_TIMEOUT:shorter.1": "2.0 / 100",
        "line:Line.read:if-never.1": "False",
        "line:Line.read:if-always.1": "True",
        "line:Line.read:operand.1": "(not self.rest)",
        "line:Line.read:operand.2": "(self.closed)",
        "line:Line.read:raise-return.1": "return",
        "line:Line.read:await-bare.1": "(self.next())",
        "line:Line.read:except-narrow.1": "(ValueError, )",
        "line:Line.read:except-narrow.2": "(OSError, )",
        "line:Line.read:except-pass.1": "pass",
        "line:Line.read:except-raise.1": "raise",
        "line:Line.read:call-skip.1": "pass",
        "line:Line.read:raise-return.2": "return",
        "line:Line.read:finally-drop.1": "pass",
        "line:Line.read:await-skip.1": "pass",
        "line:Line.read:await-later.1": "asyncio.ensure_future(self.leave())",
    }


def test_all_that_is_not_spoilt_stays_as_it_was_written() -> None:
    for mutant in mutants_of("line", SMALL):
        assert SMALL.replace(mutant.before, mutant.after) == mutant.source or (
            mutant.source.count(mutant.after) >= 1
            and len(mutant.source) == len(SMALL) - len(mutant.before) + len(mutant.after)
        )


def test_a_mutant_matters_only_where_its_sight_was_seen() -> None:
    class Line:
        closed = rest = False

        async def next(self) -> str:
            return "word"

        async def leave(self) -> None:
            pass

    seen: set[Sight] = set()

    def see(key: str, *value: object) -> object:
        seen.add(Sight(key, bool(value[0]) if value else None))
        return value[0] if value else None

    names: dict[str, object] = {"__saw__": see}
    exec(compile(watched("line", SMALL), "line", "exec"), names)
    read = vars(names["Line"])["read"](Line())
    with pytest.raises(StopIteration):
        read.send(None)
    matter = {m.operator for m in mutants_of("line", SMALL) if m.sight is None or m.sight in seen}
    assert "if-always" in matter
    assert "finally-drop" in matter
    assert not matter & {"if-never", "except-pass", "except-narrow"}


def test_a_mutant_that_hangs_is_caught_and_costs_only_its_process() -> None:
    case = BY_HAND[HANGING].case
    with workers(1) as pool:
        baselines = look(pool, (case,))
    with workers(1, limit_s=10.0) as pool:
        (result,) = run(pool, {HANGING: (case,)}, baselines)
    assert (result.law, result.case) == (HANGS, case)


def test_cases_that_cannot_concern_a_mutant_are_left_out() -> None:
    with workers(1) as pool:
        baselines = look(pool, ("none@idle", "refused@connecting"))
    handler = "_connection:Connection.open:except-pass.5"
    assert concerned(handler, baselines) == ("refused@connecting",)
    assert concerned("_stream:ATTEMPT_SHARE:longer.1", baselines) == (
        "none@idle",
        "refused@connecting",
    )
