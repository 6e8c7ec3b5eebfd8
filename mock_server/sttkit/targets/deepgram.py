"""LiveKit's own plugin for Deepgram (``/v1/listen``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    # Not "from livekit.plugins import": where it is not installed, that is no ModuleNotFoundError.
    from livekit.plugins.deepgram import STT

    return STT(
        base_url=f"{context.place.http}/v1/listen",
        api_key=context.api_key,
        http_session=context.http_session,
    )


TARGET = Target(
    name="deepgram",
    dialect="deepgram",
    build=_build,
    updates={"language": "fr"},
    expects={"language": "fr"},
    package="livekit-plugins-deepgram",
    extra="deepgram",
    summary="LiveKit's plugin for Deepgram",
)
