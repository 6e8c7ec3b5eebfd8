"""LiveKit's own plugin for Speechmatics: an SDK on the ``websockets`` library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    from livekit.plugins.speechmatics import STT, TurnDetectionMode

    # By default a local model tells the service when turns end, if one is installed.
    return STT(
        turn_detection_mode=TurnDetectionMode.VAD,
        base_url=f"{context.place.ws}/v2/agent",
        api_key=context.api_key,
    )


TARGET = Target(
    name="speechmatics",
    dialect="speechmatics",
    build=_build,
    package="livekit-plugins-speechmatics",
    extra="speechmatics",
    batch=False,
    summary="LiveKit's plugin for Speechmatics",
)
