"""LiveKit's own plugin for SLNG's gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    from livekit.plugins.slng import STT

    return STT(
        connections=[f"{context.place.ws}/v1/bridges/unmute/stt/deepgram/nova:3"],
        api_key=context.api_key,
        http_session=context.http_session,
    )


TARGET = Target(
    name="slng",
    dialect="slng",
    build=_build,
    updates={"language": "fr"},
    expects={"language": "fr"},
    package="livekit-plugins-slng",
    extra="slng",
    batch=False,
    summary="LiveKit's plugin for SLNG",
)
