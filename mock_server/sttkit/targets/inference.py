"""LiveKit's own client of its gateway to many providers, a part of livekit-agents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    from livekit.agents.inference import STT

    return STT(
        "deepgram/nova-3",
        language="en",
        base_url=f"{context.place.http}/v1",
        api_key=context.api_key,
        api_secret=f"signed-with-{context.api_key}",  # as long as signing asks for
        http_session=context.http_session,
    )


TARGET = Target(
    name="inference",
    dialect="inference",
    build=_build,
    updates={"language": "fr"},
    expects={"settings.language": "fr"},
    package="livekit-agents",
    extra="livekit",
    batch=False,
    summary="LiveKit's gateway to many providers",
)
