"""What a plugin breaks in one script, and an assertion that it breaks nothing.

The assertion works wherever a function can be called: in a plain test, in one that Hypothesis
drives, in a shell. It makes the event loop it needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from sttkit.conformance.casework import play_in
from sttkit.conformance.jobs import DEFAULT_WORLD, PROBE
from sttkit.conformance.options import chosen_laws
from sttkit.conformance.plan import World
from sttkit.conformance.reproduce import reproducer_of
from sttkit.conformance.result import BROKEN
from sttkit.conformance.surveying import survey_of, target_of
from sttkit.dialects import is_same
from sttkit.errors import SttkitError, UsageError
from sttkit.laws.model import Judgement, Law, Run
from sttkit.scripting.model import Script
from sttkit.scripting.python import python_of
from sttkit.scripting.yaml import dump_script
from sttkit.targets.given import as_given, spelled
from sttkit.targets.model import Target

if TYPE_CHECKING:
    from sttkit.targets.given import Given
    from sttkit.worlds.played import Played


def assert_holds(
    plugin: Given,
    script: Script,
    *,
    laws: Iterable[str] = (),
    world: World = DEFAULT_WORLD,
) -> None:
    """Play ``script`` to ``plugin`` and assert that it breaks no law of level must.

    What LiveKit's base class breaks by itself in the same script is not held against the plugin.

    Args:
        plugin: a target's name, ``module:factory``, ``path/file.py:factory``, a `Target`, or the
            factory itself: a function that takes a `Context` and returns an STT.
        laws: ids of the laws that are asserted, of whatever level; by default all musts.
        world: ``simulated``, or ``loopback`` for real sockets and real time.

    Raises:
        AssertionError: a law was broken. The message has the evidence, the script as YAML and as
            Python, and a line for a shell that plays it again.
        UsageError: there is no such target or law, the script is for another dialect, or an event
            loop is running in this thread already.
        TargetError: the plugin cannot be built.
    """
    __tracebackhide__ = True
    target = as_given(plugin, script.dialect)
    asserted = asserted_laws(laws)
    broken = broken_by(target, script, asserted, world)
    if broken:
        by_id = {law.id: law for law in asserted}
        told = [law_told(by_id[law_id], judgement) for law_id, judgement in broken.items()]
        name = spelled(plugin)
        again = reproducer_of(name, script, world=world) if name is not None else None
        raise AssertionError(_message(target.name, told, script, again))


def asserted_laws(ids: Iterable[str]) -> tuple[Law, ...]:
    """The laws called so, in any case; without any, all of level must.

    Raises:
        UsageError: there is no such law.
    """
    from sttkit.laws import ALL_LAWS

    ids = tuple(ids)
    return chosen_laws(ids, ALL_LAWS if ids else [law for law in ALL_LAWS if law.level == "must"])


def broken_by(
    target: Target,
    script: Script,
    laws: Iterable[Law],
    world: World = DEFAULT_WORLD,
    play: Callable[[Target, Script], Played] | None = None,
) -> Mapping[str, Judgement]:
    """The laws of these that ``target`` itself breaks in ``script``, by id, with the evidence.

    ``play`` plays it in ``world`` where it is more than the script, a recording, say.

    Raises:
        UsageError: the script is for another dialect, or an event loop is running already.
        TargetError: the plugin cannot be built.
    """
    if script.dialect is not None and not is_same(script.dialect, target.dialect):
        raise UsageError(
            f"the script is for {script.dialect}, and {target.name} speaks {target.dialect}",
            hint="say of the factory which one it is: build.dialect = …",
        )
    if _loop_runs():
        raise UsageError(
            "an event loop is running in this thread already",
            expected="a plain function: a script is played on a loop of its own",
        )
    # Building it once imports the plugin, which is not to be mistaken for a blocked loop.
    survey_of(target)
    run = (play or play_in(world))(target, script).run
    broken = broken_in(run, laws)
    theirs = broken_by_framework(run) if broken else frozenset()
    return {law_id: judgement for law_id, judgement in broken.items() if law_id not in theirs}


def broken_in(run: Run, laws: Iterable[Law]) -> Mapping[str, Judgement]:
    """The laws of these that are broken in ``run``, whoever's fault it is.

    A single run does not tell whether a healthy one has START_OF_SPEECH: what counts is broken
    either way.
    """
    from sttkit.laws import judge

    broken: dict[str, Judgement] = {}
    suspects = tuple(laws)
    for known in (None, True, False):
        if not suspects:
            break
        said = judge(run.knowing(known), suspects)
        suspects = tuple(law for law in suspects if said[law.id].verdict in BROKEN)
        broken = {law.id: broken.get(law.id, said[law.id]) for law in suspects}
    return broken


def broken_by_framework(run: Run) -> frozenset[str]:
    """The laws that a flawless plugin over the same framework breaks in the script of ``run``."""
    from sttkit.laws import ALL_LAWS

    if run.subject.name == PROBE:
        return frozenset(law.id for law in ALL_LAWS)
    probe = target_of(PROBE)
    survey_of(probe)
    try:
        played = play_in(run.world)(probe, replace(run.script, dialect=None))
    except SttkitError:  # the script is about what only the other dialect has
        return frozenset()
    return frozenset(broken_in(played.run, ALL_LAWS))


def law_told(law: Law, judgement: Judgement) -> str:
    """A law that was not kept, with the evidence, on a few lines."""
    verdict = judgement.verdict.value.replace("_", " ")
    at = f" at {judgement.at:.3f} s" if judgement.at is not None else ""
    lines = [f"{law.id} ({law.level}): {verdict}{at}: {law.statement}"]
    lines.extend(
        f"    {name:<9} {value}"
        for name, value in (
            ("expected", judgement.expected),
            ("observed", judgement.observed),
            ("because", judgement.reason),
        )
        if value
    )
    return "\n".join(lines)


def _message(name: str, told: list[str], script: Script, again: str | None) -> str:
    parts = [
        f"{name} breaks the contract",
        *told,
        f"as YAML:\n\n{dump_script(script)}",
        f"as Python:\n\n{python_of(script)}\n",
    ]
    if again is not None:
        parts.append(f"again: {again}")
    return "\n".join(parts)


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
