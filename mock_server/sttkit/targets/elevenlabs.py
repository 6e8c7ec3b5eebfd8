"""LiveKit's own plugin for ElevenLabs' scribe_v2_realtime, with the server's voice detection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sttkit.targets.building import name_taken
from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    from livekit.plugins.elevenlabs import STT

    model: dict[str, Any] = {name_taken(STT, "model", "model_id"): "scribe_v2_realtime"}
    return STT(
        **model,
        server_vad={},
        base_url=f"{context.place.http}/v1",
        api_key=context.api_key,
        http_session=context.http_session,
    )


TARGET = Target(
    name="elevenlabs",
    dialect="elevenlabs",
    build=_build,
    updates={"no_verbatim": True},
    expects={"no_verbatim": "true"},
    package="livekit-plugins-elevenlabs",
    extra="elevenlabs",
    summary="LiveKit's plugin for ElevenLabs' realtime transcription",
)
