"""What there is to say about a target before anything is played to it; asked once in a process."""

from __future__ import annotations

import asyncio
import platform
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sttkit.targets import Target


@dataclass(frozen=True)
class Survey:
    """What a report says about a target, and what the plan needs to know of it."""

    dialect: str
    class_path: str | None
    version: str | None
    livekit_agents: str | None
    python: str
    batch: bool = True
    updates: bool = True
    loopback_only: str | None = None


@lru_cache(maxsize=32)
def survey(spec: str, dialect: str | None = None) -> Survey:
    """Build the target once, and say what it is.

    Raises:
        UsageError: there is no such target.
        TargetError: it cannot be loaded or built.
    """
    return survey_of(target_of(spec, dialect))


def survey_of(target: Target) -> Survey:
    """Build a target that is at hand, the first time that it is asked about.

    Raises:
        TargetError: it cannot be built.
    """
    known = _SURVEYED.get(target.name)
    if known is None or known[0] != target:
        known = _SURVEYED[target.name] = (target, asyncio.run(_survey(target)))
    return known[1]


_SURVEYED: dict[str, tuple[Target, Survey]] = {}
"""By name, since a target, which may hold mappings, has no hash."""


@lru_cache(maxsize=32)
def target_of(spec: str, dialect: str | None = None) -> Target:
    """The target, loaded once: a file would be run anew each time.

    Raises:
        UsageError: there is no such target.
        TargetError: it cannot be loaded.
    """
    from sttkit.targets import load_target

    return load_target(spec, dialect=dialect)


async def _survey(target: Target) -> Survey:
    import aiohttp

    from sttkit.targets import Context, Place, build, describe

    async with aiohttp.ClientSession() as session:
        # Nothing connects to this place, which looks like a simulated one: it is about the class.
        place = Place("127.0.0.1", 443, tls=True)
        plugin = build(target, Context(place, session, "sttkit-survey"))
        said = describe(target, plugin)
        await plugin.aclose()
    return Survey(
        dialect=target.dialect,
        class_path=said.class_path,
        version=said.version,
        livekit_agents=said.livekit_agents,
        python=platform.python_version(),
        batch=target.batch,
        updates=bool(target.updates),
        loopback_only=target.loopback_only,
    )
