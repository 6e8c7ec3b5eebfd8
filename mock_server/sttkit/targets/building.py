"""From a `Target` to the STT under test, and what can be said about it in a report."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any

from sttkit.errors import SttkitError, TargetError
from sttkit.objects import FROM_FILE
from sttkit.targets.model import Context, Target
from sttkit.trace import REDACTED

if TYPE_CHECKING:
    from livekit.agents import stt


@dataclass(frozen=True)
class Description:
    """What a report says about the plugin; None where it is not known.

    Attributes:
        class_path: module and name of the STT's class.
        version: of the plugin's distribution, or what its package says.
        livekit_agents: version of the framework.
    """

    class_path: str | None
    version: str | None
    livekit_agents: str | None


def build(target: Target, context: Context) -> stt.STT[str]:
    """The STT under test.

    Raises:
        TargetError: livekit or the plugin is not installed, the plugin's constructor raised, or
            what was built is no STT. The message holds no secret.
    """
    where = f"target {target.name!r}"
    try:
        from livekit.agents import stt
    except ModuleNotFoundError as error:
        raise _missing(error, "livekit", where) from error
    built, failure = _built(target, context, where)
    if failure is not None:
        raise failure
    if not isinstance(built, stt.STT):
        raise TargetError(
            f"its factory returned {type(built).__name__}",
            where=where,
            expected="a livekit.agents.stt.STT",
        )
    return built


def is_installed(target: Target) -> bool:
    """Whether the distribution that has the plugin is there; nothing is imported for it."""
    return not target.package or version_of(target.package) is not None


def name_taken(factory: Callable[..., object], *names: str) -> str:
    """The first of the names that an argument of ``factory`` has had in its releases.

    The newest one, which comes first, where it has none of them: so the plugin says what is wrong.
    """
    taken = inspect.signature(factory).parameters
    return next((name for name in names if name in taken), names[0])


def address(
    factory: Callable[..., object], context: Context, name: str, url: str
) -> dict[str, Any]:
    """The argument that says where the server is; none where a release has no such argument.

    It then connects to the provider's own address, where the fake server is in a simulation only.

    Raises:
        TargetError: the fake server is elsewhere.
    """
    if name in inspect.signature(factory).parameters:
        return {name: url}
    if context.place.tls and context.place.port == 443:
        return {}
    raise TargetError(
        f"this release has no {name!r}: it always connects to the provider",
        hint="leave --loopback out: in the simulation, the provider's address is the fake server's",
    )


def describe(target: Target, stt_obj: object | None = None) -> Description:
    """Class and versions for a report; the class is only known of an STT that was built."""
    made = type(stt_obj) if stt_obj is not None else None
    version = version_of(target.package)
    if version is None and made is not None:
        version = _said_by_package(made.__module__)
    return Description(
        class_path=f"{made.__module__}.{made.__qualname__}".removeprefix(FROM_FILE)
        if made is not None
        else None,
        version=version,
        livekit_agents=version_of("livekit-agents"),
    )


def _built(
    target: Target, context: Context, where: str
) -> tuple[object, None] | tuple[None, SttkitError]:
    # The failure is handed back, not raised: the plugin's own exception, which may hold the key,
    # would become its context.
    try:
        return target.build(context), None
    except SttkitError as error:
        return None, error
    except ModuleNotFoundError as error:
        return None, _missing(error, target.extra, where)
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        if context.api_key:
            said = said.replace(context.api_key, REDACTED)
        return None, TargetError(
            f"building the plugin failed with {said}",
            where=where,
            hint="what the factory may use: context.place.http and .ws, .api_key, .http_session",
        )


def _missing(error: ModuleNotFoundError, extra: str | None, where: str) -> TargetError:
    hint = f"pip install 'sttkit[{extra}]'" if extra else "install the package that has it"
    return TargetError(f"the module {error.name!r} is not installed", where=where, hint=hint)


def version_of(distribution: str) -> str | None:
    """Version of an installed distribution, or None."""
    if not distribution:
        return None
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _said_by_package(module: str) -> str | None:
    """``__version__`` of the nearest package around ``module``, ``livekit`` itself left out."""
    while module and module not in ("livekit", "livekit.plugins"):
        version = getattr(sys.modules.get(module), "__version__", None)
        if isinstance(version, str):
            return version
        module = module.rpartition(".")[0]
    return None
