"""LiveKit's own plugin for Mistral's realtime transcription: an SDK on ``websockets``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    import httpx
    from livekit.plugins.mistralai import STT
    from mistralai.client import Mistral

    from sttkit.controls.loudness import LoudnessVAD

    return STT(
        model="voxtral-mini-transcribe-realtime-2602",
        client=Mistral(
            api_key=context.api_key,
            server_url=context.place.http,
            # For batch requests, of which there are none; to load certificates for them takes
            # a second of the event loop.
            client=httpx.Client(verify=False),
            async_client=httpx.AsyncClient(verify=False),
        ),
        vad=LoudnessVAD(),
    )


TARGET = Target(
    name="mistralai",
    dialect="mistralai",
    build=_build,
    package="livekit-plugins-mistralai",
    extra="mistralai",
    batch=False,
    summary="LiveKit's plugin for Mistral's realtime transcription",
)
