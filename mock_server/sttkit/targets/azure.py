"""LiveKit's own plugin for Azure, whose SDK is native: sockets, threads and time are its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    from livekit.plugins.azure import STT

    path = "/speech/recognition/conversation/cognitiveservices/v1"
    return STT(speech_key=context.api_key, speech_endpoint=f"{context.place.ws}{path}")


TARGET = Target(
    name="azure",
    dialect="azure",
    build=_build,
    updates={"language": "fr-FR"},
    expects={"language": "fr-FR"},
    package="livekit-plugins-azure",
    extra="azure",
    batch=False,
    loopback_only="its SDK is native, with sockets, threads and time of its own",
    summary="LiveKit's plugin for Azure",
)
