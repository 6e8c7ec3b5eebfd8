"""Dialects: one file per provider, each with a `Dialect` named ``DIALECT``.

Built-in dialects are the modules of this folder; other packages add theirs with an entry point in
the group ``sttkit.dialects`` that names such an object.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib import metadata

from sttkit.dialects.checking import first_flaw
from sttkit.dialects.model import Dialect
from sttkit.errors import UsageError, unknown_name
from sttkit.objects import load_object

_NOT_DIALECTS = frozenset(
    {"checking", "model", "protobuf", "scaffold", "tables", "template", "wire"}
)


_BY_PLACE: dict[str, Dialect] = {}
"""What was loaded by its place, by name: files name dialects, and may not say where they are."""


def dialect_names() -> tuple[str, ...]:
    """Names of all dialects: built in, then those of installed packages."""
    return (*_built_in(), *sorted(_entry_points()))


def load_dialect(name: str, *, where: str | None = None) -> Dialect:
    """The dialect called ``name``, or the one that ``module:NAME`` or ``path/file.py:NAME`` is.

    Raises:
        UsageError: there is none, or it cannot be imported, or a part of it is missing or wrong.
    """
    if name in _built_in():
        dialect = importlib.import_module(f"sttkit.dialects.{name}").DIALECT
        assert isinstance(dialect, Dialect)
        return dialect
    entry = _entry_points().get(name)
    if entry is None and not is_place(name):
        if name in _BY_PLACE:
            return _BY_PLACE[name]
        unknown = unknown_name("dialect", name, dialect_names(), where=where)
        raise UsageError(
            unknown.problem,
            where=where,
            expected=unknown.expected and f"{unknown.expected}; or path/file.py:NAME",
            hint=unknown.hint or f"to begin one: sttkit dialects new {name}",
        )
    spec = entry.value if entry is not None else name
    where = where or f"dialect {name}"
    loaded = load_object(
        spec,
        where=where,
        what="dialect",
        fits=lambda value: isinstance(value, Dialect),
        failure=UsageError,
    )
    flaw = first_flaw(loaded)
    if flaw is not None:
        raise UsageError(f"{spec!r}: {flaw}", where=where, hint="see docs/dialects.md")
    assert isinstance(loaded, Dialect)
    if entry is None:
        _BY_PLACE[loaded.name] = loaded
    return loaded


def is_place(spec: str) -> bool:
    """Whether ``spec`` says where a dialect is, which only a person may: loading it runs code."""
    return ":" in spec or spec.endswith(".py")


def name_in_files(spec: str) -> str:
    """How a file names the dialect that is at a place, or has this name.

    Raises:
        UsageError: see `load_dialect`.
    """
    return load_dialect(spec).name if is_place(spec) else spec


def is_same(one: str, other: str) -> bool:
    """Whether two spellings, a name and a path say, are of the same dialect.

    Raises:
        UsageError: see `load_dialect`.
    """
    return one == other or load_dialect(one).name == load_dialect(other).name


@cache
def _built_in() -> tuple[str, ...]:
    return tuple(
        sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name not in _NOT_DIALECTS)
    )


@cache
def _entry_points() -> dict[str, metadata.EntryPoint]:
    # Looking through all that is installed takes milliseconds, and a search asks for each run.
    return {entry.name: entry for entry in metadata.entry_points(group="sttkit.dialects")}
