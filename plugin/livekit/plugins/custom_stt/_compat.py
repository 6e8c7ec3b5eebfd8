"""The only place that knows how releases of livekit-agents, and of Python, differ."""

from __future__ import annotations

import dataclasses
import functools
import sys
from typing import Any, TypeVar

if sys.version_info >= (3, 11):
    from asyncio import timeout, timeout_at
else:  # aiohttp brings it along where asyncio has none
    from async_timeout import timeout, timeout_at

__all__ = ["make", "timeout", "timeout_at"]

_T = TypeVar("_T")


def make(cls: type[_T], **values: Any) -> _T:
    """Build a dataclass of the framework from those values that this release has a field for."""
    known = _fields_of(cls)  # type: ignore[arg-type]
    return cls(**{name: value for name, value in values.items() if name in known})


@functools.cache
def _fields_of(cls: type) -> frozenset[str]:
    return frozenset(field.name for field in dataclasses.fields(cls))
