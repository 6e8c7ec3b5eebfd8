"""``sttkit faults``: what can go wrong, and where."""

from __future__ import annotations

import argparse

from sttkit.cli.console import Commands, chosen, print_facts, print_rows


def add_to(commands: Commands) -> None:
    """Add the command's parser."""
    parser = commands.add_parser(
        "faults",
        help="what can go wrong, and at which points",
        description="Faults for scripts and case ids: fault[=param]@point[.n][+action[=param]]*",
        allow_abbrev=False,
    )
    parser.add_argument("id", nargs="?", metavar="ID", help="one fault in full, such as close")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """List faults, points and actions, or tell one fault in full."""
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
    kind = kind_of(chosen("fault", arguments.id, [kind.id for kind in CATALOGUE]))
    facts = [
        ("the client sees", kind.observes),
        ("in the wild", kind.in_the_wild),
        ("points", ", ".join(point.value for point in kind.points)),
    ]
    if kind.parameter is not None:
        values = ", ".join(map(str, kind.parameter.choices)) or "as the dialect names them"
        facts.append(("parameter", f"{kind.parameter.name} ({kind.parameter.kind}): {values}"))
    example = f"{kind.id}@{kind.points[0].value}"
    facts.append(("try", f"sttkit run '{example}' TARGET"))
    print_facts(spelled(kind), facts)
    return 0
