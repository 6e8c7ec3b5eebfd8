"""LiveKit's own plugin for Baseten, with its streaming Whisper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    from livekit.plugins.baseten import STT

    return STT(
        model_endpoint=f"{context.place.ws}/environments/production/websocket",
        api_key=context.api_key,
        http_session=context.http_session,
    )


TARGET = Target(
    name="baseten",
    dialect="baseten",
    build=_build,
    updates={"language": "fr"},
    expects={"whisper_params.audio_language": "fr"},
    package="livekit-plugins-baseten",
    extra="baseten",
    batch=False,
    summary="LiveKit's plugin for Baseten, Whisper",
)
