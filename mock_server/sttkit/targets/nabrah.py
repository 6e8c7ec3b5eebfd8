"""LiveKit's own plugin for Nabrah."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    from livekit.plugins.nabrah import STT

    return STT(
        base_url=f"{context.place.ws}/api/ext/stt/ws",
        api_key=context.api_key,
        http_session=context.http_session,
    )


TARGET = Target(
    name="nabrah",
    dialect="nabrah",
    build=_build,
    package="livekit-plugins-nabrah",
    extra="nabrah",
    batch=False,
    summary="LiveKit's plugin for Nabrah",
)
