"""RTZR's streaming speech to text (``/v1/transcribe:streaming``), also known as VITO.

Sources: developers.rtzr.ai/docs/en on authentication and on streaming over WebSocket, and
``livekit/plugins/rtzr/stt.py`` and ``rtzrapi.py`` 1.8.9. An id and a secret buy a token for the
session, whose query configures it. Binary PCM up, at 8 kHz by default; down come results without a
kind, with times in ms, and words within the alternative. ``EOS`` is a bare word: it ends the audio,
and the server finishes and closes.
"""

from __future__ import annotations

from urllib.parse import parse_qs

from sttkit.dialects.model import Facts, ProviderFailure, Refusal, Request, View
from sttkit.dialects.tables import Door, Ears, Saying, from_tables
from sttkit.dialects.template import Is, Slot, confidence, duration, sequence, text, time
from sttkit.dialects.wire import text_of
from sttkit.events import EndOfStream, Final, Interim, ServerEvent, Transcript

_PER_S = 1000
_DENIED = "unauthorized"
_EXPIRES = 4102444800
"""The token's, unix time: not while anyone runs this."""


def _authenticate(request: Request) -> object | Refusal:
    form = parse_qs(request.body.decode("utf-8", "replace"))
    if not form.get("client_id") or not form.get("client_secret"):
        return Refusal(401, _DENIED)
    return {"access_token": "fake", "expire_at": _EXPIRES}


def _words(event: ServerEvent, view: View) -> object:
    assert isinstance(event, Transcript)
    return [
        {
            "text": word.text,
            "start_at": round(word.start * _PER_S),
            "duration": round((word.end - word.start) * _PER_S),
            "confidence": event.confidence,
        }
        for word in event.words
    ]


_RESULT = {
    "seq": sequence(),
    "start_at": time("start", per_s=_PER_S),
    "duration": duration(per_s=_PER_S),
    "alternatives": [{"text": text(), "confidence": confidence(), "words": Slot(_words)}],
}


DIALECT = from_tables(
    name="rtzr",
    source="developers.rtzr.ai/docs/en/stt-streaming/websocket",
    host="openapi.vito.ai",
    door=Door("/v1/transcribe:streaming", denied=_DENIED, only={"encoding": ("LINEAR16",)}),
    ears=Ears({}, bare={"EOS": EndOfStream()}),
    sayings=(
        Saying(Interim, {**_RESULT, "final": Is(False)}),
        Saying(Final, {**_RESULT, "final": Is(True)}),
    ),
    http_error=lambda status, message: {"code": f"H{status}", "msg": message},
    errors={
        # A plugin understands the message; what the codes mean for a retry is not documented.
        "internal": ProviderFailure(
            "internal server error", text_of({"error": "internal server error"}), (1011, "")
        ),
    },
    facts=Facts(
        tells_times=True,
        tells_confidence=True,
        # To ask for finals is to end the session: each segment has a connection of its own.
        flush_message=False,
        signals_start=False,
        signals_end=False,
    ),
    default_rate=None,
    steps={"/v1/authenticate": _authenticate},
    example="/v1/transcribe:streaming?sample_rate=8000&encoding=LINEAR16&model_name=sommers_ko",
)
