"""Dialects: one file per provider, each with a `Dialect` named ``DIALECT``.

Built-in dialects are the modules of this folder; other packages add theirs with an entry point in
the group ``sttkit.dialects`` that names such an object.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from importlib import metadata

from sttkit.dialects.model import Dialect
from sttkit.errors import UsageError, unknown_name

_NOT_DIALECTS = frozenset({"model", "protobuf", "tables", "template", "wire"})


def dialect_names() -> tuple[str, ...]:
    """Names of all dialects: built in, then those of installed packages."""
    return (*_built_in(), *sorted(_entry_points()))


def load_dialect(name: str, *, where: str | None = None) -> Dialect:
    """The dialect called ``name``.

    Raises:
        UsageError: there is none, or an installed package's entry point is not a dialect.
    """
    if name in _built_in():
        dialect = importlib.import_module(f"sttkit.dialects.{name}").DIALECT
        assert isinstance(dialect, Dialect)
        return dialect
    entry = _entry_points().get(name)
    if entry is None:
        raise unknown_name("dialect", name, dialect_names(), where=where)
    try:
        loaded = entry.load()
    except Exception as error:
        raise UsageError(
            f"the entry point {entry.value!r} cannot be loaded: {error!r}", where=f"dialect {name}"
        ) from error
    if not isinstance(loaded, Dialect):
        raise UsageError(
            f"{entry.value!r} is a {type(loaded).__name__}",
            where=f"dialect {name}",
            expected="an sttkit.dialects.model.Dialect",
        )
    return loaded


@cache
def _built_in() -> tuple[str, ...]:
    return tuple(
        sorted(m.name for m in pkgutil.iter_modules(__path__) if m.name not in _NOT_DIALECTS)
    )


@cache
def _entry_points() -> dict[str, metadata.EntryPoint]:
    # Looking through all that is installed takes milliseconds, and a search asks for each run.
    return {entry.name: entry for entry in metadata.entry_points(group="sttkit.dialects")}
