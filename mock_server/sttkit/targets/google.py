"""LiveKit's own plugin for Google Cloud, with the options it has by default: version 1."""

from __future__ import annotations

import inspect
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


def built(context: Context, **options: Any) -> stt.STT[str]:
    """The plugin with these options, as nobody in particular."""
    from google.auth.credentials import AnonymousCredentials
    from livekit.plugins.google import STT

    anonymous: Any = AnonymousCredentials
    known = inspect.signature(STT).parameters
    # Releases before 1.8 take no credentials in memory; what they are given is never read.
    who: dict[str, Any] = {"credentials_info": {"": ""}}
    if "credentials" in known:
        who = {"credentials": anonymous()}
    project: dict[str, Any] = {"project": "sttkit"} if "project" in known else {}
    return connected(STT(**who, **project, **options), context)


def _build(context: Context) -> stt.STT[str]:
    return built(context)


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
