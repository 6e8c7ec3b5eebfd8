"""LiveKit's own plugin for NVIDIA Riva, whose client is a gRPC library with threads of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    from livekit.plugins.nvidia import STT

    made: stt.STT[str] = STT(
        server=f"{context.place.host}:{context.place.port}",
        use_ssl=context.place.tls,
        api_key=context.api_key,
    )
    return made


TARGET = Target(
    name="nvidia",
    dialect="nvidia",
    build=_build,
    package="livekit-plugins-nvidia",
    extra="nvidia",
    batch=False,
    loopback_only="its gRPC library has sockets and threads of its own",
    summary="LiveKit's plugin for NVIDIA Riva",
)
