"""An adapter of LiveKit's can be judged, too: `sttkit check examples/fallback.py:build`.

An adapter is an STT like any other, so what it loses, doubles or keeps shows as with a plugin. Of
several plugins inside, all talk to the same fake server.
"""

from livekit.agents.stt import FallbackAdapter

from livekit.plugins.custom_stt import STT


def build(context):
    """An adapter around a sound plugin."""
    return FallbackAdapter(
        [
            STT(
                api_url=context.place.http,
                api_key=context.api_key,
                http_session=context.http_session,
            )
        ]
    )


build.dialect = "custom_stt"
build.batch = False
