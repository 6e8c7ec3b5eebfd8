"""The object that ``module:name`` or ``path/file.py:name`` refers to.

Loading runs the code of that module or file: it is what its user asked for.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from sttkit.errors import SttkitError, TargetError, UsageError, unknown_name

FROM_FILE = "sttkit_loaded_"
"""What the name of a module begins with that was loaded by its path: it hides no other."""


def load_object(
    spec: str,
    *,
    where: str,
    what: str = "factory",
    fits: Callable[[object], bool] = callable,
    failure: type[SttkitError] = TargetError,
) -> object:
    """The object that ``module:name`` or ``path/file.py:name`` refers to.

    Args:
        where: it was asked for, for messages.
        what: it is called in messages.
        fits: whether an object could be meant, for suggestions.
        failure: raised if the module or file cannot be imported.

    Raises:
        UsageError: there is no such module, file or name.
        SttkitError: the module or file cannot be imported (see ``failure``).
    """
    place, _, name = spec.rpartition(":")
    if not place or not name or "/" in name or "\\" in name:
        raise UsageError(
            f"no {what} is named",
            where=where,
            expected=f"module:{what} or path/file.py:{what}",
        )
    try:
        module = (
            _import_file(Path(place), where) if place.endswith(".py") else _import(place, where)
        )
    except UsageError:
        raise
    except Exception as error:
        raise failure(
            f"importing {place} failed with {type(error).__name__}: {error}", where=where
        ) from error
    found: object = module
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            candidates = [
                known
                for known, value in vars(module).items()
                if not known.startswith("_") and fits(value) and _is_at_home(value, module)
            ]
            raise unknown_name(f"{what} in {place}", name, candidates, where=where) from None
    return found


def _is_at_home(value: object, module: ModuleType) -> bool:
    """Whether a function or class is the module's or package's own; other things do not tell."""
    if not (inspect.isroutine(value) or inspect.isclass(value)):
        return True
    home = getattr(value, "__module__", None) or ""
    return home == module.__name__ or home.startswith(f"{module.__name__}.")


def _import(name: str, where: str) -> ModuleType:
    # As "python -m" does it: a console script alone would not find what lies in the folder.
    folder = str(Path.cwd())
    if folder not in sys.path and "" not in sys.path:
        sys.path.insert(0, folder)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise UsageError(
                f"there is no module {error.name!r}",
                where=where,
                hint="install it in this environment, or name a file: path/file.py:NAME",
            ) from None
        raise


def _import_file(path: Path, where: str) -> ModuleType:
    if not path.is_file():
        raise UsageError(f"there is no file {str(path)!r}", where=where)
    path = path.resolve()
    spec = importlib.util.spec_from_file_location(f"{FROM_FILE}{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # As "python file.py" does it, so that the file can import its neighbours, then and later.
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise
    return module
