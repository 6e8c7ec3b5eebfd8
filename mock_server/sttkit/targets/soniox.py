"""LiveKit's own plugin for Soniox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    from livekit.plugins.soniox import STT

    return STT(
        base_url=f"{context.place.ws}/transcribe-websocket",
        api_key=context.api_key,
        http_session=context.http_session,
    )


TARGET = Target(
    name="soniox",
    dialect="soniox",
    build=_build,
    package="livekit-plugins-soniox",
    extra="soniox",
    batch=False,
    summary="LiveKit's plugin for Soniox",
)
