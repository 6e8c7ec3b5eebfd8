"""``sttkit faults``: what can go wrong, and where."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from sttkit.cli.console import Commands, chosen, print_facts, print_rows

if TYPE_CHECKING:
    from sttkit.faults.catalogue import Parameter


def add_to(commands: Commands) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "faults",
        help="what can go wrong, and at which points",
        description="Faults for scripts and case ids: fault[=param]@point[.n][+action[=param]]*",
        allow_abbrev=False,
    )
    parser.add_argument("id", nargs="?", metavar="ID", help="one fault, or action, in full")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """List faults, points and actions, or tell one of them in full."""
    from sttkit.faults import CATALOGUE, POINTS, FaultKind, kind_of
    from sttkit.scripting.model import ACTION_PARAMETERS, ACTIONS

    def spelled(kind: FaultKind) -> str:
        parameter = kind.parameter
        return f"{kind.id}=<{parameter.name}>" if parameter else kind.id

    if arguments.id is None:
        print_rows(
            [(spelled(kind), kind.family.value, kind.observes) for kind in CATALOGUE],
            ("fault", "family", "what the client sees"),
        )
        print_rows([(point.value, text) for point, text in POINTS.items()], ("point", "when"))
        parameters = {name: f"=<{p.name}>" for name, p in ACTION_PARAMETERS.items()}
        actions = [(name + parameters.get(name, ""), text) for name, text in ACTIONS.items()]
        print_rows(actions, ("action", "what the application does"))
        return 0
    known = [*(kind.id for kind in CATALOGUE), *ACTIONS]
    name = chosen("fault or action", arguments.id, known)
    if name in ACTIONS:
        _print_action(name, ACTIONS[name], ACTION_PARAMETERS.get(name))
        return 0
    kind = kind_of(name)
    facts = [
        ("the client sees", kind.observes),
        ("in the wild", kind.in_the_wild),
        ("points", ", ".join(point.value for point in kind.points)),
    ]
    if kind.parameter is not None:
        facts.append(("parameter", _said_of(kind.parameter)))
    example = f"{kind.id}@{kind.points[0].value}"
    facts.append(("try", f"sttkit run '{example}' TARGET"))
    print_facts(spelled(kind), facts)
    return 0


def _print_action(name: str, does: str, parameter: Parameter | None) -> None:
    facts = [("the application", does)]
    if parameter is not None:
        facts.append(("parameter", _said_of(parameter)))
    facts.append(("try", f"sttkit run 'none@mid-utterance.2+{name}' TARGET"))
    print_facts(f"{name}=<{parameter.name}>" if parameter else name, facts)


def _said_of(parameter: Parameter) -> str:
    """What may be given for a parameter, and what is taken without."""
    values = ", ".join(map(str, parameter.choices))
    if parameter.kind == "name":
        return f"{parameter.name}: {values or 'as the dialect names them'}"
    planned = f"; planned: {values}" if values else ""
    limits = f"{parameter.least} to {parameter.most}"
    return f"{parameter.name}, {limits} (default {parameter.default}{planned})"
