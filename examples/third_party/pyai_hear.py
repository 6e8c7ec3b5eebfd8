"""PyAI Hear (livekit-plugins-pyai 0.1.2): sttkit check examples/third_party/pyai_hear.py:build"""

from sttkit.dialects.model import Facts, ProviderFailure
from sttkit.dialects.tables import Door, Ears, Saying, from_tables
from sttkit.dialects.template import Is, text
from sttkit.events import Final, Flush, Interim

DIALECT = from_tables(
    name="pyai",
    source="livekit-plugins-pyai 0.1.2, stt.py and _utils.py",
    host="api.pyai.com",
    # The key is one of the subprotocols that the client offers.
    door=Door("/v1/audio/transcriptions/stream", key="sec-websocket-protocol"),
    ears=Ears(controls={"commit": Flush()}),
    sayings=(
        Saying(Interim, {"type": Is("partial"), "text": text()}),
        Saying(Final, {"type": Is("final"), "text": text()}),
    ),
    errors={
        "quota": ProviderFailure(
            "quota_exceeded", '{"type":"error","code":"quota_exceeded"}', (1008, "quota_exceeded")
        ),
    },
    # Every commit is answered: its plugin waits for a final for each.
    facts=Facts(end_marker=False, signals_start=False, signals_end=False, answers_empty_flush=True),
)


def build(context):
    from livekit.plugins.pyai import STT

    return STT(
        base_url=context.place.http, api_key=context.api_key, http_session=context.http_session
    )


build.dialect = f"{__file__}:DIALECT"
build.package = "livekit-plugins-pyai"
build.batch = False
