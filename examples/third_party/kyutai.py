"""Kyutai's server, by La Suite's plugin (livekit-plugins-kyutai-lasuite 0.0.6):
sttkit check examples/third_party/kyutai.py:build
"""

import msgspec
import numpy as np

from sttkit.dialects.model import Facts, ProviderFailure
from sttkit.dialects.tables import Door, Ears, Saying, from_tables
from sttkit.dialects.template import Is, text, time
from sttkit.events import Final, SpeechEnded


class Msgpack:
    """MessagePack in binary messages; audio is an array of floats."""

    def encode(self, value):
        return msgspec.msgpack.encode(value)

    def decode(self, message):
        try:
            value = msgspec.msgpack.decode(message) if isinstance(message, bytes) else None
        except (msgspec.DecodeError, RecursionError):
            return None
        return value if isinstance(value, dict) else None

    def decode_client(self, message):
        value = self.decode(message)
        if value is not None and isinstance(value.get("pcm"), list):
            pcm = np.array(value["pcm"], dtype=np.float32) * 32768
            return {**value, "pcm": pcm.astype("<i2").tobytes()}
        return value


def each_word(final):
    return [Final(word.text, word.start, word.end, (word,)) for word in final.words]


DIALECT = from_tables(
    name="kyutai",
    source="github.com/kyutai-labs/delayed-streams-modeling; livekit-plugins-kyutai-lasuite 0.0.6",
    host="localhost",
    door=Door("/api/asr-streaming", key="kyutai-api-key"),
    ears=Ears(controls={}, binary=False, base64={"Audio": "pcm"}, form=Msgpack()),
    default_rate=24000,
    # Every word is final by itself; there is nothing that says a start, or the end of the audio.
    sayings=(
        Saying(
            Final,
            {"type": Is("Word"), "text": text(), "start_time": time("start")},
            each=each_word,
        ),
        Saying(SpeechEnded, {"type": Is("Marker"), "id": 0}),
    ),
    errors={"full": ProviderFailure("no free channels", None, (1013, "no free channels"))},
    facts=Facts(end_marker=False, flush_message=False, signals_start=False),
)


def build(context):
    from lasuite.plugins.kyutai import STT

    return STT(
        base_url=f"{context.place.ws}/api/asr-streaming",
        api_key=context.api_key,
        http_session=context.http_session,
    )


build.dialect = f"{__file__}:DIALECT"
build.package = "livekit-plugins-kyutai-lasuite"
build.sample_rate = 24000
build.batch = False
