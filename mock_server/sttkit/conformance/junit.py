"""A check's result as JUnit XML, for CI systems that show test results.

A case is a test case. Only what makes the exit status 1 is a failure, and what makes it 3 an error;
what was found besides (warnings, the framework's doing, advisory targets) stands in ``system-out``.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from xml.etree.ElementTree import Element, SubElement

from sttkit.conformance.result import BROKEN, CaseResult, CheckResult, LawVerdict, TargetResult

# XML 1.0 has no way to write these, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(result: CheckResult) -> str:
    """The XML document."""
    root = Element("testsuites", name="sttkit")
    totals = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    for target in result.targets:
        suite = _suite(target)
        root.append(suite)
        for key in totals:
            totals[key] += int(suite.get(key, "0"))
    for key, number in totals.items():
        root.set(key, str(number))
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def _suite(target: TargetResult) -> Element:
    suite = Element("testsuite", name=_clean(f"sttkit.{target.name}"))
    if target.error is not None:
        case = SubElement(suite, "testcase", classname=_clean(target.name), name="target")
        SubElement(case, "error", message=_clean(target.error))
    for result in target.cases:
        suite.append(_case(target, result))
    suite.set("tests", str(len(suite)))
    for kind, plural in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        suite.set(plural, str(sum(case.find(kind) is not None for case in suite)))
    suite.set("time", f"{target.wall_s:.3f}")
    return suite


def _case(target: TargetResult, result: CaseResult) -> Element:
    case = Element(
        "testcase",
        classname=_clean(target.name),
        name=_clean(result.id),
        time=f"{result.wall_s:.3f}",
    )
    failures = [said for said in result.verdicts if said.counts_against and not target.advisory]
    others = [s for s in result.verdicts if s.verdict in BROKEN and s not in failures]
    if result.error is not None:
        SubElement(case, "error", message=_clean(result.error))
    elif result.difference is not None:
        SubElement(case, "error", message=_clean(str(result.difference)))
    elif failures:
        message = ", ".join(said.law for said in failures) + " broken"
        failure = SubElement(case, "failure", message=_clean(message))
        lines = [_line(said) for said in failures]
        failure.text = _clean("\n".join([*lines, f"again: {result.reproduce}"]))
    elif result.unplayed is not None:
        SubElement(case, "error" if target.judged_nothing else "skipped", message=result.unplayed)
    elif result.unfired:
        message = f"never happened: {', '.join(result.unfired)}"
        SubElement(case, "skipped", message=_clean(message))
    if others:
        SubElement(case, "system-out").text = _clean("\n".join(map(_line, others)))
    return case


def _line(said: LawVerdict) -> str:
    owner = " (livekit-agents)" if said.owner == "framework" else ""
    at = f" at {said.judgement.at:.3f} s" if said.judgement.at is not None else ""
    return (
        f"{said.law} {said.verdict.value}{owner}{at}: "
        f"expected {said.judgement.expected}; observed {said.judgement.observed}"
    )


def _clean(text: str) -> str:
    return _NOT_XML.sub("?", text)
