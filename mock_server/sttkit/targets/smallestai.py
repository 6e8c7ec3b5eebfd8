"""LiveKit's own plugin for Smallest AI's Pulse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    from livekit.plugins.smallestai import STT

    return STT(
        base_url=f"{context.place.http}/waves/v1",
        api_key=context.api_key,
        http_session=context.http_session,
    )


TARGET = Target(
    name="smallestai",
    dialect="smallestai",
    build=_build,
    updates={"language": "fr"},
    expects={"language": "fr"},
    package="livekit-plugins-smallestai",
    extra="smallestai",
    summary="LiveKit's plugin for Smallest AI",
)
