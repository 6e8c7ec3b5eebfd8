"""The reference plugin with some of its modules replaced, beside the one that is installed."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from sttkit.targets.custom_stt import TARGET
from sttkit.targets.model import Context, Target

from .by_hand import BY_HAND
from .operators import EYE, Mutant, mutants_of, watched

FOLDER = Path(__file__).parents[2] / "plugin" / "livekit" / "plugins" / "custom_stt"
SPOILT = ("_connection", "_stream", "_batch")
"""The modules that hold the recovery code: what is done when a line, a server or a close goes
wrong. The others are data and constructors, and have tests of their own."""

_NO_RECOVERY = "_connection:Server."
"""The address and the key, made before anything can go wrong."""
_PACKAGE = "spoilt_custom_stt"
"""The name that every mutant is loaded under, so that traces of two of them can be compared."""


@cache
def original() -> Mapping[str, str]:
    """The source of each module of the plugin, by the module's name."""
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.py"))}


@cache
def generated() -> Mapping[str, Mutant]:
    """All mutants by syntax, by id."""
    sources = original()
    found = [mutant for module in SPOILT for mutant in mutants_of(module, sources[module])]
    return {mutant.id: mutant for mutant in found if not mutant.id.startswith(_NO_RECOVERY)}


def sources_of(mutant_id: str | None) -> Mapping[str, str]:
    """The modules of a mutant, or of the original for None.

    Raises:
        KeyError: there is no such mutant.
    """
    if mutant_id is None:
        return original()
    if mutant_id in BY_HAND:
        return BY_HAND[mutant_id].sources(original())
    mutant = generated()[mutant_id]
    return {**original(), mutant.module: mutant.source}


def target_of(mutant_id: str | None) -> Target:
    """A mutant, or the original for None, as a target; it is loaded anew at each call."""
    return _target(_load(sources_of(mutant_id)))


def watched_target(see: Callable[..., object]) -> Target:
    """The original as a target that tells ``see`` what code it reaches, see `watched`."""
    sources = {**original(), **{m: watched(m, original()[m]) for m in SPOILT}}
    return _target(_load(sources, {EYE: see}))


def _target(package: ModuleType) -> Target:
    def build(context: Context) -> object:
        return package.STT(
            api_url=context.place.http,
            api_key=context.api_key,
            http_session=context.http_session,
        )

    # Its name, dialect and so on: a trace must not tell which of them it is of.
    return Target(
        name=TARGET.name,
        dialect=TARGET.dialect,
        build=build,  # type: ignore[arg-type]
        updates=TARGET.updates,
        expects=TARGET.expects,
    )


def _load(sources: Mapping[str, str], names: Mapping[str, object] | None = None) -> ModuleType:
    """Import the package made of ``sources``; ``names`` are there in each module beforehand."""
    for name in [name for name in sys.modules if name.partition(".")[0] == _PACKAGE]:
        del sys.modules[name]
    finder = _Finder(sources, names or {})
    sys.meta_path.insert(0, finder)
    try:
        return importlib.import_module(_PACKAGE)
    finally:
        sys.meta_path.remove(finder)


class _Finder(MetaPathFinder):
    """Finds the modules of one package, whose sources are in memory."""

    def __init__(self, sources: Mapping[str, str], names: Mapping[str, object]) -> None:
        self._sources = sources
        self._names = names

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        package, _, module = fullname.partition(".")
        source = self._sources.get(module or "__init__")
        if package != _PACKAGE or source is None:
            return None
        loader = _Loader(source, is_package=not module, names=self._names)
        return ModuleSpec(fullname, loader, is_package=not module)


class _Loader(InspectLoader):
    def __init__(self, source: str, *, is_package: bool, names: Mapping[str, object]) -> None:
        self._source = source
        self._is_package = is_package
        self._names = names

    def get_source(self, fullname: str) -> str:
        return self._source

    def is_package(self, fullname: str) -> bool:
        return self._is_package

    def exec_module(self, module: ModuleType) -> None:
        vars(module).update(self._names)
        super().exec_module(module)
