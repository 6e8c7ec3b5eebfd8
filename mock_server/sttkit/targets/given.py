"""What a test hands over as the plugin under test: a name, a `Target`, or a factory."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

from sttkit.errors import UsageError
from sttkit.targets.loading import as_target
from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt

    Given = str | Target | Callable[[Context], stt.STT[str]] | Callable[[], Target]


def as_given(
    given: Given | object, dialect: str | None = None, *, where: str | None = None
) -> Target:
    """The target that a test handed over.

    Args:
        given: a target's name or ``module:factory`` (see `sttkit.targets.load_target`), a `Target`,
            or a factory itself.
        dialect: spoken by a factory that does not say what it speaks.
        where: it was handed over, for messages.

    Raises:
        UsageError: there is no such target, or it is something else.
        TargetError: its module cannot be imported.
    """
    from sttkit.targets import load_target, target_names

    if isinstance(given, str):
        # Whoever registers a target knows its dialect; a mere factory need not say.
        return load_target(given, dialect=None if given in target_names() else dialect)
    if isinstance(given, Target):
        return given
    if callable(given):
        factory: Callable[..., Any] = given
        return as_target(
            factory, getattr(factory, "__name__", type(given).__name__), dialect=dialect
        )
    raise UsageError(
        f"{given!r} is no plugin",
        where=where,
        expected="a target's name, a Target, or a function that takes a Context and returns an STT",
    )


def spelled(given: Given | object) -> str | None:
    """How a command line names what a test handed over; None if it cannot."""
    from sttkit.targets import target_names

    if isinstance(given, str):
        return given
    if isinstance(given, Target):
        return given.name if given.name in target_names() else None
    if isinstance(given, FunctionType) and given.__qualname__.isidentifier():
        path = Path(given.__code__.co_filename)
        return f"{os.path.relpath(path)}:{given.__qualname__}" if path.is_file() else None
    return None
