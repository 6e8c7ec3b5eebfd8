"""From a factory, or a target of somebody else's, to a `Target`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sttkit.dialects import load_dialect
from sttkit.errors import SttkitError, TargetError, UsageError
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
    load_dialect(made.dialect, where=where)
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
