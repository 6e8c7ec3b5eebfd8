"""LiveKit's own plugin for Deepgram's Flux (``/v2/listen``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    from livekit.plugins.deepgram import STTv2

    return STTv2(
        base_url=f"{context.place.http}/v2/listen",
        api_key=context.api_key,
        http_session=context.http_session,
    )


TARGET = Target(
    name="deepgram_flux",
    dialect="deepgram_flux",
    build=_build,
    updates={"numerals": True},
    expects={"numerals": "true"},
    package="livekit-plugins-deepgram",
    extra="deepgram",
    batch=False,
    summary="LiveKit's plugin for Deepgram's Flux",
)
