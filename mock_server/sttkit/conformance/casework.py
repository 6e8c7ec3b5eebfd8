"""What a worker process does: look at a target, or play a case to it and judge what happened.

A run's records stay in the worker: only what was found in them goes back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from sttkit.audio.speech import Speech
from sttkit.conformance.jobs import (
    DEFAULT_WORLD,
    PROBE,
    CaseJob,
    Job,
    Outcome,
    ProbeJob,
    Refusal,
    Result,
    ShrinkJob,
    Smallest,
    SurveyJob,
)
from sttkit.conformance.plan import World
from sttkit.conformance.pool import Answer
from sttkit.conformance.surveying import survey, target_of
from sttkit.conformance.twice import pack
from sttkit.deck.files import load_cassette
from sttkit.deck.staging import is_cassette, staged
from sttkit.dialects import load_dialect
from sttkit.errors import SttkitError, UsageError
from sttkit.faults import Point
from sttkit.scripting.cases import MOST_FAULTS, Case, parse_case
from sttkit.scripting.model import Script
from sttkit.scripting.yaml import is_line, line_of, load_script, parse_script

if TYPE_CHECKING:
    from sttkit.cassette.playing import Playing
    from sttkit.cassette.tape import Tape
    from sttkit.laws.model import Judgement, Run
    from sttkit.targets import Target
    from sttkit.trace import Record
    from sttkit.worlds.played import Played

PRELOAD = ("livekit.agents", "sttkit.conformance.casework", "sttkit.driver.run", "sttkit.laws")
"""What takes long to import and is the same for all jobs."""
LOOPBACK_RUNS = 12
"""Runs to shrink one script with where each takes its real time: well within a job's limit."""


def perform(job: Job) -> Answer[Result]:
    """Do ``job``; the process is unfit for another if the plugin left something behind."""
    if isinstance(job, ProbeJob):
        job = CaseJob(PROBE, job.case, job.seed, world=job.world, speech=job.speech)
    try:
        # Before a case as well: its first use imports the plugin, and no case should wait for that.
        said = survey(job.target, job.dialect)
        if isinstance(job, SurveyJob):
            return Answer(said)
        if isinstance(job, ShrinkJob):
            return Answer(_shrunk(job), retire=True)
        return _play(job)
    except SttkitError as error:
        return Answer(Refusal(error), retire=not isinstance(job, SurveyJob))


def world_for(loopback_only: str | None, asked: World | None = None) -> World:
    """Where a target is played: what was asked for, else what it can be played in."""
    return asked or ("loopback" if loopback_only else DEFAULT_WORLD)


def play_in(world: World) -> Callable[..., Played]:
    """What plays a script to a target in this world: its ``play()``."""
    play: Callable[..., Played] = import_module(f"sttkit.worlds.{world}").play
    return play


def play_on(speech: str | None, world: World) -> Callable[[Target, Script], Played]:
    """What plays a script to a target on the recording that ``speech`` names, if it does.

    It raises `UsageError` of a client that is not the one that was recorded.
    """
    play = play_in(world)

    def play_recorded(target: Target, script: Script) -> Played:
        played = play(target, script, tape=tape_of(speech, target, script))
        if played.playing is not None and (stranger := _stranger_than(played.playing, script)):
            raise stranger
        return played

    return play_recorded


def script_of(
    case_id: str, seed: int, dialect: str | None = None, speech: str | None = None
) -> Script:
    """The script that a case is short for; ``speech`` names a script that says something else.

    A script that is spelled on one line in place of a case id has its own seed and speech.

    Raises:
        ScriptError: a script cannot be read.
    """
    if is_line(case_id):
        return replace(parse_script(case_id), dialect=dialect)
    said = speech_of(speech) if speech is not None else None
    if said is not None and seed:
        said = replace(said, seed=seed)
    return replace(parse_case(case_id).script(seed=seed, said=said), dialect=dialect)


@lru_cache(maxsize=8)
def speech_of(path: str) -> Speech:
    """What is said in a YAML script, or was on a cassette.

    Raises:
        ScriptError: it cannot be read.
    """
    if is_cassette(Path(path)):
        return staged(load_cassette(Path(path))).script.speech
    return load_script(Path(path)).speech


def tape_of(path: str | None, target: Target, script: Script) -> Tape | None:
    """The recording that the server plays, if ``path`` names one that ``target`` understands.

    The framework probe meets a healthy recogniser: it stands for no client that was recorded.

    Raises:
        UsageError: it cannot be read, or was recorded from another provider.
    """
    if path is None or not is_cassette(Path(path)) or target.name == PROBE:
        return None
    if any(placed.point is Point.BATCH for placed in script.faults):
        return None  # recognize() is another conversation than the one that was recorded
    tape = staged(load_cassette(Path(path)), faults=script.faults, attempts="continue").tape
    spoken = load_dialect(target.dialect).name
    if tape.dialect.name != spoken:
        raise UsageError(
            f"{path} was recorded from {tape.dialect.name}, and {target.name} speaks {spoken}",
            where="--speech",
            hint=f"if it does speak {tape.dialect.name}: --dialect {tape.dialect.name}",
        )
    return tape


def unfired(script: Script, records: Iterable[Record]) -> tuple[str, ...]:
    """Faults and actions of ``script`` that never happened, by id, in its order."""
    happened = Counter(
        str(record.data.get("fault" if record.kind == "fault" else "action"))
        for record in records
        if record.kind in ("fault", "action")
    )
    missing = []
    for placed in script.placements():
        fault = str(placed.fault)
        if happened[fault]:
            happened[fault] -= placed.connection != "each"
        else:
            missing.append(str(placed))
    for step in script.client:
        if happened[step.do]:
            happened[step.do] -= 1
        else:
            missing.append(step.do)
    return tuple(dict.fromkeys(missing))


def left_behind(records: Iterable[Record]) -> bool:
    """Whether a census at the end of a run counted more of anything than the one before it."""
    counts = [record.data for record in records if record.kind == "census"]
    if len(counts) < 2:
        # A run that was not counted to its end: nobody knows what it left.
        return True
    before, after = counts[0], counts[-1]
    return any(_number(after.get(what)) > _number(before.get(what)) for what in before)


def start_was_seen(records: Iterable[Record]) -> bool:
    """Whether START_OF_SPEECH was emitted."""
    return any(r.kind == "event" and r.data.get("type") == "start_of_speech" for r in records)


def judge_each_way(run: Run) -> dict[bool | None, Mapping[str, Judgement]]:
    """The verdicts, by whether a healthy run emits START_OF_SPEECH (None: not known)."""
    from sttkit.laws import ALL_LAWS, judge

    asking = [law for law in ALL_LAWS if law.asks_start]
    judged = judge(run, ALL_LAWS)
    return {known: {**judged, **judge(run.knowing(known), asking)} for known in (None, False, True)}


def _play(job: CaseJob) -> Answer[Result]:
    script = script_of(job.case, job.seed, job.dialect, job.speech)
    target = target_of(job.target, job.dialect)
    played = play_in(job.world)(target, script, tape=tape_of(job.speech, target, script))
    if played.playing is not None and (stranger := _stranger_than(played.playing, script)):
        return Answer(Refusal(stranger), retire=left_behind(played.run.records))
    records = played.run.records
    simulated = job.world == "simulated"
    outcome = Outcome(
        judged=judge_each_way(played.run),
        started=start_was_seen(records),
        unfired=unfired(script, records),
        wall_s=played.wall_s,
        options=played.run.options,
        simulated_s=records[-1].at if simulated and records else 0.0,
        # Over loopback no two traces are equal.
        trace_sha256=played.trace.sha256() if simulated else None,
        trace=pack(played.trace.to_jsonl()) if job.turn else None,
        starved=any(record.kind == "starved" for record in records),
    )
    return Answer(outcome, retire=left_behind(records))


def _stranger_than(playing: Playing, script: Script) -> UsageError | None:
    """What is wrong if a client is not the one that was recorded: answers to that are not for it.

    Faults and what the application does on top may change whatever comes behind the opening.
    """
    is_disturbed = bool(script.client) or any(one.fault.id != "none" for one in script.faults)
    for one in playing.mismatches:
        if one.opening or not is_disturbed:
            details = f" ({'; '.join(one.differs)})" if one.differs else ""
            return UsageError(
                f"the client said {one.got}{details}",
                where=f"{one.cassette}, interaction {one.interaction}, entry {one.place}",
                expected=one.expected,
                hint="record it anew with this client, or let --speech be a script",
            )
    return None


def _shrunk(job: ShrinkJob) -> Smallest:
    from sttkit.conformance.shrink import MOST_RUNS, shrink, simpler_scripts
    from sttkit.laws import judge, law

    play, asked = play_in(job.world), law(job.law)
    target, probe = target_of(job.target, job.dialect), target_of(PROBE)
    survey(PROBE)

    def breaks(subject: Target, script: Script, started: bool | None) -> bool:
        run = play(subject, script).run.knowing(started)
        return judge(run, [asked])[asked.id].verdict.value == "fail"

    def still(script: Script) -> bool:
        if not breaks(target, replace(script, dialect=job.dialect), job.started):
            return False
        if job.target == PROBE:
            return True
        try:
            theirs = breaks(probe, replace(script, dialect=None), True)
        except SttkitError:  # about what only the other dialect has
            theirs = False
        return theirs == (job.blamed == "framework")

    most_runs = MOST_RUNS if job.world == "simulated" else LOOPBACK_RUNS
    script = parse_script(job.script)
    smallest = shrink(script, still, simpler_scripts, most_runs=most_runs).smallest
    if smallest.faults and len(smallest.faults) <= MOST_FAULTS:
        case = Case(smallest.faults, tuple(str(step) for step in smallest.client))
        if still(case.script(seed=job.seed)):
            return Smallest(case.id)
    return Smallest(line_of(smallest))


def _number(counted: object) -> float:
    """How much of something a census found: a list's length, or the number itself."""
    if isinstance(counted, list):
        return len(counted)
    return counted if isinstance(counted, (int, float)) else 0
