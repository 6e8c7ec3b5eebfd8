"""Check what each module may import from outside the kit, which import-linter cannot express.

The rules, besides "imports point down only" (which `lint-imports` checks):

- pure: below the floor of `server` there is no I/O, no clock and no dice, and of websockets only
  its Sans-I/O part. The package's `__init__` counts as pure too, since every import runs it.
  Only `random` may be imported under `if TYPE_CHECKING:`, to annotate a generator handed in.
- livekit: only the modules that build or drive a plugin import livekit.
- apart: the kit and the reference plugin never import each other; they meet on the wire.

Imports inside functions, under `if TYPE_CHECKING:` and by `import_module("...")` count as well.
Floors are read from `.importlinter`, so that they are written down once.
"""

from __future__ import annotations

import ast
import configparser
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

KIT = Path("mock_server")
PLUGIN = Path("plugin")
REFERENCE_PLUGIN = "livekit.plugins.custom_stt"

IMPURE = ("aiohttp", "asyncio", "livekit", "random", "socket", "time")
SANS_IO = {
    f"websockets.{name}"
    for name in (
        "datastructures",
        "exceptions",
        "extensions",
        "frames",
        "headers",
        "http11",
        "protocol",
        "server",
        "typing",
    )
}
LIVEKIT_DOORS = {"controls", "driver", "targets"}


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def pure_modules(importlinter: Path) -> set[str]:
    """Return the modules on the floors below that of `server`."""
    config = configparser.ConfigParser()
    config.read_string(importlinter.read_text(encoding="utf-8"))
    floors = [
        re.findall(r"\w+", line)
        for line in config["importlinter:contract:floors"]["layers"].splitlines()
    ]
    shells = next(index for index, floor in enumerate(floors) if "server" in floor)
    return {module for floor in floors[shells + 1 :] for module in floor}


class Import(NamedTuple):
    line: int
    name: str
    taken: tuple[str, ...] = ()
    """What `from name import ...` takes; empty for `import name`."""
    typing_only: bool = False


def imports(path: Path, module: str) -> Iterator[Import]:
    package = module if path.stem == "__init__" else module.rpartition(".")[0]
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    for node in ast.walk(tree):
        match node:
            case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
                for statement in node.body:
                    vars(statement)["typing_only"] = True
            case ast.Import(names=aliases):
                for alias in aliases:
                    yield Import(node.lineno, alias.name, (), "typing_only" in vars(node))
            case ast.ImportFrom(module=source, names=aliases, level=level):
                parents = package.split(".")[: len(package.split(".")) - level + 1] if level else []
                origin = ".".join([*parents, *([source] if source else [])])
                taken = tuple(alias.name for alias in aliases)
                yield Import(node.lineno, origin, taken, "typing_only" in vars(node))
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__")
                | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield Import(node.lineno, name)


def complaint(module: str, imported: Import, pure: set[str]) -> str | None:
    """Say why `module` may not import that; None if it may."""
    name = imported.name
    targets = [f"{name}.{item}" for item in imported.taken] or [name]
    if not within(module, "sttkit"):
        return "the plugin never imports the kit" if within(name, "sttkit") else None
    floor_name = module.split(".")[1] if "." in module else ""
    if any(within(target, REFERENCE_PLUGIN) for target in targets) and floor_name != "targets":
        return "only targets import the reference plugin, as any other plugin under test"
    if not floor_name or floor_name in pure:
        for impure in IMPURE:
            if within(name, impure) and not (impure == "random" and imported.typing_only):
                return f"below the floor of `server` nothing imports {impure}"
        if within(name, "websockets") and not all(
            any(within(target, allowed) for allowed in SANS_IO) for target in targets
        ):
            return "below the floor of `server` only the Sans-I/O part of websockets is imported"
    elif within(name, "livekit") and floor_name not in LIVEKIT_DOORS:
        return f"only {', '.join(sorted(LIVEKIT_DOORS))} import livekit"
    return None


def main() -> int:
    pure = pure_modules(Path(".importlinter"))
    files = broken = 0
    for root in (KIT, PLUGIN):
        for path in sorted(root.rglob("*.py")):
            files += 1
            parts = path.relative_to(root).with_suffix("").parts
            module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            for imported in imports(path, module):
                if why := complaint(module, imported, pure):
                    broken += 1
                    print(f"{path}:{imported.line}: imports {imported.name}: {why}")
    print(f"Imports from outside: {files} files, {broken} broken.")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
