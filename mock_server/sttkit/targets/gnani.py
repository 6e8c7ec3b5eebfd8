"""LiveKit's own plugin for Gnani (``/stt/v3/stream``): a client of the ``websockets`` library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    from livekit.plugins.gnani import STT

    return STT(base_url=context.place.http, api_key=context.api_key)


TARGET = Target(
    name="gnani",
    dialect="gnani",
    build=_build,
    package="livekit-plugins-gnani",
    extra="gnani",
    max_retry=0,  # whatever it is given
    summary="LiveKit's plugin for Gnani",
)
