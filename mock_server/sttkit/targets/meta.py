"""LiveKit's own plugin for Meta's Muse Voice Transcribe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    from livekit.plugins.meta import STT

    plugin = STT(api_key=context.api_key, http_session=context.http_session)
    # The constructor takes wss:// only, which a fake server on this machine need not speak.
    plugin._url = f"{context.place.ws}/v1/asr/realtime"
    return plugin


TARGET = Target(
    name="meta",
    dialect="meta",
    build=_build,
    sample_rate=24000,
    package="livekit-plugins-meta",
    extra="meta",
    batch=False,
    summary="LiveKit's plugin for Meta",
)
