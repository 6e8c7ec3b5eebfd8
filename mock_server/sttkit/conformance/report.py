"""A check's result for people: tables of verdicts, findings with their evidence, a summary.

Everything goes through a rich console, which drops colour and fits the width by itself; all text
that comes from a plugin or a server is escaped first, for the terminal's sake.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from sttkit.conformance.result import (
    BROKEN,
    CaseResult,
    CheckResult,
    Finding,
    LawVerdict,
    Owner,
    TargetResult,
)
from sttkit.conformance.subject import HEALTHY
from sttkit.conformance.twice import Difference
from sttkit.conformance.wording import printable
from sttkit.laws.model import Judgement, Law, Verdict

_COLUMNS: tuple[tuple[str, Verdict], ...] = (
    ("pass", Verdict.PASS),
    ("fail", Verdict.FAIL),
    ("warn", Verdict.WARN),
    ("unclear", Verdict.INCONCLUSIVE),
    ("not asked", Verdict.NOT_EXERCISED),
    ("n/a", Verdict.NOT_APPLICABLE),
)
_STYLES = {
    Verdict.PASS: "green",
    Verdict.FAIL: "bold red",
    Verdict.WARN: "yellow",
    Verdict.INCONCLUSIVE: "magenta",
    Verdict.NOT_EXERCISED: "dim",
    Verdict.NOT_APPLICABLE: "dim",
}
_NOTHING_ARRIVES = frozenset({"AUDIO-1", "CLOSE-7", "ORDER-3", "RETRY-6"})
"""What a plugin breaks on a healthy line that its messages, or its audio, do not get through."""
_MOST_CASES = 6
_MOST_SILENT = 20
_ROOMY = 100
_NAME_WIDTH = 16
MOST_SIDE_BY_SIDE = 5
"""Columns that fit side by side in a terminal of usual width."""


def family_of(law: str) -> str:
    """``RETRY`` of ``RETRY-7``."""
    return law.rpartition("-")[0]


def print_report(result: CheckResult, console: Console) -> None:
    """Print everything; one target gets a table of its laws, several a comparison too."""
    several = len(result.targets) > 1
    for target in result.targets:
        _print_target(target, console, brief=several)
    if len(result.targets) > MOST_SIDE_BY_SIDE:
        _print_overview(result.targets, console)
    elif several:
        _print_comparison(result.targets, console)
    _print_summary(result, console)


# --- one target -----------------------------------------------------------------------------------


def _print_target(target: TargetResult, console: Console, *, brief: bool) -> None:
    console.print()
    console.rule(
        Text(printable(target.name), style="bold"), align="left", characters="-", style="dim"
    )
    console.print(Text(_identity(target), style="dim"))
    if target.error is not None:
        console.print(Text(f"could not be run: {printable(target.error)}", style="bold red"))
        return
    for finding in target.findings:
        _print_finding(finding, console)
    if any(HEALTHY in f.cases and f.fails and f.law in _NOTHING_ARRIVES for f in target.findings):
        doubt = f"is it {target.dialect} that the plugin speaks, and at this sample rate?"
        console.print()
        console.print(Text(f"Not even {HEALTHY} comes through: {doubt}", style="yellow"))
        console.print(Text(f"  see       sttkit run {HEALTHY} {target.name}"), soft_wrap=True)
    if not brief:
        _print_verdicts(target, console)
    _print_unplayed(target, console)


def _identity(target: TargetResult) -> str:
    parts = [target.class_path or "", target.version or ""]
    if target.livekit_agents:
        parts.append(f"livekit-agents {target.livekit_agents}")
    if target.python:
        parts.append(f"Python {target.python}")
    if target.dialect:
        parts.append(f"dialect {target.dialect}, {target.world}")
    if target.loopback_only:
        parts.append(f"not simulated: {target.loopback_only}")
    conn = target.conn_options
    parts.append(
        f"max_retry {conn.max_retry}, retry_interval {conn.retry_interval:g} s, "
        f"timeout {conn.timeout:g} s"
    )
    return " | ".join(printable(part) for part in parts if part)


def _print_finding(finding: Finding, console: Console) -> None:
    _print_head(finding.law, finding.judgement.verdict, finding.owner, finding.title, console)
    facts = [("case", _cases(finding.cases)), *_evidence(finding.judgement)]
    _print_facts(facts, console)
    # One line whatever the width, so that it can be copied.
    console.print(Text(f"  again     {finding.reproduce}"), soft_wrap=True)


def print_broken_law(law: Law, judgement: Judgement, owner: Owner, console: Console) -> None:
    """Print that one run broke a law, with the evidence."""
    _print_head(law.id, judgement.verdict, owner, law.statement, console)
    _print_facts(_evidence(judgement), console)


def _print_head(law: str, verdict: Verdict, owner: Owner, title: str, console: Console) -> None:
    if owner == "framework":
        kind, style = "broken by livekit-agents itself", "cyan"
    else:
        kind = "FAIL" if verdict is Verdict.FAIL else "warning"
        style = _STYLES[verdict]
    console.print()
    console.print(Text(f"{law} {kind}", style=style).append(f"  {printable(title)}", "not bold"))


def _print_facts(facts: Sequence[tuple[str, str]], console: Console) -> None:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, text in facts:
        grid.add_row(name, Text(printable(text)))
    console.print(Padding(grid, (0, 0, 0, 2), expand=False))


def _evidence(said: Judgement) -> list[tuple[str, str]]:
    when = f" (at {said.at:.3f} s)" if said.at is not None else ""
    facts = [("expected", said.expected), ("observed", said.observed + when)]
    return [(name, text) for name, text in facts if text]


def _cases(cases: Sequence[str]) -> str:
    shown = ", ".join(cases[:_MOST_CASES])
    rest = len(cases) - _MOST_CASES
    return f"{shown} and {rest} more" if rest > 0 else shown


def _print_verdicts(target: TargetResult, console: Console) -> None:
    table = Table(
        title=f"{_plural(len(target.cases), 'case')} by law",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("law", no_wrap=True)
    table.add_column("level", no_wrap=True, style="dim")
    for name, _ in _COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    silent = []
    for law, verdicts in target.verdicts_by_law().items():
        counts = Counter(said.verdict for said in verdicts)
        if not any(counts[v] for _, v in _COLUMNS[:4]):
            silent.append(law)
            continue
        cells = [_count(counts[verdict], verdict) for _, verdict in _COLUMNS]
        table.add_row(law, verdicts[0].level, *cells)
    console.print()
    if table.row_count:
        console.print(table)
    _print_silent(silent, console)


def _print_silent(laws: Sequence[str], console: Console) -> None:
    """Name the laws that no case was about, unless they are nearly all, as with a few cases."""
    if len(laws) > _MOST_SILENT:
        console.print(Text(f"No case put the other {len(laws)} laws to the test.", style="dim"))
    elif laws:
        console.print(Text("No case put these to the test: " + ", ".join(laws), style="dim"))


def _count(number: int, verdict: Verdict) -> Text:
    return Text(str(number), style=_STYLES[verdict]) if number else Text("·", style="dim")


def _print_unplayed(target: TargetResult, console: Console) -> None:
    unfired = [case for case in target.cases if case.unfired]
    given_up = [case for case in target.cases if case.unplayed is not None]
    failed = [case for case in target.cases if case.error is not None]
    if unfired:
        console.print()
        console.print(
            Text(
                f"In {_plural(len(unfired), 'case')} something never happened, "
                "so nothing was shown by it:",
                style="magenta",
            )
        )
        for case in unfired:
            console.print(Text(f"  {case.id}: no {', '.join(case.unfired)}"))
    for reason, number in Counter(case.unplayed for case in given_up).items():
        console.print()
        console.print(Text(f"{_plural(number, 'case')} {reason}", style="bold red"))
    for case in target.cases:
        if case.difference is not None:
            _print_difference(case, case.difference, console)
    for case in failed:
        console.print()
        console.print(Text(f"{case.id}: {printable(case.error or '')}", style="bold red"))
        console.print(Text(f"  again     {case.reproduce}"), soft_wrap=True)


def _print_difference(case: CaseResult, differ: Difference, console: Console) -> None:
    console.print()
    head = f"{case.id}: not the same twice, which is sttkit's own error"
    console.print(Text(head, style="bold red"))
    where = f"record {differ.record}" if differ.record else "end"
    facts = [("from", where), ("first", differ.first), ("second", differ.second)]
    _print_facts(facts, console)
    console.print(Text(f"  again     {case.reproduce} --twice"), soft_wrap=True)


# --- several targets ------------------------------------------------------------------------------


def _print_comparison(targets: Iterable[TargetResult], console: Console) -> None:
    ran = [target for target in targets if target.error is None]
    if not ran:
        return
    console.print()
    console.rule(Text("side by side", style="bold"), align="left", characters="-", style="dim")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("law", no_wrap=True)
    table.add_column("level", no_wrap=True, style="dim")
    for target in ran:
        table.add_column(Text(printable(target.name)), overflow="fold")
    by_law = [target.verdicts_by_law() for target in ran]
    laws = list(dict.fromkeys(law for verdicts in by_law for law in verdicts))
    silent = []
    for law in laws:
        said = [verdicts.get(law, ()) for verdicts in by_law]
        cells = [_cell(verdicts) for verdicts in said]
        if all(cell is None for cell in cells):
            silent.append(law)
            continue
        level = next(verdicts[0].level for verdicts in said if verdicts)
        table.add_row(law, level, *(cell or Text("·", style="dim") for cell in cells))
    if table.row_count:
        console.print(table)
    _print_silent(silent, console)


def _cell(verdicts: Sequence[LawVerdict]) -> Text | None:
    """What a target did with a law, worst first: ``fail 2/31``; None if it was never asked."""
    counts = Counter(said.verdict for said in verdicts)
    asked = sum(counts[v] for v in (Verdict.PASS, *BROKEN))
    own = Counter(s.verdict for s in verdicts if s.owner == "plugin")
    for verdict in BROKEN:
        if own[verdict]:
            return Text(f"{verdict.value} {own[verdict]}/{asked}", style=_STYLES[verdict])
    theirs = counts[Verdict.FAIL] + counts[Verdict.WARN]
    if theirs:
        return Text(f"livekit {theirs}/{asked}", style="cyan")
    if asked:
        return Text(f"pass {asked}", style=_STYLES[Verdict.PASS])
    if counts[Verdict.INCONCLUSIVE]:
        return Text(f"unclear {counts[Verdict.INCONCLUSIVE]}", style="magenta")
    return None


def _print_overview(targets: Iterable[TargetResult], console: Console) -> None:
    """A line per target: how many laws of each family it broke, of those that it was asked for."""
    ran = [target for target in targets if target.error is None]
    families = list(dict.fromkeys(family_of(law) for t in ran for law in t.verdicts_by_law()))
    console.print()
    console.rule(
        Text("laws broken, of those put to the test", style="bold"),
        align="left",
        characters="-",
        style="dim",
    )
    # In 80 columns there is room for ten families, or for space around them.
    space = 0 if console.width < _ROOMY else 1
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, space))
    longest = max((len(target.name) for target in ran), default=0)
    table.add_column("target", overflow="fold", min_width=min(longest, _NAME_WIDTH))
    for family in families:
        table.add_column(family, justify="right", no_wrap=True)
    for target in ran:
        table.add_row(printable(target.name), *(_tally(target, family) for family in families))
    console.print(table)


def _tally(target: TargetResult, family: str) -> Text:
    cells = [
        cell
        for law, verdicts in target.verdicts_by_law().items()
        if family_of(law) == family and (cell := _cell(verdicts)) is not None
    ]
    if not cells:
        return Text("·", style="dim")
    fails = sum(cell.plain.startswith("fail") for cell in cells)
    style = _STYLES[Verdict.FAIL if fails else Verdict.PASS]
    return Text(f"{fails}/{len(cells)}", style=style)


# --- the end --------------------------------------------------------------------------------------


def _print_summary(result: CheckResult, console: Console) -> None:
    console.print()
    for target in result.targets:
        console.print(_summary(target))
    for absent in result.absent:
        line = Text(printable(absent.name), style="bold dim")
        said = f": {absent.why}; {printable(absent.hint)}"
        console.print(line.append(said, style="not bold dim"))
    if result.interrupted:
        console.print(Text("Stopped before the end: this is what was known.", style="bold yellow"))


def _summary(target: TargetResult) -> Text:
    line = Text(printable(target.name), style="bold")
    if target.error is not None:
        return line.append(": could not be run", style="bold red")
    own = [f for f in target.findings if f.owner == "plugin"]
    fails = sum(finding.fails for finding in own)
    warns = len(own) - fails
    theirs = len({f.law for f in target.findings if f.owner == "framework"})
    # Style per part: what was appended last must not colour what follows.
    line.append(": ", style="not bold")
    if target.judged_nothing:
        line.append("no case was judged", style=_STYLES[Verdict.FAIL])
    elif fails:
        line.append(f"{_plural(fails, 'law')} broken", style=_STYLES[Verdict.FAIL])
    else:
        line.append("no law broken", style=_STYLES[Verdict.PASS])
    rest = [_plural(warns, "warning")] if warns else []
    rest += [f"{_plural(theirs, 'law')} broken by livekit-agents itself"] if theirs else []
    unfired = sum(1 for case in target.cases if case.unfired)
    rest += [f"{_plural(unfired, 'case')} in which something never happened"] if unfired else []
    unplayed = sum(1 for case in target.cases if case.unplayed is not None)
    rest += [f"{_plural(unplayed, 'case')} not judged"] if unplayed else []
    errors = sum(1 for case in target.cases if case.error is not None)
    rest += [f"{_plural(errors, 'case')} could not be played"] if errors else []
    differed = sum(1 for case in target.cases if case.difference is not None)
    rest += [f"{_plural(differed, 'case')} not the same twice"] if differed else []
    same = target.compared - differed
    rest += [f"{_plural(same, 'case')} the same twice"] if same else []
    rest.append(f"{_plural(len(target.cases), 'case')} in {target.wall_s:.0f} s")
    line.append("; " + ", ".join(rest), style="not bold")
    if target.advisory:
        line.append(" (advisory)", style="not bold dim")
    return line


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
