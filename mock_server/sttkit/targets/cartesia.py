"""LiveKit's own plugin for Cartesia's ink-2 (``/stt/turns/websocket``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    from livekit.plugins.cartesia import STT

    return STT(
        model="ink-2",
        base_url=context.place.http,
        api_key=context.api_key,
        http_session=context.http_session,
    )


TARGET = Target(
    name="cartesia",
    dialect="cartesia",
    build=_build,
    package="livekit-plugins-cartesia",
    extra="cartesia",
    batch=False,
    summary="LiveKit's plugin for Cartesia's ink-2",
)
