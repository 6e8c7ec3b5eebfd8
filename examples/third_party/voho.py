"""Voho (livekit-plugins-voho 0.1.0): sttkit check examples/third_party/voho.py:build"""

from sttkit.dialects.model import Facts, ProviderFailure
from sttkit.dialects.tables import Door, Ears, Saying, from_tables
from sttkit.dialects.template import Is, asked, confidence, text
from sttkit.events import Acknowledged, Config, EndOfStream, Final, Interim, Ready, SessionEnded

SAID = {"text": text(), "confidence": confidence(), "language": asked("language", "ar")}

DIALECT = from_tables(
    name="voho",
    source="livekit-plugins-voho 0.1.0, stt.py and _api.py",
    host="app.voho.ai",
    door=Door("/v1/transcribe/ws", settings=()),
    ears=Ears(controls={"start": Config, "stop": EndOfStream()}, first="start"),
    sayings=(
        Saying(Ready, {"type": Is("ready")}),
        Saying(Acknowledged, {"type": Is("started")}, aside=True),
        Saying(Interim, {"type": Is("transcript"), "final": Is(False), **SAID}),
        Saying(Final, {"type": Is("transcript"), "final": Is(True), **SAID}),
        Saying(SessionEnded, {"type": Is("done")}),
    ),
    errors={
        "credit": ProviderFailure(
            "no credit left",
            '{"type":"error","code":"insufficient_credit","message":"no credit left"}',
            (1008, "insufficient_credit"),
            retryable=False,
        ),
    },
    facts=Facts(
        greeting="on-connect", greeting_required=True, flush_message=False, signals_start=False
    ),
)


def build(context):
    from livekit.plugins.voho import STT

    return STT(
        base_url=context.place.http, api_key=context.api_key, http_session=context.http_session
    )


build.dialect = f"{__file__}:DIALECT"
build.package = "livekit-plugins-voho"
build.batch = False
