"""``make mutants``: play the default plan to every mutant, and tell which of them survive.

What was caught is remembered in ``build/mutants.json`` and not played again while the mutant's
source is the same; survivors are. Exit status 1 if a mutant survives that `survivors.yaml` does not
list, if one is caught that it lists, or if too few of those that differ for the worse are noticed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sttkit.scripting.cases import parse_case

from .by_hand import BY_HAND
from .operators import OPERATORS
from .plugin import generated, sources_of
from .running import (
    LIMIT_S,
    LONG_LIMIT_S,
    Result,
    concerned,
    is_long,
    look,
    planned,
    run,
    workers,
)
from .survivors import KINDS, survivors

MEMORY = Path("build/mutants.json")
WANTED = 0.95
"""The share of mutants that differ for the worse which has to be noticed."""


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", allow_abbrev=False)
    parser.add_argument(
        "mutants", nargs="*", metavar="ID", help="these only, or parts of their ids"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="worker processes")
    parser.add_argument("--most", type=int, metavar="N", help="at most N cases for each mutant")
    parser.add_argument("--afresh", action="store_true", help="play to those caught before as well")
    parser.add_argument("--list", action="store_true", help="only list the mutants")
    options = parser.parse_args(argv)
    chosen = [
        mutant
        for mutant in (*BY_HAND, *generated())
        if not options.mutants or any(part in mutant for part in options.mutants)
    ]
    if not chosen:
        parser.error("there is no such mutant; --list shows them all")
    if options.list:
        for mutant in chosen:
            print(f"{mutant:56} {_what(mutant)}")
        return 0
    known = {} if options.afresh else _remembered()
    results = {mutant: known[mutant] for mutant in chosen if mutant in known}
    left = [mutant for mutant in chosen if mutant not in known]
    print(f"{len(chosen)} mutants, {len(results)} of them caught before", flush=True)

    def keep(result: Result) -> None:
        results[result.mutant] = result
        _remember({**known, **results})

    results.update(_played(left, options.jobs, options.most, keep))
    return _report([results[mutant] for mutant in chosen])


def _played(
    mutants: Sequence[str], jobs: int, most: int | None, keep: Callable[[Result], None]
) -> dict[str, Result]:
    """Short cases first, to all; then long ones, to those that are left."""
    began = time.monotonic()
    cases = planned()

    def tell(result: Result) -> None:
        keep(result)
        fate = f"caught by {result.law} in {result.case}" if result.caught else "not caught"
        print(f"{time.monotonic() - began:5.0f} s  {result.mutant}  {fate}", flush=True)

    def stage(mutants: Sequence[str], wanted: Sequence[str], limit_s: float) -> list[Result]:
        own = [BY_HAND[mutant].case for mutant in mutants if mutant in BY_HAND]
        with workers(jobs, limit_s) as pool:
            baselines = look(pool, dict.fromkeys((*wanted, *own)))
            print(f"the original played {len(baselines)} cases", flush=True)
            plan = {case: baselines[case] for case in wanted}
            courses = {
                mutant: (BY_HAND[mutant].case,)
                if mutant in BY_HAND
                else concerned(mutant, plan)[:most]
                for mutant in mutants
            }
            return run(pool, courses, baselines, on_result=tell)

    takes_long = [m for m in mutants if m in BY_HAND and is_long(parse_case(BY_HAND[m].case))]
    results = {}
    short = [mutant for mutant in mutants if mutant not in takes_long]
    if short:
        results = {r.mutant: r for r in stage(short, cases.short, LIMIT_S)}
    left = [m for m, r in results.items() if not r.caught and m not in BY_HAND and most is None]
    if left or takes_long:
        for late in stage((*takes_long, *left), cases.long if left else (), LONG_LIMIT_S):
            results[late.mutant] = late.after(results.get(late.mutant))
    return results


# --- memory ---------------------------------------------------------------------------------------


def _digest(mutant: str) -> str:
    return hashlib.sha256(json.dumps(dict(sources_of(mutant))).encode()).hexdigest()[:16]


def _remembered() -> dict[str, Result]:
    """Those that were caught, and are still the same."""
    if not MEMORY.is_file():
        return {}
    entries = json.loads(MEMORY.read_text(encoding="utf-8"))
    known = {*BY_HAND, *generated()}
    return {
        entry["mutant"]: _result(entry)
        for digest, entry in entries
        if entry["mutant"] in known and digest == _digest(entry["mutant"])
    }


def _result(entry: Mapping[str, Any]) -> Result:
    lists = {name: tuple(entry[name]) for name in ("warned", "differs")}
    return Result(**{**entry, **lists})


def _remember(results: Mapping[str, Result]) -> None:
    MEMORY.parent.mkdir(exist_ok=True)
    entries = [(_digest(r.mutant), asdict(r)) for r in results.values() if r.caught]
    MEMORY.write_text(json.dumps(entries, indent=1), encoding="utf-8")


# --- the report -----------------------------------------------------------------------------------


def _what(mutant: str) -> str:
    if mutant in BY_HAND:
        return BY_HAND[mutant].how
    spoilt = generated()[mutant]
    before = " ".join(spoilt.before.split())
    return f"line {spoilt.line}: {before[:60]} → {spoilt.after[:40]}"


def _report(results: Sequence[Result]) -> int:
    listed = survivors()
    for result in results:
        if result.caught:
            print(f"{result.mutant:56} {result.law:10} {result.case}")
    for result in results:
        if not result.caught:
            how = f"differs in {result.differs[0]}" if result.differs else "never differs"
            if result.warned:
                how = f"warned of by {', '.join(result.warned)}"
            print(f"SURVIVED {result.mutant} {_what(result.mutant)}; {result.played} cases, {how}")
    by_syntax = [result for result in results if result.mutant in generated()]
    _print_operators(by_syntax)
    wrong = 0
    for result in results:
        if result.mutant in BY_HAND and result.law != BY_HAND[result.mutant].law:
            found = result.law or "nothing"
            print(f"wrong: {result.mutant} should break its law in {result.case}, not {found}")
        elif result.caught and result.mutant in listed:
            print(f"wrong: {result.mutant} is listed as a survivor, and is caught")
        elif not result.caught and result.mutant not in listed:
            print(f"wrong: {result.mutant} survives, and {_PATH} does not say why")
        else:
            continue
        wrong += 1
    return 1 if _missed_too_many(by_syntax) or wrong else 0


_PATH = "tests/mutants/survivors.yaml"


def _print_operators(results: Sequence[Result]) -> None:
    made: Counter[str] = Counter()
    caught: Counter[str] = Counter()
    for result in results:
        operator = generated()[result.mutant].operator
        made[operator] += 1
        caught[operator] += result.caught
    print(f"\n{'operator':14} {'made':>5} {'caught':>7}")
    for operator, meaning in OPERATORS.items():
        if made[operator]:
            print(f"{operator:14} {made[operator]:5} {caught[operator]:7}  {meaning}")


def _missed_too_many(results: Sequence[Result]) -> bool:
    """Tell how many were noticed of those that differ for the worse; True if too few."""
    listed = survivors()
    caught = sum(result.caught for result in results)
    kinds = Counter(
        listed[r.mutant].kind if r.mutant in listed else "missed" for r in results if not r.caught
    )
    for kind, meaning in KINDS.items():
        print(f"{kinds[kind]:4} {kind}: {meaning}")
    noticed = caught + kinds["warned"]
    worse = noticed + kinds["missed"]
    share = noticed / worse if worse else 1.0
    print(
        f"of {worse} mutants that differ for the worse {caught} break a must, "
        f"{kinds['warned']} a should: {share:.1%} are noticed, "
        f"{caught / (worse or 1):.1%} as failures"
    )
    return share < WANTED


if __name__ == "__main__":
    sys.exit(main())
