"""LiveKit's own plugin for Baseten, with Qwen3-ASR (from release 1.7.0 on)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    from livekit.plugins.baseten import STT

    return STT(
        model="qwen3-asr",
        model_endpoint=f"{context.place.ws}/environments/production/websocket",
        api_key=context.api_key,
        http_session=context.http_session,
    )


TARGET = Target(
    name="baseten_qwen3",
    dialect="baseten_qwen3",
    build=_build,
    package="livekit-plugins-baseten",
    extra="baseten",
    batch=False,  # it recognises a recording over a stream of its own
    summary="LiveKit's plugin for Baseten, Qwen3-ASR",
)
