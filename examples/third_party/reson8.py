"""Reson8 (livekit-plugins-reson8 0.2.4): sttkit check examples/third_party/reson8.py:build"""

from sttkit.dialects.model import Facts, ProviderFailure
from sttkit.dialects.tables import Door, Ears, Saying, from_tables
from sttkit.dialects.template import Is, duration, text, time, words
from sttkit.events import Final, Flush, SpeechStarted

DIALECT = from_tables(
    name="reson8",
    source="docs.reson8.dev/api/speech-to-text/turns; livekit-plugins-reson8 0.2.4",
    host="api.reson8.dev",
    door=Door("/v1/speech-to-text/turns"),
    ears=Ears(controls={"flush_request": Flush()}),
    # A turn is said when it may be over, and over when that is confirmed; there are no interims.
    sayings=(
        Saying(SpeechStarted, {"type": Is("turn_start")}),
        Saying(
            Final,
            {
                "type": Is("turn_end_candidate"),
                "text": text(),
                "start_ms": time("start", per_s=1000),
                "duration_ms": duration(per_s=1000),
                "words": words("text", "start", "end"),
            },
        ),
        Saying(Final, {"type": Is("turn_end")}, aside=True),
    ),
    errors={"internal": ProviderFailure("internal error", None, (1011, "internal error"))},
    facts=Facts(end_marker=False, signals_end=False),
)


def build(context):
    from livekit.plugins.reson8 import STT

    return STT(api_url=context.place.http, api_key=context.api_key)


build.dialect = f"{__file__}:DIALECT"
build.package = "livekit-plugins-reson8"
build.batch = False
