"""LiveKit's own plugin for Microsoft AI, with a voice detector that commits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    from livekit.plugins.microsoft_ai import STT

    from sttkit.controls.loudness import LoudnessVAD

    return STT(
        vad=LoudnessVAD(),
        url=f"{context.place.ws}/v1/realtime?intent=transcription",
        model="MAI-Transcribe-2",
        api_key=context.api_key,
        http_session=context.http_session,
    )


TARGET = Target(
    name="microsoft_ai",
    dialect="microsoft_ai",
    build=_build,
    package="livekit-plugins-microsoft-ai",
    extra="microsoft-ai",
    batch=False,
    speech_only=True,
    summary="LiveKit's plugin for Microsoft AI",
)
