"""The reference plugin: LiveKit's official pattern, done properly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    from livekit.plugins.custom_stt import STT

    return STT(
        api_url=context.place.http,
        api_key=context.api_key,
        http_session=context.http_session,
    )


TARGET = Target(
    name="custom_stt",
    dialect="custom_stt",
    build=_build,
    updates={"language": "fr"},
    expects={"language": "fr"},
    package="sttkit",
    extra="livekit",
    summary="the reference plugin, for a self-hosted server of wire protocol 1",
)
