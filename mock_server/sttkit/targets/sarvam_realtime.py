"""LiveKit's own plugin for Sarvam's realtime endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    from livekit.plugins.sarvam import STTRealtime

    return STTRealtime(
        base_url=f"{context.place.ws}/speech-to-text-realtime/ws",
        api_key=context.api_key,
        http_session=context.http_session,
    )


TARGET = Target(
    name="sarvam_realtime",
    dialect="sarvam_realtime",
    build=_build,
    updates={"prompt": "names of rivers"},
    expects={"prompt": "names of rivers"},
    package="livekit-plugins-sarvam",
    extra="sarvam",
    batch=False,
    max_retry=0,  # whatever it is given
    summary="LiveKit's plugin for Sarvam's realtime endpoint",
)
