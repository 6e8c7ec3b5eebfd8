"""LiveKit's own plugin for Palabra: an SDK on the ``websockets`` library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    from livekit.plugins.palabra import STT

    plugin = STT(api_key=context.api_key, region="eu")
    url = f"{context.place.ws}/asr/v1/speech-to-text/stream"
    # The SDK takes its addresses from a table of regions, and has no option for another.
    client: Any = plugin._client
    client._ws_endpoint = lambda product: url
    return plugin


TARGET = Target(
    name="palabra",
    dialect="palabra",
    build=_build,
    package="livekit-plugins-palabra",
    extra="palabra",
    batch=False,
    summary="LiveKit's plugin for Palabra",
)
