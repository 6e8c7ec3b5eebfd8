"""Inworld's streaming API (``/stt/v1/transcribe:streamBidirectional``).

Sources: docs.inworld.ai/api-reference/sttAPI/speechtotext/transcribe-stream-websocket, and
``livekit/plugins/inworld/stt.py`` 1.8.9. JSON both ways, each message an object with one key that
is its kind; the first one configures and is not answered, audio is base64. A turn's end rides on
its final. Errors have the shape of google.rpc.Status, as in Inworld's other streams.
"""

from __future__ import annotations

from collections.abc import Mapping

from sttkit.dialects.model import Facts, ProviderFailure, View
from sttkit.dialects.tables import Door, Ears, Saying, from_tables
from sttkit.dialects.template import Is, Slot, text
from sttkit.dialects.wire import text_of
from sttkit.events import (
    ClientEvent,
    Config,
    EndOfStream,
    Final,
    Flush,
    Interim,
    SpeechEnded,
    SpeechStarted,
    Unintelligible,
)

_CONFIG = "transcribeConfig"
_THERE = Slot(lambda event, view: {}, lambda value: {} if isinstance(value, dict) else None)
"""An object that tells the kind of a message by being there."""


def _kind(message: Mapping[str, object]) -> object:
    return next(iter(message)) if len(message) == 1 else None


def _refuses(event: ClientEvent, view: View) -> Unintelligible | None:
    if not isinstance(event, Config):
        return None
    if view.config:
        return Unintelligible("a second configuration", error="invalid-argument")
    if event.values.get("audioEncoding") != "LINEAR16" or event.values.get("numberOfChannels") != 1:
        return Unintelligible("only mono LINEAR16 is served", error="invalid-argument")
    return None


def _failure(code: int, text: str) -> ProviderFailure:
    # What ends the stream and what helps is not documented.
    status = {"code": code, "message": text, "details": []}
    return ProviderFailure(text, text_of({"error": status}), (1011, ""))


DIALECT = from_tables(
    name="inworld",
    source="docs.inworld.ai/api-reference/sttAPI/speechtotext/transcribe-stream-websocket",
    host="api.inworld.ai",
    door=Door("/stt/v1/transcribe:streamBidirectional", settings=()),
    ears=Ears(
        {_CONFIG: Config, "endTurn": Flush(), "closeStream": EndOfStream()},
        kind_of=_kind,
        binary=False,
        base64={"audioChunk": "audioChunk.content"},
        first=_CONFIG,
        settings=_CONFIG,
        refuses=_refuses,
    ),
    sayings=(
        Saying(SpeechStarted, {"result": {"speechStarted": _THERE}}),
        Saying(
            Interim, {"result": {"transcription": {"transcript": text(), "isFinal": Is(False)}}}
        ),
        Saying(
            Final,
            {
                "result": {
                    "transcription": {
                        "transcript": text(),
                        "isFinal": Is(True),
                        "voiceProfile": {},
                    }
                }
            },
        ),
        Saying(SpeechEnded, {"result": {"speechStopped": _THERE}}),
    ),
    errors={
        "internal": _failure(13, "internal error"),
        "invalid-argument": _failure(3, "invalid argument"),
        "resource-exhausted": _failure(8, "too many concurrent streams"),
    },
    unknown={"result": {"mystery": {}}},
    http_error=lambda status, message: {"code": status, "message": message, "details": []},
    facts=Facts(usage="client-audio", bad_message="invalid-argument"),
    rate="sampleRateHertz",
)
