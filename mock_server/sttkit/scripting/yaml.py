"""Scripts as YAML: data, never code, with every error at its line.

    sttkit: 1
    dialect: custom_stt
    speech: [{say: hello there}, {pause: 0.8}, {say: how are you}]
    client: [{at: {audio_s: 2.0}, do: flush}]
    faults: [{fault: close, code: 1011, at: mid-utterance, n: 2, connection: next}]
    network: {latency: 0.03, jitter: 0.01}
    seed: 0

What YAML has beyond plain data is refused (`sttkit.scripting.nodes`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sttkit.audio.speech import Speech, from_items, to_items
from sttkit.errors import ScriptError, UsageError, unknown_name
from sttkit.faults import Fault, Placed, Point, kind_of
from sttkit.faults.placing import Connection, place
from sttkit.scripting.model import (
    ACTION_PARAMETERS,
    ACTIONS,
    Cue,
    Network,
    Script,
    Step,
    checked_step,
)
from sttkit.scripting.nodes import MAX_BYTES, Node, root_of

_KEYS = ("sttkit", "dialect", "speech", "client", "faults", "network", "seed")


def load_script(path: Path) -> Script:
    """The script in a YAML file; relative WAV paths start from its folder.

    Raises:
        ScriptError: the file cannot be read or does not say a script; ``where`` is the place.
    """
    if path.suffix == ".jsonl":
        raise ScriptError(
            "a cassette, in place of a script",
            where=str(path),
            expected="a YAML file, or a case id: reset@mid-utterance.2",
            hint="cassettes are played by sttkit run, replay and check --speech, and in tests by "
            "stt_cassette",
        )
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ScriptError("too large", where=str(path), expected=f"at most {MAX_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ScriptError(
            "no such script file",
            where=str(path),
            expected="a YAML file, a case id: reset@mid-utterance.2, or, in sttkit run, a cassette "
            "NAME.jsonl",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ScriptError(f"cannot be read ({error})", where=str(path)) from None
    return parse_script(text, name=str(path), base=path.parent)


def parse_script(text: str, *, name: str = "<script>", base: Path | None = None) -> Script:
    """The script that ``text`` says; ``name`` stands for it in messages.

    Raises:
        ScriptError: the text is not YAML, has unknown keys or values that cannot be played.
    """
    document = root_of(text, name)
    root = document.fields(_KEYS)
    version = root.get("sttkit")
    if version is None or version.data() != 1:
        raise ScriptError(
            "no version" if version is None else f"version {version.data()!r}",
            where=(version or document).where,
            expected="sttkit: 1",
        )
    seed = root["seed"].integer(least=0, most=2**64 - 1) if "seed" in root else 0
    return Script(
        speech=_speech(root.get("speech"), document, seed, base),
        faults=tuple(_fault(node) for node in root["faults"].items()) if "faults" in root else (),
        client=tuple(_step(node) for node in root["client"].items()) if "client" in root else (),
        dialect=_dialect(root["dialect"]) if "dialect" in root else None,
        network=_network(root["network"]) if "network" in root else Network(),
        seed=seed,
    )


def _dialect(node: Node) -> str:
    from sttkit.dialects import is_place

    name = node.text()
    if is_place(name):  # to load that would run its code, and a script is data
        raise ScriptError(
            f"the place of a dialect, {name!r}",
            where=node.where,
            expected="its name",
            hint=f"on the command line it may be said where it is: --dialect {name}",
        )
    return name


def dump_script(script: Script) -> str:
    """YAML that `parse_script` turns into the same script."""
    import yaml

    return yaml.safe_dump(_data(script), sort_keys=False, default_flow_style=None, width=100)


def line_of(script: Script) -> str:
    """The same YAML on one line, for a command line: ``{sttkit: 1, speech: [{say: hello}]}``."""
    import yaml

    text = yaml.safe_dump(_data(script), sort_keys=False, default_flow_style=True, width=MAX_BYTES)
    return text.rstrip("\n")


def is_line(text: str) -> bool:
    """Whether ``text`` is a script on one line, and neither a case id nor the path of a file."""
    return text.startswith("{")


def _data(script: Script) -> dict[str, Any]:
    from sttkit.dialects import name_in_files

    document: dict[str, Any] = {"sttkit": 1}
    if script.dialect:
        document["dialect"] = name_in_files(script.dialect)
    document["speech"] = to_items(script.speech)
    if script.client:
        document["client"] = [_step_item(step) for step in script.client]
    if script.faults:
        document["faults"] = [_fault_item(placed) for placed in script.faults]
    if script.network != Network():
        document["network"] = {
            "latency": script.network.latency,
            "jitter": script.network.jitter,
        }
    if script.seed:
        document["seed"] = script.seed
    return document


# --- reading ----------------------------------------------------------------------------------


def _speech(node: Node | None, root: Node, seed: int, base: Path | None) -> Speech:
    if node is None:
        raise ScriptError(
            "no speech", where=root.where, expected="speech: a list of {say: …} and {pause: …}"
        )
    items: list[Mapping[str, object]] = []
    for item in node.items():
        if item.form != "mapping":
            raise ScriptError(
                f"a {item.form}", where=item.where, expected="{say: …}, {pause: …} or {wav: …}"
            )
        # What is said is text as it stands: "yes" and "007" are words here.
        said = {key: text for key, text in item.scalars().items() if key == "say"}
        items.append({**item.data(), **said})
    try:
        return from_items(items, seed=seed, base=base)
    except ScriptError as error:
        raise ScriptError(
            f"{error.where}: {error.problem}" if error.where else error.problem,
            where=node.where,
            expected=error.expected,
            hint=error.hint,
        ) from None


def _fault(node: Node) -> Placed:
    every_key = ("fault", "at", "n", "connection")
    named = node.find("fault")
    if named is None:
        raise ScriptError("no fault is named", where=node.where, expected="{fault: …, at: …}")
    try:
        kind = kind_of(named.text())
    except UsageError as error:
        raise ScriptError(
            error.problem, where=named.where, expected=error.expected, hint=error.hint
        ) from None
    parameter = kind.parameter.name if kind.parameter else None
    fields = node.fields((*every_key, parameter) if parameter else every_key)
    if "at" not in fields:
        raise ScriptError(
            f"{kind.id} has no place",
            where=node.where,
            expected="at: one of " + ", ".join(point.value for point in kind.points),
        )
    n = _occurrence(fields)
    connection: Connection = fields["connection"].data() if "connection" in fields else "next"
    param = fields[parameter].data() if parameter and parameter in fields else None
    try:
        return place(
            Fault(kind.id, param),
            fields["at"].text(),
            n=n,
            connection=connection,
        )
    except UsageError as error:
        raise ScriptError(
            error.problem, where=node.where, expected=error.expected, hint=error.hint
        ) from None


def _step(node: Node) -> Step:
    done = node.find("do")
    if done is None:
        raise ScriptError("nothing is done", where=node.where, expected="do: an action")
    action = done.text()
    if action not in ACTIONS:
        raise ScriptError(str(unknown_name("action", action, ACTIONS)), where=done.where)
    parameter = ACTION_PARAMETERS.get(action)
    fields = node.fields(("at", "do", parameter.name) if parameter else ("at", "do"))
    at = _cue(fields["at"]) if "at" in fields else Cue()
    given = fields.get(parameter.name) if parameter is not None else None
    try:
        return checked_step(action, at, given.data() if given is not None else None)
    except UsageError as error:
        raise ScriptError(
            error.problem,
            where=(given or done).where,
            expected=error.expected,
            hint=error.hint,
        ) from None


def _cue(node: Node) -> Cue:
    fields = node.fields(("point", "n", "audio_s"))
    if ("point" in fields) == ("audio_s" in fields):
        raise ScriptError(
            "a cue of this form", where=node.where, expected="either point (and n) or audio_s"
        )
    if "audio_s" in fields:
        return Cue(audio_s=fields["audio_s"].seconds())
    name = fields["point"].text()
    try:
        point = Point(name)
    except ValueError:
        raise ScriptError(
            str(unknown_name("point", name, [p.value for p in Point])), where=fields["point"].where
        ) from None
    return Cue(point, _occurrence(fields))


def _occurrence(fields: Mapping[str, Node]) -> int:
    return fields["n"].integer(least=1, most=1000) if "n" in fields else 1


def _network(node: Node) -> Network:
    fields = node.fields(("latency", "jitter"))
    return Network(**{key: value.seconds() for key, value in fields.items()})


# --- writing ----------------------------------------------------------------------------------


def _step_item(step: Step) -> dict[str, Any]:
    item: dict[str, Any] = {}
    if step.at.audio_s is not None:
        item["at"] = {"audio_s": step.at.audio_s}
    elif step.at.point is not None:
        cue: dict[str, Any] = {"point": step.at.point.value}
        if step.at.n != 1:
            cue["n"] = step.at.n
        item["at"] = cue
    item["do"] = step.do
    if step.param is not None:
        item[ACTION_PARAMETERS[step.do].name] = step.param
    return item


def _fault_item(placed: Placed) -> dict[str, Any]:
    item: dict[str, Any] = {"fault": placed.fault.id}
    parameter = placed.fault.kind.parameter
    if parameter is not None:
        item[parameter.name] = placed.fault.param
    item["at"] = placed.point.value
    if placed.n != 1:
        item["n"] = placed.n
    if placed.connection != "next":
        item["connection"] = placed.connection
    return item
