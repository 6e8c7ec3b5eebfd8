"""A stand-in for playing cases: what a target of this name does is written in its name.

Workers look `perform` up by its module, so it must not need anything of a test's own.
"""

import os
import time
from dataclasses import replace

from sttkit.conformance.jobs import CaseJob, Job, Outcome, ProbeJob, Refusal, Smallest, SurveyJob
from sttkit.conformance.pool import Answer
from sttkit.conformance.surveying import Survey
from sttkit.conformance.twice import pack
from sttkit.errors import TargetError
from sttkit.laws.model import Judgement, Law, Verdict, broken, passed, unclear, unexercised


def law(law_id, level="must"):
    return Law(
        law_id,
        level,
        f"Statement of {law_id}. More of it.",
        "why",
        "how",
        judge=lambda run: passed(),
    )


LAWS = (
    law("LIVE-5"),
    law("RETRY-1"),
    law("RETRY-7"),
    law("ORDER-1"),
    law("LIVE-6", "should"),
    law("CLOSE-1"),
)


def judged(**verdicts: Judgement) -> dict[str, Judgement]:
    """One judgement per law: passed unless said otherwise, CLOSE-1 never put to the test."""
    said = {law.id: passed() for law in LAWS} | {"CLOSE-1": unexercised("nobody closed")}
    return said | {name.replace("_", "-"): verdict for name, verdict in verdicts.items()}


def outcome(
    started=True, unfired=(), by_start=None, starved=False, **verdicts: Judgement
) -> Outcome:
    ways = {known: judged(**verdicts) for known in (None, False, True)}
    for known, more in (by_start or {}).items():
        ways[known] = judged(**{**verdicts, **more})
    return Outcome(ways, started=started, unfired=unfired, wall_s=0.01, starved=starved)


FAILED = broken("a new connection within 0.6 s", "none in 15 s", 1.32)
WARNED = Judgement(Verdict.WARN, expected="a log record", observed="nothing")


def perform(job: Job) -> Answer[Survey | Outcome | Smallest | Refusal]:
    if isinstance(job, ProbeJob):
        # The framework breaks RETRY-7 wherever it is asked, and nothing else.
        return Answer(outcome(RETRY_7=FAILED))
    if isinstance(job, SurveyJob):
        return Answer(_survey(job.target))
    assert isinstance(job, CaseJob)
    said = _outcome(job)
    if isinstance(said, Outcome):
        said = _traced(job, said)
    return Answer(said, retire=job.target.endswith(":elsewhere"))


def _traced(job: CaseJob, said: Outcome) -> Outcome | Refusal:
    """Played twice, some are not the same; each tells in its trace which process it was in."""
    name = job.target.rpartition(":")[2]
    healthy = job.case.startswith("none@")
    if job.turn == 2 and not healthy:
        if name == "refusing-later":
            return Refusal(TargetError("no stream", where=job.target))
        if name == "dying-later":
            os._exit(7)
    lines = ["one", "two", "three"]
    if name == "moody" and not healthy:
        lines[1] = f"two in turn {job.turn}"
    if name == "short-winded" and job.turn == 2:
        del lines[2]
    if name == "elsewhere":
        lines[0] = str(os.getpid())
    return replace(said, trace=pack("\n".join(lines)) if job.turn else None)


def _survey(target: str) -> Survey | Refusal:
    if target.endswith(":missing"):
        return Refusal(TargetError("the module 'plugin' is not installed", where=target))
    only = "it has threads of its own" if target.endswith(":threaded") else None
    return Survey("custom_stt", f"{target}.STT", "1.0", "1.8.9", "3.11.7", loopback_only=only)


def _outcome(job: CaseJob) -> Outcome | Refusal:
    name = job.target.rpartition(":")[2]
    healthy = job.case.startswith("none@")
    if name == "threaded" and (job.world, job.turn) != ("loopback", 0):
        raise AssertionError(f"played {job.world}, turn {job.turn}")
    if name == "starved" and not healthy:
        return outcome(starved=True, RETRY_1=FAILED)
    if name == "late" and not healthy:
        return outcome(starved=job.tries < 2, RETRY_1=FAILED)
    if name == "refusing":
        return Refusal(TargetError("no stream", where=job.target))
    if name == "dying" and not healthy:
        os._exit(7)
    if name == "freezing" and not healthy:
        time.sleep(600)
    if name == "confusing" and not healthy:
        raise KeyError("a fault of the kit")
    if name == "deaf" and not healthy:
        return outcome(RETRY_1=FAILED, LIVE_6=WARNED)
    if name == "raw" and not healthy:
        return outcome(RETRY_7=FAILED)
    if name == "both" and not healthy:
        return outcome(RETRY_1=FAILED, RETRY_7=FAILED)
    if name == "silent":  # emits no START; the law must know that before it judges
        return outcome(
            started=False,
            by_start={
                True: {"ORDER_1": FAILED},
                None: {"ORDER_1": unclear("not known")},
                False: {"ORDER_1": Judgement(Verdict.NOT_APPLICABLE, "no START in health")},
            },
        )
    if name == "lucky":
        return outcome(unfired=("reset@idle", "aclose") if not healthy else ())
    return outcome()
