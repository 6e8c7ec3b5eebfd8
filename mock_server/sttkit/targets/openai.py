"""LiveKit's own plugin for OpenAI's realtime transcription; it finds its HTTP session by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sttkit.targets.model import Context, Target

if TYPE_CHECKING:
    from livekit.agents import stt


def _build(context: Context) -> stt.STT[str]:
    from livekit.plugins.openai import STT

    plugin = STT(
        base_url=f"{context.place.http}/v1",
        api_key=context.api_key,
        use_realtime=True,
    )
    if context.place.tls:
        _without_tls(plugin._client._client)
    return plugin


def _without_tls(client: Any) -> None:
    """Batch requests go unencrypted to the same port.

    The HTTP client below OpenAI's encrypts by itself, not by its event loop, and so would talk TLS
    to a simulated network, which has none.
    """
    transport = client._transport
    answer = transport.handle_async_request

    async def handle_async_request(request: Any) -> Any:
        request.url = request.url.copy_with(scheme="http", port=request.url.port or 443)
        return await answer(request)

    transport.handle_async_request = handle_async_request


TARGET = Target(
    name="openai",
    dialect="openai",
    build=_build,
    sample_rate=24000,
    updates={"language": "fr"},
    expects={"audio.input.transcription.language": "fr"},
    package="livekit-plugins-openai",
    extra="openai",
    summary="LiveKit's plugin for OpenAI's realtime transcription",
)
