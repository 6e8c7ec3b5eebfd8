"""LiveKit's own plugin for Gradium."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    from livekit.plugins.gradium import STT

    return STT(
        model_endpoint=f"{context.place.ws}/api/speech/asr",
        api_key=context.api_key,
        http_session=context.http_session,
    )


TARGET = Target(
    name="gradium",
    dialect="gradium",
    build=_build,
    sample_rate=24000,
    updates={"buffer_size_seconds": 0.16},
    # The server hears nothing of it, but everything else once more.
    expects={"model_name": "default", "json_config.language": "en"},
    package="livekit-plugins-gradium",
    extra="gradium",
    batch=False,
    summary="LiveKit's plugin for Gradium",
)
