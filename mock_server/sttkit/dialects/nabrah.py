"""Nabrah's streaming API (``/api/ext/stt/ws``).

Source: ``livekit/plugins/nabrah/stt.py`` 1.8.9 and its README; there is no public reference. The
first message configures, holds the key, has no type and is answered by ``ready``; binary PCM at
16 kHz up, JSON keyed by ``type`` down. A transcript is all text since the last one that was marked
as final; with the model ``eot_nabrah`` the end of a turn is a token behind its text, and that is
what a client goes by.
"""

from __future__ import annotations

from sttkit.dialects.model import Facts, ProviderFailure, View
from sttkit.dialects.tables import Door, Ears, Saying, from_tables
from sttkit.dialects.template import Is, Slot, heard, text, words
from sttkit.dialects.wire import text_of
from sttkit.events import (
    ClientEvent,
    Config,
    EndOfStream,
    Final,
    Interim,
    Ready,
    ServerEvent,
    Unintelligible,
)

_END_OF_TURN = "<eot>"


def _with_token(event: ServerEvent, view: View) -> str:
    assert isinstance(event, Final)
    tells = event.endpoint and view.config.get("recognition_model") == "eot_nabrah"
    return event.text + _END_OF_TURN if tells else event.text


def _without_token(value: object) -> dict[str, object]:
    return {"text": str(value).removesuffix(_END_OF_TURN) if value is not None else ""}


def _refuses(event: ClientEvent, view: View) -> Unintelligible | None:
    if isinstance(event, Config) and not event.values.get("api_key"):
        return Unintelligible("no API key", error="unauthorized")
    return None


def _failure(text: str) -> ProviderFailure:
    # The plugin takes any error for one that trying again does not help; the rest is not known.
    return ProviderFailure(text, text_of({"type": "error", "message": text}), (1011, ""))


_TRANSCRIPT = {
    "type": Is("transcript"),
    "audio_processed": heard(),
    "words": words("word", "start_time", "end_time", per_s=1000, confidence="confidence"),
}

DIALECT = from_tables(
    name="nabrah",
    source="livekit/plugins/nabrah/stt.py 1.8.9",
    host="api.nabrah.ai",
    door=Door("/api/ext/stt/ws", key=None, settings=()),
    ears=Ears({"config": Config, "eof": EndOfStream()}, first="config", refuses=_refuses),
    sayings=(
        Saying(Ready, {"type": Is("ready")}),
        Saying(Interim, {**_TRANSCRIPT, "text": text(), "is_final": Is(False)}),
        Saying(
            Final, {**_TRANSCRIPT, "text": Slot(_with_token, _without_token), "is_final": Is(True)}
        ),
    ),
    errors={
        "internal": _failure("internal error"),
        "unauthorized": _failure("invalid API key"),
        "invalid": _failure("invalid message"),
    },
    facts=Facts(
        greeting="on-config",
        greeting_required=True,
        flush_message=False,
        signals_start=False,
        signals_end=False,
        tells_times=True,
        usage="server-reported",
        bad_message="invalid",
    ),
)
