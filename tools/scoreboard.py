"""Judge every installed plugin, look at each finding again over real sockets, and write the page.

    python tools/scoreboard.py docs/scoreboard.md [--tier smoke] [--jobs N]

Simulated cases come first. The smallest case of every broken *must* is then played over loopback
to the same plugin, since a finding that only the simulation shows may be the simulation's fault.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from sttkit._version import __version__
from sttkit.conformance.check import Progress, check
from sttkit.conformance.options import CheckOptions, every_plugin
from sttkit.conformance.plan import takes_too_long
from sttkit.conformance.result import CheckResult, Finding, LawVerdict, TargetResult
from sttkit.conformance.scoreboard import as_markdown
from sttkit.laws.model import Verdict
from sttkit.scripting.cases import parse_case
from sttkit.scripting.yaml import is_line


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("page", type=Path, metavar="FILE", help="the Markdown page to write")
    parser.add_argument("--tier", choices=("smoke", "default"), default="smoke")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--target", action="append", default=[], help="only this; may be repeated")
    arguments = parser.parse_args()
    names, absent = every_plugin()
    targets = tuple(arguments.target) or names
    options = CheckOptions(targets=targets, tier=arguments.tier, jobs=arguments.jobs)
    result = check(options, on_progress=_tell)
    result = replace(result, absent=() if arguments.target else absent)
    page = as_markdown(
        result, heading=_heading(result, arguments.tier), confirmed=_again(result.targets)
    )
    arguments.page.write_text(page, encoding="utf-8")


def _again(targets: Sequence[TargetResult]) -> dict[tuple[str, str], str]:
    """Play what broke a *must* over loopback: by target and law, whether it did so again."""
    fails = {
        target.name: [
            finding
            for finding in target.findings
            if finding.fails and finding.owner == "plugin" and _playable(finding)
        ]
        for target in targets
        if target.world == "simulated"
    }
    cases = {
        name: tuple(dict.fromkeys(finding.cases[0] for finding in findings))
        for name, findings in fails.items()
        if findings
    }
    if not cases:
        return {}
    # All targets at once: over loopback a case mostly waits.
    options = CheckOptions(targets=tuple(cases), own_cases=cases, world="loopback")
    verdicts = {
        (target.name, case.id, said.law): said
        for target in check(options, on_progress=_tell).targets
        for case in target.cases
        for said in case.verdicts
    }
    return {
        (name, finding.law): _told(verdicts.get((name, finding.cases[0], finding.law)))
        for name, findings in fails.items()
        for finding in findings
    }


def _playable(finding: Finding) -> bool:
    """Whether its smallest case can be played in real time."""
    smallest = finding.cases[0]
    return not is_line(smallest) and not takes_too_long(parse_case(smallest))


def _told(said: LawVerdict | None) -> str:
    """What became of a finding over real sockets."""
    if said is None:
        return "not played"
    if said.verdict is Verdict.FAIL:
        return "yes"
    why = f" ({said.judgement.reason})" if said.judgement.reason else ""
    return f"no, {said.verdict.value.replace('_', ' ')}{why}"


def _tell(progress: Progress) -> None:
    """A line now and then, for whoever waits."""
    if progress.done % 50 == 0:
        print(f"{progress.done} of {progress.total} cases", file=sys.stderr, flush=True)


def _heading(result: CheckResult, tier: str) -> str:
    agents = next((t.livekit_agents for t in result.targets if t.livekit_agents), "?")
    day = datetime.now(timezone.utc).date().isoformat()
    return (
        f"What LiveKit's released plugins for streaming speech to text do with the cases of the "
        f"{tier} plan: sttkit {__version__}, seed {result.seed}, livekit-agents {agents}, Python "
        f"{platform.python_version()}, {day}. The versions of the plugins are with their findings. "
        "Made by `make scoreboard`; the laws are told by `sttkit laws`.\n\n"
        "A finding is what a plugin did against the contract of this kit in a scripted case, not a "
        "judgement of a service: no request left the machine. *Over real sockets* says whether the "
        "same case showed it again over loopback, in real time."
    )


if __name__ == "__main__":
    main()
