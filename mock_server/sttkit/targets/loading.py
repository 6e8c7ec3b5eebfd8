"""From ``module:factory`` or ``path/file.py:factory`` to a `Target`.

Loading runs the code of that module or file: it is what its user asked for.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from sttkit.dialects import dialect_names
from sttkit.errors import SttkitError, TargetError, UsageError, unknown_name
from sttkit.targets.model import Target

_ATTRIBUTES = (
    "sample_rate",
    "updates",
    "expects",
    "package",
    "extra",
    "batch",
    "max_retry",
    "speech_only",
    "loopback_only",
)
"""What a factory may say of its plugin by attributes, besides ``dialect``."""

_DEFAULT_DIALECT = "custom_stt"


def load_object(spec: str, *, where: str | None = None) -> object:
    """The object that ``module:name`` or ``path/file.py:name`` refers to.

    Raises:
        UsageError: there is no such module, file or name.
        TargetError: the module or file cannot be imported.
    """
    where = where or f"target {spec!r}"
    place, _, name = spec.rpartition(":")
    if not place or not name or "/" in name or "\\" in name:
        raise UsageError(
            "no factory is named",
            where=where,
            expected="module:factory or path/file.py:factory",
        )
    module = _import_file(Path(place), where) if place.endswith(".py") else _import(place, where)
    found: object = module
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            candidates = [
                known
                for known, value in vars(module).items()
                if not known.startswith("_") and (callable(value) or isinstance(value, Target))
            ]
            raise unknown_name(f"factory in {place}", name, candidates, where=where) from None
    return found


def as_target(made: object, name: str, *, dialect: str | None = None) -> Target:
    """``made``, which is a target or a factory of one kind or the other, as a `Target`.

    Raises:
        UsageError: it is neither, or its dialect does not exist.
        TargetError: calling it failed.
    """
    where = f"target {name!r}"
    if callable(made):
        takes_context = _takes_context(made)
        made = _from_factory(made, name, where) if takes_context else _called(made, where)
    if not isinstance(made, Target):
        raise UsageError(
            f"the factory gave {type(made).__name__}",
            where=where,
            expected="a function that takes the context and returns an STT, or a Target",
        )
    if dialect is not None:
        made = replace(made, dialect=dialect)
    if made.dialect not in dialect_names():
        raise unknown_name("dialect", made.dialect, dialect_names(), where=where)
    return made


def _from_factory(factory: Callable[..., Any], name: str, where: str) -> Target:
    said = {key: getattr(factory, key) for key in _ATTRIBUTES if hasattr(factory, key)}
    rate = said.get("sample_rate", 16000)
    if isinstance(rate, bool) or not isinstance(rate, int) or rate <= 0:
        raise UsageError(f"sample_rate {rate!r}", where=where, expected="a whole number of Hz")
    dialect = getattr(factory, "dialect", _DEFAULT_DIALECT)
    summary = (inspect.getdoc(factory) or "").partition("\n")[0]
    return Target(name=name, dialect=str(dialect), build=factory, summary=summary, **said)


def _called(factory: Callable[..., Any], where: str) -> object:
    try:
        return factory()
    except SttkitError:
        raise
    except Exception as error:
        raise TargetError(
            f"the factory failed with {type(error).__name__}: {error}", where=where
        ) from error


def _takes_context(factory: Callable[..., Any]) -> bool:
    """Whether it can be called with one argument: what cannot is called with none."""
    try:
        inspect.signature(factory).bind(None)
    except TypeError:
        return False
    except ValueError:  # some callables written in C do not say
        return True
    return True


def _import(name: str, where: str) -> ModuleType:
    # As "python -m" does it: a console script alone would not find what lies in the folder.
    folder = str(Path.cwd())
    if folder not in sys.path and "" not in sys.path:
        sys.path.insert(0, folder)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise UsageError(f"there is no module {error.name!r}", where=where) from None
        raise _import_failed(error, name, where) from error
    except Exception as error:
        raise _import_failed(error, name, where) from error


def _import_file(path: Path, where: str) -> ModuleType:
    if not path.is_file():
        raise UsageError(f"there is no file {str(path)!r}", where=where)
    path = path.resolve()
    spec = importlib.util.spec_from_file_location(f"sttkit_target_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # As "python file.py" does it, so that the file can import its neighbours, then and later.
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[spec.name]
        raise _import_failed(error, str(path), where) from error
    return module


def _import_failed(error: Exception, what: str, where: str) -> TargetError:
    return TargetError(f"importing {what} failed with {type(error).__name__}: {error}", where=where)
