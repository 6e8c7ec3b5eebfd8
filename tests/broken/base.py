"""What the broken plugins have in common: the sound probe, with one step of it spoilt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from livekit.agents import stt

from sttkit.controls.framework_probe import STT, Stream
from sttkit.targets.model import Context, Target

__all__ = ["BROKEN", "STT", "BrokenPlugin", "Stream", "breaks"]

_Plugin = TypeVar("_Plugin", bound=type[STT] | type[Stream])


@dataclass(frozen=True)
class BrokenPlugin:
    """A plugin that breaks one law, and the case that shows it.

    Attributes:
        law: id of the law.
        case: id of the case.
        how: what it does wrong.
        factory: builds it.
    """

    law: str
    case: str
    how: str
    factory: Callable[[Context], stt.STT[Any]]

    @property
    def target(self) -> Target:
        """It, as a target of the kit."""
        return Target(
            name=f"broken-{self.law}",
            dialect="custom_stt",
            build=self.factory,
            updates={"language": "fr"},
            expects={"language": "fr"},
            summary=self.how,
        )


BROKEN: dict[str, BrokenPlugin] = {}
"""By law; a second way to break the same law has a word behind it: ``INPUT-1:deaf``."""


def breaks(key: str, case: str) -> Callable[[_Plugin], _Plugin]:
    """Enter a stream or an STT into the table; its docstring says what it does wrong."""

    def enter(plugin: _Plugin) -> _Plugin:
        assert key not in BROKEN, key
        assert plugin.__doc__
        if issubclass(plugin, STT):
            factory: type[STT] = plugin
        else:
            factory = type(plugin.__name__, (STT,), {"stream_class": plugin})
        BROKEN[key] = BrokenPlugin(key.partition(":")[0], case, plugin.__doc__, factory)
        return plugin

    return enter
