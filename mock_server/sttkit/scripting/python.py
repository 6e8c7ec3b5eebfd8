"""Scripts as Python: the expression that a person would write, for reports and reproducers.

    script(
        speech("hello there", "how are you"),
        faults.reset(at="mid-utterance", n=2),
        client=[Step("flush", Cue(audio_s=1.0))],
    )

The names in it are those that ``sttkit`` exports; speech that cannot be said so simply is made by
``from_items`` of `sttkit.audio.speech`.
"""

from __future__ import annotations

import json

from sttkit.audio.speech import PAUSE_S, Speech, silence, speech, to_items
from sttkit.faults import Placed
from sttkit.scripting.model import Network, Script, Step

_LINE = 90


def python_of(script: Script) -> str:
    """A Python expression that makes this script."""
    arguments = [_speech(script.speech), *map(_fault, script.faults)]
    if script.client:
        arguments.append(_list_of("client", [_step(step) for step in script.client]))
    if script.dialect:
        arguments.append(f"dialect={_quoted(script.dialect)}")
    if script.network != Network():
        network = script.network
        arguments.append(f"network=Network(latency={network.latency}, jitter={network.jitter})")
    if script.seed:
        arguments.append(f"seed={script.seed}")
    return "script(\n" + "".join(f"    {argument},\n" for argument in arguments) + ")"


def _list_of(name: str, items: list[str]) -> str:
    line = f"{name}=[{', '.join(items)}]"
    if len(line) <= _LINE:
        return line
    return f"{name}=[\n" + "".join(f"        {item},\n" for item in items) + "    ]"


def _speech(said: Speech) -> str:
    seed = f", seed={said.seed}" if said.seed else ""
    if said == silence(said.duration, seed=said.seed):
        return f"silence({said.duration}{seed})"
    core = said.utterances[: said.core]
    pause = round(core[1].start - core[0].end, 3) if len(core) > 1 else PAUSE_S
    texts = [utterance.text for utterance in core]
    if pause > 0 and said == speech(*texts, pause=pause, seed=said.seed):
        spelled = f", pause={pause}" if pause != PAUSE_S else ""
        return f"speech({', '.join(map(_quoted, texts))}{spelled}{seed})"
    return f"from_items({_quoted(to_items(said))}{seed})"


def _fault(placed: Placed) -> str:
    fault_id = placed.fault.id
    made = f"faults.{fault_id.replace('-', '_')}"
    arguments = [] if placed.fault.param is None else [_quoted(placed.fault.param)]
    arguments.append(f"at={_quoted(placed.point.value)}")
    if placed.n != 1:
        arguments.append(f"n={placed.n}")
    if placed.connection != "next":
        arguments.append(f"connection={_quoted(placed.connection)}")
    return f"{made}({', '.join(arguments)})"


def _step(step: Step) -> str:
    arguments = [_quoted(step.do)]
    if step.at.audio_s is not None:
        arguments.append(f"Cue(audio_s={step.at.audio_s})")
    elif step.at.point is not None:
        n = f", n={step.at.n}" if step.at.n != 1 else ""
        arguments.append(f"Cue(Point({_quoted(step.at.point.value)}){n})")
    if step.param is not None:
        arguments.append(f"param={step.param}")
    return f"Step({', '.join(arguments)})"


def _quoted(value: object) -> str:
    """A literal, in double quotes: JSON's are Python's too."""
    return json.dumps(value, ensure_ascii=False)
