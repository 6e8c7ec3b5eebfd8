"""LiveKit's own plugin for Inworld."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    from livekit.plugins.inworld import STT

    return STT(
        base_url=context.place.http,
        api_key=context.api_key,
        http_session=context.http_session,
    )


TARGET = Target(
    name="inworld",
    dialect="inworld",
    build=_build,
    package="livekit-plugins-inworld",
    extra="inworld",
    batch=False,
    summary="LiveKit's plugin for Inworld",
)
