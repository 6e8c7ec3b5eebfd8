"""LiveKit's own plugin for AssemblyAI (``/v3/ws``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sttkit.targets.building import address
from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    from livekit.plugins.assemblyai import STT

    return STT(
        **address(STT, context, "base_url", context.place.ws),
        api_key=context.api_key,
        http_session=context.http_session,
    )


TARGET = Target(
    name="assemblyai",
    dialect="assemblyai",
    build=_build,
    updates={"prompt": "names of rivers"},
    expects={"prompt": "names of rivers"},
    package="livekit-plugins-assemblyai",
    extra="assemblyai",
    batch=False,
    summary="LiveKit's plugin for AssemblyAI",
)
