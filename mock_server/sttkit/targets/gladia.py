"""LiveKit's own plugin for Gladia (``/v2/live``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    from livekit.plugins.gladia import STT

    return STT(
        base_url=f"{context.place.http}/v2/live",
        api_key=context.api_key,
        http_session=context.http_session,
    )


TARGET = Target(
    name="gladia",
    dialect="gladia",
    build=_build,
    updates={"languages": ["fr"]},
    expects={"language_config.languages": '["fr"]'},
    package="livekit-plugins-gladia",
    extra="gladia",
    batch=False,  # it is a session like any other, with the audio sent at once
    summary="LiveKit's plugin for Gladia",
)
