"""LiveKit's own plugin for Simplismart's stream; it opens HTTP sessions of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    from livekit.plugins.simplismart import STT

    plugin = STT(streaming=True, api_key=context.api_key, http_session=context.http_session)
    # It turns any URL it is given into an encrypted one.
    plugin._base_url = f"{context.place.ws}/ws/audio"
    return plugin


TARGET = Target(
    name="simplismart",
    dialect="simplismart",
    build=_build,
    package="livekit-plugins-simplismart",
    extra="simplismart",
    batch=False,  # one that streams has no URL for it
    summary="LiveKit's plugin for Simplismart's stream",
)
