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
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from sttkit._version import __version__
from sttkit.conformance.check import check
from sttkit.conformance.options import CheckOptions, every_plugin
from sttkit.conformance.result import CheckResult, TargetResult
from sttkit.conformance.scoreboard import as_markdown
from sttkit.laws.model import Verdict
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
    result = check(options, on_progress=lambda progress: None)
    result = replace(result, absent=() if arguments.target else absent)
    confirmed: dict[tuple[str, str], str] = {}
    for target in result.targets:
        print(f"{target.name}: {len(target.findings)} findings", file=sys.stderr, flush=True)
        if target.world == "simulated":
            confirmed |= _again(target, arguments.jobs)
    page = as_markdown(result, heading=_heading(result, arguments.tier), confirmed=confirmed)
    arguments.page.write_text(page, encoding="utf-8")


def _again(target: TargetResult, jobs: int) -> dict[tuple[str, str], str]:
    """Play what broke a *must* over loopback: by target and law, whether it did so again."""
    fails = [f for f in target.findings if f.fails and f.owner == "plugin"]
    cases = tuple(dict.fromkeys(f.cases[0] for f in fails if not is_line(f.cases[0])))
    if not cases:
        return {}
    # Over loopback most of the time is waiting.
    options = CheckOptions(targets=(target.name,), cases=cases, jobs=4 * jobs, world="loopback")
    [played] = check(options).targets
    verdicts = {(case.id, said.law): said for case in played.cases for said in case.verdicts}
    found: dict[tuple[str, str], str] = {}
    for finding in fails:
        said = verdicts.get((finding.cases[0], finding.law))
        if said is None:
            found[target.name, finding.law] = "not played"
        elif said.verdict is Verdict.FAIL:
            found[target.name, finding.law] = "yes"
        else:
            why = f" ({said.judgement.reason})" if said.judgement.reason else ""
            found[target.name, finding.law] = f"no, {said.verdict.value}{why}"
    return found


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
