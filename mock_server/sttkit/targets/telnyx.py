"""LiveKit's own plugin for Telnyx, with its default engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    from livekit.plugins.telnyx import STT

    return STT(
        base_url=f"{context.place.ws}/v2/speech-to-text/transcription",
        api_key=context.api_key,
        http_session=context.http_session,
    )


TARGET = Target(
    name="telnyx",
    dialect="telnyx",
    build=_build,
    package="livekit-plugins-telnyx",
    extra="telnyx",
    batch=False,  # its recognize() is a stream that is told of no end
    summary="LiveKit's plugin for Telnyx",
)
