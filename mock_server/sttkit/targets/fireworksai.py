"""LiveKit's own plugin for Fireworks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    from livekit.plugins.fireworksai import STT

    return STT(
        base_url=f"{context.place.ws}/v1",
        api_key=context.api_key,
        http_session=context.http_session,
    )


TARGET = Target(
    name="fireworksai",
    dialect="fireworksai",
    build=_build,
    updates={"language": "fr"},
    expects={"language": "fr"},
    package="livekit-plugins-fireworksai",
    extra="fireworksai",
    batch=False,
    summary="LiveKit's plugin for Fireworks",
)
