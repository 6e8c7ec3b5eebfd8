"""A plugin of your own: `sttkit check examples/my_plugin.py:build --dialect custom_stt`."""

from livekit.plugins.custom_stt import STT


def build(context):
    """Build the plugin against the fake server; `context` says where that is."""
    return STT(
        api_url=context.place.http,
        api_key=context.api_key,
        http_session=context.http_session,
    )
