"""Targets: the plugins that can be judged, one file each with a `Target` named ``TARGET``.

Built-in targets are the modules of this folder; other packages add theirs with an entry point in
the group ``sttkit.targets``. A target need not be registered: see `load_target`. Loading a target
imports no plugin, `build` does.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib import metadata

from sttkit.errors import UsageError, unknown_name
from sttkit.objects import load_object
from sttkit.targets.building import Description, build, describe, is_installed, version_of
from sttkit.targets.loading import as_target
from sttkit.targets.model import Context, Place, Target

__all__ = [
    "Context",
    "Description",
    "Place",
    "Target",
    "build",
    "describe",
    "is_installed",
    "load_target",
    "target_names",
    "unknown_target",
    "version_of",
]

_NOT_TARGETS = frozenset({"building", "given", "loading", "model"})


def target_names() -> tuple[str, ...]:
    """Names of all registered targets: built in, then those of installed packages."""
    return (*_built_in(), *sorted(_entry_points()))


def load_target(spec: str, *, dialect: str | None = None) -> Target:
    """The target that ``spec`` names.

    Args:
        spec: a registered name, ``module:factory`` or ``path/file.py:factory``. The factory is a
            function that takes a `Context` and returns an STT, or a `Target`, or a function
            without arguments that returns one. A function may have the attributes ``dialect``,
            ``sample_rate``, ``updates``, ``expects``, ``package``, ``extra``, ``batch``,
            ``max_retry``, ``speech_only`` and ``loopback_only``; they mean what those of a `Target`
            do.
        dialect: the wire protocol that it speaks, whatever else says so; ``custom_stt`` where
            nothing does.

    Raises:
        UsageError: there is no such target, module, file or factory, or it is something else.
        TargetError: there is one, and importing or calling it failed.
    """
    if spec in _built_in():
        target = importlib.import_module(f"sttkit.targets.{spec}").TARGET
        return as_target(target, spec, dialect=dialect)
    entry = _entry_points().get(spec)
    if entry is not None:
        return as_target(_object(entry.value, f"target {spec}"), spec, dialect=dialect)
    if ":" in spec or spec.endswith(".py"):
        return as_target(_object(spec, f"target {spec!r}"), spec, dialect=dialect)
    raise unknown_target(spec)


def unknown_target(spec: str) -> UsageError:
    """The error for a name that no target has: it says how to name one that is not registered."""
    unknown = unknown_name("target", spec, target_names())
    how = "module:factory or path/file.py:factory, as in examples/my_plugin.py"
    return UsageError(
        unknown.problem,
        expected=f"{unknown.expected}; or {how}" if unknown.expected else f"a target, or {how}",
        hint=unknown.hint,
    )


def _object(spec: str, where: str) -> object:
    return load_object(
        spec, where=where, fits=lambda value: callable(value) or isinstance(value, Target)
    )


@cache
def _built_in() -> tuple[str, ...]:
    return tuple(
        sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name not in _NOT_TARGETS)
    )


@cache
def _entry_points() -> dict[str, metadata.EntryPoint]:
    # Looking through all that is installed takes milliseconds, and a search asks for each run.
    return {entry.name: entry for entry in metadata.entry_points(group="sttkit.targets")}
