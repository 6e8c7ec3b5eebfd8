"""LiveKit's own plugin for xAI, whose addresses are constants of its module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    from importlib import import_module

    module: Any = import_module("livekit.plugins.xai.stt")
    module.XAI_WEBSOCKET_URL = f"{context.place.ws}/v1/stt"
    module.XAI_REST_URL = f"{context.place.http}/v1/stt"
    plugin: stt.STT[str] = module.STT(api_key=context.api_key, http_session=context.http_session)
    return plugin


TARGET = Target(
    name="xai",
    dialect="xai",
    build=_build,
    updates={"language": "fr"},
    expects={"language": "fr"},
    package="livekit-plugins-xai",
    extra="xai",
    summary="LiveKit's plugin for xAI",
)
