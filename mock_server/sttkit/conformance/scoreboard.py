"""A check of many plugins as a page of Markdown: a line for each, tables of laws, the findings.

A finding that a run over real sockets did not show again is told apart: the simulation might be to
blame for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from sttkit.conformance.report import family_of
from sttkit.conformance.result import CheckResult, Finding, LawVerdict, TargetResult
from sttkit.conformance.wording import printable
from sttkit.laws.model import Verdict

Confirmed = Mapping[tuple[str, str], str]
"""What became of a finding over real sockets, by target and law: ``yes``, or why not."""

_MOST_CASES = 4
_MOST_COLUMNS = 15
"""Laws side by side: more, and a page has to be scrolled sideways."""
_LEGEND = (
    "✓ held in every case that asked for it · **✗** broken, in so many cases of those that asked · "
    "! a *should* that was not kept · L broken by LiveKit's base class itself · "
    "? no case could tell · – never asked"
)


def as_markdown(result: CheckResult, *, heading: str, confirmed: Confirmed) -> str:
    """The page.

    Args:
        result: the check.
        heading: what was checked, when and with what: the text under the title.
        confirmed: what became of the findings over real sockets.
    """
    ran = [target for target in result.targets if target.error is None]
    laws = list(dict.fromkeys(law for target in ran for law in target.verdicts_by_law()))
    lines = ["# Scoreboard", "", heading, "", *_overview(ran, confirmed)]
    lines += _not_run(result)
    lines += ["## Laws", "", _LEGEND, ""]
    for side_by_side in _in_tables(laws):
        lines += _table(ran, side_by_side)
    lines += ["## Findings", ""]
    for target in ran:
        lines += _findings(target, confirmed)
    return "\n".join(lines).rstrip() + "\n"


def _overview(targets: Sequence[TargetResult], confirmed: Confirmed) -> Iterable[str]:
    yield "| plugin | version | cases | laws broken | of these over real sockets | warnings |"
    yield "|---|---|--:|--:|--:|--:|"
    for target in targets:
        own = [finding for finding in target.findings if finding.owner == "plugin"]
        fails = [finding for finding in own if finding.fails]
        seen = sum(confirmed.get((target.name, finding.law)) == "yes" for finding in fails)
        shown = len(fails) if target.world == "loopback" else seen
        yield (
            f"| [{target.name}](#{target.name}) | {target.version} | {len(target.cases)} "
            f"| {len(fails)} | {shown} | {len(own) - len(fails)} |"
        )
    yield ""


def _in_tables(laws: Sequence[str]) -> Iterable[Sequence[str]]:
    """Laws for one table after the other: whole families, as many as fit."""
    table: list[str] = []
    for family in dict.fromkeys(map(family_of, laws)):
        more = [law for law in laws if family_of(law) == family]
        if table and len(table) + len(more) > _MOST_COLUMNS:
            yield table
            table = []
        table += more
    if table:
        yield table


def _table(targets: Sequence[TargetResult], laws: Sequence[str]) -> Iterable[str]:
    yield "| | " + " | ".join(laws) + " |"
    yield "|---|" + ":-:|" * len(laws)
    for target in targets:
        by_law = target.verdicts_by_law()
        cells = [_cell(by_law.get(law, ())) for law in laws]
        yield f"| [{target.name}](#{target.name}) | " + " | ".join(cells) + " |"
    yield ""


def _cell(verdicts: Sequence[LawVerdict]) -> str:
    counts = Counter(said.verdict for said in verdicts)
    own = Counter(said.verdict for said in verdicts if said.owner == "plugin")
    asked = counts[Verdict.PASS] + counts[Verdict.FAIL] + counts[Verdict.WARN]
    if own[Verdict.FAIL]:
        return f"**✗** {own[Verdict.FAIL]}/{asked}"
    if own[Verdict.WARN]:
        return "!"
    if counts[Verdict.FAIL] or counts[Verdict.WARN]:
        return "L"
    if asked:
        return "✓"
    return "?" if counts[Verdict.INCONCLUSIVE] else "–"


def _not_run(result: CheckResult) -> Iterable[str]:
    missing = [
        *((t.name, f"could not be run: {t.error}") for t in result.targets if t.error is not None),
        *((one.name, f"{one.why}; {one.hint}") for one in result.absent),
    ]
    if missing:
        yield "## Not judged"
        yield ""
        yield from (f"* `{name}`: {_escaped(why)}" for name, why in missing)
        yield ""


def _findings(target: TargetResult, confirmed: Confirmed) -> Iterable[str]:
    yield f"### {target.name}"
    yield ""
    world = f"over loopback ({target.loopback_only})" if target.loopback_only else target.world
    yield f"`{target.class_path}` {target.version}, {len(target.cases)} cases, {world}."
    yield ""
    own = [finding for finding in target.findings if finding.owner == "plugin"]
    if not own:
        yield "Nothing."
        yield ""
    for finding in own:
        yield from _finding(finding, confirmed.get((target.name, finding.law)))


def _finding(finding: Finding, confirmed: str | None) -> Iterable[str]:
    said = finding.judgement
    kind = "" if finding.fails else " (should)"
    yield f"* **{finding.law}**{kind} {_escaped(finding.title)}"
    yield ""
    shown = ", ".join(f"`{case}`" for case in finding.cases[:_MOST_CASES])
    rest = len(finding.cases) - _MOST_CASES
    cases = f"In {shown}" + (f" and {rest} more" if rest > 0 else "")
    real = f" Over real sockets: {_escaped(confirmed)}." if confirmed is not None else ""
    yield (
        f"  {cases}: expected {_escaped(said.expected)}; observed {_escaped(said.observed)}.{real}"
    )
    yield ""
    yield "  ```sh"
    yield f"  {finding.reproduce}"
    yield "  ```"
    yield ""
    if finding.script:
        yield "  <details><summary>the first case as a script</summary>"
        yield ""
        yield "  ```yaml"
        yield from (f"  {line}" for line in finding.script.strip().splitlines())
        yield "  ```"
        yield ""
        yield "  </details>"
        yield ""


def _escaped(text: str) -> str:
    """Text of a plugin or server, so that it stays text in Markdown."""
    plain = printable(text).replace("\n", " ")
    return "".join(f"\\{char}" if char in "\\`*_[]<>|#" else char for char in plain)
