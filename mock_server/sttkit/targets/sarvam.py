"""LiveKit's own plugin for Sarvam, which finds its addresses by a function of its module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    from importlib import import_module

    module: Any = import_module("livekit.plugins.sarvam.stt")
    # Whatever base_url it is given, each stream and each batch request asks this function.
    batch, stream = f"{context.place.http}/speech-to-text", f"{context.place.ws}/speech-to-text/ws"
    module._get_urls_for_model = lambda model: (batch, stream)
    plugin: stt.STT[str] = module.STT(api_key=context.api_key, http_session=context.http_session)
    return plugin


TARGET = Target(
    name="sarvam",
    dialect="sarvam",
    build=_build,
    updates={"language": "hi-IN", "model": "saaras:v3"},
    expects={"language-code": "hi-IN", "model": "saaras:v3"},
    package="livekit-plugins-sarvam",
    extra="sarvam",
    max_retry=0,  # whatever it is given
    summary="LiveKit's plugin for Sarvam",
)
