"""LiveKit's own plugin for Google Cloud, with the options it has by default: version 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt

OUTSIDE = "its gRPC library has sockets and threads of its own"


def connected(plugin: Any, context: Context) -> stt.STT[str]:
    """The plugin with a client that connects to the fake server; it has no option for that."""

    async def connect(timeout: float) -> Any:
        import grpc.aio

        speech = _version_of(plugin)
        transport = speech.SpeechAsyncClient.get_transport_class("grpc_asyncio")
        channel = grpc.aio.insecure_channel(f"{context.place.host}:{context.place.port}")
        return speech.SpeechAsyncClient(transport=transport(channel=channel))

    plugin._pool._connect_cb = connect
    made: stt.STT[str] = plugin
    return made


def _version_of(plugin: Any) -> Any:
    if plugin._config.version == 2:
        from google.cloud import speech_v2

        return speech_v2
    from google.cloud import speech_v1

    return speech_v1


def _build(context: Context) -> stt.STT[str]:
    from google.auth.credentials import AnonymousCredentials
    from livekit.plugins.google import STT

    anonymous: Any = AnonymousCredentials
    return connected(STT(credentials=anonymous(), project="sttkit"), context)


TARGET = Target(
    name="google",
    dialect="google",
    build=_build,
    updates={"languages": "fr-FR"},
    expects={"config.language_code": "fr-FR"},
    package="livekit-plugins-google",
    extra="google",
    loopback_only=OUTSIDE,
    summary="LiveKit's plugin for Google Cloud, version 1",
)
